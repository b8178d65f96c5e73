"""The runner calls the user's function for each pset of a group, in every worker of every backend.

It loads only the standard library, not numpy, so that a worker starts fast. If the user's function needs
numpy, the function's module imports it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from paramsurvey.errors import INTERRUPTIONS, NotPicklable
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.job_code import JobCode, Pair
from paramsurvey.transport.messages import Answer, Failure, FailureKind, Group, Job, PlainFailure, Reply
from paramsurvey.transport.output_store import Capture
from paramsurvey.transport.pickling import dump_code
from paramsurvey.transport.safe_repr import describe, describe_error, traceback_of, type_name
from paramsurvey.worker.forked_children import end_if_forked
from paramsurvey.worker.job_loading import load_job, worker_state
from paramsurvey.worker.memory_limit import MemoryLimit
from paramsurvey.worker.reply_buffer import ReplyBuffer, unpicklable_failure
from paramsurvey.worker.return_checks import WorkerFunctionMisused, checked_result, checked_timers
from paramsurvey.worker.running_mark import IDLE, RunningMark

if TYPE_CHECKING:
    from paramsurvey.worker.batch_calls import FitHistory

Copied = TypeVar("Copied")

CHECK_SECONDS = 500e-6  # between checks that need system calls (process_time, getcwd), to keep them cheap
REPLY_SECONDS = 0.5  # after this much work, a worker sends its results, so that a crash loses few
LARGEST_REPLY = 16e6  # bytes of pickled objects; a worker that has this many sends them, to save memory
MEMORY_SECONDS = 0.02  # between checks of the worker's memory, if it is limited
READ_ONLY_NOTE = (
    "arrays of 1 MB and more in user_kwargs and system_kwargs are shared by all psets of a worker, "
    "and read-only: work on a copy, as in array.copy()"
)


class Runner:
    """Runs groups of one job. It loads the user's function once.

    Parameters
    ----------
    job : Job
        The function, its arguments, and the settings of the map.
    let_through : tuple of exception classes
        Exceptions that end the run instead of being a pset's failure, such as Ctrl-C in the caller's process.
    reply_seconds : float
        After how many seconds of work to send a reply.

    Attributes
    ----------
    function : callable
        The user's function.
    capture : Capture or None
        Set by the backend's worker before `run`, if output is captured.
    buffer : ReplyBuffer or None
        The results of the running group.
    pool : str
        See `Job`.
    recalled : int or None
        The id of the group of which the driver wants back the psets that have not begun. Another thread may
        set it.
    memory : MemoryLimit
        Whether the worker has held more memory than it may.

    Raises
    ------
    JobNotLoadable
        This process cannot load the main file, the function or its arguments.
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
        self._code: JobCode
        self._code, pair = load_job(job)
        self.function = self._code.function
        self._copy_arguments: Callable[[], Pair] | None = self._code.arguments.copier()
        self._copy_user_kwargs = self._code.arguments.user_copier()
        self._copying_is_costly = self._code.arguments.copying_is_costly
        shares_all = self._copy_arguments is None
        self._user_kwargs = pair[0] if shares_all else None
        self._base = pair[1] if shares_all or self._copy_user_kwargs is not None else {}
        self.capture: Capture | None = None
        self.buffer: ReplyBuffer | None = None
        self.recalled: int | None = None
        self.memory = MemoryLimit(job.max_memory)
        self._fit: FitHistory | None = None  # for batch functions
        self._directory = ""
        self._changes_directory = False  # True: the function does, so we return before every pset
        if job.worker_init is not None:
            self._base["worker_state"] = worker_state(job.worker_init)

    def run(self, group: Group, mark: RunningMark | None = None, number: int = 1) -> Iterator[Reply]:
        """Run a group and yield replies, the last of which is ``done``.

        A group that takes long, or returns large objects, needs several replies. If group sizes adapt, the
        first reply is ``done``, and the driver gets the other psets back, since another worker may be free.
        The same happens if the driver has recalled the group.

        Parameters
        ----------
        group : Group
        mark : RunningMark, optional
            Where the runner writes which pset runs.
        number : int
            The worker's number, which psets find in ``system_kwargs['worker_number']``.
        """
        keep, size = self._job.keep_groups, len(group)
        self.buffer = buffer = self._new_buffer(group, number)
        replied_at = checked_at = perf_counter()
        run = self._run_batch if self._job.in_batches else self._run_psets
        for offset, now in run(group, buffer, mark or RunningMark.private(), number):
            if now - checked_at > MEMORY_SECONDS:
                self.memory.check()
                checked_at = now
            full = now - replied_at > self._reply_seconds or buffer.results.pickled_bytes > LARGEST_REPLY
            over = self.memory.was_exceeded or (self.recalled == group.id and not keep)
            if (over or full) and offset + 1 < size:
                done = over or not keep
                yield buffer.reply(offset + 1, done, self.memory.was_exceeded)
                if done:
                    return
                replied_at = perf_counter()
        self.memory.check()
        yield buffer.reply(size, True, self.memory.was_exceeded)

    def _new_buffer(self, group: Group, number: int) -> ReplyBuffer:
        if self._job.in_batches:
            from paramsurvey.worker.batch_calls import BatchBuffer  # here, because it loads numpy

            return BatchBuffer(group.id, len(group), number)
        can_give_back = not self._job.keep_groups
        return ReplyBuffer(group.id, len(group), can_give_back=can_give_back, worker=number)

    def _run_batch(
        self, group: Group, buffer: ReplyBuffer, mark: RunningMark, number: int
    ) -> Iterator[tuple[int, float]]:
        """Call the function once for all psets of a group; yield (offset, time) as `_run_psets` does."""
        from paramsurvey.worker.batch_calls import BatchBuffer, BatchCalls, FitHistory

        self._fit = self._fit or FitHistory()
        assert isinstance(buffer, BatchBuffer)
        user_kwargs, base, copy = self._user_kwargs, self._system_kwargs(number), self._copier(group, buffer)

        def arguments() -> Pair:
            own_user_kwargs, own_system_kwargs = (user_kwargs, {}) if copy is None else copy()
            return own_user_kwargs, {**own_system_kwargs, **base}

        function = self.function
        if self.capture is not None:
            function = self.capture.around(function, group.rows, mark.offset, buffer.output)
        return BatchCalls(
            function,
            self._code.decoder,
            arguments,
            self._failure,
            self._enter_directory,
            self._subdir_maker(),
            self._let_through,
            self._fit,
            self._job.wants_results,
        ).run(group, buffer, mark)

    def _subdir_maker(self) -> Callable[[int], str] | None:
        return None if self._job.out_subdirs is None else partial(subdir_name, self._job.out_subdirs)

    def _run_psets(
        self, group: Group, buffer: ReplyBuffer, mark: RunningMark, number: int
    ) -> Iterator[tuple[int, float]]:
        """Call the function for every pset; yield (offset, time) every `CHECK_SECONDS` or at the next pset.

        This loop is one function, because a call per pset would slow down tiny psets: see
        benchmarks/throughput.py.
        """
        function, user_kwargs = self.function, self._user_kwargs
        base, copy_user = self._system_kwargs(number), self._copy_user_kwargs
        copy_arguments = self._copier(group, buffer)
        if copy_user is not None and group.options is None:
            copy_arguments = None  # only user_kwargs must be copied
            if self._copying_is_costly:
                copy_user = timed(copy_user, buffer)
        subdir = self._subdir_maker()
        add_result: Callable[[int, dict[Hashable, Any]], None] = buffer.results.add
        add_wall = buffer.walls.append
        mark_offset, mark_begun = mark.offset, mark.begun
        mark.group[0] = group.id
        if self.capture is not None:
            function = self.capture.around(function, group.rows, mark_offset, buffer.output)
        self._enter_directory()
        changes_directory = self._changes_directory
        begun = buffer.start_clocks()
        mark_begun[0] = begun
        check_at = begun  # so that a change of directory is noticed after the first pset
        for offset, pset in enumerate(self._code.decoder.psets(group.rows, group.payload)):
            if changes_directory:
                self._enter_directory()
            raw_stats: dict[str, list[float]] = {}
            mark_offset[0] = offset
            try:
                if copy_arguments is None:
                    system_kwargs = base.copy()
                    if copy_user is not None:
                        user_kwargs = copy_user()
                else:
                    user_kwargs, system_kwargs = copy_arguments()
                    system_kwargs.update(base)
                system_kwargs["raw_stats"] = raw_stats
                if subdir is not None:
                    system_kwargs["out_subdir"] = subdir(group.rows[offset])
                if type(pset) is not dict and not isinstance(pset, dict):  # the first test is faster
                    pset = pset.load()
                result = function(pset, system_kwargs, user_kwargs)
                timers = raw_stats and checked_timers(raw_stats)
                if result is not None:
                    add_result(offset, result if type(result) is dict else checked_result(result))
                if timers:
                    buffer.add_timers(timers)
            except self._let_through:
                raise
            except BaseException as error:  # even SystemExit: sys.exit() in the function fails its pset
                end_if_forked(self._pid, error)
                buffer.failures[offset] = self._failure(error)
                with suppress(WorkerFunctionMisused):
                    buffer.add_timers(checked_timers(raw_stats))
            now = perf_counter()
            add_wall(now - begun)
            if now > check_at:
                end_if_forked(self._pid)
                mark_offset[0] = IDLE
                mark_begun[0] = now
                buffer.read_clocks(now)
                yield offset, now
                add_result = buffer.results.add
                changes_directory = self._changes_directory = changes_directory or self._is_elsewhere()
                now = buffer.start_clocks()
                check_at = now + CHECK_SECONDS
                mark_begun[0] = now
            begun = now
        end_if_forked(self._pid)
        mark_offset[0] = IDLE
        mark_begun[0] = begun
        buffer.read_clocks(begun)

    def _enter_directory(self) -> None:
        os.chdir(self._job.chdir)
        self._directory = os.getcwd()  # for comparison, with links resolved

    def _is_elsewhere(self) -> bool:
        try:
            return os.getcwd() != self._directory
        except OSError:  # it was removed
            return True

    def _system_kwargs(self, number: int) -> dict[str, Any]:
        """Return the items of system_kwargs that are the same for all psets and need no copy."""
        job = self._job
        kwargs = {**self._base, "name": job.name, "worker_number": number}
        if job.show_chdir:
            kwargs["chdir"] = job.chdir
        return kwargs

    def _copier(self, group: Group, buffer: ReplyBuffer) -> Callable[[], Pair] | None:
        """Return a function that makes a pset's user_kwargs and those system_kwargs that must be copied.

        None if nothing must be copied.
        """
        copy, user_kwargs = self._copy_arguments, self._user_kwargs
        options, backend = group.options, self._job.backend
        if copy is not None and self._copying_is_costly:
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
        """Return the failure that an exception is, even if its class makes that hard."""
        try:
            return self._described(error)
        except INTERRUPTIONS:
            raise
        except BaseException as worse:  # even SystemExit
            text = f"<{type_name(error)}, which cannot be described: {type_name(worse)}>"
            return Failure(FailureKind.RAISED, text, retryable=self._code.retry_on is None)

    def _described(self, error: BaseException) -> Failure:
        if isinstance(error, NotPicklable):
            return unpicklable_failure(error)
        if self._code.arguments.has_large_arrays and is_read_only_error(error):
            BaseException.add_note(error, READ_ONLY_NOTE)  # the class may have an add_note of its own
        wanted = self._code.retry_on
        retryable = wanted is None or isinstance(error, wanted)
        if isinstance(error, WorkerFunctionMisused):
            line, trace = f"ValueError({str(error)!r})", f"ValueError: {error}\n"
        elif isinstance(error, PlainFailure):
            line, trace = describe(error), ""
        else:
            line, trace = describe_error(error), traceback_of(error)
        return Failure(FailureKind.RAISED, line, trace, retryable=retryable)


def timed(copy: Callable[[], Copied], buffer: ReplyBuffer) -> Callable[[], Copied]:
    """Return a function that does what `copy` does, and adds its seconds to the buffer's `copying`."""

    def copy_and_measure() -> Copied:
        begun = perf_counter()
        copied = copy()
        buffer.copying += perf_counter() - begun
        return copied

    return copy_and_measure


def is_read_only_error(error: BaseException) -> bool:
    """Tell whether an exception is what numpy raises when a read-only array would be changed."""
    return isinstance(error, ValueError) and "read-only" in describe(error)


def subdir_name(count: int, row: int) -> str:
    """Return the output subdirectory of pset `row`, one of `count`: ``ps`` and a zero-padded number."""
    return f"ps{row % count:0{len(str(count - 1))}d}"


def pickle_reply(answer: Answer) -> bytes:
    """Pickle an answer. The results in it are pickled already, but their keys may be objects."""
    if isinstance(answer, Reply) and all(map(is_immutable, map(type, answer.columns))):
        return pickle.dumps(answer, protocol=5)
    return dump_code(answer)
