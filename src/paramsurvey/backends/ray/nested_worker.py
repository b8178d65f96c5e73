"""Runs groups inside a process of somebody else's pool, by means of a worker process of our own.

A Ray worker can say neither which pset it was running when it died, nor why, nor stop one that takes
too long. Our own workers can; so a Ray worker has each group run by one of them, and only looks on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from paramsurvey.engine.backend import Backend
from paramsurvey.engine.deadline import LONGEST_WAIT, Deadline, with_output
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport import main_file
from paramsurvey.transport.messages import Answer, Group, Job, JobRejected, Reply


@dataclass(frozen=True, slots=True)
class NestedWorkerSetup:
    """What the worker process of a nested_worker needs from the moment it starts.

    Attributes
    ----------
    max_tasks : int or None
        How many psets it may run before it is replaced.
    environment : tuple of (str, str)
        Variables to set.
    generation : int
        Of the caller's modules: a process that has loaded those of another one is not used.
    """

    max_tasks: int | None
    environment: tuple[tuple[str, str], ...]
    generation: int

    def install(self) -> None:
        """Change this process, from which the worker process inherits."""
        main_file.adopt(None)  # the worker process gets the program's with the job, not this process's own
        os.environ.update(self.environment)
        os.environ.pop("PYTHONBREAKPOINT", None)  # Ray's debugger cannot reach a process that is not Ray's


class NestedWorker:
    """Has groups run, one at a time, by the only worker of a pool.

    Parameters
    ----------
    make_pool : callable
        Returns a backend with a capacity of one group.
    """

    def __init__(self, make_pool: Callable[[], Backend]) -> None:
        self._make_pool = make_pool
        self._pool = make_pool()
        self._job: Job | None = None
        self._deadline = Deadline()

    def knows(self, key: str) -> bool:
        """Tell whether the job with this key is the one at hand."""
        return self._job is not None and self._job.key == key

    def take_up(self, job: Job) -> None:
        """Work for this job from now on."""
        self._pool.end_job()
        self._pool.open(job, {})
        self._job = job
        self._deadline = Deadline(job.timeout)

    def run(self, group: Group) -> Iterator[Answer]:
        """Yield what becomes of a group; last comes a Reply that is done, a LostGroup, or a JobRejected."""
        try:
            self._hand_over(group)
            yield from self._answers(group)
        except WorkerStartError as error:
            yield JobRejected(str(error))

    def close(self) -> None:
        """End the worker process."""
        self._pool.close()

    def _hand_over(self, group: Group) -> None:
        self._wait_for_worker()
        largest = self._pool.largest_group()
        if largest is not None and largest < len(group):
            self._renew()
        self._pool.submit(group)

    def _wait_for_worker(self) -> None:
        while self._pool.capacity() == 0:
            self._pool.poll(LONGEST_WAIT)

    def _renew(self) -> None:
        """Replace a worker that has run too many psets to run the next group, too."""
        assert self._job is not None
        self._pool.close()
        self._pool = self._make_pool()
        self._pool.open(self._job, {})
        self._wait_for_worker()

    def _answers(self, group: Group) -> Iterator[Answer]:
        over = False
        while not over:
            for answer in self._pool.poll(self._deadline.longest_wait()) or self._expired(group):
                yield answer
                over = over or not isinstance(answer, Reply) or answer.done

    def _expired(self, group: Group) -> Iterator[Answer]:
        """Stop the group if its pset has run for too long."""
        loss = self._deadline.overrun(group.id, self._pool.running(group.id))
        if loss is not None:
            yield with_output(loss, self._pool.abort(group.id))
