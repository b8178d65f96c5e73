"""The default backend: worker processes on this machine, each on a connection of its own.

No queue is shared, so a worker that dies takes nothing with it but the pset that it ran.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramsurvey.backends.answers import AnswerUnreadable, read_answer
from paramsurvey.backends.multiprocessing import worker_failures
from paramsurvey.backends.multiprocessing.channel import ConnectionGarbled
from paramsurvey.backends.multiprocessing.child import HELLO
from paramsurvey.backends.multiprocessing.output_relay import OutputRelay
from paramsurvey.backends.multiprocessing.pool_worker import PoolWorker
from paramsurvey.backends.multiprocessing.shared_job import SharedJob
from paramsurvey.backends.multiprocessing.spare_workers import SpareWorkers
from paramsurvey.backends.multiprocessing.worker_set import WorkerSet
from paramsurvey.backends.reloaded_modules import Reloads
from paramsurvey.engine.backend import Backend, ListsWorkers, Resources, WorkerPlace, no_options
from paramsurvey.transport import main_file
from paramsurvey.transport.messages import (
    Answer,
    Answers,
    CaptureMode,
    Failure,
    Group,
    Job,
    JobRejected,
    LostGroup,
    Reply,
)
from paramsurvey.transport.own_descriptors import descriptors_lost
from paramsurvey.worker.machine import (
    allow_open_files,
    has_gpu,
    host_name,
    total_memory,
    used_memory,
    wanted_workers,
)

if TYPE_CHECKING:
    from paramsurvey.engine.options import Options

LOOK_SECONDS = 0.25  # how often to look for workers that died, or that do nothing
MOST_FAILED_STARTS = 3  # so many workers in a row that end before their first pset end the map
LAST_STEPS_SECONDS = 1.0  # between the end of a worker's connection and its own end; then it is killed
LEAST_STALL_SECONDS = (
    10.0  # a worker may take so long to read a group, or to pack results, whatever `timeout`
)
FILES_PER_WORKER = 8  # open in the driver: a socket, two streams, and what tells of its state
OTHER_FILES = 256


class MultiprocessingBackend:
    """A pool of worker processes.

    `capacity` workers wait for a group. Each other worker runs one, and may have another in reserve, so that
    it need not wait for the driver. When workers are lost during a map, or probably will be, there are spare
    workers that have loaded the job, and that take the places of the next ones; see `SpareWorkers`.

    Parameters
    ----------
    options : Options
        ``ncores``, ``max_tasks_per_child`` and ``start_timeout`` count.
    own : mapping
        The backend's own options: there are none.
    first_number : int
        The number of the first worker.
    gpu_ids : sequence, optional
        What ``ray.get_gpu_ids()`` returns in the workers, where Ray has assigned GPUs to this process.
    """

    name = "multiprocessing"
    captures = frozenset(CaptureMode)
    runs_here = False

    def __init__(
        self,
        options: Options,
        own: Mapping[str, Any],
        first_number: int = 1,
        gpu_ids: Sequence[int | str] | None = None,
    ) -> None:
        self.check_options(own)
        self._size = wanted_workers(options.ncores, options.threads_per_worker)
        self._start_timeout = options.start_timeout
        self._owner = os.getpid()
        allow_open_files(OTHER_FILES + FILES_PER_WORKER * self._size)
        self._reloads = Reloads()
        self._tasks = options.max_tasks_per_child
        self._worker_arguments = (self._tasks, first_number, gpu_ids)
        self._relay = OutputRelay()
        self._workers = WorkerSet(self._size, self._relay, *self._worker_arguments)
        self._is_lost = False  # the program has closed file descriptors that lead to the workers
        self._idle: list[PoolWorker] = []
        self._loading: list[PoolWorker] = []  # gave their groups back because they still load the job
        self._busy: dict[int, PoolWorker] = {}  # by group
        self._news: list[Answer] = []
        self._failed_starts = 0
        self._spare_workers = SpareWorkers(self._size)
        self._look_at = 0.0
        self._closed = False
        self._job: Job | None = None
        self._shared_job: SharedJob | None = None
        try:
            self._fill_up()
        except BaseException:
            self.close()
            raise

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse any option: there are none."""
        return no_options(self.name, options)

    # the loop's questions and orders

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Keep the job for the workers, who get it with their first group."""
        if not self._has_its_files():
            self._start_anew()
        self._job = job
        self._shared_job = SharedJob(job)
        self._relay.log_to(job.capture.stem if job.capture.mode is CaptureMode.LOG else None)
        self._failed_starts = 0
        recycles = self._tasks is not None or job.max_memory is not None
        self._spare_workers = SpareWorkers(self._size, losses_are_likely=recycles or job.timeout is not None)
        if self._reloads.since_last_time():
            idle, self._idle = self._idle, []
            for worker in idle:
                self._workers.retire(worker)
            self._fill_up()

    def capacity(self) -> int:
        """Return how many workers wait."""
        return len(self._idle)

    def reserve(self) -> int:
        """Return how many workers run a group and can have another one."""
        return sum(worker.has_place_in_reserve() for worker in self._workers)

    def largest_group(self) -> int | None:
        """Return how many psets the next worker may still run."""
        return self._idle[-1].largest_group() if self._idle else None

    def submit(self, group: Group) -> None:
        """Give a group to a worker that waits; if there is none, to one that has a place in reserve."""
        assert self._shared_job is not None
        worker = self._idle.pop() if self._idle else self._first_with_place_in_reserve()
        if not worker.process.is_connected():
            self._check_files()
        self._busy[group.id] = worker
        worker.give(group, self._shared_job)
        self._workers.watch(worker)

    def _first_with_place_in_reserve(self) -> PoolWorker:
        """Return the one whose group was submitted first: it probably ends first."""
        return next(worker for worker in self._busy.values() if worker.has_place_in_reserve())

    def recall(self, group_id: int) -> None:
        """Ask the group's worker for all psets that it has not begun."""
        worker = self._busy.get(group_id)
        if worker is not None:
            if not worker.process.is_connected():
                self._check_files()
            worker.recall()
            self._workers.watch(worker)

    def poll(self, timeout: float) -> Answers:
        """Return what workers answered, and which of them died; nothing any more when it is closed."""
        if self._closed:
            return []
        wait = 0.0 if self._news else min(timeout, LOOK_SECONDS)
        try:
            for worker, takes_more in self._workers.wait(wait):
                self._serve(worker, takes_more)
        except (OSError, ValueError):
            self._check_files()
            raise
        self._look_after_workers()
        self._have_loaded_ones_wait()
        news, self._news = self._news, []
        return news

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return which pset of a group runs, and for how many seconds."""
        worker = self._busy.get(group_id)
        return None if worker is None else worker.running(group_id)

    def workers(self) -> list[WorkerPlace]:
        """Return the processes of all workers but the spare ones."""
        host = host_name()
        return [
            WorkerPlace(one.number, one.pid, host, one.groups[0] if one.groups else None)
            for one in self._workers
        ]

    def abort(self, group_id: int) -> str:
        """Kill the worker that has the group, and start another one."""
        worker = self._busy.get(group_id)
        if worker is None or os.getpid() != self._owner:
            return ""
        if not self._has_its_files():
            return ""  # nobody has the group any more
        self._end(worker)
        worker.groups.remove(group_id)
        del self._busy[group_id]
        self._return_groups(worker)
        self._fill_up()
        return worker.process.printed

    def end_job(self) -> None:
        """Abort what is still in hand."""
        if os.getpid() != self._owner:
            return  # a process that was forked off has no say over the workers
        if not self._closed and not self._has_its_files():
            self._job = self._shared_job = None
            return
        for group_id in list(self._busy):
            self.abort(group_id)
        for worker in list(self._loading):
            self._end(worker)  # else it might refuse this job when the next one is open
            self._fill_up()
        for spare in list(self._workers.spares):
            self._workers.retire(spare)
        self._news.clear()
        if not self._closed:
            self._relay.finish_lines()
        if self._shared_job is not None:
            self._shared_job.close()
        self._job = self._shared_job = None

    def core_count(self) -> int:
        """Return how many workers there are."""
        return self._size

    def resources(self) -> list[Resources]:
        """Return this machine."""
        return [{"num_cores": self._size, "memory": total_memory()}]

    def close(self) -> None:
        """End all workers: those that wait go by themselves, the others are killed."""
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        if not self._has_its_files():
            return
        self._workers.close()
        self._idle.clear()
        self._loading.clear()
        self._busy.clear()  # a map may still look
        self._relay.close()

    # the files that lead to the workers

    def _has_its_files(self) -> bool:
        """Tell whether the program has left them alone; else let go of all workers."""
        if not self._is_lost and not self._workers.has_its_files():
            self._is_lost = True
            self._workers.abandon(self._shared_job)
            self._idle.clear()
            self._loading.clear()
            self._busy.clear()
            self._news.clear()
        return not self._is_lost

    def _check_files(self) -> None:
        if not self._has_its_files():
            raise descriptors_lost()

    def _start_anew(self) -> None:
        self._relay = OutputRelay()
        self._workers = WorkerSet(self._size, self._relay, *self._worker_arguments)
        self._is_lost = False
        self._fill_up()

    # what workers say

    def _serve(self, worker: PoolWorker, takes_more: bool = False) -> None:
        """Send what is left to send, and read what is there; at the end of the connection, replace it."""
        exited = worker.process.has_exited()  # before reading: then everything that it sent is there
        try:
            if takes_more:
                worker.process.channel.flush()
                self._workers.watch(worker)
            for message in worker.process.channel.receive():
                self._handle_message(worker, message)
                if worker not in self._workers:
                    return
            if exited:
                self._replace_dead(worker)
        except ConnectionGarbled:
            self._stop(worker, worker.last_offset(), worker_failures.garbled_failure())
        except (EOFError, OSError):
            self._replace_dead(worker)

    def _handle_message(self, worker: PoolWorker, message: bytes | bytearray) -> None:
        if message == HELLO:
            if worker.is_ready:
                raise ConnectionGarbled
            worker.greet()
            if worker not in self._workers.spares:
                self._idle.append(worker)
            elif self._shared_job is not None and self._can_be_prepared():
                worker.prepare(self._shared_job)
                self._workers.watch(worker)
            return
        try:
            answer = read_answer(message)
        except AnswerUnreadable as error:
            self._stop(worker, worker.last_offset(), error.failure)
            return
        if not worker.can_say(answer):
            raise ConnectionGarbled
        if worker not in self._workers.spares and worker not in self._loading:
            self._handle_answer(worker, answer)
        elif isinstance(answer, JobRejected):
            self._end(worker)  # the workers that run psets have loaded the job: what they say counts

    def _handle_answer(self, worker: PoolWorker, answer: Answer) -> None:
        self._news.append(answer)
        if isinstance(answer, JobRejected):
            for group_id in worker.groups:
                self._busy.pop(group_id, None)
            worker.groups.clear()
            if worker not in self._idle:
                self._idle.append(worker)
        elif isinstance(answer, Reply):
            self._failed_starts = 0
            worker.take_note(answer)
            if answer.done:
                self._busy.pop(answer.group_id, None)
                self._go_on(worker)

    def _go_on(self, worker: PoolWorker) -> None:
        """A group is over: the worker waits when it was the last one, or is replaced if it has run enough."""
        if worker.groups:
            return
        if not worker.is_used_up():
            (self._idle if worker.has_loaded_job() else self._loading).append(worker)
            return
        self._spare_workers.note_replacement()
        self._workers.retire(worker)
        self._fill_up()

    def _have_loaded_ones_wait(self) -> None:
        """Workers that gave a group back get another one when they can begin it: else it would come back."""
        for worker in [one for one in self._loading if one.has_loaded_job()]:
            self._loading.remove(worker)
            self._idle.append(worker)

    # workers that end

    def _look_after_workers(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        self._check_files()
        for worker in self._workers.with_spares():
            if worker.process.has_exited():
                self._serve(worker)
            elif worker.seconds_starting() > self._start_timeout:
                self._stop_starting(worker)
            elif self._is_stalled(worker):
                self._stop(
                    worker, None, worker_failures.stalled_failure(worker.process, self._stall_seconds())
                )
        self._workers.end_retired()
        if self._job is not None and self._job.max_memory is not None:
            self._stop_workers_over_memory(self._job.max_memory)
        self._fill_up()
        if self._busy:
            self._workers.start_spare(self._spare_workers.wanted(list(self._workers)))

    def _stall_seconds(self) -> float:
        timeout = None if self._job is None else self._job.timeout
        return float("inf") if timeout is None else max(timeout, LEAST_STALL_SECONDS)

    def _is_stalled(self, worker: PoolWorker) -> bool:
        return worker.seconds_stalled() > self._stall_seconds()

    def _stop_workers_over_memory(self, limit: int) -> None:
        """Stop workers whose running pset needs too much; between psets, a worker notices by itself."""
        for worker in list(self._busy.values()):
            running = worker.running(worker.groups[0]) if worker.groups else None
            if running is None or running[1] < LOOK_SECONDS:
                continue
            held = used_memory(worker.pid)
            if held > limit:
                self._stop(worker, running[0], worker_failures.over_memory_failure(held, limit))

    def _stop(self, worker: PoolWorker, offset: int | None, failure: Failure) -> None:
        """Kill a worker, report why its first group is lost, and start another one."""
        self._check_files()
        self._end(worker)
        self._lose(worker, offset, failure)
        self._fill_up()

    def _replace_dead(self, worker: PoolWorker) -> None:
        """Report what a dead worker had in hand, and start another one in its place."""
        self._check_files()
        self._forget(worker)
        process = worker.process
        process.await_exit(LAST_STEPS_SECONDS)
        code = process.end(self._output_stem())
        self._lose(worker, worker.last_offset(), worker_failures.crash_failure(process, code))
        if not worker.ever_ran():
            self._failed_starts += 1
        if self._failed_starts >= MOST_FAILED_STARTS:
            self._failed_starts = 0
            raise worker_failures.never_started(MOST_FAILED_STARTS, process, code)
        self._fill_up()

    def _stop_starting(self, worker: PoolWorker) -> None:
        """Replace a worker that does not start, or load the job; end the map when no worker ever did."""
        others = [other for other in self._workers if other is not worker]
        main, was_ready = main_file.current(), worker.is_ready
        self._forget(worker)
        code = worker.process.end(ask_where=True)
        self._lose(worker, None, worker_failures.crash_failure(worker.process, code))
        if any(other.ever_ran() or (other.is_ready and not was_ready) for other in others):
            self._fill_up()
        elif main is not None and not was_ready:
            raise worker_failures.main_file_blocks(main, worker.process, self._start_timeout)
        else:
            raise worker_failures.loading_blocks(worker.process, self._start_timeout)

    def _lose(self, worker: PoolWorker, offset: int | None, failure: Failure) -> None:
        """Report that the first group of a worker is lost, and that the others are as they were."""
        if worker.groups:
            failure = replace(failure, ran=worker.last_run())
            group_id = worker.groups.popleft()
            self._busy.pop(group_id, None)
            self._news.append(LostGroup(group_id, failure, offset))
        self._return_groups(worker)

    def _return_groups(self, worker: PoolWorker) -> None:
        """Report that the groups in reserve have not begun."""
        while worker.groups:
            group_id = worker.groups.popleft()
            self._busy.pop(group_id, None)
            self._news.append(Reply(group_id, 0, 0))

    def _end(self, worker: PoolWorker) -> None:
        self._forget(worker)
        worker.process.end(self._output_stem())

    def _output_stem(self) -> str:
        return "" if self._job is None else self._job.capture.stem

    def _forget(self, worker: PoolWorker) -> None:
        """A worker is lost: it gets nothing any more."""
        if worker.groups:
            self._spare_workers.note_loss(len(self._workers.spares), self._workers.has_ready_spare())
        self._workers.remove(worker)
        for waiting in (self._idle, self._loading):
            if worker in waiting:
                waiting.remove(worker)

    def _fill_up(self) -> None:
        self._idle.extend(self._workers.fill_up())

    def _can_be_prepared(self) -> bool:
        """Tell whether a spare worker can load the job: not where worker_init may choose a GPU by number."""
        return self._job is not None and (self._job.worker_init is None or not has_gpu())


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = MultiprocessingBackend(DEFAULTS, {})
    _lists: ListsWorkers = MultiprocessingBackend(DEFAULTS, {})
