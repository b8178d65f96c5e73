"""The default backend: worker processes on this machine, each on a pipe of its own.

No queue is shared, so a worker that dies takes nothing with it but the pset that it ran.
"""

from __future__ import annotations

import os
import pickle
import selectors
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramsurvey.backends.multiprocessing.child import HELLO
from paramsurvey.backends.multiprocessing.output import OutputRelay
from paramsurvey.backends.multiprocessing.process import WorkerProcess, describe_exit
from paramsurvey.backends.multiprocessing.shared_job import SharedJob
from paramsurvey.backends.reloaded_modules import Reloads
from paramsurvey.engine.backend import Backend, Resources, no_options
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport import main_file
from paramsurvey.transport.messages import (
    Answer,
    Answers,
    CaptureMode,
    Failure,
    FailureKind,
    Group,
    Job,
    JobRejected,
    LostGroup,
    Reply,
)
from paramsurvey.transport.safe_repr import describe
from paramsurvey.worker.machine import allow_open_files, total_memory, used_memory, wanted_workers
from paramsurvey.worker.worker_numbers import WorkerNumbers

if TYPE_CHECKING:
    from paramsurvey.engine.options import Options

LOOK_SECONDS = 0.25  # how often to look for dead workers whose pipe a grandchild holds open
START_SECONDS = 120.0  # a worker that is not ready by then never will be: Python itself does not start
IMPORT_SECONDS = 600.0  # the same where it imports the main file first, which may load what is large
MOST_FAILED_STARTS = 3  # so many workers in a row that end before their first pset end the map
LAST_STEPS_SECONDS = 1.0  # between the end of a worker's connection and its own end; then it is killed
FILES_PER_WORKER = 8  # open in the driver: a pipe, two streams, and what tells of its state
OTHER_FILES = 256
GOODBYE_SECONDS = 2.0  # how long workers may take to end by themselves


class MultiprocessingBackend:
    """A pool of `WorkerProcess`.

    Parameters
    ----------
    options : Options
        ``ncores`` and ``max_tasks_per_child`` count.
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
        self._numbers = WorkerNumbers(first_number)
        self._gpu_ids = gpu_ids
        self._size = wanted_workers(options.ncores, options.threads_per_worker)
        self._tasks = options.max_tasks_per_child
        self._owner = os.getpid()
        allow_open_files(OTHER_FILES + FILES_PER_WORKER * self._size)
        self._relay = OutputRelay()
        self._reloads = Reloads()
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, WorkerProcess] = {}  # by pid
        self._idle: list[WorkerProcess] = []
        self._busy: dict[int, WorkerProcess] = {}  # by group
        self._retired: list[WorkerProcess] = []
        self._news: list[Answer] = []
        self._failed_starts = 0
        self._look_at = 0.0
        self._closed = False
        self._job: Job | None = None
        self._parcel: SharedJob | None = None
        try:
            for _ in range(self._size):
                self._start_worker()
        except BaseException:
            self.close()
            raise

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse any option: there are none."""
        return no_options(self.name, options)

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Keep the job for the workers, who get it with their first group."""
        self._job = job
        self._parcel = SharedJob(job)
        self._relay.log_to(job.capture.stem if job.capture.mode is CaptureMode.LOG else None)
        self._failed_starts = 0
        if self._reloads.since_last_time():
            idle, self._idle = self._idle, []
            for worker in idle:
                self._replace(worker)

    def capacity(self) -> int:
        """Return how many workers wait."""
        return len(self._idle)

    def largest_group(self) -> int | None:
        """Return how many psets the next worker may still run."""
        return self._idle[-1].tasks_left if self._idle else None

    def submit(self, group: Group) -> None:
        """Give a group to a waiting worker."""
        assert self._job is not None
        assert self._parcel is not None
        worker = self._idle.pop()
        worker.stem = self._job.capture.stem
        self._busy[group.id] = worker
        worker.give(group, self._parcel)

    def poll(self, timeout: float) -> Answers:
        """Return what workers answered, and which of them died; nothing any more when it is closed."""
        if self._closed:
            return []
        for key, _ in self._selector.select(min(timeout, LOOK_SECONDS)):
            worker: WorkerProcess = key.data
            if worker.pid in self._workers:
                self._read_message(worker)
        self._look_for_dead()
        news, self._news = self._news, []
        return news

    def _read_message(self, worker: WorkerProcess) -> None:
        """Read one message; at the end of the connection, bury the worker."""
        try:
            if worker.connection.poll():
                self._handle_message(worker, worker.connection.recv_bytes())
            elif worker.has_exited():
                self._replace_dead(worker)
        except (EOFError, OSError):
            self._replace_dead(worker)

    def _handle_message(self, worker: WorkerProcess, message: bytes) -> None:
        if message == HELLO:
            worker.ready = True
            self._idle.append(worker)
            return
        try:
            answer = pickle.loads(message)
        except Exception as error:  # a key of a result that is an object may do anything here
            self._drop(worker)  # who knows how far it is with its group?
            worker.end()
            self._lose(worker, None, unreadable_reply_failure(error))
            self._start_worker()
            return
        self._news.append(answer)
        if isinstance(answer, JobRejected):
            self._free(worker)
        elif isinstance(answer, Reply):
            self._failed_starts = 0
            if worker.tasks_left is not None:
                worker.tasks_left -= answer.stop - answer.start
            worker.outgrown = worker.outgrown or answer.outgrown
            if answer.done:
                self._free(worker)

    def _lose(self, worker: WorkerProcess, offset: int | None, failure: Failure) -> None:
        if worker.group_id is not None:
            failure = replace(failure, ran=worker.last_run())
            self._news.append(LostGroup(worker.group_id, failure, offset))

    def _free(self, worker: WorkerProcess) -> None:
        """A worker's group is over: it waits for the next one, or is replaced when it has run enough."""
        if worker.group_id is not None:
            self._busy.pop(worker.group_id, None)
            worker.group_id = None
        if worker.tasks_left == 0 or worker.outgrown:
            self._replace(worker)
        else:
            self._idle.append(worker)

    def _replace(self, worker: WorkerProcess) -> None:
        """Let a worker that has nothing to do go, and hire another one."""
        self._forget(worker)
        worker.hang_up()
        self._retired.append(worker)
        self._start_worker()

    def _look_for_dead(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        for worker in list(self._workers.values()):
            if not worker.ready and now - worker.begun > self._start_seconds():
                self._give_up_waiting(worker)
            elif worker.has_exited() and not worker.connection.poll():
                self._replace_dead(worker)
        for worker in [worker for worker in self._retired if worker.has_exited()]:
            self._retired.remove(worker)
            worker.end()
        if self._job is not None and self._job.max_memory is not None:
            self._stop_workers_over_memory(self._job.max_memory)

    def _stop_workers_over_memory(self, limit: int) -> None:
        """Stop workers whose pset has outgrown the limit; who outgrew it before a pset says so itself."""
        for worker in list(self._busy.values()):
            running = worker.running()
            if running is None or running[1] < LOOK_SECONDS:
                continue
            held = used_memory(worker.pid)
            if held > limit:
                self._drop(worker)
                worker.end()
                self._lose(worker, running[0], over_memory_failure(held, limit))
                self._start_worker()

    def _replace_dead(self, worker: WorkerProcess) -> None:
        """Report what a dead worker had in hand, and hire another one in its place."""
        if worker.pid not in self._workers:
            return
        self._drop(worker)
        worker.await_exit(LAST_STEPS_SECONDS)
        code, offset = worker.end(), worker.last_offset()
        self._lose(worker, offset, crash_failure(worker, code))
        if not worker.ever_ran():
            self._failed_starts += 1
        if self._failed_starts >= MOST_FAILED_STARTS:
            self._failed_starts = 0
            raise WorkerStartError(
                f"{MOST_FAILED_STARTS} workers in a row {describe_exit(code)} before their first pset; "
                f"the last one wrote:\n{worker.last_words() or '(nothing)'}\nSee what it says, and try again."
            )
        self._start_worker()

    def _start_seconds(self) -> float:
        return START_SECONDS if main_file.current() is None else IMPORT_SECONDS

    def _give_up_waiting(self, worker: WorkerProcess) -> None:
        """Replace a worker that does not become ready; end the map when none has ever become so."""
        main = main_file.current()
        if main is None or any(other.ready for other in self._workers.values()):
            self._replace_dead(worker)
            return
        self._drop(worker)
        worker.end()
        raise WorkerStartError(
            f"a worker has not imported the main file {main.path} within {IMPORT_SECONDS:g} seconds; "
            f"it wrote:\n{worker.last_words() or '(nothing)'}\n"
            "Put what must not run in a worker below its `if __name__ == '__main__':`."
        )

    def _start_worker(self) -> None:
        number = self._numbers.take()
        try:
            worker = WorkerProcess(self._relay, self._tasks, main_file.current(), number, self._gpu_ids)
        except BaseException:
            self._numbers.give_back(number)
            raise
        self._workers[worker.pid] = worker
        self._selector.register(worker.connection, selectors.EVENT_READ, worker)
        if worker.pidfd is not None:
            self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)

    def _drop(self, worker: WorkerProcess) -> None:
        self._forget(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.group_id is not None:
            self._busy.pop(worker.group_id, None)

    def _forget(self, worker: WorkerProcess) -> None:
        del self._workers[worker.pid]
        self._numbers.give_back(worker.number)
        self._selector.unregister(worker.connection)
        if worker.pidfd is not None:
            self._selector.unregister(worker.pidfd)

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return which pset of a group runs, and for how many seconds."""
        worker = self._busy.get(group_id)
        return None if worker is None else worker.running()

    def abort(self, group_id: int) -> str:
        """Kill the worker that has the group, and hire another one."""
        worker = self._busy.get(group_id)
        if worker is None:
            return ""
        self._drop(worker)
        worker.end()
        self._start_worker()
        return worker.printed

    def end_job(self) -> None:
        """Abort what is still in hand."""
        for group_id in list(self._busy):
            self.abort(group_id)
        self._news.clear()
        if not self._closed:
            self._relay.finish_lines()
        if self._parcel is not None:
            self._parcel.close()
        self._job = self._parcel = None

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
        workers = [*self._workers.values(), *self._retired]
        for worker in workers:
            with suppress(OSError):
                worker.hang_up()
        deadline = time.monotonic() + GOODBYE_SECONDS
        for worker in workers:
            if worker.group_id is None:
                worker.await_exit(deadline - time.monotonic())
            worker.end()
        self._workers.clear()
        self._retired.clear()
        self._idle.clear()
        self._busy.clear()  # a map may still look
        self._selector.close()
        self._relay.close()


def crash_failure(worker: WorkerProcess, code: int) -> Failure:
    """Return the failure of the pset that a worker ran when it died."""
    words = worker.last_words()
    return Failure(
        FailureKind.CRASHED,
        f"WorkerDied('the worker process {worker.pid} {describe_exit(code)}')",
        output=worker.printed,
        traceback=f"the last lines that the worker wrote on stderr:\n{words}" if words else "",
    )


def over_memory_failure(held: int, limit: int) -> Failure:
    """Return the failure of a pset that made its worker hold more memory than it may."""
    sizes = f"{held / 1e9:.3g} GB, more than max_worker_memory={limit / 1e9:.3g} GB"
    what = f"its worker held {sizes}, and was stopped"
    return Failure(FailureKind.OUT_OF_MEMORY, f"MemoryError({what!r})")


def unreadable_reply_failure(error: Exception) -> Failure:
    """Return the failure of a pset whose result cannot be unpickled in the driver."""
    return Failure(
        FailureKind.UNSENDABLE,
        f'NotPicklable("the result cannot be unpickled here ({describe(error)}): return plain data instead")',
    )


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = MultiprocessingBackend(DEFAULTS, {})
