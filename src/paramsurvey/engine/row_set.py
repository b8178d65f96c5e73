"""A set of row numbers that takes little memory, because most surveys finish their rows in long runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.messages import Rows

CHUNK = 1 << 16  # rows that share an array; a chunk with all its rows needs no array any more

NO_ROWS = np.zeros(CHUNK, dtype=np.bool_)


class RowSet:
    """Row numbers, to which more are added.

    Examples
    --------
    >>> rows = RowSet()
    >>> rows.add(range(2, 5))
    >>> len(rows), rows.below(10).tolist(), rows.not_below(6).tolist()
    (3, [2, 3, 4], [0, 1, 5])
    """

    def __init__(self) -> None:
        self._chunks: dict[int, tuple[NDArray[np.bool_] | None, int]] = {}  # None: all rows of the chunk

    def __len__(self) -> int:
        return sum(count for _, count in self._chunks.values())

    def add(self, rows: Rows) -> None:
        """Add rows. Rows that are in the set already stay there.

        An exception that interrupts it, such as KeyboardInterrupt, leaves whole chunks added or not.
        """
        for number, places in _by_chunk(rows):
            known, _ = self._chunks.get(number, (NO_ROWS, 0))
            if known is None:
                continue
            chunk = known.copy()
            chunk[places] = True
            count = int(np.count_nonzero(chunk))
            self._chunks[number] = (None if count == CHUNK else chunk), count

    def below(self, total: int) -> NDArray[np.int64]:
        """Return the rows of the set that are below `total`, ascending."""
        return np.flatnonzero(self._mask(total))

    def not_below(self, total: int) -> NDArray[np.int64]:
        """Return the rows below `total` that are not in the set, ascending."""
        return np.flatnonzero(~self._mask(total))

    def _mask(self, total: int) -> NDArray[np.bool_]:
        mask = np.zeros(total, dtype=np.bool_)
        for number, (chunk, _) in self._chunks.items():
            place = mask[number * CHUNK : (number + 1) * CHUNK]
            place[:] = True if chunk is None else chunk[: len(place)]
        return mask


def _by_chunk(rows: Rows) -> Iterator[tuple[int, slice | NDArray[np.int64]]]:
    """Yield (number of the chunk, places of the rows in it)."""
    if len(rows) == 0:
        return
    if isinstance(rows, range) and rows.step == 1:
        for number in range(rows.start // CHUNK, (rows.stop - 1) // CHUNK + 1):
            begin = number * CHUNK
            yield number, slice(max(rows.start - begin, 0), min(rows.stop - begin, CHUNK))
        return
    numbers = np.asarray(rows, dtype=np.int64)
    of_chunk = numbers // CHUNK
    for number in np.unique(of_chunk).tolist():
        yield number, numbers[of_chunk == number] - number * CHUNK
