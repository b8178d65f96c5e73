"""The module's functions, which work on a default session."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.backend import Resources
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.session.prepare import load_pandas
from paramsurvey.session.session import Session
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import OutFunction, WorkerFunction
from paramsurvey.worker.nested_session import PROGRAM, session_holder

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults


class NestedSession(Session):
    """The default session of a function that runs in the program's own process: serial, and without a log."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"backend": "serial", **options})
        self._said_threads = True  # by the program's session

    def _open_log(self) -> RunLog:
        return RunLog(None, None, None) if self.options.pslogger_fd is None else super()._open_log()


def _session() -> Session:
    """Return the default session; start it with the defaults where there is none."""
    place = session_holder()
    if place.session is None:
        init()
    session: Session = place.session
    return session


def init(**options: Any) -> None:
    """Start the default session, or replace its options.

    It need not be called: `map` does it, with the defaults. Another backend ends the first.

    Parameters
    ----------
    **options
        See the options table in the documentation. Among them: `backend` (``'multiprocessing'``,
        ``'serial'``, ``'ray'``, or any `concurrent.futures.Executor`), `ncores`, `verbose`,
        `max_tasks_per_child`, and ``<backend name>={...}`` for options of one backend alone.

    Raises
    ------
    OptionError
        A ValueError that names the option that is unknown or has a value that it cannot have.

    Examples
    --------
    >>> import paramsurvey
    >>> paramsurvey.init(ncores=2, verbose=0)  # doctest: +SKIP
    """
    place = session_holder()
    if place.session is None:
        place.session = Session(**options) if place is PROGRAM else NestedSession(**options)
        place.cut_short = None
    else:
        place.session.update(**options)
    if place is PROGRAM:
        PerfStats.emit_by_default = write_to_log
    load_pandas()  # while the workers start; a program that counts its memory after this finds it counted


def map(func: WorkerFunction, psets: Any, out_func: OutFunction | None = None, **options: Any) -> MapResults:
    """Run a worker function once for every parameter set.

    Parameters
    ----------
    func : callable
        ``func(pset, system_kwargs, user_kwargs)``, returning a dict of results or None. It may be a
        lambda, a closure, or a function of a notebook.
    psets : DataFrame, iterable of dicts, dict of columns, polars or Arrow table, path, or space
        The parameter sets. They are not changed. A path is that of a Parquet file; a space is from
        `paramsurvey.params`.
    out_func : callable, optional
        ``out_func(user_ret, system_kwargs, user_kwargs)``, called here for every pset that is done.
    **options
        See the options table in the documentation. Among them: `user_kwargs`, `chdir`,
        `group_size`, `name`, `limit`, `timeout`, `retries`, `verbose`.

    Returns
    -------
    MapResults
        A DataFrame with one row for each pset that finished, in the order of the psets: the pset's
        columns, then the result's. ``.missing`` has the psets without a result, each with its
        reason, ``.progress`` the counters, ``.stats`` the times.

    Raises
    ------
    ValueError, TypeError
        Before any work starts: the function, the psets or an option cannot be used as they are.
    SurveyError
        The survey cannot go on; `last_results` has what had finished.
    KeyboardInterrupt
        After Ctrl-C; `last_results` has what had finished.

    Examples
    --------
    >>> import paramsurvey
    >>> def add(pset, system_kwargs, user_kwargs):
    ...     return {"c": pset["a"] + pset["b"]}
    >>> results = paramsurvey.map(add, [{"a": 1, "b": 2}], verbose=0)  # doctest: +SKIP
    >>> results.c.tolist()  # doctest: +SKIP
    [3]
    """
    exception = options.pop("raise_in_wrapper", None)
    if exception is not None:
        from paramsurvey.session.legacy import map_that_raises

        return map_that_raises(_session().map, func, psets, exception, out_func=out_func, **options)
    return _session().map(func, psets, out_func, **options)


def write_to_log(line: str) -> None:
    """Write a line to the log of the program's session, where there is one."""
    if PROGRAM.session is not None:
        PROGRAM.session.log.write(line)


def imap_unordered(func: WorkerFunction, psets: Any, **options: Any) -> Iterator[dict[str, Any]]:
    """Run a worker function for every parameter set, and yield what becomes of each as it does.

    Nothing is kept: the psets may come from an iterator without end, and the results may be more
    than fits into memory. While nobody takes results, no more work is handed out. Leaving the loop
    ends the map.

    Parameters
    ----------
    func, psets, **options
        As for `map`.

    Yields
    ------
    dict
        The pset's keys and the result's; for a pset without a result its own keys,
        ``_exception`` and ``_traceback``.

    Raises
    ------
    ValueError, TypeError, SurveyError, KeyboardInterrupt
        As for `map`, when the first result is asked for.

    Examples
    --------
    >>> import paramsurvey
    >>> def square(pset, system_kwargs, user_kwargs):
    ...     return {"y": pset["x"] ** 2}
    >>> for row in paramsurvey.imap_unordered(square, ({"x": x} for x in range(10**9))):  # doctest: +SKIP
    ...     if row["y"] > 100:
    ...         break
    """
    return _session().imap_unordered(func, psets, **options)


def backend() -> str:
    """Return the name of the backend in use; start it where nothing was started yet.

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
    """Return how many cores the workers use now, in all nodes together.

    Returns
    -------
    int
        On a cluster it changes while nodes join and leave.

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
        One per node: ``num_cores``, ``memory`` in bytes, and ``num_gpus`` where there are any.

    Examples
    --------
    >>> paramsurvey.current_resources()  # doctest: +SKIP
    [{'num_cores': 2, 'memory': 8321499136}]
    """
    return _session().backend.resources()


def last_results() -> MapResults | None:
    """Return the results of the last map, also of one that was interrupted.

    Returns
    -------
    MapResults, or None
        None before the first map, and after `finalize`, unless that ended a map.

    Examples
    --------
    >>> results = paramsurvey.last_results()  # after Ctrl-C  # doctest: +SKIP
    >>> again = paramsurvey.map(worker, results.missing)  # doctest: +SKIP
    """
    place = session_holder()
    session: Session | None = place.session or place.cut_short
    return None if session is None else session.last_results()


def finalize() -> None:
    """End the default session: its workers and its log.

    It is called at exit. Twice is harmless, and so is calling it before `init`. A map that runs meanwhile
    ends with a `SessionClosed`.

    Examples
    --------
    >>> paramsurvey.finalize()  # doctest: +SKIP
    """
    session_holder().close()
    if session_holder() is PROGRAM:
        PerfStats.emit_by_default = None


atexit.register(finalize)
