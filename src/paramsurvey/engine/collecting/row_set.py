"""A set of row numbers that takes little memory, because most surveys finish their rows in long runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Rows

CHUNK = 1 << 16  # rows that share an array; a chunk that is full needs no array any more


@dataclass(slots=True)
class _Chunk:
    """Which of `CHUNK` rows are in the set.

    Attributes
    ----------
    mask : bool array, or None
        None: all of them are.
    countdown : int
        How many more rows must be added before the chunk can be full. Too low if rows were added twice.
    """

    mask: NDArray[np.bool_] | None
    countdown: int = CHUNK

    def __len__(self) -> int:
        return CHUNK if self.mask is None else int(np.count_nonzero(self.mask))

    def add(self, places: slice | NDArray[np.int64], count: int) -> None:
        """Add rows, in one step, so that an interruption finds either all of them added or none."""
        if self.mask is None:
            return
        self.mask[places] = True
        self.countdown -= count
        if self.countdown <= 0:
            self.countdown = CHUNK - len(self)
            if self.countdown == 0:
                self.mask = None


class RowSet:
    """A set of row numbers that only grows.

    Examples
    --------
    >>> rows = RowSet()
    >>> rows.add(range(2, 5))
    >>> len(rows), rows.below(10).tolist(), rows.absent_below(6).tolist()
    (3, [2, 3, 4], [0, 1, 5])
    """

    def __init__(self) -> None:
        self._chunks: dict[int, _Chunk] = {}

    def __len__(self) -> int:
        return sum(map(len, self._chunks.values()))

    def add(self, rows: Rows) -> None:
        """Add rows; those that are in the set already stay there.

        If an exception such as KeyboardInterrupt interrupts this, each chunk has all its new rows or none.
        """
        for number, places, count in _by_chunk(rows):
            chunk = self._chunks.get(number)
            if chunk is None:
                chunk = self._chunks[number] = _Chunk(np.zeros(CHUNK, dtype=np.bool_))
            chunk.add(places, count)

    def below(self, total: int) -> NDArray[np.int64]:
        """Return the rows of the set that are below `total`, ascending."""
        return np.flatnonzero(self._mask(total))

    def absent_below(self, total: int) -> NDArray[np.int64]:
        """Return the rows below `total` that are not in the set, ascending."""
        return np.flatnonzero(~self._mask(total))

    def _mask(self, total: int) -> NDArray[np.bool_]:
        mask = np.zeros(total, dtype=np.bool_)
        for number, chunk in self._chunks.items():
            place = mask[number * CHUNK : (number + 1) * CHUNK]
            place[:] = True if chunk.mask is None else chunk.mask[: len(place)]
        return mask


def _by_chunk(rows: Rows) -> Iterator[tuple[int, slice | NDArray[np.int64], int]]:
    """Yield (number of the chunk, places of the rows in it, number of these rows)."""
    if len(rows) == 0:
        return
    if isinstance(rows, range) and rows.step == 1:
        for number in range(rows.start // CHUNK, (rows.stop - 1) // CHUNK + 1):
            begin = number * CHUNK
            first, stop = max(rows.start - begin, 0), min(rows.stop - begin, CHUNK)
            yield number, slice(first, stop), stop - first
        return
    numbers = np.asarray(rows, dtype=np.int64)
    of_chunk = numbers // CHUNK
    for number in np.unique(of_chunk).tolist():
        places = numbers[of_chunk == number] - number * CHUNK
        yield number, places, len(places)
