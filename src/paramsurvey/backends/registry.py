"""The backends by name: ours, each of which has a line below, and those that other packages register.

Another package registers one with an entry point, in its ``pyproject.toml``::

    [project.entry-points."paramsurvey.backends"]
    theirs = "their_package:TheirBackend"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paramsurvey.backends import stand_in
from paramsurvey.engine.options import OPTION_INFO
from paramsurvey.errors import BackendMissing, OptionError, suggestion

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from paramsurvey.engine.backend import Backend
    from paramsurvey.engine.options import Options

REGISTRY = {
    "multiprocessing": "multiprocessing.backend:MultiprocessingBackend",
    "serial": "serial:SerialBackend",
    "ray": "ray.backend:RayBackend",
    "futures": "futures.backend:FuturesBackend",
}
STAND_IN = "futures.own_pool:OwnPoolBackend"
ENTRY_POINT_GROUP = "paramsurvey.backends"


def names() -> tuple[str, ...]:
    """Return the names of all backends, those of other packages last."""
    from importlib.metadata import entry_points  # here, because it reads files of every installed package

    return tuple(dict.fromkeys([*REGISTRY, *sorted(entry_points(group=ENTRY_POINT_GROUP).names)]))


def keywords(given: Iterable[str]) -> tuple[str, ...]:
    """Return the backends whose options `given`, the keywords of init or map, may have.

    Other packages are asked only when a keyword is neither an option nor one of our backends.
    """
    return tuple(REGISTRY) if REGISTRY.keys() | OPTION_INFO.keys() >= set(given) else names()


def name_of(backend: object) -> str:
    """Return the name of what was given as ``backend=``: a name, or an Executor.

    Raises
    ------
    OptionError
        There is no such backend; those that exist are named.
    """
    if isinstance(backend, str):
        return backend if backend in REGISTRY else _registered(backend).name
    if callable(getattr(backend, "submit", None)):
        return "futures"
    raise OptionError(
        f"backend must be one of {', '.join(names())}, or a concurrent.futures.Executor, "
        f"not {type(backend).__name__}: give one of these"
    )


def create(options: Options, own: Mapping[str, Any]) -> Backend:
    """Return the backend that the options ask for, started.

    Parameters
    ----------
    options : Options
    own : mapping
        What was given as ``<backend name>={...}``.

    Raises
    ------
    BackendMissing
        Another package's backend cannot be imported.
    OptionError
    """
    name = name_of(options.backend)
    backend_class = _our_class(name) if name in REGISTRY else _their_class(_registered(name))
    backend: Backend = backend_class(options, own)
    return backend


def _our_class(name: str) -> Any:
    module, _, backend_class = (STAND_IN if stand_in.notice(name) else REGISTRY[name]).partition(":")
    return getattr(import_module(f"paramsurvey.backends.{module}"), backend_class)


@cache  # an exception is not cached, so that a package may be installed meanwhile
def _registered(name: str) -> EntryPoint:
    """Return the entry point of another package's backend."""
    from importlib.metadata import entry_points

    found = {entry.value: entry for entry in entry_points(group=ENTRY_POINT_GROUP, name=name)}
    if not found:
        raise OptionError(f"there is no backend {name!r}{suggestion(name, names())}")
    if len(found) > 1:
        packages = " and ".join(sorted(map(_package, found.values())))
        raise OptionError(f"{packages} both register a backend {name!r}: uninstall one of them")
    if not name.isidentifier() or name in OPTION_INFO:
        why = "an option of paramsurvey" if name in OPTION_INFO else "not a Python name"
        raise OptionError(
            f"the backend {name!r} of {_package(*found.values())} cannot be used, "
            f"because {name}= is {why}: ask its authors for another name"
        )
    return next(iter(found.values()))


def _their_class(entry: EntryPoint) -> Any:
    try:
        backend_class = entry.load()
    except Exception as error:  # whatever their module raises when it is imported
        raise BackendMissing(
            f"the backend {entry.name!r} of {_package(entry)} cannot be imported ({error!r}): "
            "install the package again, with what it needs"
        ) from error
    if getattr(backend_class, "name", None) != entry.name:
        raise OptionError(
            f"{entry.value}, which {_package(entry)} registers as the backend {entry.name!r}, "
            f"has the name {getattr(backend_class, 'name', None)!r}: give both the same name"
        )
    return backend_class


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist is not None else "a package"
