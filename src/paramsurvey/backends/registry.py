"""The backends by name. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paramsurvey.errors import OptionError, suggestion

if TYPE_CHECKING:
    from paramsurvey.engine.backend import Backend
    from paramsurvey.engine.options import Options

REGISTRY = {
    "multiprocessing": "multiprocessing.pool:MultiprocessingBackend",
    "serial": "serial:SerialBackend",
    "ray": "ray.backend:RayBackend",
    "futures": "futures.backend:FuturesBackend",
}
NAMES = tuple(REGISTRY)


def name_of(backend: object) -> str:
    """Return the name of what was given as ``backend=``: a name, or an Executor.

    Raises
    ------
    OptionError
        When there is no such backend; those that exist are named.
    """
    if isinstance(backend, str):
        if backend not in REGISTRY:
            raise OptionError(f"there is no backend {backend!r}{suggestion(backend, NAMES)}")
        return backend
    if callable(getattr(backend, "submit", None)):
        return "futures"
    raise OptionError(
        f"backend must be one of {', '.join(NAMES)}, or a concurrent.futures.Executor, "
        f"not {type(backend).__name__}: give one of these"
    )


def create(options: Options, own: Mapping[str, Any]) -> Backend:
    """Return the backend that the options ask for, started.

    Parameters
    ----------
    options : Options
    own : mapping
        What was given as ``<backend name>={...}``.
    """
    name = name_of(options.backend)
    module, _, backend_class = REGISTRY[name].partition(":")
    loaded = import_module(f"paramsurvey.backends.{module}")
    backend: Backend = getattr(loaded, backend_class)(options, own)
    return backend
