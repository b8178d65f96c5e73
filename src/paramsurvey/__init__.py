"""Run a function over many parameter sets, and get back a complete, correct, ordered table.

>>> import paramsurvey
>>> def add(pset, system_kwargs, user_kwargs):
...     return {"c": pset["a"] + pset["b"]}
>>> results = paramsurvey.map(add, [{"a": 1, "b": 2}, {"a": 3, "b": 4}])  # doctest: +SKIP

Each name is loaded when it is first used, so that a worker process that needs only `paramsurvey.stats`
does not pay for pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramsurvey import errors, examples, params, stats, utils
    from paramsurvey.engine.progress import MapProgress
    from paramsurvey.results.loading import load, scan
    from paramsurvey.results.map_results import MapResults
    from paramsurvey.session.default import (
        backend,
        current_core_count,
        current_resources,
        finalize,
        imap_unordered,
        init,
        last_results,
        map,
    )
    from paramsurvey.session.session import Session
    from paramsurvey.stats import PerfStats
    from paramsurvey.utils import flatten_results
    from paramsurvey.worker.keywords import keywords

__version__ = "1.0.0.dev0"
default_backend = "multiprocessing"

_MODULE_OF = {
    "init": "session.default",
    "map": "session.default",
    "imap_unordered": "session.default",
    "backend": "session.default",
    "finalize": "session.default",
    "current_core_count": "session.default",
    "current_resources": "session.default",
    "last_results": "session.default",
    "Session": "session.session",
    "load": "results.loading",
    "scan": "results.loading",
    "MapResults": "results.map_results",
    "MapProgress": "engine.progress",
    "PerfStats": "stats",
    "flatten_results": "utils",
    "keywords": "worker.keywords",
}
_SUBMODULES = ("errors", "examples", "params", "pslogger", "stats", "utils")

__all__ = [
    "MapProgress",
    "MapResults",
    "PerfStats",
    "Session",
    "__version__",
    "backend",
    "current_core_count",
    "current_resources",
    "default_backend",
    "errors",
    "examples",
    "finalize",
    "flatten_results",
    "imap_unordered",
    "init",
    "keywords",
    "last_results",
    "load",
    "map",
    "params",
    "scan",
    "stats",
    "utils",
]


if not TYPE_CHECKING:  # hidden from type checkers, which can then report names that do not exist

    def __getattr__(name: str) -> Any:
        if name in _MODULE_OF:
            value = getattr(import_module(f"paramsurvey.{_MODULE_OF[name]}"), name)
        elif name in _SUBMODULES:
            value = import_module(f"paramsurvey.{name}")
        elif name.startswith(
            "__"
        ):  # inspect, pickle and the like ask for these, which must not load anything
            raise AttributeError(f"module 'paramsurvey' has no attribute {name!r}")
        else:
            return import_module("paramsurvey.session.legacy").find("paramsurvey", name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
