"""Which worker has which group, which workers wait for one, and what has become of the groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from paramsurvey.backends.multiprocessing.pool.pool_worker import PoolWorker
from paramsurvey.transport.messages import Answer, Failure, JobRejected, LostGroup, Reply


class GroupsInHand:
    """The groups that workers have, and the answers to report for them.

    Attributes
    ----------
    waiting : list of PoolWorker
        The workers that can begin a group at once.
    loading : list of PoolWorker
        The workers that have no group, because they gave it back, but are still loading the job.
    """

    def __init__(self) -> None:
        self.waiting: list[PoolWorker] = []
        self.loading: list[PoolWorker] = []
        self._workers: dict[int, PoolWorker] = {}  # by group, in the order in which they were given
        self._answers: list[Answer] = []

    def __iter__(self) -> Iterator[int]:
        """Yield the ids of all groups."""
        return iter(list(self._workers))

    def busy_workers(self) -> list[PoolWorker]:
        """Return the workers that have a group, each once for each of its groups."""
        return list(self._workers.values())

    def worker_of(self, group_id: int) -> PoolWorker | None:
        """Return the worker that has a group."""
        return self._workers.get(group_id)

    def has_answers(self) -> bool:
        """Tell whether there are answers that `take_answers` has not returned."""
        return bool(self._answers)

    def take_answers(self) -> list[Answer]:
        """Return all answers since the last time."""
        news, self._answers = self._answers, []
        return news

    # workers get groups

    def next_worker(self) -> PoolWorker:
        """Return the worker that gets the next group: one that waits, or else one with a place in reserve.

        Of several workers with a place in reserve, it is the one that got its group first, since that group
        will probably end first. If no worker has a place any more, because a pset has just overwritten the
        memory in which workers say that they have loaded the job, the first busy worker gets the group.
        """
        if self.waiting:
            return self.waiting.pop()
        busy = self._workers.values()
        return next((worker for worker in busy if worker.has_place_in_reserve()), next(iter(busy)))

    def note_given(self, group_id: int, worker: PoolWorker) -> None:
        """Take note that a worker has a group."""
        self._workers[group_id] = worker

    def let_wait(self, worker: PoolWorker) -> None:
        """Let a worker whose groups are done have the next group, once it has loaded the job."""
        (self.waiting if worker.has_loaded_job() else self.loading).append(worker)

    def let_loaded_workers_wait(self) -> None:
        """Let workers that have now loaded the job have groups; before that, these would have come back."""
        for worker in [worker for worker in self.loading if worker.has_loaded_job()]:
            self.loading.remove(worker)
            self.waiting.append(worker)

    # groups end

    def add_answer(self, worker: PoolWorker, answer: Answer) -> None:
        """Keep what a worker answered. If it cannot load the job, it no longer has any groups."""
        self._answers.append(answer)
        if isinstance(answer, JobRejected):
            for group_id in worker.groups:
                self._workers.pop(group_id, None)
            worker.groups.clear()
            if worker not in self.waiting:
                self.waiting.append(worker)
        elif isinstance(answer, Reply):
            worker.take_note(answer)
            if answer.done:
                self._workers.pop(answer.group_id, None)

    def take_away(self, group_id: int) -> None:
        """Forget a group that the driver has given up."""
        self._workers.pop(group_id).groups.remove(group_id)

    def lose(self, worker: PoolWorker, offset: int | None, failure: Failure) -> None:
        """Report that a worker's first group is lost, and that its other groups have not begun."""
        if worker.groups:
            failure = replace(failure, ran=worker.last_run())
            group_id = worker.groups.popleft()
            self._workers.pop(group_id, None)
            self._answers.append(LostGroup(group_id, failure, offset))
        self.give_back(worker)

    def give_back(self, worker: PoolWorker) -> None:
        """Report that a worker's groups have not begun."""
        while worker.groups:
            group_id = worker.groups.popleft()
            self._workers.pop(group_id, None)
            self._answers.append(Reply(group_id, 0, 0))

    def forget_worker(self, worker: PoolWorker) -> None:
        """Give a worker no more groups; those that it has are lost or given back later."""
        for workers in (self.waiting, self.loading):
            if worker in workers:
                workers.remove(worker)

    def clear(self) -> None:
        """Forget all workers, groups and answers."""
        self.waiting.clear()
        self.loading.clear()
        self._workers.clear()
        self._answers.clear()
