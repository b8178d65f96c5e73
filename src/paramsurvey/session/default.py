"""`paramsurvey.init`, `paramsurvey.map` and the module's other functions, which use a default session."""

from __future__ import annotations

import atexit
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from paramsurvey.engine.backend import Resources
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.session.options.keyword_options import (
    InitOptions,
    IterationOptions,
    MapOptions,
    lists_options,
)
from paramsurvey.session.prepare import load_pandas
from paramsurvey.session.session import AnyFunction, Session
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import OutFunction
from paramsurvey.worker.nested_session import PROGRAM, session_holder

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

_start_lock = threading.RLock()  # so that two threads that map at once start one session


Function = TypeVar("Function", bound=Callable[..., Any])


def documented_by(method: Callable[..., Any]) -> Callable[[Function], Function]:
    """Give a function of this module the docstring and signature of the `Session` method that it calls."""

    def document(function: Function) -> Function:
        function.__doc__ = inspect.getdoc(method)
        own = inspect.signature(method)
        function.__signature__ = own.replace(parameters=list(own.parameters.values())[1:])  # type: ignore[attr-defined]  # inspect reads it
        return function

    return document


class NestedSession(Session):
    """The default session of a function that runs in the program's own process: serial, and without a log."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"backend": "serial", **options})
        self._has_said_threads = True  # the program's session has

    def _open_log(self) -> RunLog:
        return RunLog(None, None, None) if self.options.pslogger_fd is None else super()._open_log()


def _session() -> Session:
    """Return the default session; start it with the default options if there is none."""
    holder = session_holder()
    with _start_lock:
        if holder.session is None:
            init()
    session: Session = holder.session
    return session


@lists_options(InitOptions)
def init(**options: Unpack[InitOptions]) -> None:
    """Start the default session, or replace its options.

    You need not call it: `map` does, with the defaults. Another backend replaces the one before.

    Parameters
    ----------
    **options
        Each is described in the options table of the documentation.

    Raises
    ------
    OptionError
        A ValueError that names the option that is unknown or whose value is not valid.

    Examples
    --------
    >>> import paramsurvey
    >>> paramsurvey.init(ncores=2, verbose=0)  # doctest: +SKIP
    """
    holder = session_holder()
    with _start_lock:
        is_new = holder.session is None
        if is_new:
            holder.session = Session(**options) if holder is PROGRAM else NestedSession(**options)
            holder.closed_during_map = None
    if not is_new:
        holder.session.update(**options)
    if holder is PROGRAM:
        PerfStats.emit_by_default = write_to_log
    load_pandas()  # while the workers start; and a program that measures its memory next has it included


@documented_by(Session.map)
def map(
    func: AnyFunction, psets: Any, out_func: OutFunction | None = None, **options: Unpack[MapOptions]
) -> MapResults:
    __tracebackhide__ = True
    given: dict[str, Any] = {**options}
    exception = given.pop("raise_in_wrapper", None)  # an undocumented option of 0.4
    if exception is not None:
        from paramsurvey.session.legacy import map_that_raises

        return map_that_raises(_session().map, func, psets, exception, out_func=out_func, **given)
    return _session().map(func, psets, out_func, **given)


def write_to_log(line: str) -> None:
    """Write a line to the log of the program's session, if there is one."""
    if PROGRAM.session is not None:
        PROGRAM.session.log.write(line)


@documented_by(Session.imap_unordered)
def imap_unordered(
    func: AnyFunction, psets: Any, **options: Unpack[IterationOptions]
) -> Iterator[dict[str, Any]]:
    return _session().imap_unordered(func, psets, **options)


def backend() -> str:
    """Return the name of the backend in use; start the default one if there is none yet.

    Returns
    -------
    str
        ``'multiprocessing'``, ``'serial'``, ``'ray'`` or ``'futures'``.

    Examples
    --------
    >>> paramsurvey.init(backend="serial", verbose=0)  # doctest: +SKIP
    >>> paramsurvey.backend()  # doctest: +SKIP
    'serial'
    """
    return _session().backend.name


def current_core_count() -> int:
    """Return how many cores the workers can use now, on all nodes together.

    Returns
    -------
    int
        On a cluster, it changes as nodes join and leave.

    Examples
    --------
    >>> paramsurvey.init(ncores=2)  # doctest: +SKIP
    >>> paramsurvey.current_core_count()  # doctest: +SKIP
    2
    """
    return _session().backend.core_count()


def current_resources() -> list[Resources]:
    """Return what the workers can use now.

    Returns
    -------
    list of dict
        One per node: ``num_cores``, ``memory`` in bytes, and ``num_gpus`` if there are any.

    Examples
    --------
    >>> paramsurvey.current_resources()  # doctest: +SKIP
    [{'num_cores': 2, 'memory': 8321499136}]
    """
    return _session().backend.resources()


@documented_by(Session.last_results)
def last_results() -> MapResults | None:
    holder = session_holder()
    session: Session | None = holder.session or holder.closed_during_map
    return None if session is None else session.last_results()


def finalize() -> None:
    """End the default session: its workers and its log.

    It is called at exit. Calling it twice, or before `init`, is harmless. A map that is running in another
    thread ends with a `SessionClosed`.

    Examples
    --------
    >>> paramsurvey.finalize()  # doctest: +SKIP
    """
    session_holder().close()
    if session_holder() is PROGRAM:
        PerfStats.emit_by_default = None


atexit.register(finalize)
