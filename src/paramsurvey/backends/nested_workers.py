"""The nested workers of one process, of Ray or of an executor: each is lent to one group at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from paramsurvey.backends.nested_worker import NestedWorker
from paramsurvey.backends.nested_worker_setup import NestedWorkerSetup
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.worker.worker_numbers import claimed_number

KEPT_IDLE = 2  # because psets with and without options of their own may alternate


@dataclass(frozen=True, slots=True)
class NumberedWorker:
    """A nested worker, and the place, among those with the same setup, by which its number was claimed."""

    setup: NestedWorkerSetup
    worker: NestedWorker
    place: int


class NestedWorkers:
    """Nested workers, as many as there are threads that run groups at the same time.

    Examples
    --------
    >>> workers = NestedWorkers()
    >>> with workers.lent(NestedWorkerSetup()) as worker:  # doctest: +SKIP
    ...     worker.take_up(job)
    ...     answers = list(worker.run(group))
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[NumberedWorker] = []  # the last one was used last
        self._places: set[tuple[NestedWorkerSetup, int]] = set()
        self._owner = os.getpid()

    @contextmanager
    def lent(
        self, setup: NestedWorkerSetup, job_key: str = "", gpu_ids: Sequence[int | str] | None = None
    ) -> Iterator[NestedWorker]:
        """Lend a worker with this setup: preferably one that has the job, and a new one if there is none.

        If an exception is raised while a worker is used, it is ended, because its state is unknown.
        """
        numbered = self._taken(setup, job_key) or self._started(setup, gpu_ids)
        try:
            yield numbered.worker
        except BaseException:
            self._end(numbered)
            raise
        with self._lock:
            self._idle.append(numbered)

    def _taken(self, setup: NestedWorkerSetup, job_key: str) -> NumberedWorker | None:
        with self._lock:
            if self._owner != os.getpid():  # a fork: the workers are the parent's
                self._idle, self._places, self._owner = [], set(), os.getpid()
            fitting = [numbered for numbered in self._idle if numbered.setup == setup]
            if not fitting:
                return None
            best = next((numbered for numbered in fitting if numbered.worker.knows(job_key)), fitting[-1])
            self._idle.remove(best)
            return best

    def _started(self, setup: NestedWorkerSetup, gpu_ids: Sequence[int | str] | None) -> NumberedWorker:
        with self._lock:
            too_many = max(0, len(self._idle) + 1 - KEPT_IDLE)
            surplus, self._idle = self._idle[:too_many], self._idle[too_many:]
            place = next(place for place in count() if (setup, place) not in self._places)
            self._places.add((setup, place))
        for numbered in surplus:
            self._end(numbered)
        setup.install()
        number = claimed_number(setup.pool, place)
        return NumberedWorker(
            setup, NestedWorker(setup.max_tasks, number, gpu_ids, setup.start_timeout), place
        )

    def _end(self, numbered: NumberedWorker) -> None:
        numbered.worker.close()
        with self._lock:
            self._places.discard((numbered.setup, numbered.place))
