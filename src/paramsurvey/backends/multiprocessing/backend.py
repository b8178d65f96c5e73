"""The default backend: worker processes on this machine, each with its own connection.

No queue is shared, so a worker that dies takes nothing with it but the pset that it ran.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paramsurvey.backends.answers import AnswerUnreadable, read_answer
from paramsurvey.backends.multiprocessing.channel import ConnectionGarbled
from paramsurvey.backends.multiprocessing.child import HELLO
from paramsurvey.backends.multiprocessing.output_relay import OutputRelay
from paramsurvey.backends.multiprocessing.pool import worker_failures
from paramsurvey.backends.multiprocessing.pool.groups_in_hand import GroupsInHand
from paramsurvey.backends.multiprocessing.pool.pool_worker import PoolWorker
from paramsurvey.backends.multiprocessing.pool.replacement import WorkerReplacement
from paramsurvey.backends.multiprocessing.pool.worker_files import WorkerFiles
from paramsurvey.backends.multiprocessing.pool.worker_set import WorkerSet
from paramsurvey.backends.multiprocessing.shared_job import SharedJob
from paramsurvey.backends.reloaded_modules import Reloads
from paramsurvey.engine.backend import Backend, ListsWorkers, Resources, WorkerPlace, no_options
from paramsurvey.transport.messages import Answer, Answers, CaptureMode, Group, Job, JobRejected, Reply
from paramsurvey.transport.own_descriptors import never_finalize
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
LEAST_STALL_SECONDS = 10.0  # a worker may take so long to read a group or to pack results, whatever `timeout`
FILES_PER_WORKER = 8  # open in the driver: a socket, two streams, and what tells of its state
OTHER_FILES = 256


class MultiprocessingBackend:
    """A pool of worker processes.

    `capacity` workers wait for a group. Each of the others runs one, and may have another in reserve, so that
    it need not wait for the driver. If workers are lost during a map, or probably will be, there are spare
    workers that have loaded the job and take the places of the next ones lost; see `SpareWorkers`.

    Parameters
    ----------
    options : Options
        ``ncores``, ``threads_per_worker``, ``max_tasks_per_child`` and ``start_timeout`` are used.
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
    can_recall = True

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
        self._max_tasks = options.max_tasks_per_child
        self._worker_arguments = (self._max_tasks, first_number, gpu_ids)
        self._check_at = 0.0
        self._closed = False
        self._job: Job | None = None
        self._shared_job: SharedJob | None = None
        self._make_worker_set()
        try:
            self._replacement.fill_up()
        except BaseException:
            self.close()
            raise

    def _make_worker_set(self) -> None:
        """Make the set of workers, still empty, and what belongs to it."""
        self._relay = OutputRelay()
        self._workers = WorkerSet(self._size, self._relay, *self._worker_arguments)
        self._in_hand = GroupsInHand()
        self._files = WorkerFiles(self._workers, self._in_hand)
        self._replacement = WorkerReplacement(
            self._workers, self._in_hand, self._files, self._size, self._start_timeout
        )

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse any option: there are none."""
        return no_options(self.name, options)

    # what the loop asks and orders

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Keep the job for the workers, each of which gets it with its first group."""
        if os.getpid() != self._owner:  # the workers so far belong to the process that forked this one
            never_finalize(self._workers, self._relay, self._in_hand)
            self._owner = os.getpid()
            self._make_worker_set()
        elif not self._files.are_ours():
            self._make_worker_set()
        self._replacement.fill_up()  # also replaces workers that were loading the last job when it ended
        self._job = job
        self._shared_job = SharedJob(job)
        self._relay.log_to(job.capture.stem if job.capture.mode is CaptureMode.LOG else None)
        recycles = self._max_tasks is not None or job.max_memory is not None
        self._replacement.begin_map(job, losses_are_likely=recycles or job.timeout is not None)
        if self._reloads.any_since_last_call():
            while self._in_hand.waiting:
                self._workers.retire(self._in_hand.waiting.pop(0))
            self._replacement.fill_up()

    def capacity(self) -> int:
        """Return how many workers wait."""
        return len(self._in_hand.waiting)

    def reserve(self) -> int:
        """Return how many workers run a group and can have another."""
        return sum(worker.has_place_in_reserve() for worker in self._workers)

    def largest_group(self) -> int | None:
        """Return how many more psets the next worker may run."""
        waiting = self._in_hand.waiting
        return waiting[-1].largest_group() if waiting else None

    def submit(self, group: Group) -> None:
        """Give a group to a worker that waits; if there is none, to one that has a place in reserve."""
        assert self._shared_job is not None
        worker = self._in_hand.next_worker()
        if not worker.process.is_connected():
            self._files.check()
        self._in_hand.note_given(group.id, worker)
        worker.give(group, self._shared_job)
        self._workers.watch(worker)

    def recall(self, group_id: int) -> None:
        """Ask the group's worker for all psets that it has not begun."""
        worker = self._in_hand.worker_of(group_id)
        if worker is not None:
            if not worker.process.is_connected():
                self._files.check()
            worker.recall()
            self._workers.watch(worker)

    def poll(self, timeout: float) -> Answers:
        """Return what workers answered, and which of them died; nothing once the backend is closed."""
        if self._closed:
            return []
        wait = 0.0 if self._in_hand.has_answers() else min(timeout, LOOK_SECONDS)
        try:
            for worker, takes_more in self._workers.wait(wait):
                self._serve(worker, takes_more)
        except (OSError, ValueError):
            self._files.check()
            raise
        self._look_after_workers()
        self._in_hand.let_loaded_workers_wait()
        return self._in_hand.take_answers()

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return which pset of a group runs, or begins at once, and for how many seconds it has run."""
        worker = self._in_hand.worker_of(group_id)
        if worker is None:
            return None
        return worker.running(group_id) or ((0, 0.0) if worker.begins_at_once(group_id) else None)

    def workers(self) -> list[WorkerPlace]:
        """Return the processes of all workers but the spare ones."""
        host = host_name()
        return [
            WorkerPlace(worker.number, worker.pid, host, worker.groups[0] if worker.groups else None)
            for worker in self._workers
        ]

    def abort(self, group_id: int) -> str:
        """Kill the worker that has the group, and start another."""
        worker = self._in_hand.worker_of(group_id)
        if worker is None or os.getpid() != self._owner:
            return ""
        if not self._files.are_ours():
            return ""  # no worker has the group any more
        self._replacement.end(worker)
        self._in_hand.take_away(group_id)
        self._in_hand.give_back(worker)
        self._replacement.fill_up()
        return worker.process.printed

    def end_job(self) -> None:
        """Abort what is still in hand."""
        if os.getpid() != self._owner:
            return  # the workers belong to the process that this one was forked from
        if self._closed or self._files.are_ours():
            self._take_job_from_workers()
        else:
            never_finalize(self._shared_job)
        self._job = self._shared_job = None

    def _take_job_from_workers(self) -> None:
        for group_id in self._in_hand:
            self.abort(group_id)
        for worker in list(self._in_hand.loading):
            self._replacement.end(worker)  # or it might reject this job when the next one is open
        for spare in list(self._workers.spares):
            self._workers.retire(spare)
        self._in_hand.take_answers()
        self._replacement.end_map()
        if not self._closed:
            self._relay.finish_lines()
        if self._shared_job is not None:
            self._shared_job.close()

    def core_count(self) -> int:
        """Return how many workers there are."""
        return self._size

    def resources(self) -> list[Resources]:
        """Return this machine."""
        return [{"num_cores": self._size, "memory": total_memory()}]

    def close(self) -> None:
        """End all workers: those that wait end by themselves, the others are killed."""
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        if not self._files.are_ours():
            return
        self._workers.close()
        self._in_hand.clear()  # a map may still look
        self._relay.close()

    # what workers send

    def _serve(self, worker: PoolWorker, takes_more: bool = False) -> None:
        """Send what is left to send, and read what has arrived; replace a worker that has hung up."""
        exited = worker.process.has_exited()  # before reading, so that everything that it sent has arrived
        try:
            if takes_more:
                worker.process.channel.flush()
                self._workers.watch(worker)
            for message in worker.process.channel.receive():
                self._handle_message(worker, message)
                if worker not in self._workers:
                    return
            if exited:
                self._replacement.replace_dead(worker)
        except ConnectionGarbled:
            self._replacement.stop(worker, worker.last_offset(), worker_failures.garbled_failure())
        except (EOFError, OSError):
            self._replacement.replace_dead(worker)

    def _handle_message(self, worker: PoolWorker, message: bytes | bytearray) -> None:
        if message == HELLO:
            self._handle_hello(worker)
            return
        try:
            answer = read_answer(message)
        except AnswerUnreadable as error:
            self._replacement.stop(worker, worker.last_offset(), error.failure)
            return
        if not worker.may_answer(answer):
            raise ConnectionGarbled
        if worker not in self._workers.spares and worker not in self._in_hand.loading:
            self._handle_answer(worker, answer)
        elif isinstance(answer, JobRejected):
            self._replacement.end(worker)  # not reported, since workers that run psets have loaded the job

    def _handle_hello(self, worker: PoolWorker) -> None:
        if worker.is_ready:
            raise ConnectionGarbled
        worker.note_ready()
        if worker not in self._workers.spares:
            self._in_hand.waiting.append(worker)
        elif self._shared_job is not None and self._can_be_prepared():
            worker.prepare(self._shared_job)
            self._workers.watch(worker)

    def _can_be_prepared(self) -> bool:
        """Tell whether a spare worker can load the job: not where worker_init may choose a GPU by number."""
        return self._job is not None and (self._job.worker_init is None or not has_gpu())

    def _handle_answer(self, worker: PoolWorker, answer: Answer) -> None:
        """Keep an answer. A worker whose groups are done waits for more, or is replaced if it is used up."""
        self._in_hand.add_answer(worker, answer)
        if not isinstance(answer, Reply):
            return
        self._replacement.note_reply()
        if not answer.done or worker.groups:
            return
        if worker.is_used_up():
            self._replacement.retire_used_up(worker)
        else:
            self._in_hand.let_wait(worker)

    # workers that hang, or need too much memory

    def _look_after_workers(self) -> None:
        now = time.monotonic()
        if now < self._check_at:
            return
        self._check_at = now + LOOK_SECONDS
        self._files.check()
        for worker in self._workers.with_spares():
            self._look_after(worker)
        self._workers.end_retired()
        if self._job is not None and self._job.max_memory is not None:
            self._stop_workers_over_memory(self._job.max_memory)
        self._replacement.fill_up()
        if self._in_hand.busy_workers():
            self._replacement.start_spare()

    def _look_after(self, worker: PoolWorker) -> None:
        if worker.process.has_exited():
            self._serve(worker)
        elif worker.seconds_starting() > self._start_timeout:
            self._replacement.stop_starting(worker)
        elif worker.seconds_stalled() > (limit := self._stall_seconds()):
            self._replacement.stop(worker, None, worker_failures.stalled_failure(worker.process, limit))

    def _stall_seconds(self) -> float:
        timeout = None if self._job is None else self._job.timeout
        return float("inf") if timeout is None else max(timeout, LEAST_STALL_SECONDS)

    def _stop_workers_over_memory(self, limit: int) -> None:
        """Stop workers whose running pset needs too much; between psets, a worker notices that itself."""
        for worker in self._in_hand.busy_workers():
            running = worker.running(worker.groups[0]) if worker.groups else None
            if running is None or running[1] < LOOK_SECONDS:
                continue
            held = used_memory(worker.pid)
            if held > limit:
                failure = worker_failures.over_memory_failure(held, limit)
                self._replacement.stop(worker, running[0], failure)


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = MultiprocessingBackend(DEFAULTS, {})
    _lists: ListsWorkers = MultiprocessingBackend(DEFAULTS, {})
