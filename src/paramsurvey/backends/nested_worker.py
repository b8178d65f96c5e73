"""Runs groups in a process that belongs to another pool, such as Ray's, by a worker process of our own.

A process of Ray, or of a batch system, cannot say which pset it was running when it died, nor why, and it
cannot stop a pset that takes too long. Our own workers can. So the process starts one of them, has it run
each group, and passes on its answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from paramsurvey.backends.multiprocessing.backend import MultiprocessingBackend
from paramsurvey.engine.backend import Backend, places_of
from paramsurvey.engine.deadline import LONGEST_WAIT, Deadline, with_output
from paramsurvey.engine.options import DEFAULTS
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport import main_file
from paramsurvey.transport.messages import Answer, Group, Job, JobRejected, Reply
from paramsurvey.worker.worker_numbers import claimed_number


def always() -> bool:
    """Return True: the answers are always wanted."""
    return True


class NestedWorker:
    """Runs groups, one at a time, by the only worker of a pool of its own.

    Parameters
    ----------
    max_tasks : int or None
        How many psets a worker process may run before it is replaced; None: any number.
    number : int, optional
        The worker's number, which the worker function finds as ``system_kwargs['worker_number']``; None: the
        lowest one that no other process with the same parent has.
    gpu_ids : sequence, optional
        What ``ray.get_gpu_ids()`` returns in the worker function.
    start_timeout : float
        Seconds that the worker process may take to start, and to load a job.
    """

    def __init__(
        self,
        max_tasks: int | None = None,
        number: int | None = None,
        gpu_ids: Sequence[int | str] | None = None,
        start_timeout: float = DEFAULTS.start_timeout,
    ) -> None:
        main_file.adopt(None)  # the worker process gets the program's main file, with the job, not this one's
        self._options = replace(
            DEFAULTS, ncores=1, max_tasks_per_child=max_tasks, start_timeout=start_timeout
        )
        self._number = claimed_number(f"children of {os.getppid()}") if number is None else number
        self._gpu_ids = gpu_ids
        self._pool = self._new_pool()
        self._job: Job | None = None
        self._deadline = Deadline()

    def _new_pool(self) -> Backend:
        return MultiprocessingBackend(self._options, {}, self._number, self._gpu_ids)

    def knows(self, key: str) -> bool:
        """Tell whether the current job has this key."""
        return self._job is not None and self._job.key == key

    def take_up(self, job: Job) -> None:
        """Work for this job from now on."""
        self._pool.end_job()
        self._pool.open(job, {})
        self._job = job
        self._deadline = Deadline(job.timeout)

    def run(self, group: Group, wanted: Callable[[], bool] = always) -> Iterator[Answer]:
        """Yield what becomes of a group; last comes a Reply that is done, a LostGroup, or a JobRejected.

        Parameters
        ----------
        group : Group
        wanted : callable
            Called a few times a second while a pset runs. If it returns False, the pset is stopped, and no
            more answers come.
        """
        try:
            self._hand_over(group)
            yield from self._answers(group, wanted)
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
        """Replace a worker that may not run as many more psets as the next group has."""
        assert self._job is not None
        self._pool.close()
        self._pool = self._new_pool()
        self._pool.open(self._job, {})
        self._wait_for_worker()

    def _answers(self, group: Group, wanted: Callable[[], bool]) -> Iterator[Answer]:
        over = False
        while not over:
            answers = self._pool.poll(self._deadline.longest_wait())
            if not answers and not wanted():
                self._pool.abort(group.id)
                return
            for answer in answers or self._expired(group):
                yield answer
                over = over or not isinstance(answer, Reply) or answer.done

    def _expired(self, group: Group) -> Iterator[Answer]:
        """Stop the group if its pset has run for too long."""
        workers = partial(places_of, self._pool)
        loss = self._deadline.overrun(group.id, self._pool.running(group.id), workers)
        if loss is not None:
            yield with_output(loss, self._pool.abort(group.id))
