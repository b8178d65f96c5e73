"""How many psets the next batch has, for functions that take whole arrays."""

from __future__ import annotations

from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.transport.messages import Reply

FIRST_PSETS = 16  # in the first batches: a batch of one pset would hide what is wrong with a function
MOST_PSETS = 1 << 16  # per batch: a column this long stays in the CPU's cache between operations
TARGET_SECONDS = 0.1  # of work per batch: a call has a fixed cost, but all its results are in memory at once
LARGEST_RESULTS = 64e6  # bytes of arrays per batch, which bounds the memory of driver and worker
BATCHES_PER_TIMEOUT = 4  # how many batches should fit into the timeout, which applies to a whole batch


class BatchSizer(GroupSizer):
    """Chooses batch sizes from the measured times of batches.

    Every call of a batch function has a fixed cost, however few psets it gets. So the seconds per pset are
    measured only in batches that are at least half as large as the largest so far.

    Parameters
    ----------
    most : int or None
        The most psets that a batch may have; None: choose.
    timeout : float or None
        How many seconds a batch may take.
    """

    def __init__(self, most: int | None = None, timeout: float | None = None) -> None:
        super().__init__(most=MOST_PSETS if most is None else most)
        self._result_bytes = 0.0  # per pset
        self.target_seconds = (
            TARGET_SECONDS if timeout is None else min(TARGET_SECONDS, timeout / BATCHES_PER_TIMEOUT)
        )

    def observe_seconds(self, psets: int, seconds: float) -> None:
        """Take note that a batch of `psets` psets took `seconds`."""
        if psets > 2 * self._largest:
            self._seconds = None  # smaller batches have measured little more than the cost of a call
        if 2 * psets >= self._largest:
            super().observe_seconds(psets, seconds)

    def held_up_seconds(self) -> float:
        """Return infinity: the psets of a batch run together, so none of them holds up others."""
        return float("inf")

    def observe_results(self, reply: Reply) -> None:
        """Take note of how large the arrays in a reply are: a batch may return images or embeddings."""
        finished = reply.stop - reply.start - len(reply.failures)
        if finished == 0:  # it says nothing about the size of results
            return
        arrays = [part.values for parts in reply.columns.values() for part in parts]
        size = sum(array.nbytes for array in arrays if hasattr(array, "nbytes"))
        self._result_bytes = size / finished

    def size(self, remaining: int, cores: int) -> int:
        """Return how many of the `remaining` psets the next batch should have, at least 1."""
        size = FIRST_PSETS if self._seconds is None else super().size(remaining, cores)
        by_results = int(LARGEST_RESULTS / max(self._result_bytes, 1))
        return max(1, min(size, self._most, by_results, remaining))
