"""A session: its options, one backend, one log."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from paramsurvey.backends import registry as backends
from paramsurvey.backends import stand_in
from paramsurvey.engine.backend import Backend
from paramsurvey.engine.options import Options, check_init, check_map, resolve
from paramsurvey.errors import SessionClosed
from paramsurvey.reporting.console import Console, show, warn
from paramsurvey.reporting.next_steps import IN_PYTHON, NextSteps
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.session.map_run import MapRun
from paramsurvey.session.pool_options import without_pool_options
from paramsurvey.session.prepare import MapRequest, SessionContext, prepare
from paramsurvey.session.thread_variables import ThreadVariables
from paramsurvey.transport.messages import OutFunction, WorkerFunction
from paramsurvey.worker.machine import core_count
from paramsurvey.worker.nested_session import refuse_while_loading, runs_a_pset

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

BACKEND_OPTIONS = ("backend", "ncores", "max_tasks_per_child", "threads_per_worker")
PATIENCE = 10.0  # seconds in which another thread's map must have ended when its session is closed
LOOK_SECONDS = 0.05  # how often it is told to
TELL_SECONDS = 10.0  # a map that waits for longer says so
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

    next_steps: NextSteps = IN_PYTHON  # what talks to its user in another language has a subclass

    def __init__(self, **options: Any) -> None:
        refuse_while_loading()
        self._lock = threading.Lock()  # held by the map that runs
        self._holder: int | None = None  # the thread that it runs in, or that iterates over its results
        self._changing = False  # another thread ends the map, to have another backend or log
        self._at_work = threading.RLock()  # held by its thread, but while nobody asks an iterator for more
        self._thread: int | None = None  # that thread
        self._stop = threading.Event()  # of the last map
        self._closed = False
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

    @property
    def log(self) -> RunLog:
        """The log of what runs now."""
        return self._log

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
        self._check_open()
        before, own_before = (self._given, self.options), self._own_options()
        self._given = self._checked(options)
        try:
            self.options = self._resolved({})
            log = self._differ(before[1], LOG_OPTIONS)
            backend = self._differ(before[1], BACKEND_OPTIONS) or own_before != self._own_options()
            if log or backend:
                with self._between_maps():
                    self._replace_log(log)
                    self._replace_backend(backend, before)
        except Exception:
            self._given, self.options = before
            raise

    def _differ(self, before: Options, names: Sequence[str]) -> bool:
        return any(getattr(before, name) != getattr(self.options, name) for name in names)

    @contextmanager
    def _between_maps(self) -> Iterator[None]:
        """End the map that another thread runs, and let none begin meanwhile."""
        if self._thread == threading.get_ident():
            raise RuntimeError("a map cannot have another backend or log while it runs: call init() after it")
        with self._map_ended() as ended:
            if not ended:
                raise RuntimeError(
                    f"the map that another thread runs has not ended within {PATIENCE:g} seconds: "
                    "call init() when it has"
                )
            yield

    @contextmanager
    def _map_ended(self) -> Iterator[bool]:
        """End the map that another thread runs; False when it goes on: its functions may take any time."""
        deadline, ended = time.monotonic() + PATIENCE, False
        self._changing = True
        try:
            while not ended and time.monotonic() < deadline:
                self._stop.set()
                ended = self._at_work.acquire(timeout=LOOK_SECONDS)
            yield ended
        finally:
            self._changing = False
            if ended:
                self._at_work.release()

    def _replace_log(self, wanted: bool) -> None:
        if wanted:
            self._log.close()
            self._log = self._open_log()

    def _replace_backend(self, wanted: bool, before: tuple[dict[str, Any], Options]) -> None:
        """End the backend and start another; go back to the one before when that fails."""
        if not wanted:
            return
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

        Leaving the ``with`` block of a session does it. A map that another thread runs, or that calls
        this from its out_func, ends with a `SessionClosed`, and `last_results` has what had finished.
        """
        if os.getpid() != self._owner:
            return
        self._closed = True
        self._stop.set()
        if self._thread != threading.get_ident():  # else the end of the map does it
            with self._map_ended():
                self._end()

    def _end(self) -> None:
        self._backend.close()
        self._threads.restore()
        if self._log.saw_traceback and self._log.path and self._loudest > 0:
            show(f"exceptions that your code raised: every traceback is in {self._log.path}")
        self._log.saw_traceback = False
        self._log.close()

    @property
    def runs_a_map(self) -> bool:
        """Whether a map has begun and not ended."""
        return self._lock.locked()

    def last_results(self) -> MapResults | None:
        """Return the results of the last map, also of one that was interrupted.

        Returns
        -------
        MapResults, or None
            None before the first map; of the default session, also after `paramsurvey.finalize`, unless that
            ended a map.

        Examples
        --------
        >>> results = paramsurvey.last_results()  # after Ctrl-C  # doctest: +SKIP
        >>> again = paramsurvey.map(worker, results.missing)  # doctest: +SKIP
        """
        return self._last

    def map(
        self, func: WorkerFunction, psets: Any, out_func: OutFunction | None = None, **options: Any
    ) -> MapResults:
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
        RuntimeError
            This thread is within a map of this session: in its out_func, in a loop over
            `imap_unordered`, or in the worker function. A map of another thread is waited for.
        SessionClosed
            A RuntimeError, too: the session is closed, or was closed while the map ran or waited.

        Examples
        --------
        >>> import paramsurvey
        >>> def add(pset, system_kwargs, user_kwargs):
        ...     return {"c": pset["a"] + pset["b"]}
        >>> results = paramsurvey.map(add, [{"a": 1, "b": 2}], verbose=0)  # doctest: +SKIP
        >>> results.c.tolist()  # doctest: +SKIP
        [3]
        """
        with self._alone(), self._working():
            run = self._prepare(func, psets, {**options, "out_func": out_func})
            try:
                return run.run()
            finally:
                self._last = run.results if run.results is not None else self._last

    def imap_unordered(self, func: WorkerFunction, psets: Any, **options: Any) -> Iterator[dict[str, Any]]:
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
        with self._alone():
            with self._working():
                rows = self._prepare(func, psets, {**options, "keep_results": False}, iterates=True).stream()
            try:
                while True:
                    with self._working():
                        row = next(rows, None)
                    if row is None:
                        return
                    yield row
                    self._holder = threading.get_ident()
            finally:
                with self._working():
                    rows.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Run one map at a time: wait for one that another thread runs."""
        refuse_while_loading()
        self._check_open()
        if not self._lock.acquire(blocking=False):
            self._check_not_within()
            self._wait_for_turn()
        self._holder = threading.get_ident()
        try:
            yield
        finally:
            self._holder = None
            self._lock.release()

    def _check_not_within(self) -> None:
        """Refuse to wait for a map that cannot end before this thread goes on."""
        if self._holder == threading.get_ident() or runs_a_pset():
            raise RuntimeError(
                "this session runs a map already, which cannot end before this call returns: call map() "
                "after it, after the loop over imap_unordered(), or use a Session of its own"
            )

    def _wait_for_turn(self) -> None:
        told_at = time.monotonic() + TELL_SECONDS
        while self._changing or not self._lock.acquire(timeout=LOOK_SECONDS):
            self._check_open()
            if time.monotonic() > told_at:
                told_at = float("inf")
                Console(self._log, self.options.verbose).say(
                    "a map waits for its turn: another thread maps with the same session; "
                    "to map at the same time, give each thread a Session of its own"
                )

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Be the thread that works for the map; end the session afterwards when it was closed meanwhile."""
        with self._at_work:
            before, self._thread = self._thread, threading.get_ident()
            try:
                yield
            finally:
                self._thread = before
                if self._closed and before is None:
                    self._end()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed("this session is closed: make a new Session, or call paramsurvey.map()")

    def _prepare(
        self,
        func: WorkerFunction,
        psets: Any,
        options: Mapping[str, Any],
        iterates: bool = False,
        bare: bool = False,
    ) -> MapRun:
        self._stop = threading.Event()
        self._check_open()
        check_map(options, backends.keywords(options))
        resolved = self._resolved(options)
        own = options.get(self._backend.name) or {}
        self._loudest = max(self._loudest, resolved.verbose)
        self._say_threads(Console(self._log, resolved.verbose))
        place = SessionContext(self._backend, self._log, self._threads.added, self.next_steps, self._stop)
        return prepare(place, MapRequest(func, psets, resolved, own, iterates, bare))

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        check_init(options, backends.keywords(options))
        return without_pool_options(options)

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
        console = Console(self._log, self.options.verbose)
        console.say(f"paramsurvey uses the {backend.name} backend with {backend.core_count()} cores", at=2)
        if lost := stand_in.notice(self.options.backend):
            console.say(lost)
        self._warn_of_crowding(backend.core_count(), console)

    def _say_threads(self, console: Console) -> None:
        """Tell, before the first map, how many threads the workers have where the user did not say."""
        notice = self._threads.notice(self.next_steps)
        if notice and not self._said_threads:
            self._said_threads = True
            console.say(notice)

    def _warn_of_crowding(self, workers: int, console: Console) -> None:
        """Tell the user when this machine's workers have more threads than it has cores."""
        threads, cores = self.options.threads_per_worker, core_count()
        if not is_here(self.options.backend) or threads == 1 or workers * threads <= cores:
            return
        most = cores // threads
        remedy = self.next_steps.fewer_workers(most) if most else self.next_steps.fewer_threads(cores)
        console.say(f"{workers} × {threads} threads share {cores} cores and slow each other down: {remedy}")


def is_here(backend: object) -> bool:
    """Tell whether the workers of a backend, as it was asked for, are certainly all on this machine."""
    module = type(backend).__module__
    return backend == "multiprocessing" or module.startswith("concurrent.futures.")
