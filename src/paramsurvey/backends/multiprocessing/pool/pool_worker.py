"""One worker of the pool: what it has in hand, and what it has sent."""

from __future__ import annotations

import pickle
from collections import deque
from contextlib import suppress
from time import perf_counter, time

from paramsurvey.backends.multiprocessing.inbox import HEADER, MessageKind
from paramsurvey.backends.multiprocessing.process import WorkerProcess
from paramsurvey.backends.multiprocessing.shared_job import SharedJob
from paramsurvey.transport.messages import Group, JobRejected, Ran, Reply
from paramsurvey.worker.machine import host_name

MOST_GROUPS = 2  # in hand: one that runs, and one in reserve


class PoolWorker:
    """A worker process and its conversation with the driver.

    Parameters
    ----------
    process : WorkerProcess
    number : int
        Its number among the workers.
    max_tasks : int, optional
        How many psets it may run before it is replaced; None: any number.

    Attributes
    ----------
    is_ready : bool
        Whether it has said that it can load jobs.
    groups : deque of int
        The ids of the groups that it has in hand: the first one runs.
    """

    def __init__(self, process: WorkerProcess, number: int, max_tasks: int | None = None) -> None:
        self.process = process
        self.pid = process.pid
        self.number = number
        self.groups: deque[int] = deque()
        self.is_ready = False
        self._tasks_left = max_tasks
        self._outgrown = False
        self._job_key: str | None = None
        self._jobs_sent = 0
        self._recalled: int | None = None  # the group that was recalled; no other may wait behind it
        self._started = perf_counter()
        self._since = self._started  # when it started, or last received or sent something

    # what it has to do

    def give(self, group: Group, job: SharedJob) -> None:
        """Send a group, and the job before it if this worker does not have it yet."""
        self.groups.append(group.id)
        self._since = perf_counter()
        with suppress(OSError):  # it died, as the end of its connection will show
            self.prepare(job)
            header = HEADER.pack(MessageKind.GROUP, group.id)
            self.process.channel.send(header, pickle.dumps(group, protocol=5))

    def prepare(self, job: SharedJob) -> None:
        """Send the job if this worker does not have it yet.

        Raises
        ------
        OSError
            The worker is gone.
        """
        if self._job_key != job.key:
            self._job_key = job.key
            self._jobs_sent += 1
            job.send(self.process.channel)

    def recall(self) -> None:
        """Ask it to give back the psets that it has not begun."""
        self._recalled = self.groups[0] if self.groups else None
        with suppress(OSError):
            self.process.channel.send(HEADER.pack(MessageKind.RECALL, 0))

    def renumber(self, number: int) -> None:
        """Give it the number of the worker whose place it takes."""
        self.number = number
        with suppress(OSError):
            self.process.channel.send(HEADER.pack(MessageKind.NUMBER, number))

    # what it has sent

    def note_ready(self) -> None:
        """Take note that it is ready."""
        self.is_ready = True
        self._since = perf_counter()

    def may_answer(self, answer: object) -> bool:
        """Tell whether this can be its answer to what it has in hand. If not, it was forged."""
        if isinstance(answer, Reply):
            return self.is_ready and answer.group_id in self.groups
        return self.is_ready and isinstance(answer, JobRejected)

    def take_note(self, reply: Reply) -> None:
        """Take note of a reply: whether a group is done, and how much this worker may still run."""
        self._since = perf_counter()
        self._outgrown = self._outgrown or reply.outgrown
        if self._tasks_left is not None:
            self._tasks_left -= reply.stop - reply.start
        if reply.done:
            with suppress(ValueError):
                self.groups.remove(reply.group_id)

    def is_used_up(self) -> bool:
        """Tell whether it has run all the psets that it may, or holds more memory than it may."""
        return self._tasks_left == 0 or self._outgrown

    def largest_group(self) -> int | None:
        """Return how many psets it may still run; None: any number."""
        return self._tasks_left

    def has_place_in_reserve(self) -> bool:
        """Tell whether it can have another group behind the one that runs."""
        has_room = self._tasks_left is None and 0 < len(self.groups) < MOST_GROUPS
        return has_room and self.groups[0] != self._recalled and self.has_loaded_job()

    # what it does now

    def has_loaded_job(self) -> bool:
        """Tell whether it has loaded every job that it was sent, or has found that it cannot."""
        return self.process.mark.jobs[0] == 2 * self._jobs_sent

    def _is_loading(self) -> bool:
        return self.process.mark.jobs[0] % 2 == 1

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return the offset of the group's running pset, and its seconds so far; None if none runs."""
        mark = self.process.mark.running
        group, offset, begun = mark.group[0], mark.offset[0], self._begun()
        if group != group_id or offset < 0 or mark.group[0] != group:
            return None
        return offset, perf_counter() - begun

    def begins_at_once(self, group_id: int) -> bool:
        """Tell whether a group that it has not begun is next, with nothing to keep it from beginning.

        Recalling such a group for another worker gains nothing, since that one would have to begin it, too.
        """
        is_next = bool(self.groups) and self.groups[0] == group_id
        return is_next and self.process.mark.running.group[0] != group_id and self.has_loaded_job()

    def _begun(self) -> float:
        """Return when its last pset began, or when the worker started if the mark has an impossible time."""
        begun = self.process.mark.running.begun[0]
        return begun if self._started <= begun <= perf_counter() else self._started

    def last_offset(self) -> int | None:
        """Return the offset in its first group of the pset that ran when the worker died, if any."""
        mark = self.process.mark.running
        is_first = bool(self.groups) and mark.group[0] == self.groups[0]
        return mark.offset[0] if is_first and mark.offset[0] >= 0 else None

    def last_run(self) -> Ran:
        """Return when and where the pset began that ran when the worker died."""
        running = self.running(self.groups[0]) if self.groups else None
        if running is None:
            return Ran()
        return Ran(running[1], time() - running[1], self.number, host_name())

    def ever_ran(self) -> bool:
        """Tell whether it has ever begun a pset."""
        return self.process.mark.running.begun[0] > 0

    def seconds_starting(self) -> float:
        """Return for how long it has been starting, or loading a job; 0.0 if it is doing neither."""
        return 0.0 if self.is_ready and not self._is_loading() else perf_counter() - self._since

    def seconds_stalled(self) -> float:
        """Return for how long it has had a group in hand without running a pset, sending or receiving."""
        mark = self.process.mark.running
        is_running = bool(self.groups) and mark.group[0] in self.groups and mark.offset[0] >= 0
        if not self.groups or is_running or not self.is_ready or self._is_loading():
            return 0.0
        return perf_counter() - max(self._since, self._begun(), self.process.channel.active)
