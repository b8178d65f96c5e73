"""What runs beside the user's function, in every worker of every backend.

Only the standard library is loaded here, not even numpy, so that a worker starts fast; what the
user's function needs, it imports itself.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Protocol, TypeVar

from paramsurvey.errors import NotPicklable, SurveyDuringImport
from paramsurvey.transport import main_file
from paramsurvey.transport.capture import Capture
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.messages import (
    Answer,
    Failure,
    FailureKind,
    Group,
    Job,
    JobCode,
    JobRejected,
    Pair,
    PlainFailure,
    Reply,
)
from paramsurvey.transport.pickling import dump_code
from paramsurvey.transport.safe_repr import describe, traceback_of
from paramsurvey.transport.source_text import add_to_linecache
from paramsurvey.worker import nested_session
from paramsurvey.worker.machine import used_memory
from paramsurvey.worker.reply_buffer import ReplyBuffer, unpicklable_failure

LOOK_SECONDS = 500e-6  # process_time() and getcwd() are system calls: one of each per so much work is cheap
REPLY_SECONDS = 0.5  # who has worked so long sends what there is: little is lost with a worker
MANY = 128  # results that are made columns together, while they are in the processor's cache still
LARGEST_REPLY = 16e6  # bytes of objects: who has so many sends them, so that they do not pile up here
MEMORY_SECONDS = 0.02  # how often a worker asks how much memory it holds, where that is limited
READ_ONLY_NOTE = (
    "arrays of 1 MB and more in user_kwargs and system_kwargs are shared by all psets of a worker, "
    "and read-only: work on a copy, as in array.copy()"
)
IDLE = -1  # in `RunningMark.offset`: no pset is running


T = TypeVar("T")


class SharedCells(Protocol[T]):
    """Memory that is read and written by index: an array, or shared memory."""

    def __getitem__(self, index: int, /) -> T: ...

    def __setitem__(self, index: int, value: T, /) -> None: ...


@dataclass(frozen=True, slots=True)
class RunningMark:
    """Where a worker notes which pset of its group it runs, and since when, for whoever watches it.

    Two memory cells, shared with the driver where the backend can do that.
    """

    offset: SharedCells[int]
    begun: SharedCells[float]  # time.perf_counter(): one clock for all processes of a machine

    @classmethod
    def private(cls) -> RunningMark:
        """Return a mark that nobody else sees."""
        return cls(array("q", [IDLE]), array("d", [0.0]))

    def copy(self) -> RunningMark:
        """Return a private mark that says the same."""
        return RunningMark(array("q", [self.offset[0]]), array("d", [self.begun[0]]))


class JobNotLoadable(Exception):
    """The function or its arguments cannot be loaded here."""

    def refusal(self) -> JobRejected:
        """Return what to answer to the driver."""
        cause = self.__cause__
        return JobRejected(str(self), "" if cause is None else "".join(traceback.format_exception(cause)))


class WorkerFunctionMisused(ValueError):
    """The worker function did not do what a worker function must do; the message says what."""


class Runner:
    """Runs groups of one job with the user's function, which is loaded once.

    Parameters
    ----------
    job : Job
        What is the same for all groups.
    let_through : tuple of exception classes
        Exceptions that end the run instead of being a pset's failure (Ctrl-C in the caller's process).
    reply_seconds : float
        How long to work before replying.

    Raises
    ------
    JobNotLoadable
        When the function or its arguments cannot be unpickled here.
    """

    def __init__(
        self,
        job: Job,
        let_through: tuple[type[BaseException], ...] = (),
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        self._job = job
        self.pool = job.pool
        self._pid = os.getpid()
        self._let_through = let_through
        self._reply_seconds = reply_seconds
        for name, value in job.environment.items():  # before numpy and the like are loaded
            os.environ.setdefault(name, value)
        known = set(map(os.path.abspath, sys.path))
        sys.path[:0] = [entry for entry in job.path if entry not in known]
        add_to_linecache(job.source_lines)
        load_main_file(job.main)
        try:
            with nested_session.loading():
                self._code: JobCode = pickle.loads(job.code, buffers=job.buffers)
                pair = self._code.arguments.private_pair()
        except Exception as error:
            raise not_loadable(
                error,
                f"the workers cannot load the function or its arguments ({describe(error)}); "
                "make the module that it comes from importable for them",
            ) from error
        self.function = self._code.function
        self._copy_arguments: Callable[[], Pair] | None = self._code.arguments.copier()
        self._user_kwargs, self._base = pair if self._copy_arguments is None else (None, {})
        self.capture: Capture | None = None  # set by who runs this, where output is to be captured
        self.buffer: ReplyBuffer | None = None  # of the group that runs
        self._directory = ""
        self._changes_directory = False  # once it is seen to, every pset begins with a return
        if job.worker_init is not None:
            self._base["worker_state"] = worker_state(job.worker_init)

    def run(self, group: Group, mark: RunningMark | None = None, number: int = 1) -> Iterator[Reply]:
        """Run a group and yield replies, the last of them ``done``.

        A group that takes long, or returns large objects, is answered in parts. With adaptive groups
        the first part is also the last: the rest is given back, for another worker may be free.

        Parameters
        ----------
        group : Group
        mark : RunningMark, optional
            Where to note which pset runs.
        number : int
            The worker's.
        """
        keep, size = self._job.keep_groups, len(group)
        self.buffer = buffer = ReplyBuffer(group.id)
        sent = weighed = perf_counter()
        outgrown = False
        for offset, now in self._run_psets(group, buffer, mark or RunningMark.private(), number):
            if now - weighed > MEMORY_SECONDS:
                outgrown, weighed = self._has_outgrown(), now
            full = now - sent > self._reply_seconds or buffer.results.weight > LARGEST_REPLY
            if (outgrown or full) and offset + 1 < size:
                done = outgrown or not keep
                yield buffer.reply(offset + 1, done, outgrown)
                if done:
                    return
                sent = perf_counter()
        yield buffer.reply(size, True, self._has_outgrown())

    def _has_outgrown(self) -> bool:
        limit = self._job.max_memory
        return limit is not None and used_memory() > limit

    def _run_psets(
        self, group: Group, buffer: ReplyBuffer, mark: RunningMark, number: int
    ) -> Iterator[tuple[int, float]]:
        """Call the function for every pset, and look up now and then: yield (offset, time)."""
        function, user_kwargs = self.function, self._user_kwargs
        base, copy_arguments = self._system_kwargs(number), self._copier(group, buffer)
        subdir = None if self._job.out_subdirs is None else partial(subdir_name, self._job.out_subdirs)
        add_result, add_wall = buffer.results.add, buffer.walls.append
        mark_offset, mark_begun = mark.offset, mark.begun
        if self.capture is not None:
            function = self.capture.around(function, group.rows, mark_offset, buffer.output)
        self._enter_directory()
        changes_directory = self._changes_directory
        begun = buffer.start_clocks()
        look_at = begun  # after the first pset already: it shows whether the function changes the directory
        for offset, pset in enumerate(self._code.decoder.psets(group.rows, group.load)):
            if changes_directory:
                self._enter_directory()
            raw_stats: dict[str, list[float]] = {}
            mark_begun[0] = begun
            mark_offset[0] = offset
            try:
                if copy_arguments is None:
                    system_kwargs = base.copy()
                else:
                    user_kwargs, system_kwargs = copy_arguments()
                    system_kwargs.update(base)
                system_kwargs["raw_stats"] = raw_stats
                if subdir is not None:
                    system_kwargs["out_subdir"] = subdir(group.rows[offset])
                if not isinstance(pset, dict):
                    pset = pset.load()
                result = function(pset, system_kwargs, user_kwargs)
                timers = raw_stats and checked_timers(raw_stats)
                if result is not None:
                    add_result(offset, result if type(result) is dict else checked_result(result))
                if timers:
                    buffer.add_timers(timers)
            except self._let_through:
                raise
            except BaseException as error:  # sys.exit() in a worker function is its failure, not our end
                self._end_if_forked(error)
                buffer.failures[offset] = self._failure(error)
                with suppress(WorkerFunctionMisused):
                    buffer.add_timers(checked_timers(raw_stats))
            now = perf_counter()
            add_wall(now - begun)
            if now > look_at:
                self._end_if_forked()
                mark_offset[0] = IDLE
                buffer.read_clocks(now)
                if len(buffer.results) >= MANY:
                    buffer.fold()
                yield offset, now
                changes_directory = self._changes_directory = changes_directory or self._is_elsewhere()
                now = buffer.start_clocks()
                look_at = now + LOOK_SECONDS
            begun = now
        self._end_if_forked()
        mark_offset[0] = IDLE
        buffer.read_clocks(begun)

    def _end_if_forked(self, error: BaseException | None = None) -> None:
        """End a process that the function forked off and that has come out of it: it is no second worker."""
        if os.getpid() == self._pid:
            return
        if error is not None and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        code = error.code if isinstance(error, SystemExit) else error and 1
        os._exit(code if isinstance(code, int) else int(bool(code)))

    def _enter_directory(self) -> None:
        os.chdir(self._job.chdir)
        self._directory = os.getcwd()  # without the links that may be in chdir

    def _is_elsewhere(self) -> bool:
        try:
            return os.getcwd() != self._directory
        except OSError:  # it was removed
            return True

    def _system_kwargs(self, number: int) -> dict[str, Any]:
        """Return what is in the system_kwargs of all psets, where it is not copied for each."""
        job = self._job
        kwargs = {**self._base, "name": job.name, "worker_number": number}
        if job.show_chdir:
            kwargs["chdir"] = job.chdir
        return kwargs

    def _copier(self, group: Group, buffer: ReplyBuffer) -> Callable[[], Pair] | None:
        """Return what makes each pset's user_kwargs and rest of system_kwargs; None: they are shared."""
        copy, user_kwargs = self._copy_arguments, self._user_kwargs
        options, backend = group.options, self._job.backend
        if copy is not None and self._code.arguments.copying_is_costly:
            copy = timed(copy, buffer)
        if options is None:
            return copy
        if copy is None:
            return lambda: (user_kwargs, {backend: dict(options)})

        def copy_with_options() -> Pair:
            own_user_kwargs, system_kwargs = copy()
            return own_user_kwargs, {**system_kwargs, backend: dict(options)}

        return copy_with_options

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, NotPicklable):
            return unpicklable_failure(error)
        if self._code.arguments.has_large_arrays and is_of_read_only_array(error):
            error.add_note(READ_ONLY_NOTE)
        wanted = self._code.retry_on
        retryable = wanted is None or isinstance(error, wanted)
        if isinstance(error, WorkerFunctionMisused):
            line, trace = f"ValueError({str(error)!r})", f"ValueError: {error}\n"
        elif isinstance(error, PlainFailure):
            line, trace = describe(error), ""
        else:
            line, trace = describe(error), traceback_of(error)
        return Failure(FailureKind.RAISED, line, trace, retryable=retryable)


def load_main_file(main: main_file.MainFile | None) -> None:
    """Import the program's main file, if it is one for workers.

    Raises
    ------
    JobNotLoadable
    """
    if main is None:
        main_file.load(None)
        return
    try:
        with nested_session.loading():
            main_file.load(main)
    except (Exception, SystemExit) as error:
        raise not_loadable(
            error,
            f"the workers cannot import the main file {main.path} ({describe(error)}): "
            "put what must not run in them below its `if __name__ == '__main__':`",
        ) from error


def not_loadable(error: BaseException, otherwise: str) -> JobNotLoadable:
    """Return what to tell the driver: what says itself which line is to be changed, else a message."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (SurveyDuringImport, main_file.NotInMainFile)):
        cause = cause.__cause__ or cause.__context__
    return JobNotLoadable(otherwise if cause is None else str(cause))


_initializing = threading.RLock()  # a worker_init may survey, too


def worker_state(code: bytes) -> Any:
    """Return what the user's worker_init returns; in one process it is called once, also for many threads."""
    with _initializing:
        return _initialize(code, os.getpid())


@lru_cache(maxsize=1)
def _initialize(code: bytes, process: int) -> Any:  # what a process has inherited by a fork is another's
    try:
        with nested_session.loading():
            function = pickle.loads(code)
        return function()
    except (Exception, SystemExit) as error:
        raise JobNotLoadable(
            f"worker_init raised {describe(error)} in a worker: mend it, and run the survey again"
        ) from error


def timed(copy: Callable[[], Pair], buffer: ReplyBuffer) -> Callable[[], Pair]:
    """Return `copy`, with a note in the buffer of how long it takes."""

    def copy_and_note() -> Pair:
        begun = perf_counter()
        pair = copy()
        buffer.copying += perf_counter() - begun
        return pair

    return copy_and_note


def is_of_read_only_array(error: BaseException) -> bool:
    """Tell whether numpy raised an exception because an array must not be changed."""
    return isinstance(error, ValueError) and "read-only" in describe(error)


def checked_result(result: Any) -> dict[Any, Any]:
    """Return what the worker function returned, when it is what it must be."""
    if isinstance(result, dict):
        return dict(result)
    raise WorkerFunctionMisused(
        f"the worker function must return a dict or None, and it returned {describe(result, 200)}: "
        "return a dict such as {'answer': ...}"
    )


def checked_timers(raw_stats: Mapping[Any, Any]) -> dict[str, list[float]]:
    """Return what the user's function timed, when all of it is what it must be."""
    return {str(name): checked_seconds(name, seconds) for name, seconds in raw_stats.items()}


def checked_seconds(name: object, seconds: Any) -> list[float]:
    """Return a timer's values, when they are what they must be."""
    try:
        return list(map(float, seconds))
    except (TypeError, ValueError):
        raise WorkerFunctionMisused(
            f"raw_stats[{describe(name)}] must be a list of seconds, and it is {describe(seconds, 200)}: "
            "let stats.record_wallclock fill it"
        ) from None


def subdir_name(count: int, row: int) -> str:
    """Return the output subdirectory of pset `row`, one of `count`: ``ps`` and a zero-padded number."""
    return f"ps{row % count:0{len(str(count - 1))}d}"


def pickle_reply(answer: Answer) -> bytes:
    """Pickle an answer. The results in it are pickled already; their keys may be objects, too."""
    if isinstance(answer, Reply) and all(map(is_immutable, map(type, answer.columns))):
        return pickle.dumps(answer, protocol=5)
    return dump_code(answer)
