"""Names of release 0.4 that its documentation does not mention, but that published programs use.

Each does what it did in 0.4, with a DeprecationWarning that says what to write instead. They are found where
they were: `paramsurvey.global_kwargs`, `paramsurvey.utils.DFIterDictsWrapper`, and so on.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.option_precedence import resolve
from paramsurvey.engine.options import DEFAULTS, variable
from paramsurvey.errors import PsetError
from paramsurvey.reporting.reporter import plain_line
from paramsurvey.worker.keywords import KeywordFunction, KeywordWorker
from paramsurvey.worker.nested_session import session_holder

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.results.map_results import MapResults
    from paramsurvey.transport.messages import Pset, WorkerFunction

OLD_OPTIONS = {
    "verbose": int,
    "backend": str,
    "limit": int,
    "ncores": int,
    "max_tasks_per_child": int,
    "vstats": int,
    "carbon_server": str,
    "carbon_port": int,
    "carbon_prefix": str,
}
WITHOUT_VARIABLE = ("carbon_server", "carbon_port", "carbon_prefix")

REPLACEMENTS = {
    "paramsurvey.global_kwargs": "the options table in the documentation, and init() and map() to set them",
    "paramsurvey.our_backend": "paramsurvey.backend()",
    "paramsurvey.pslogger.log": "Python's logging, or pslogger_fd= to have the log in a stream",
    "paramsurvey.utils.DFIterDictsWrapper": "frame.to_dict('records'), or results.iterdicts()",
    "paramsurvey.utils.DFListDictIter": "frame.to_dict('records'), or results.iterdicts()",
    "paramsurvey.utils.MapProgress": "paramsurvey.MapProgress",
    "paramsurvey.utils.MapResults": "paramsurvey.MapResults",
    "paramsurvey.utils.make_subdir_name": "map(..., out_subdirs=N) and system_kwargs['out_subdir']",
    "paramsurvey.utils.psets_empty": "len(psets) == 0",
    "paramsurvey.utils.psets_prep": "map() itself, which checks the psets before any work",
    "map(raise_in_wrapper=)": "an exception in the worker function",
}


def find(module: str, name: str) -> Any:
    """Return what a name of 0.4 stood for, and warn the program that uses it.

    Raises
    ------
    AttributeError
        There was no such name, or nothing like it is left.
    """
    full = f"{module}.{name}"
    if full not in REPLACEMENTS:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warn_deprecated(full)
    return FACTORIES[name]()


def warn_deprecated(name: str) -> None:
    """Warn, at the line of the program that uses a name, and say what to write instead."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("paramsurvey"):
        level, frame = level + 1, frame.f_back
    text = f"{name} is from release 0.4 and will go in the next major release: use {REPLACEMENTS[name]}"
    warnings.warn(text, DeprecationWarning, stacklevel=level)


def global_kwargs() -> dict[str, dict[str, Any]]:
    """Return variable, default, type and value of each option that 0.4 had. Changing them does nothing."""
    session = session_holder().session
    options = resolve(os.environ, {}) if session is None else session.options
    return {name: _describe_option(name, options) for name in OLD_OPTIONS}


def _describe_option(name: str, options: Any) -> dict[str, Any]:
    info = {"default": getattr(DEFAULTS, name), "type": OLD_OPTIONS[name], "value": getattr(options, name)}
    return info if name in WITHOUT_VARIABLE else {"env": variable(name), **info}


def our_backend() -> dict[str, str] | None:
    """Return the name of the backend in use, in a dict; None if nothing was started."""
    session = session_holder().session
    return None if session is None else {"name": session.backend.name}


def log() -> Callable[..., None]:
    """Return 0.4's ``log(*args, stderr=True)``."""
    return _log


def _log(*args: object, stderr: bool = True) -> None:
    session, line = session_holder().session, " ".join(map(str, args))
    if session is not None:
        session.log.write(line)
    if stderr:
        print(line, file=sys.stderr, flush=True)


def dict_iterator_wrapper() -> type[pd.DataFrame]:
    """Return 0.4's class of DataFrames with ``iterdicts``, ``to_df`` and ``to_psets``."""
    from paramsurvey.results.dict_table import DictTable

    class DFIterDictsWrapper(DictTable):
        def to_psets(self) -> pd.DataFrame:
            return self.to_df().drop(columns=["_exception", "_traceback", "_attempts"], errors="ignore")

    return DFIterDictsWrapper


def dict_iterator() -> Callable[[pd.DataFrame], Iterator[dict[Any, Any]]]:
    """Return 0.4's iterator over the rows of a DataFrame as dicts."""
    return lambda frame: iter(frame.to_dict("records"))


def map_progress() -> Any:
    """Return the class of the counters."""
    from paramsurvey.engine.progress import MapProgress

    return MapProgress


def map_results() -> Any:
    """Return the class of what `map` returns."""
    from paramsurvey.results.map_results import MapResults

    return MapResults


def make_subdir_name() -> Callable[..., str]:
    """Return 0.4's function that makes up the name of one of `count` directories at random."""
    return _subdir_name


def _subdir_name(count: int, prefix: str = "ps") -> str:
    if count < 1:
        raise ValueError(f"the number of subdirectories is {count}: give one greater than 0")
    return f"{prefix}{random.randrange(count):0{len(str(count - 1))}d}"


def psets_empty() -> Callable[[Any], bool]:
    """Return 0.4's test of whether there are no psets."""
    return lambda psets: psets is None or len(psets) == 0


def psets_prep() -> Callable[[Any], pd.DataFrame]:
    """Return 0.4's check of psets, which returns them as a DataFrame."""
    return _psets_prep


def _psets_prep(psets: Any) -> pd.DataFrame:
    import pandas as pd

    from paramsurvey.params.column_names import RESERVED, check_names
    from paramsurvey.params.dataframes import table_of

    frame = psets if isinstance(psets, pd.DataFrame) else table_of(psets)
    if reserved := [name for name in frame.columns if str(name).startswith("_")]:
        raise PsetError(f"column {reserved[0]!r} {RESERVED}: rename it")
    check_names(list(frame.columns))
    return frame


FACTORIES: Mapping[str, Callable[[], Any]] = {
    "global_kwargs": global_kwargs,
    "our_backend": our_backend,
    "log": log,
    "DFIterDictsWrapper": dict_iterator_wrapper,
    "DFListDictIter": dict_iterator,
    "MapProgress": map_progress,
    "MapResults": map_results,
    "make_subdir_name": make_subdir_name,
    "psets_empty": psets_empty,
    "psets_prep": psets_prep,
}


def map_that_raises(
    map: Callable[..., MapResults], func: Any, psets: Any, exception: BaseException, **options: Any
) -> MapResults:
    """Map with 0.4's ``raise_in_wrapper=``: psets with a true ``actually_raise`` fail with the exception.

    As in 0.4, the counters are then printed to stderr at any verbosity.
    """
    warn_deprecated("map(raise_in_wrapper=)")
    if isinstance(func, KeywordFunction):
        func = KeywordWorker(func)
    results = map(partial(raise_or_call, func, exception), psets, **options)
    if results.progress.failures:
        print(plain_line(results.progress), file=sys.stderr, flush=True)
    return results


def raise_or_call(
    func: WorkerFunction,
    exception: BaseException,
    pset: Pset,
    system_kwargs: dict[str, Any],
    user_kwargs: Any,
) -> Mapping[Any, Any] | None:
    """Raise the exception if the pset asks for it; otherwise call the function."""
    if pset.get("actually_raise"):
        raise exception
    return func(pset, system_kwargs, user_kwargs)
