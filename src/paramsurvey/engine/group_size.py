"""How many psets travel together next."""

from __future__ import annotations

import sys

TARGET_SECONDS = 0.4  # a group costs 1.5 ms more than its psets; and a worker replies after half a second
GROWTH = 8  # a group may be so much larger than the largest that is known to be short
LEAST_SECONDS = 0.002  # work that it takes a few times longer to do than to hand over
TAIL_SHARE = 2  # at the end every core still gets about so many groups, ever smaller ones
LARGEST_LOAD = 16e6  # bytes of objects that travel together: dispatch is hidden, and memory stays small
MEMORY = 0.3  # weight of the newest measurement


class GroupSizer:
    """Chooses group sizes from the times that psets were seen to take.

    Parameters
    ----------
    fixed : int or None
        The user's group_size; None: adapt.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed
        self._seconds: float | None = None  # of one pset
        self._largest = 0  # group that was answered so far
        self._bytes = 0.0  # of one pset's objects

    def observe(self, psets: int, seconds: float) -> None:
        """Learn that `psets` psets took `seconds` of work."""
        if psets == 0:
            return
        each = seconds / psets
        self._seconds = each if self._seconds is None else self._seconds + MEMORY * (each - self._seconds)
        self._largest = max(self._largest, psets)

    def weigh(self, psets: int, size: int) -> None:
        """Learn that the objects of `psets` psets, which are about to travel, have `size` bytes."""
        self._bytes = size / psets

    def size(self, remaining: int, cores: int) -> int:
        """Return how many of the `remaining` psets the next group should have, 1 at least."""
        if self._fixed is not None:
            return self._fixed
        if self._seconds is None:
            return 1
        each = max(self._seconds, 1e-9)
        by_time = int(TARGET_SECONDS / each)
        by_weight = int(LARGEST_LOAD / max(self._bytes, 1))
        by_tail = max(int(LEAST_SECONDS / each), -(-remaining // (TAIL_SHARE * max(cores, 1))))
        return max(1, min(by_time, by_weight, by_tail, remaining, self._largest * GROWTH))

    def ahead(self, cores: int) -> int:
        """Return how many psets to read at a time from a source whose end is not known."""
        return self.size(sys.maxsize, cores) * TAIL_SHARE * max(cores, 1)
