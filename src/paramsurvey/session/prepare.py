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
from paramsurvey.fast_import import garbage_collection_off
from paramsurvey.reporting.console import Console, warn
from paramsurvey.reporting.next_steps import NextSteps
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.reporting.reporters.selection import check_metrics
from paramsurvey.reporting.signals import DeferredSignals
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
"""Each pset's own options for the backend; None if no pset has any."""


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What a session provides for its maps.

    Parameters
    ----------
    backend : Backend
    log : RunLog
    environment : mapping
        Defaults for the workers' environment variables.
    next_steps : NextSteps
        Says, at the end, what to type next.
    stop : Event
        Set when the session is closed: the map ends before its next round.
    last_function : LastFunction
        Knows how long psets take, if the last map had the same function.
    cleanup : ExitStack
        Gets what must be ended even if an interruption comes before the map runs.
    """

    backend: Backend
    log: RunLog
    environment: Mapping[str, str]
    next_steps: NextSteps
    stop: threading.Event
    last_function: LastFunction
    cleanup: ExitStack


@dataclass(frozen=True, slots=True)
class MapRequest:
    """What the user asked for.

    Parameters
    ----------
    func, psets
        As given to `paramsurvey.map`.
    options : Options
    backend_options : mapping
        What was given as ``<backend name>={...}``.
    iterates : bool
        Whether the caller iterates over the psets as they are done.
    columns_only : bool
        Whether the caller needs no DataFrame of the results, so that pandas may not have to be loaded.
    """

    func: WorkerFunction
    psets: Any
    options: Options
    backend_options: Mapping[str, Any]
    iterates: bool = False
    columns_only: bool = False


def prepare(context: SessionContext, request: MapRequest) -> MapRun:
    """Return a map that can run.

    Raises
    ------
    WorkerFunctionError, PsetError, NotPicklable, OptionError, DirectoryMissing, PackageMissing,
    CheckpointError
        It says what is wrong with what was given.
    """
    if not request.columns_only:
        load_pandas()
    from paramsurvey.params.sources import PsetList, as_source, name_if_exhausted

    backend, options = context.backend, request.options
    check_worker_function(request.func)
    _check_batch(options)
    backend_options = backend.check_options(request.backend_options)
    chdir = _check_chdir(options.chdir)
    check_metrics(options)
    if options.verbose > 0 and (used_up := name_if_exhausted(request.psets)):
        warn(f"psets is {used_up}, which is used up and has no psets left: make a new one, or give a list")
    source = as_source(request.psets, options.limit, options.pset_types)
    say = Console(context.log, options.verbose).say
    sizer = _make_sizer(options, _expected_seconds(context, request, source))
    request = replace(request, func=as_worker_function(request.func, source, options, backend.name, say))
    if isinstance(source, PsetList) and (request.iterates or options.out_func is not None):
        source.convert()  # now, because the caller's code may change the dicts between two groups
    pset_options = _check_pset_options(backend, source)
    job = _make_job(context, request, source, chdir)
    stats = PerfStats(vstats=options.vstats, emit=context.log.write)
    progress = MapProgress(options.name, len(source))
    state = MapState(source, Collector(options.keep_results), progress, stats)
    watch = Watch(context.log, backend.runs_here, options, stats, context.next_steps)
    ready: deque[dict[str, Any]] = deque()
    out: ResultReceiver | None = _make_out_caller(options, chdir, progress, watch)
    out = ResultFeed(ready, out) if request.iterates else out
    survey = _make_survey(context, request, state, sizer, watch, out, pset_options)
    call = None if request.columns_only else _make_worker_call(request, job, pset_options)
    return MapRun(backend, backend_options, job, survey, watch, options, call, context.stop, ready)


def _make_survey(
    context: SessionContext,
    request: MapRequest,
    state: MapState,
    sizer: GroupSizer,
    watch: Watch,
    out: ResultReceiver | None,
    pset_options: PsetOptions,
) -> Survey:
    """Return the survey, with what earlier runs have left in its checkpoint."""
    options = request.options
    say = watch.console.say
    keep = context.next_steps.keep_results()
    program = program_to_store(options, request.func)  # may take long, so Ctrl-C may end it
    with watch.signals if program else nullcontext():  # no Ctrl-C between opening and arranging to close it
        checkpoint = open_checkpoint(options, program, state, say, partial(say, at=0), keep)
        context.cleanup.callback(_close_unless_forked, checkpoint, os.getpid())
    survey = Survey(
        state=state,
        backend=context.backend,
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


def _close_unless_forked(checkpoint: Checkpoint, owner: int) -> None:
    """Close a checkpoint that is still open, but not in a forked child: it belongs to the parent."""
    if os.getpid() == owner:
        checkpoint.close(Status.INTERRUPTED)


def _expected_seconds(context: SessionContext, request: MapRequest, source: PsetSource) -> float | None:
    """Return how long a pset will probably take; None if it is not known or a wrong guess would cost much.

    It costs much if psets cannot be recalled from the workers; with an iterator, which would be read too far
    ahead; and with `max_failures`, because more psets than necessary could fail.
    """
    from paramsurvey.params.sources import PsetStream

    can_recall = getattr(context.backend, "can_recall", False)  # other people's backends may lack it
    if not can_recall or isinstance(source, PsetStream) or request.options.max_failures is not None:
        return None
    return context.last_function.seconds_of(request.func)


def _make_sizer(options: Options, expected_seconds: float | None) -> GroupSizer:
    if not options.batch:
        return GroupSizer(options.group_size, expected_seconds=expected_seconds)
    return BatchSizer(None if options.batch is True else options.batch, options.timeout)


def _check_batch(options: Options) -> None:
    if options.batch and options.group_size is not None:
        raise OptionError(
            "batch= and group_size= cannot both be given, because a batch is a group: "
            "leave group_size= out, and give batch=1000 for at most 1000 psets at a time"
        )


def _make_job(context: SessionContext, request: MapRequest, source: PsetSource, chdir: str) -> Job:
    options = request.options
    arguments = pack_arguments(options.user_kwargs, options.system_kwargs or {})
    code = JobCode(request.func, arguments, source.decoder(), options.retry_on)
    found: list[CodeType] = []
    packed, buffers = _pickle_code(code, found)
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
        backend=context.backend.name,
        path=tuple(map(os.path.abspath, sys.path)),
        source_lines=source_lines_to_send(found),
        main=main_file.current(),
        environment=context.environment,
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
        capture=_capture_settings(context, options),
    )


def _capture_settings(context: SessionContext, options: Options) -> CaptureSettings:
    mode, backend = options.capture_output, context.backend
    if mode not in backend.captures:
        possible = " or ".join(repr(each.value) for each in sorted(backend.captures))
        raise OptionError(
            f"the {backend.name} backend cannot do capture_output={mode.value!r}: "
            f"choose {possible}, or another backend"
        )
    return CaptureSettings(mode, context.log.stem(), labels=options.verbose >= 3)


def _make_out_caller(
    options: Options, chdir: str, progress: MapProgress, watch: Watch
) -> OutFuncCaller | None:
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


def _check_pset_options(backend: Backend, source: PsetSource) -> PsetOptions:
    """Return each pset's own options for the backend, which are in its key with the backend's name.

    The psets themselves get the checked options, with the backend's own names: num_cores becomes num_cpus.
    """
    from paramsurvey.params.sources import PsetList, PsetStream, PsetTable, cell_list

    if isinstance(source, PsetStream):
        source.backend = backend.name  # it refuses them when it reads psets that have any
    if backend.name not in source.names:
        return None
    given = cell_list(source.columns(range(len(source)))[backend.name])
    checked = [backend.check_options(own) if isinstance(own, Mapping) else None for own in given]
    if isinstance(source, (PsetList, PsetTable)):
        psets = zip(given, checked, strict=True)
        source.replace(backend.name, [was if own is None else dict(own) for was, own in psets])
    return checked


def _make_worker_call(request: MapRequest, job: Job, pset_options: PsetOptions) -> WorkerCall:
    """Return how the function is called, so that it can be called again."""
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
    """Refuse to work in a directory that was removed: paths mean nothing there, and workers cannot start.

    Raises
    ------
    DirectoryMissing
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise DirectoryMissing(
            "the current directory was removed: change to one that exists with os.chdir, and try again"
        ) from None


def _check_chdir(chdir: str | None) -> str:
    """Return the absolute path of the workers' directory, if it exists."""
    check_current_directory()
    path = os.path.abspath(chdir or ".")
    if not os.path.isdir(path):
        if chdir is None:
            raise DirectoryMissing(
                f"workers cannot enter the current directory, {path!r}: "
                "change to one that exists with os.chdir, and try again"
            )
        raise DirectoryMissing(f"chdir={chdir!r} is not a directory: create it first, or leave it out")
    return path


def load_pandas() -> None:
    """Import pandas, while the workers start. Ctrl-C waits for that: half of it cannot be imported again."""
    if "pandas" in sys.modules:
        return
    try:
        with DeferredSignals() as signals, garbage_collection_off():
            signals.check()  # from now on, a second Ctrl-C does not wait
            import pandas  # noqa: F401  (so that others find it loaded)
    except KeyboardInterrupt as error:
        raise interrupted_at_start(error) from None


def _pickle_code(code: JobCode, found: list[CodeType]) -> tuple[bytes, tuple[Any, ...]]:
    """Pickle all parts together, because they may share functions and classes; if that fails, say which part.

    Returns the pickle and its large out-of-band buffers; the code objects in it are appended to `found`.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        dump = partial(dump_code, out_of_band=buffers.append, on_code=found.append)
        return dumps(code, "the worker function with its arguments", dump), tuple(buffers)
    except NotPicklable:
        dumps(code.function, "the worker function")
        dumps(code.decoder, "psets")
        raise
