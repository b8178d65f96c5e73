"""How many spare workers to keep ready, so that the survey need not wait when a worker dies."""

from __future__ import annotations

from collections.abc import Sequence

from paramsurvey.backends.multiprocessing.pool.pool_worker import PoolWorker

SLOW_LOADING_SECONDS = 1.0  # a job that takes longer is loaded by a spare worker before the first loss
WORKERS_PER_SPARE = 4  # there is at most one spare worker, plus one for each four workers


class SpareWorkers:
    """How many spare workers one map wants.

    It wants one once a worker was lost or replaced, and one more each time that a worker is lost while no
    spare one is ready, because workers are then lost faster than new ones load the job. If workers will
    probably be lost, and the job takes long to load, it wants one as soon as all workers have loaded the job.

    Parameters
    ----------
    size : int
        The number of workers.
    losses_are_likely : bool
        Whether psets may run out of time, or workers are replaced after a while.
    """

    def __init__(self, size: int, losses_are_likely: bool = False) -> None:
        self._most = 1 + -(-size // WORKERS_PER_SPARE) if size > 1 else 1
        self._losses_are_likely = losses_are_likely
        self._loads_slowly = False
        self._wanted = 0

    def note_loss(self, spares: int, is_one_ready: bool) -> None:
        """Take note that a worker with something in hand was lost, when there were `spares` spare ones."""
        self._wanted = max(self._wanted, 1)
        if not is_one_ready:
            self._wanted = min(self._most, max(self._wanted, spares + 1))

    def note_replacement(self) -> None:
        """Take note that a worker has run or grown enough."""
        self._wanted = max(1, self._wanted)

    def wanted(self, workers: Sequence[PoolWorker]) -> int:
        """Return how many spare workers are wanted, given all other workers."""
        if self._wanted or not self._losses_are_likely:
            return self._wanted
        loading = [seconds for worker in workers if (seconds := worker.seconds_starting()) > 0]
        self._loads_slowly |= any(seconds > SLOW_LOADING_SECONDS for seconds in loading)
        return int(self._loads_slowly and not loading)
