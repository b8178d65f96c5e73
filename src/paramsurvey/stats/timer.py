"""The values of one timer: how many, their sum, and how they are distributed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A value's bucket is given by the leading bits of its float64. This takes one shift per value, and makes
# buckets 0.2 % wide, from nanoseconds to centuries. They are finer than the HdrHistogram that is made from
# them, whose smallest value is a millisecond: a million tiny psets deserve true percentiles, too.
DROPPED_BITS = 43
SHORTEST = 2.0**-30  # seconds; anything shorter counts as nothing
LONGEST = 2.0**34
BUCKETED_TOGETHER = 4096  # values that wait until they are put into buckets: numpy is slow on a few at a time


def _leading_bits(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    inside = np.fmin(np.fmax(seconds, SHORTEST), LONGEST)  # unlike clip, this brings nan inside, too
    return inside.view(np.int64) >> DROPPED_BITS


FIRST_BUCKET = int(_leading_bits(np.array([SHORTEST]))[0])


class Timer:
    """The values of one timer: how many, their sum, and how many in each bucket.

    Attributes
    ----------
    count : int
    """

    def __init__(self) -> None:
        self.count = 0
        self._total = 0.0
        self._first = FIRST_BUCKET  # the number of the first of `_buckets`
        self._buckets = np.zeros(0, dtype=np.int64)  # counts, from the shortest to the longest value so far
        self._waiting: list[NDArray[np.float64]] = []  # not in `_total` and `_buckets` yet
        self._count_waiting = 0

    def add(self, seconds: NDArray[np.float64]) -> None:
        """Add values. They are copied."""
        count = len(seconds)
        self.count += count
        if count >= BUCKETED_TOGETHER:
            self._put_in_buckets(seconds)
            return
        self._waiting.append(seconds.copy())
        self._count_waiting += count
        if self._count_waiting >= BUCKETED_TOGETHER:
            self._put_waiting_in_buckets()

    def _put_waiting_in_buckets(self) -> None:
        if self._waiting:
            waiting, self._waiting, self._count_waiting = self._waiting, [], 0
            self._put_in_buckets(np.concatenate(waiting))

    def _put_in_buckets(self, seconds: NDArray[np.float64]) -> None:
        self._total += float(seconds.sum())
        bucket = _leading_bits(seconds)
        first = int(bucket.min())
        self._add_counts(first, np.bincount(bucket - first))

    def _add_counts(self, first: int, counts: NDArray[np.int64]) -> None:
        """Add the counts of consecutive buckets, which begin with the bucket `first`."""
        if len(self._buckets) == 0:
            self._first, self._buckets = first, counts
            return
        before = max(self._first - first, 0)
        behind = max(first + len(counts) - self._first - len(self._buckets), 0)
        if before or behind:
            room = [np.zeros(size, dtype=np.int64) for size in (before, behind)]
            self._first -= before
            self._buckets = np.concatenate([room[0], self._buckets, room[1]])
        start = first - self._first
        self._buckets[start : start + len(counts)] += counts

    @property
    def total(self) -> float:
        """The sum of all values, in seconds."""
        self._put_waiting_in_buckets()
        return self._total

    def add_equal(self, seconds: float, count: int) -> None:
        """Add the same value `count` times."""
        self.count += count
        self._total += seconds * count
        self._add_counts(int(_leading_bits(np.array([seconds]))[0]), np.array([count]))

    def values(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the middles of the buckets in use, in seconds, shortest first, and their counts."""
        self._put_waiting_in_buckets()
        used = np.flatnonzero(self._buckets)
        bucket = used + self._first
        middles = (bucket << DROPPED_BITS) | (1 << (DROPPED_BITS - 1))
        return np.where(bucket == FIRST_BUCKET, 0.0, middles.view(np.float64)), self._buckets[used]
