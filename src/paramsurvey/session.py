"""A session: its options, one backend, one log. The module's functions work on a default one."""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paramsurvey import backends
from paramsurvey.backends.base import Backend, Resources
from paramsurvey.collect import Collector
from paramsurvey.environment import ThreadVariables
from paramsurvey.errors import DirectoryMissing
from paramsurvey.grouping import GroupSizer
from paramsurvey.interrupts import Interrupts
from paramsurvey.messages import Failure, Job, Pset, WorkerFunction
from paramsurvey.notes import Notes, show, warn
from paramsurvey.options import Options, check_init, check_map, resolve
from paramsurvey.outfunc import OutCaller
from paramsurvey.pickling import check_function, dumps
from paramsurvey.progress import MapProgress
from paramsurvey.reporters import Reporters
from paramsurvey.reporters.base import Reporter
from paramsurvey.reporters.log import LogReporter, RunLog
from paramsurvey.retry import RetryPolicy
from paramsurvey.stats import PerfStats
from paramsurvey.survey import Survey
from paramsurvey.todo import Todo

if TYPE_CHECKING:
    from paramsurvey.psets import PsetSource
    from paramsurvey.results import MapResults

INTERVALS = (math.inf, 30.0, 1.0, 0.0)  # seconds between two progress lines, by verbosity
BACKEND_OPTIONS = ("backend", "ncores", "max_tasks_per_child")
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

    def __init__(self, **options: Any) -> None:
        self._lock = threading.Lock()  # held by the map that runs
        self._owner = os.getpid()
        self._last: MapResults | None = None
        self._given = self._checked(options)
        self.options = self._resolved({})
        self._log = self._open_log()
        self._threads = ThreadVariables(os.environ)
        self._backend = self._start_backend()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def backend(self) -> Backend:
        """What runs the groups."""
        return self._backend

    def update(self, **options: Any) -> None:
        """Replace all options; the workers and the log stay where nothing changes for them."""
        given, before = self._checked(options), self._given
        old, self._given = self.options, given
        try:
            self.options = self._resolved({})
        except ValueError:
            self._given = before
            raise
        if any(getattr(old, name) != getattr(self.options, name) for name in LOG_OPTIONS):
            self._log.close()
            self._log = self._open_log()
        if any(getattr(old, name) != getattr(self.options, name) for name in BACKEND_OPTIONS) or (
            self._own_options(before) != self._own_options(given)
        ):
            self._backend.close()
            self._backend = self._start_backend()

    def close(self) -> None:
        """End the workers and the log. May be called twice; harmless in a process forked off this one."""
        if os.getpid() != self._owner:
            return
        self._backend.close()
        self._threads.restore()
        if self._log.saw_traceback and self.options.verbose > 0:
            show(f"exceptions that your code raised: every traceback is in {self._log.path}")
        self._log.saw_traceback = False
        self._log.close()

    def last_results(self) -> MapResults | None:
        """Return the results of the last map, also of one that was interrupted; None before the first."""
        return self._last

    def map(self, func: WorkerFunction, psets: Any, **options: Any) -> MapResults:
        """Run a worker function once for every pset; see `paramsurvey.map`."""
        check_map(options, backends.NAMES)
        resolved = self._resolved(options)
        check_function(func)
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "this session runs a map already: wait for it, or give each thread its own paramsurvey.Session"
            )
        try:
            return self._map(func, psets, resolved, options.get(self._backend.name) or {})
        finally:
            self._lock.release()

    def _map(self, func: WorkerFunction, psets: Any, options: Options, own: Mapping[str, Any]) -> MapResults:
        from paramsurvey.psets import as_source  # pandas, which loads while the workers start

        own = self._backend.check_options(own)
        chdir = _directory(options.chdir)
        source = as_source(psets, options.limit)
        pset_options = self._pset_options(source)
        job = self._job(func, source, options, chdir)
        stats = PerfStats(vstats=options.vstats, emit=self._log.write)
        watch = Watch(self._log, self._backend.runs_here, options, stats)
        progress = MapProgress(options.name, len(source))
        survey = Survey(
            source=source,
            backend=self._backend,
            todo=Todo(range(len(source)), pset_options),
            collector=Collector(len(source), options.keep_results),
            stats=stats,
            progress=progress,
            watcher=watch,
            clock=time.monotonic,
            sizer=GroupSizer(options.group_size),
            retry=RetryPolicy(options.retries),
            out=self._out_caller(options, progress, chdir, watch.notes),
            options=pset_options,
            timeout=options.timeout,
            max_failures=options.max_failures,
        )
        return self._run(survey, job, own, watch, options)

    def _run(
        self, survey: Survey, job: Job, own: Mapping[str, Any], watch: Watch, options: Options
    ) -> MapResults:
        from paramsurvey.results import build

        watch.begin(survey.progress, survey.source.names)
        try:
            with watch.interrupts:
                self._backend.open(job, own)
                survey.run()
        finally:
            survey.give_up()  # of what is left after an exception; nothing, otherwise
            self._backend.end_job()
            watch.end(survey.progress)
            self._last = build(
                survey.source,
                survey.collector,
                survey.progress,
                survey.stats,
                options.verbose,
                options.keep_results,
            )
            watch.note_conflicts(survey.source.names, survey.collector.columns)
        return self._last

    def _job(self, func: WorkerFunction, source: PsetSource, options: Options, chdir: str) -> Job:
        return Job(
            key=uuid.uuid4().hex,
            name=options.name,
            code=_pickled_code(func, options.user_kwargs),
            decoder=source.decoder(),
            system_kwargs=_picklable(options.system_kwargs or {}, "system_kwargs"),
            chdir=chdir,
            environment=self._threads.added,
            show_chdir=options.chdir is not None,
            out_subdirs=options.out_subdirs,
            keep_groups=options.group_size is not None,
            timeout=options.timeout,
            max_memory=options.max_worker_memory,
            retry_on=options.retry_on,
        )

    def _out_caller(
        self, options: Options, progress: MapProgress, chdir: str, notes: Notes
    ) -> OutCaller | None:
        if options.out_func is None:
            return None
        system_kwargs = {
            **(options.system_kwargs or {}),
            "name": options.name,
            "verbose": options.verbose,
            "vstats": options.vstats,
            "progress": progress,
            "chdir": chdir,
        }
        return OutCaller(options.out_func, system_kwargs, options.user_kwargs, notes.complain)

    def _pset_options(self, source: PsetSource) -> Sequence[Mapping[str, Any] | None] | None:
        """Return every pset's own options for the backend, from its key of the backend's name."""
        if self._backend.name not in source.names:
            return None
        column = source.frame()[self._backend.name].tolist()
        return [self._backend.check_options(own) if isinstance(own, Mapping) else None for own in column]

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        check_init(options, backends.NAMES)
        return dict(options)

    def _resolved(self, map_options: Mapping[str, Any]) -> Options:
        quiet = resolve(os.environ, self._given, map_options)
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

    def _own_options(self, given: Mapping[str, Any]) -> Any:
        return given.get(backends.name_of(self.options.backend))

    def _start_backend(self) -> Backend:
        notes = Notes(self._log, self.options.verbose)
        if self._threads.notice():
            notes.say(self._threads.notice())
        backend = backends.create(self.options, self._own_options(self._given) or {})
        notes.say(f"paramsurvey uses the {backend.name} backend with {backend.core_count()} cores", at=2)
        return backend


class Watch:
    """What is told and shown while one map runs."""

    def __init__(self, log: RunLog, runs_here: bool, options: Options, stats: PerfStats) -> None:
        self.notes = Notes(log, options.verbose)
        self.interrupts = Interrupts(at_once=runs_here)
        self._reporters = Reporters(
            _reporters(log, options, stats, self.notes), time.monotonic, self.notes.say
        )

    def begin(self, progress: MapProgress, names: Sequence[str]) -> None:
        """Say what begins."""
        self.notes.say(
            f"map {progress.name!r} begins: {progress.total} psets with the columns {', '.join(names)}", at=2
        )

    def report(self, progress: MapProgress) -> None:
        """Let a signal that came have its effect, then show the counters to those whose turn it is."""
        self.interrupts.check()
        self._reporters(progress)

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Log why a pset has no result."""
        self.notes.failed(pset, failure, attempts)

    def retried(self, row: int, failure: Failure) -> None:
        """Log that a pset is tried again."""
        self.notes.say(f"pset number {row} is tried again after: {failure.exception}", at=2)

    def end(self, progress: MapProgress) -> None:
        """Show the last counters, and end."""
        self._reporters(progress, final=True)
        self._reporters.close()
        self.notes.say(f"map {progress.name!r} ends", at=3)

    def note_conflicts(self, names: Sequence[str], keys: Mapping[Any, Any]) -> None:
        """Say once which result keys are pset keys, too."""
        both = [repr(name) for name in names if name in keys]
        if both:
            self.notes.say(
                f"the results have keys that the psets have, too: {', '.join(both)}; the result's value wins"
            )


def _reporters(log: RunLog, options: Options, stats: PerfStats, notes: Notes) -> list[Reporter]:
    from paramsurvey.reporters.statistics import StatisticsReporter
    from paramsurvey.reporters.terminal import PlainReporter

    reporters: list[Reporter] = [LogReporter(log)]
    level = min(options.verbose, 3)
    if level > 0:
        reporters.append(
            PlainReporter(INTERVALS[level] if options.progress_dt is None else options.progress_dt)
        )
    shown = min(options.vstats, options.verbose, 2)  # percentiles after every action help nobody
    reporters.append(StatisticsReporter(stats, INTERVALS[shown], always_final=shown >= 2))
    if options.carbon_server is not None:
        from paramsurvey.reporters.carbon import CarbonReporter

        reporters.append(
            CarbonReporter(
                options.carbon_server,
                options.carbon_port or 2004,
                options.carbon_prefix or "paramsurvey",
                notes.say,
            )
        )
    return reporters


def _directory(chdir: str | None) -> str:
    path = os.path.abspath(chdir or ".")
    if not os.path.isdir(path):
        raise DirectoryMissing(f"chdir={chdir!r} is no directory: create it first, or leave it out")
    return path


def _picklable(thing: Any, name: str) -> Any:
    dumps(thing, name)
    return thing


def _pickled_code(func: WorkerFunction, user_kwargs: Any) -> bytes:
    """Pickle both together, for they may share objects; when that fails, find out which it is."""
    from paramsurvey.errors import NotPicklable

    try:
        return dumps((func, user_kwargs), "the worker function with its arguments")
    except NotPicklable:
        dumps(func, "the worker function")
        dumps(user_kwargs, "user_kwargs")
        raise


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


def backend() -> str:
    """Return the name of the backend in use."""
    return _session().backend.name


def current_core_count() -> int:
    """Return how many cores the workers use now, in all nodes together."""
    return _session().backend.core_count()


def current_resources() -> list[Resources]:
    """Return one dict per node: ``num_cores``, ``memory`` in bytes, ``num_gpus`` where there are any."""
    return _session().backend.resources()


def last_results() -> MapResults | None:
    """Return the results of the last map, also of one that was interrupted; None before the first."""
    return None if _default is None else _default.last_results()


def finalize() -> None:
    """End the default session: its workers and its log. It is called at exit; twice is harmless."""
    global _default
    session, _default = _default, None
    if session is not None:
        session.close()


atexit.register(finalize)
