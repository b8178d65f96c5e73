"""One call of `map`: from what the user gave to a survey that can run, and from its end to the results."""

from __future__ import annotations

import gc
import os
import pickle
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from paramsurvey.advice import Advice
from paramsurvey.arguments import pack_arguments
from paramsurvey.backends.base import Backend
from paramsurvey.checkpoint import open_checkpoint
from paramsurvey.checkpoint.base import Status
from paramsurvey.collect import Collector
from paramsurvey.errors import DirectoryMissing, NotPicklable, OptionError, SessionClosed
from paramsurvey.grouping import GroupSizer
from paramsurvey.messages import Capturing, Code, Failure, Job, Pset, WorkerFunction
from paramsurvey.options import Options
from paramsurvey.outfunc import OutCaller
from paramsurvey.pickling import check_function, dump_code, dumps
from paramsurvey.progress import MapProgress
from paramsurvey.reporters.log import RunLog
from paramsurvey.retry import RetryPolicy
from paramsurvey.stats import PerfStats
from paramsurvey.survey import OutCaller as AnyOutCaller
from paramsurvey.survey import Survey
from paramsurvey.todo import Todo
from paramsurvey.watch import Watch

if TYPE_CHECKING:
    from paramsurvey.missing import Call
    from paramsurvey.psets import PsetSource
    from paramsurvey.results import MapResults


class MapRun:
    """One map, prepared: everything that the user gave is checked before any work starts.

    Parameters
    ----------
    backend : Backend
    log : RunLog
    environment : mapping
        Defaults for the workers' environment variables.
    func, psets
        As given to `paramsurvey.map`.
    options : Options
    own : mapping
        What was given as ``<backend name>={...}``.
    advice : Advice
        Says what to type next, at the end.
    stop : Event
        Set when the session is closed: the map ends before its next round.
    """

    def __init__(
        self,
        backend: Backend,
        log: RunLog,
        environment: Mapping[str, str],
        func: WorkerFunction,
        psets: Any,
        options: Options,
        own: Mapping[str, Any],
        advice: Advice,
        stop: threading.Event,
    ) -> None:
        load_pandas()
        from paramsurvey.exact import source_of

        check_function(func)
        self._backend = backend
        self._log = log
        self._options = options
        self._own = backend.check_options(own)
        self._chdir = _directory(options.chdir)
        self._func = func
        self._stop = stop
        self._came_to_its_end = False
        self.results: MapResults | None = None  # also after an interruption
        source = source_of(psets, options.limit)
        self._job = self._make_job(func, source, environment)
        stats = PerfStats(vstats=options.vstats, emit=log.write)
        self._watch = Watch(log, backend.runs_here, options, stats, advice)
        self._survey = self._make_survey(source, stats, MapProgress(options.name, len(source)))
        self._resume()

    def _resume(self) -> None:
        """Open the checkpoint, and take up what earlier runs have left to do."""
        survey = self._survey
        survey.checkpoint = open_checkpoint(
            self._options, self._func, survey.source, survey.collector, survey.progress, self._watch.notes.say
        )
        try:
            survey.resume(range(len(survey.source)))
        except BaseException as error:
            survey.checkpoint.close(status_of(error))
            raise
        if survey.progress.resumed:
            self._watch.notes.say(
                f"{survey.progress.resumed} psets were finished before: "
                f"they are taken from the checkpoint {self._options.checkpoint!r}"
            )

    def run(self) -> MapResults:
        """Run to the end, and return the results."""
        try:
            with self._watch.interrupts:
                for _ in self._rounds():
                    pass
        finally:
            results = self.results = self._build()
        return results

    def stream(self) -> Generator[dict[str, Any]]:
        """Yield what becomes of every pset, as it does; work is handed out only while somebody takes it."""
        ready: deque[dict[str, Any]] = deque()
        self._survey.out = Stream(ready, self._survey.out)
        rounds = self._rounds(interactive=False)
        try:
            while True:
                with self._watch.interrupts:
                    more = next(rounds, self) is not self
                while ready:
                    yield ready.popleft()
                if not more:
                    return
        finally:
            rounds.close()

    def _rounds(self, interactive: bool = True) -> Generator[None]:
        """Open the job, go round the survey's loop, and leave nothing running, however it ends."""
        self._watch.begin(self._survey, interactive)
        status = Status.FINISHED
        try:
            self._backend.open(self._job, self._own)
            for _ in self._survey.rounds():
                self._check_stop()
                yield
            self._came_to_its_end = True
        except BaseException as error:
            status = status_of(error)
            raise
        finally:
            self._close(status)

    def _check_stop(self) -> None:
        progress = self._survey.progress
        if self._stop.is_set() and progress.finished + progress.failures < progress.total:
            raise SessionClosed(
                "the session was closed while its map ran, by close(), finalize(), or init() with another "
                "backend or log; last_results() has what had finished: call them when the map has ended"
            )

    def _close(self, status: Status) -> None:
        survey = self._survey
        with ExitStack() as then:  # everything is closed, whatever else raises
            then.callback(self._watch.end, survey, interrupted=not self._came_to_its_end)
            then.callback(survey.checkpoint.close, status)
            survey.give_up()  # of what is left when it did not come to its end
            self._backend.end_job()

    def _build(self) -> MapResults:
        from paramsurvey.results import build

        survey, options = self._survey, self._options
        self._watch.note_conflicts(survey.source.names, survey.collector.columns)
        return build(
            survey.source,
            survey.collector,
            survey.progress,
            survey.stats,
            options.verbose,
            options.keep_results,
            self._call(),
            options.checkpoint,
        )

    def _call(self) -> Call:
        """Return how the function was called, for whoever wants to call it again."""
        from paramsurvey.missing import Call

        job, options = self._job, self._options
        system_kwargs = {**(options.system_kwargs or {}), "name": job.name}
        if job.show_chdir:
            system_kwargs["chdir"] = job.chdir
        return Call(
            self._func,
            options.user_kwargs,
            system_kwargs,
            job.chdir,
            job.out_subdirs,
            self._survey.options,
            options.worker_init,
        )

    def _make_survey(self, source: PsetSource, stats: PerfStats, progress: MapProgress) -> Survey:
        options = self._options
        own_options = self._pset_options(source)
        return Survey(
            source=source,
            backend=self._backend,
            todo=Todo(range(0), own_options),  # `resume` fills it
            collector=Collector(options.keep_results),
            stats=stats,
            progress=progress,
            watcher=self._watch,
            clock=time.monotonic,
            sizer=GroupSizer(options.group_size),
            retry=RetryPolicy(options.retries),
            out=self._out_caller(progress),
            options=own_options,
            timeout=options.timeout,
            max_failures=options.max_failures,
        )

    def _make_job(self, func: WorkerFunction, source: PsetSource, environment: Mapping[str, str]) -> Job:
        options = self._options
        arguments = pack_arguments(options.user_kwargs, options.system_kwargs or {})
        packed, buffers = _pickled(Code(func, arguments, source.decoder(), options.retry_on))
        return Job(
            key=uuid.uuid4().hex,
            name=options.name,
            code=packed,
            buffers=buffers,
            chdir=self._chdir,
            path=tuple(map(os.path.abspath, sys.path)),
            environment=environment,
            show_chdir=options.chdir is not None,
            out_subdirs=options.out_subdirs,
            keep_groups=options.group_size is not None,
            worker_init=None if options.worker_init is None else dumps(options.worker_init, "worker_init"),
            timeout=options.timeout,
            max_memory=options.max_worker_memory,
            capture=self._capturing(),
        )

    def _capturing(self) -> Capturing:
        mode, backend = self._options.capture_output, self._backend
        if mode not in backend.captures:
            possible = " or ".join(repr(one.value) for one in sorted(backend.captures))
            raise OptionError(
                f"the {backend.name} backend cannot do capture_output={mode.value!r}: "
                f"choose {possible}, or another backend"
            )
        return Capturing(mode, self._log.stem(), labels=self._options.verbose >= 3)

    def _out_caller(self, progress: MapProgress) -> OutCaller | None:
        options = self._options
        if options.out_func is None:
            return None
        system_kwargs = {
            **(options.system_kwargs or {}),
            "name": options.name,
            "verbose": options.verbose,
            "vstats": options.vstats,
            "progress": progress,
            "chdir": self._chdir,
        }
        return OutCaller(options.out_func, system_kwargs, options.user_kwargs, self._watch.notes.complain)

    def _pset_options(self, source: PsetSource) -> Sequence[Mapping[str, Any] | None] | None:
        """Return every pset's own options for the backend, from its key of the backend's name."""
        if self._backend.name not in source.names:
            return None
        column = source.frame()[self._backend.name].tolist()
        return [self._backend.check_options(own) if isinstance(own, Mapping) else None for own in column]


class Stream:
    """Collects what is done for somebody who takes it pset by pset.

    Parameters
    ----------
    ready : deque
        Gets one dict for each pset: its keys with the result's, or with ``_exception`` and ``_traceback``.
    then : OutCaller, optional
        The user's out_func, which is called as well.
    """

    def __init__(self, ready: deque[dict[str, Any]], then: AnyOutCaller | None) -> None:
        self._ready = ready
        self._then = then

    def finished(self, pset: Pset, result: Mapping[Any, Any]) -> bool:
        """Add a result."""
        self._ready.append({**pset, **result})
        return self._then is None or self._then.finished(pset, result)

    def failed(self, pset: Pset, failure: Failure) -> bool:
        """Add a failure."""
        self._ready.append({**pset, "_exception": failure.exception, "_traceback": failure.traceback})
        return self._then is None or self._then.failed(pset, failure)


def status_of(error: BaseException) -> Status:
    """Return how a run ended that `error` ended."""
    interrupted = isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit))
    return Status.INTERRUPTED if interrupted else Status.FAILED


def _directory(chdir: str | None) -> str:
    path = os.path.abspath(chdir or ".")
    if not os.path.isdir(path):
        raise DirectoryMissing(f"chdir={chdir!r} is no directory: create it first, or leave it out")
    return path


def load_pandas() -> None:
    """Import pandas, while the workers start.

    Without the garbage collector, which would look through the half-loaded modules again and again
    and find nothing: a tenth of the second that it takes. Afterwards they are at once what they would
    have become, old objects that are seldom looked at.
    """
    if "pandas" in sys.modules:
        return
    collecting = gc.isenabled()
    gc.disable()
    try:
        import pandas  # noqa: F401  (others use it, and find it loaded)
    finally:
        if collecting and gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()  # into the oldest generation
        if collecting:
            gc.enable()


def _pickled(code: Code) -> tuple[bytes, tuple[Any, ...]]:
    """Pickle all parts together, for they may share functions and classes; if it fails, find out which it is.

    Returns the pickle, and the large buffers that stand beside it.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        packed = dumps(
            code, "the worker function with its arguments", partial(dump_code, aside=buffers.append)
        )
        return packed, tuple(buffers)
    except NotPicklable:
        dumps(code.function, "the worker function")
        dumps(code.decoder, "psets")
        raise
