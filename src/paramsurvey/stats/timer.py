"""The values of one timer: how many, their sum, and how they are distributed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A value's bucket is the leading bits of its float64: one shift per value, buckets 0.2 % wide,
# from nanoseconds to centuries. Finer than the HdrHistogram that is made of them, whose smallest
# value is a millisecond: a million tiny psets deserve true percentiles, too.
DROPPED_BITS = 43
SHORTEST = 2.0**-30  # seconds: all that is shorter counts as nothing
LONGEST = 2.0**34
SORTED_TOGETHER = 4096  # values that wait until they are put into buckets: numpy is slow on a few at a time


def _leading_bits(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    inside = np.fmin(np.fmax(seconds, SHORTEST), LONGEST)  # unlike clip, they put NaN inside, too
    return inside.view(np.int64) >> DROPPED_BITS


FIRST_BUCKET, LAST_BUCKET = _leading_bits(np.array([SHORTEST, LONGEST])).tolist()


class Timer:
    """The values of one timer: how many, their sum, and how many in each bucket.

    Attributes
    ----------
    count : int
    """

    def __init__(self) -> None:
        self.count = 0
        self._total = 0.0
        self._buckets = np.zeros(LAST_BUCKET - FIRST_BUCKET + 1, dtype=np.int64)
        self._waiting: list[NDArray[np.float64]] = []  # not in `_total` and `_buckets` yet
        self._count_waiting = 0

    def add(self, seconds: NDArray[np.float64]) -> None:
        """Add values. They are copied."""
        count = len(seconds)
        self.count += count
        if count >= SORTED_TOGETHER:
            self._sort_in(seconds)
            return
        self._waiting.append(seconds.copy())
        self._count_waiting += count
        if self._count_waiting >= SORTED_TOGETHER:
            self._sort_waiting()

    def _sort_waiting(self) -> None:
        if self._waiting:
            waiting, self._waiting, self._count_waiting = self._waiting, [], 0
            self._sort_in(np.concatenate(waiting))

    def _sort_in(self, seconds: NDArray[np.float64]) -> None:
        self._total += float(seconds.sum())
        bucket = _leading_bits(seconds) - FIRST_BUCKET
        first = int(bucket.min())
        counts = np.bincount(bucket - first)
        self._buckets[first : first + len(counts)] += counts

    @property
    def total(self) -> float:
        """The sum of all values, in seconds."""
        self._sort_waiting()
        return self._total

    def add_equal(self, seconds: float, count: int) -> None:
        """Add the same value `count` times."""
        self.count += count
        self._total += seconds * count
        self._buckets[int(_leading_bits(np.array([seconds]))[0]) - FIRST_BUCKET] += count

    def values(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The middles of the buckets in use, in seconds, shortest first, and their counts."""
        self._sort_waiting()
        used = np.flatnonzero(self._buckets)
        middles = ((used + FIRST_BUCKET) << DROPPED_BITS) | (1 << (DROPPED_BITS - 1))
        return np.where(used == 0, 0.0, middles.view(np.float64)), self._buckets[used]
