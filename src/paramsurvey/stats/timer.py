"""The values of one timer: how many, their sum, and how they are distributed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# A value's bucket is the leading bits of its float64: one shift per value, buckets 0.2 % wide,
# from nanoseconds to centuries. Finer than the HdrHistogram that is made of them, whose smallest
# value is a millisecond: a million tiny psets deserve true percentiles, too.
DROPPED_BITS = 43
SHORTEST = 2.0**-30  # seconds: all that is shorter counts as nothing
LONGEST = 2.0**34


def _leading_bits(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    inside = np.fmin(np.fmax(seconds, SHORTEST), LONGEST)  # unlike clip, they put NaN inside, too
    return inside.view(np.int64) >> DROPPED_BITS


FIRST_BUCKET, LAST_BUCKET = _leading_bits(np.array([SHORTEST, LONGEST])).tolist()


@dataclass
class Timer:
    """The values of one timer: how many, their sum, and how many in each bucket."""

    count: int = 0
    total: float = 0.0
    buckets: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(LAST_BUCKET - FIRST_BUCKET + 1, dtype=np.int64)
    )

    def add(self, seconds: NDArray[np.float64]) -> None:
        self.count += len(seconds)
        self.total += float(seconds.sum())
        bucket = _leading_bits(seconds) - FIRST_BUCKET
        first = int(bucket.min())
        counts = np.bincount(bucket - first)
        self.buckets[first : first + len(counts)] += counts

    def add_equal(self, seconds: float, count: int) -> None:
        """Add the same value `count` times."""
        self.count += count
        self.total += seconds * count
        self.buckets[int(_leading_bits(np.array([seconds]))[0]) - FIRST_BUCKET] += count

    def values(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The middles of the buckets in use, in seconds, shortest first, and their counts."""
        used = np.flatnonzero(self.buckets)
        middles = ((used + FIRST_BUCKET) << DROPPED_BITS) | (1 << (DROPPED_BITS - 1))
        return np.where(used == 0, 0.0, middles.view(np.float64)), self.buckets[used]
