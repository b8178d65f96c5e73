"""A session: its options, one backend, one log. The module's functions work on a default one."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from paramsurvey import backends
from paramsurvey.advice import IN_PYTHON, Advice
from paramsurvey.backends.base import Backend, Resources
from paramsurvey.environment import ThreadVariables
from paramsurvey.host import core_count
from paramsurvey.mapping import MapRun
from paramsurvey.messages import WorkerFunction
from paramsurvey.notes import Notes, show, warn
from paramsurvey.options import Options, check_init, check_map, resolve
from paramsurvey.reporters.log import RunLog

if TYPE_CHECKING:
    from paramsurvey.results import MapResults

BACKEND_OPTIONS = ("backend", "ncores", "max_tasks_per_child", "threads_per_worker")
LOG_OPTIONS = ("pslogger_prefix", "pslogger_fd")


class Session:
    """Surveys with the same options, one after the other, on the same workers.

    Parameters
    ----------
    **options
        See the options table in the documentation: everything that `init` takes.

    Raises
    ------
    OptionError
        A ValueError that names the option that is unknown or has a value that it cannot have.

    Examples
    --------
    >>> with Session(ncores=2, verbose=0) as session:  # doctest: +SKIP
    ...     results = session.map(worker, psets)
    """

    advice: Advice = IN_PYTHON  # what talks to its user in another language has a subclass

    def __init__(self, **options: Any) -> None:
        self._lock = threading.Lock()  # held by the map that runs
        self._owner = os.getpid()
        self._last: MapResults | None = None
        self._loudest = 0  # verbosity of any map so far
        self._said_threads = False
        self._given = self._checked(options)
        self.options = self._resolved({})
        self._log = self._open_log()
        try:
            self._start_backend()
        except BaseException:
            self._log.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def backend(self) -> Backend:
        """What runs the groups."""
        return self._backend

    def update(self, **options: Any) -> None:
        """Replace all options; the workers and the log stay where nothing changes for them.

        Parameters
        ----------
        **options
            As for the session itself. What is not given has its default again.

        Raises
        ------
        OptionError
            A ValueError; the options stay as they were.

        Examples
        --------
        >>> with Session(ncores=2, verbose=0) as session:  # doctest: +SKIP
        ...     session.update(ncores=1, verbose=0)
        """
        given, before = self._checked(options), (self._given, self.options)
        old, old_own = self.options, self._own_options()
        self._given = given
        try:
            self.options = self._resolved({})
        except ValueError:
            self._given = before[0]
            raise
        if any(getattr(old, name) != getattr(self.options, name) for name in LOG_OPTIONS):
            self._log.close()
            self._log = self._open_log()
        if old_own != self._own_options() or any(
            getattr(old, name) != getattr(self.options, name) for name in BACKEND_OPTIONS
        ):
            self._replace_backend(before)

    def _replace_backend(self, before: tuple[dict[str, Any], Options]) -> None:
        """End the backend and start another; go back to the one before when that fails."""
        self._backend.close()
        self._threads.restore()
        try:
            self._start_backend()
        except Exception:
            self._given, self.options = before
            self._start_backend()
            raise

    def close(self) -> None:
        """End the workers and the log. May be called twice; harmless in a process forked off this one.

        Leaving the ``with`` block of a session does it.
        """
        if os.getpid() != self._owner:
            return
        self._backend.close()
        self._threads.restore()
        if self._log.saw_traceback and self._loudest > 0:
            show(f"exceptions that your code raised: every traceback is in {self._log.path}")
        self._log.saw_traceback = False
        self._log.close()

    def last_results(self) -> MapResults | None:
        """Return the results of the last map, also of one that was interrupted.

        Returns
        -------
        MapResults, or None
            None before the first map.
        """
        return self._last

    def map(self, func: WorkerFunction, psets: Any, **options: Any) -> MapResults:
        """Run a worker function once for every pset; see `paramsurvey.map`.

        Parameters
        ----------
        func, psets, **options
            As for `paramsurvey.map`.

        Returns
        -------
        MapResults

        Raises
        ------
        RuntimeError
            Another thread runs a map of this session.
        """
        with self._alone():
            run = self._prepare(func, psets, options)
            try:
                return run.run()
            finally:
                self._last = run.results if run.results is not None else self._last

    def imap_unordered(self, func: WorkerFunction, psets: Any, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield what becomes of every pset, as it does; see `paramsurvey.imap_unordered`.

        Parameters
        ----------
        func, psets, **options
            As for `paramsurvey.map`.

        Yields
        ------
        dict
        """
        with self._alone():
            yield from self._prepare(func, psets, {**options, "keep_results": False}).stream()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "this session runs a map already: wait for it, or give each thread a Session of its own"
            )
        try:
            yield
        finally:
            self._lock.release()

    def _prepare(self, func: WorkerFunction, psets: Any, options: Mapping[str, Any]) -> MapRun:
        check_map(options, backends.NAMES)
        resolved = self._resolved(options)
        own = options.get(self._backend.name) or {}
        self._loudest = max(self._loudest, resolved.verbose)
        self._say_threads(Notes(self._log, resolved.verbose))
        return MapRun(self._backend, self._log, self._threads.added, func, psets, resolved, own, self.advice)

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        check_init(options, backends.NAMES)
        return dict(options)

    def _resolved(self, map_options: Mapping[str, Any]) -> Options:
        quiet = resolve(os.environ, self._given, map_options)
        backends.name_of(quiet.backend)  # refuses what is none before anything is started
        if quiet.verbose > 0:
            return resolve(os.environ, self._given, map_options, warn)
        return quiet

    def _open_log(self) -> RunLog:
        options = self.options
        return RunLog.open(
            options.pslogger_prefix,
            options.pslogger_fd,
            on_warning=warn if options.verbose > 0 else None,
        )

    def _own_options(self) -> Any:
        return self._given.get(backends.name_of(self.options.backend))

    def _start_backend(self) -> None:
        self._threads = ThreadVariables(os.environ, self.options.threads_per_worker)
        try:
            backend = backends.create(self.options, self._own_options() or {})
        except BaseException:
            self._threads.restore()
            raise
        self._backend: Backend = backend
        notes = Notes(self._log, self.options.verbose)
        notes.say(f"paramsurvey uses the {backend.name} backend with {backend.core_count()} cores", at=2)
        self._warn_of_crowding(backend.core_count(), notes)

    def _say_threads(self, notes: Notes) -> None:
        """Tell, before the first map, how many threads the workers have where the user did not say."""
        notice = self._threads.notice(self.advice)
        if notice and not self._said_threads:
            self._said_threads = True
            notes.say(notice)

    def _warn_of_crowding(self, workers: int, notes: Notes) -> None:
        """Tell the user when this machine's workers have more threads than it has cores."""
        threads, cores = self.options.threads_per_worker, core_count()
        if self.options.backend == "multiprocessing" and threads > 1 and workers * threads > cores:
            notes.say(
                f"{workers} workers of {threads} threads each share {cores} cores and slow each other down: "
                f"{self.advice.fewer_workers(max(1, cores // threads))}"
            )


_default: Session | None = None


def _session() -> Session:
    """Return the default session; start it with the defaults where there is none."""
    if _default is None:
        init()
    assert _default is not None
    return _default


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
    global _default
    if _default is None:
        _default = Session(**options)
    else:
        _default.update(**options)


def map(func: WorkerFunction, psets: Any, **options: Any) -> MapResults:
    """Run a worker function once for every parameter set.

    Parameters
    ----------
    func : callable
        ``func(pset, system_kwargs, user_kwargs)``, returning a dict of results or None. It may be a
        lambda, a closure, or a function of a notebook.
    psets : DataFrame, iterable of dicts, polars or Arrow table, or a space from `paramsurvey.params`
        The parameter sets. They are not changed.
    **options
        See the options table in the documentation. Among them: `user_kwargs`, `out_func`,
        `chdir`, `group_size`, `name`, `limit`, `timeout`, `retries`, `verbose`.

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
    return _session().map(func, psets, **options)


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
        None before the first map, and after `finalize`.

    Examples
    --------
    >>> results = paramsurvey.last_results()  # after Ctrl-C  # doctest: +SKIP
    >>> again = paramsurvey.map(worker, results.missing)  # doctest: +SKIP
    """
    return None if _default is None else _default.last_results()


def finalize() -> None:
    """End the default session: its workers and its log.

    It is called at exit. Twice is harmless, and so is calling it before `init`.

    Examples
    --------
    >>> paramsurvey.finalize()  # doctest: +SKIP
    """
    global _default
    session, _default = _default, None
    if session is not None:
        session.close()


atexit.register(finalize)
