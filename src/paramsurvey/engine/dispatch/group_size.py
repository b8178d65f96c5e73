"""How many psets the next group has."""

from __future__ import annotations

import math
import sys

from paramsurvey.transport.messages import Reply

TARGET_SECONDS = 0.4  # of work per group: dispatch takes 1.5 ms per group, and a worker replies after 0.5 s
GROWTH = 32  # how many times larger than the largest group so far the next group may be
MIN_SECONDS = 0.002  # of work per group, even at the end: dispatching a group takes a fraction of that
HELD_UP_SECONDS = 0.03  # a pset that takes longer, and `HELD_UP_TIMES` the mean, holds up those behind it
HELD_UP_TIMES = 8
SHORT_SECONDS = 0.25  # psets that take longer gain nothing from having the next group wait in the worker
TAIL_SHARE = 2  # groups per core that the remaining psets are divided into, so that no core idles at the end
LARGEST_PAYLOAD = 16e6  # bytes of pickled objects per group, which bounds the memory of driver and worker
MOST_PSETS = 1 << 17  # per group: more gain nothing, and the columns of each waiting group are in memory
STREAM_PSETS = 1 << 15  # at most, read from an iterator at a time, so that no core waits long for them
STREAM_SECONDS = 0.02  # of work per group, at least, for an iterator with many psets, whose end is not known
NEWEST_WEIGHT = 0.3  # of the newest measurement in the moving average


class GroupSizer:
    """Chooses group sizes from the measured times of psets.

    Parameters
    ----------
    fixed : int or None
        The user's ``group_size``; None: choose.
    most : int
        The most psets that a group may have, if the size is chosen.
    expected_seconds : float or None
        How long a pset will probably take. This is used until the first psets are measured.

    Attributes
    ----------
    target_seconds : float
        How much work a group should be.
    """

    target_seconds = TARGET_SECONDS

    def __init__(
        self, fixed: int | None = None, most: int = MOST_PSETS, expected_seconds: float | None = None
    ) -> None:
        self._fixed = fixed
        self._most = most
        self._expected = expected_seconds
        self._seconds: float | None = None  # per pset, as measured
        self._largest = 0  # number of psets in a reply so far
        self._bytes: float | None = None  # of pickled objects per pset
        self._min_seconds = MIN_SECONDS

    @property
    def measured_seconds(self) -> float | None:
        """The seconds that a pset of this map takes; None before the first one is measured."""
        return self._seconds

    def _seconds_each(self) -> float | None:
        """Return the seconds that a pset takes, as measured or else as expected; None if neither is known."""
        return self._expected if self._seconds is None else self._seconds

    def observe_seconds(self, psets: int, seconds: float) -> None:
        """Take note that `psets` psets took `seconds` of work."""
        if psets == 0:
            return
        each = seconds / psets
        self._seconds = (
            each if self._seconds is None else self._seconds + NEWEST_WEIGHT * (each - self._seconds)
        )
        self._largest = max(self._largest, psets)

    def observe_bytes(self, psets: int, pickled_bytes: int) -> None:
        """Take note that the pickled objects of `psets` psets take `pickled_bytes` bytes."""
        self._bytes = pickled_bytes / psets

    def needs_payload_size(self) -> bool:
        """Tell whether the first group could have several psets if `observe_bytes` told their size."""
        return self._bytes is None and self._seconds is None and self._expected is not None

    def observe_results(self, reply: Reply) -> None:
        """Take note of a reply's results. Only `BatchSizer` does: other workers send large results early."""

    def size(self, remaining: int, cores: int) -> int:
        """Return how many of the `remaining` psets the next group should have, at least 1."""
        if self._fixed is not None:
            return self._fixed
        if self._seconds is None:
            return self._first_size(remaining, cores)
        each = max(self._seconds, 1e-9)
        by_tail = max(int(self._min_seconds / each), -(-remaining // (TAIL_SHARE * max(cores, 1))))
        return max(1, min(self._by_work(each), by_tail, remaining, self._largest * GROWTH, self._most))

    def _first_size(self, remaining: int, cores: int) -> int:
        """Return the size of a group before any pset of this map has been measured.

        The expected time may be wrong, so no group is larger than a core's share of the psets.
        """
        if self._expected is None or self._bytes is None:
            return 1
        share = math.ceil(remaining / max(cores, 1))
        return max(1, min(self._by_work(max(self._expected, 1e-9)), share, GROWTH, self._most))

    def _by_work(self, each: float) -> int:
        """Return how many psets of `each` seconds make enough work for a group, and not too many bytes."""
        return min(int(self.target_seconds / each), int(LARGEST_PAYLOAD / max(self._bytes or 1, 1)))

    def psets_are_short(self) -> bool:
        """Tell whether a worker gains from having its next group at hand when it ends one."""
        each = self._seconds_each()
        return each is not None and each < SHORT_SECONDS

    def is_worth_moving(self, psets: int, running: float = 0.0) -> bool:
        """Tell whether `psets` psets are enough work to give some of it to another worker.

        The pset before them has run for `running` seconds so far. If that is long, they will probably take
        longer than earlier psets, too.
        """
        each = self._seconds_each()
        if each is not None and running > MIN_SECONDS:
            each = max(each, running)
        return each is not None and psets * each > MIN_SECONDS

    def held_up_seconds(self) -> float:
        """Return how long a pset may run before those behind it had better run elsewhere."""
        each = self._seconds_each()
        return float("inf") if each is None else max(HELD_UP_SECONDS, HELD_UP_TIMES * each)

    def psets_are_tiny(self) -> bool:
        """Tell whether an iterator's psets are so short that workers would wait for them to be read."""
        return self._min_seconds == STREAM_SECONDS

    def read_ahead(self, cores: int) -> int:
        """Return how many psets to read at a time from an iterator, whose length is not known.

        If psets are so short that reading them takes as long as running them, the number is limited, and from
        then on groups are larger.
        """
        count = self.size(sys.maxsize, cores) * TAIL_SHARE * max(cores, 1)
        if self._fixed is not None or count <= STREAM_PSETS:
            return count
        self._min_seconds = STREAM_SECONDS
        return STREAM_PSETS
