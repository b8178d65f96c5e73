"""Preparing one call of `map`: everything that the user gave is checked before any work starts."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeAlias

from paramsurvey.checkpoint.opening import open_checkpoint, program_to_store
from paramsurvey.engine.backend import Backend
from paramsurvey.engine.checkpoint import Checkpoint, Status
from paramsurvey.engine.collecting.collector import Collector
from paramsurvey.engine.deadline import Deadline
from paramsurvey.engine.dispatch.batch_size import BatchSizer
from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.engine.dispatch.retry import RetryPolicy
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.options import Options
from paramsurvey.engine.progress import MapProgress
from paramsurvey.engine.receivers import ResultReceiver
from paramsurvey.engine.survey import Survey
from paramsurvey.errors import DirectoryMissing, NotPicklable, OptionError
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.fast_import import without_collector
from paramsurvey.reporting.console import Console, warn
from paramsurvey.reporting.next_steps import NextSteps
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.reporting.reporters.selection import check_metrics
from paramsurvey.reporting.watch import Watch
from paramsurvey.session.last_function import LastFunction
from paramsurvey.session.map_run import MapRun, status_of
from paramsurvey.session.out_func import OutFuncCaller, ResultFeed
from paramsurvey.session.own_frames import interrupted_at_start
from paramsurvey.session.uninterrupted_checkpoint import UninterruptedCheckpoint
from paramsurvey.session.worker_function import as_worker_function, check_worker_function
from paramsurvey.stats import PerfStats
from paramsurvey.transport import main_file
from paramsurvey.transport.job_code import JobCode
from paramsurvey.transport.messages import CaptureSettings, Job, WorkerFunction
from paramsurvey.transport.pickling import dump_code, dumps
from paramsurvey.transport.private_arguments import pack_arguments
from paramsurvey.transport.source_text import source_lines_to_send

if TYPE_CHECKING:
    from paramsurvey.params.sources import PsetSource
    from paramsurvey.results.missing import WorkerCall

PsetOptions: TypeAlias = "Sequence[Mapping[str, Any] | None] | None"
"""The backend's options of each pset; None where no pset has any."""


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What a session has for its maps.

    Parameters
    ----------
    backend : Backend
    log : RunLog
    environment : mapping
        Defaults for the workers' environment variables.
    next_steps : NextSteps
        Says what to type next, at the end.
    stop : Event
        Set when the session is closed: the map ends before its next round.
    last : LastFunction
        Knows how long psets take, if the last map had the same function.
    begun : ExitStack
        Gets what must be ended, even if an interruption comes before the map runs.
    """

    backend: Backend
    log: RunLog
    environment: Mapping[str, str]
    next_steps: NextSteps
    stop: threading.Event
    last: LastFunction
    begun: ExitStack


@dataclass(frozen=True, slots=True)
class MapRequest:
    """What the user has asked for.

    Parameters
    ----------
    func, psets
        As given to `paramsurvey.map`.
    options : Options
    backend_options : mapping
        What was given as ``<backend name>={...}``.
    iterates : bool
        Whether the caller takes what is done pset by pset.
    bare : bool
        Whether the caller takes the columns as they are: pandas is loaded only if it is needed.
    """

    func: WorkerFunction
    psets: Any
    options: Options
    backend_options: Mapping[str, Any]
    iterates: bool = False
    bare: bool = False


def prepare(place: SessionContext, request: MapRequest) -> MapRun:
    """Return a map that can run.

    Raises
    ------
    WorkerFunctionError, PsetError, NotPicklable, OptionError, DirectoryMissing, PackageMissing,
    CheckpointError
        Naming what is wrong with what was given.
    """
    if not request.bare:
        load_pandas()
    from paramsurvey.params.sources import PsetList, as_source, name_if_exhausted

    backend, options = place.backend, request.options
    check_worker_function(request.func)
    _check_batch(options)
    backend_options = backend.check_options(request.backend_options)
    chdir = _directory(options.chdir)
    check_metrics(options)
    if options.verbose > 0 and (used_up := name_if_exhausted(request.psets)):
        warn(f"psets is {used_up}, which is used up: there is no pset left; make a new one, or give a list")
    source = as_source(request.psets, options.limit, options.pset_types)
    say = Console(place.log, options.verbose).say
    sizer = _sizer(options, _expected_seconds(place, request, source))
    request = replace(request, func=as_worker_function(request.func, source, options, backend.name, say))
    if isinstance(source, PsetList) and (request.iterates or options.out_func is not None):
        source.convert()  # at once, because the caller's code may change the dicts between two groups
    pset_options = _take_options(backend, source)
    job = _job(place, request, source, chdir)
    stats = PerfStats(vstats=options.vstats, emit=place.log.write)
    progress = MapProgress(options.name, len(source))
    state = MapState(source, Collector(options.keep_results), progress, stats)
    watch = Watch(place.log, backend.runs_here, options, stats, place.next_steps)
    ready: deque[dict[str, Any]] = deque()
    out: ResultReceiver | None = _out_caller(options, chdir, progress, watch)
    out = ResultFeed(ready, out) if request.iterates else out
    survey = _survey(place, request, state, sizer, watch, out, pset_options)
    call = None if request.bare else _call(request, job, pset_options)
    return MapRun(backend, backend_options, job, survey, watch, options, call, place.stop, ready)


def _survey(
    place: SessionContext,
    request: MapRequest,
    state: MapState,
    sizer: GroupSizer,
    watch: Watch,
    out: ResultReceiver | None,
    pset_options: PsetOptions,
) -> Survey:
    """Return the survey, with what earlier runs of its checkpoint have done taken up."""
    options = request.options
    say = watch.console.say
    keep = place.next_steps.keep_results()
    program = program_to_store(options, request.func)  # may take long; Ctrl-C may end it
    with watch.signals if program else nullcontext():  # a checkpoint that is opened is always closed
        checkpoint = open_checkpoint(options, program, state, say, partial(say, at=0), keep)
        place.begun.callback(_close_here, checkpoint, os.getpid())
    survey = Survey(
        state=state,
        backend=place.backend,
        queue=PsetQueue(range(0), pset_options),  # `resume` fills it
        watcher=watch,
        clock=time.monotonic,
        sizer=sizer,
        retry=RetryPolicy(options.retries),
        checkpoint=UninterruptedCheckpoint(checkpoint, watch.signals.noted),
        out=out,
        options=pset_options,
        deadline=Deadline(options.timeout),
        max_failures=options.max_failures,
        longest_first=options.order == "longest",
        in_batches=bool(options.batch),
    )
    try:
        survey.resume(range(len(state.source)))
    except BaseException as error:
        checkpoint.close(status_of(error))
        raise
    if state.progress.resumed:
        watch.console.say(
            f"{state.progress.resumed} psets were finished before: "
            f"they are taken from the checkpoint {options.checkpoint!r}"
        )
    return survey


def _close_here(checkpoint: Checkpoint, owner: int) -> None:
    """Close a checkpoint that is still open, unless in a process that was forked off: it is the parent's."""
    if os.getpid() == owner:
        checkpoint.close(Status.INTERRUPTED)


def _expected_seconds(place: SessionContext, request: MapRequest, source: PsetSource) -> float | None:
    """Return how long a pset will probably take, where a wrong guess costs little.

    It costs much where workers give nothing back; with an iterator, which would be read too far ahead; and
    with `max_failures`, for more psets than necessary could fail.
    """
    from paramsurvey.params.sources import PsetStream

    can_recall = getattr(place.backend, "can_recall", False)  # backends of others may not have said so
    if not can_recall or isinstance(source, PsetStream) or request.options.max_failures is not None:
        return None
    return place.last.seconds_of(request.func)


def _sizer(options: Options, expected_seconds: float | None) -> GroupSizer:
    if not options.batch:
        return GroupSizer(options.group_size, expected_seconds=expected_seconds)
    return BatchSizer(None if options.batch is True else options.batch, options.timeout)


def _check_batch(options: Options) -> None:
    if options.batch and options.group_size is not None:
        raise OptionError(
            "batch= and group_size= exclude each other, because a batch is a group: "
            "leave group_size= out, and give batch=1000 for at most 1000 psets at a time"
        )


def _job(place: SessionContext, request: MapRequest, source: PsetSource, chdir: str) -> Job:
    options = request.options
    arguments = pack_arguments(options.user_kwargs, options.system_kwargs or {})
    code = JobCode(request.func, arguments, source.decoder(), options.retry_on)
    found: list[CodeType] = []
    packed, buffers = _pickled(code, found)
    worker_init = None
    if options.worker_init is not None:
        dump = partial(dump_code, on_code=found.append)
        worker_init = dumps(options.worker_init, "worker_init", dump)
    return Job(
        key=uuid.uuid4().hex,
        name=options.name,
        code=packed,
        buffers=buffers,
        chdir=chdir,
        backend=place.backend.name,
        path=tuple(map(os.path.abspath, sys.path)),
        source_lines=source_lines_to_send(found),
        main=main_file.current(),
        environment=place.environment,
        show_chdir=options.chdir is not None,
        out_subdirs=options.out_subdirs,
        keep_groups=options.group_size is not None or bool(options.batch),
        in_batches=bool(options.batch),
        wants_results=bool(
            options.keep_results or options.out_func or options.checkpoint or request.iterates
        ),
        worker_init=worker_init,
        timeout=options.timeout,
        max_memory=options.max_worker_memory,
        capture=_capturing(place, options),
    )


def _capturing(place: SessionContext, options: Options) -> CaptureSettings:
    mode, backend = options.capture_output, place.backend
    if mode not in backend.captures:
        possible = " or ".join(repr(one.value) for one in sorted(backend.captures))
        raise OptionError(
            f"the {backend.name} backend cannot do capture_output={mode.value!r}: "
            f"choose {possible}, or another backend"
        )
    return CaptureSettings(mode, place.log.stem(), labels=options.verbose >= 3)


def _out_caller(options: Options, chdir: str, progress: MapProgress, watch: Watch) -> OutFuncCaller | None:
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
    return OutFuncCaller(options.out_func, system_kwargs, options.user_kwargs, watch.console.complain)


def _take_options(backend: Backend, source: PsetSource) -> PsetOptions:
    """Return every pset's own options for the backend, from its key of the backend's name.

    The psets get them with the backend's own names: what was given as num_cores is num_cpus wherever it is
    read.
    """
    from paramsurvey.params.sources import PsetList, PsetTable, cell_list

    if backend.name not in source.names:
        return None
    given = cell_list(source.columns(range(len(source)))[backend.name])
    taken = [backend.check_options(own) if isinstance(own, Mapping) else None for own in given]
    if isinstance(source, (PsetList, PsetTable)):
        psets = zip(given, taken, strict=True)
        source.replace(backend.name, [was if own is None else dict(own) for was, own in psets])
    return taken


def _call(request: MapRequest, job: Job, pset_options: PsetOptions) -> WorkerCall:
    """Return how the function is called, for calling it again."""
    from paramsurvey.results.missing import WorkerCall

    options = request.options
    system_kwargs = {**(options.system_kwargs or {}), "name": job.name}
    if job.show_chdir:
        system_kwargs["chdir"] = job.chdir
    return WorkerCall(
        request.func,
        options.user_kwargs,
        system_kwargs,
        job.chdir,
        job.out_subdirs,
        job.backend,
        pset_options,
        options.worker_init,
        bool(options.batch),
    )


def check_current_directory() -> None:
    """Refuse to work in a directory that is no more: paths mean nothing there, and no worker can start.

    Raises
    ------
    DirectoryMissing
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise DirectoryMissing(
            "the current directory was removed: change into one that exists, by os.chdir, and try again"
        ) from None


def _directory(chdir: str | None) -> str:
    check_current_directory()
    path = os.path.abspath(chdir or ".")
    if not os.path.isdir(path):
        raise DirectoryMissing(f"chdir={chdir!r} is no directory: create it first, or leave it out")
    return path


def load_pandas() -> None:
    """Import pandas, while the workers start."""
    if "pandas" in sys.modules:
        return
    try:
        with without_collector():
            import pandas  # noqa: F401  (others use it, and find it loaded)
    except KeyboardInterrupt as error:
        raise interrupted_at_start(error) from None


def _pickled(code: JobCode, found: list[CodeType]) -> tuple[bytes, tuple[Any, ...]]:
    """Pickle all parts together, for they may share functions and classes; if it fails, find out which it is.

    Returns the pickle, and the large buffers that stand beside it; `found` gets the code objects in it.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        dump = partial(dump_code, out_of_band=buffers.append, on_code=found.append)
        return dumps(code, "the worker function with its arguments", dump), tuple(buffers)
    except NotPicklable:
        dumps(code.function, "the worker function")
        dumps(code.decoder, "psets")
        raise
