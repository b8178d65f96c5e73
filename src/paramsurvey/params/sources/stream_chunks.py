"""What a stream keeps of the psets that it has read: columns where many have the same keys, else dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramsurvey.params.sources.dict_columns import all_keys, joined_values, values_at, values_by_name
from paramsurvey.transport.column_by_row import as_array
from paramsurvey.transport.decoders import SameKeyPsets
from paramsurvey.transport.messages import Pset, Rows, Values
from paramsurvey.transport.packed_columns import to_python

LEAST_FOR_COLUMNS = 64  # psets read together, with the same keys, before they are kept as columns
MOST_IN_CHUNK = 1 << 15  # psets; a chunk keeps its memory until half of them are dropped

Part: TypeAlias = SameKeyPsets | list[Pset]
"""Some psets as workers get them: in columns if they have the same keys in the same order, else as dicts."""


class DictChunk:
    """Psets that are kept as dicts, because there are few of them or their keys differ."""

    def __init__(self) -> None:
        self._psets: dict[int, Pset] = {}

    def __len__(self) -> int:
        return len(self._psets)

    def kept_rows(self) -> NDArray[np.int64]:
        """Return the rows that were not dropped, ascending."""
        return np.fromiter(self._psets, dtype=np.int64, count=len(self))

    @property
    def psets(self) -> list[Pset]:
        """The psets that were not dropped."""
        return list(self._psets.values())

    def add(self, first: int, psets: Sequence[Pset]) -> None:
        """Add psets, of which the first has the row `first`."""
        self._psets.update(enumerate(psets, first))

    def forget(self, rows: Rows) -> None:
        """Drop psets."""
        for row in rows:
            del self._psets[int(row)]

    def part(self, rows: Rows) -> list[Pset]:
        """Return psets with Python's numbers in place of numpy's."""
        psets = [self._psets[int(row)] for row in rows]
        return [dict(zip(pset, to_python(list(pset.values()), dates=True), strict=True)) for pset in psets]


class ColumnChunk:
    """Psets with the same keys in the same order, kept in columns.

    Parameters
    ----------
    start : int
        The row of the first pset.
    names : tuple of str
    """

    def __init__(self, start: int, names: tuple[str, ...]) -> None:
        self.names = names
        self._rows: Rows = range(start, start)
        self._pieces: list[list[Values]] = []  # each is a list of columns; joined when they are needed
        self._dropped: NDArray[np.bool_] | None = None

    def takes(self, names: tuple[str, ...]) -> bool:
        """Tell whether psets with these keys may be added."""
        return names == self.names and isinstance(self._rows, range) and len(self._rows) < MOST_IN_CHUNK

    def add(self, columns: list[Values], count: int) -> None:
        """Add the psets of the next rows, given as a column for each name."""
        rows = self._rows
        assert isinstance(rows, range)
        self._rows = range(rows.start, rows.stop + count)
        self._pieces.append(columns)
        if self._dropped is not None:
            self._dropped = np.append(self._dropped, np.zeros(count, dtype=np.bool_))

    def _columns(self) -> list[Values]:
        if len(self._pieces) > 1:
            self._pieces = [[joined_values(parts) for parts in zip(*self._pieces, strict=True)]]
        return self._pieces[0]

    def forget(self, rows: Rows) -> None:
        """Drop psets. Memory is freed once at least half of those that it holds have been dropped."""
        dropped = np.zeros(len(self._rows), dtype=np.bool_) if self._dropped is None else self._dropped
        dropped[self._places(rows)] = True
        self._dropped = dropped
        if 2 * np.count_nonzero(dropped) >= len(self._rows):
            self._drop(~dropped)

    def _drop(self, kept: NDArray[np.bool_]) -> None:
        places = np.flatnonzero(kept)
        self._rows = np.asarray(self._rows, dtype=np.int64)[places]
        self._pieces = [[values_at(values, places) for values in self._columns()]]
        self._dropped = None

    def kept_rows(self) -> Rows:
        """Return the rows that were not dropped, ascending."""
        if self._dropped is not None:
            self._drop(~self._dropped)
        return self._rows

    def part(self, rows: Rows) -> SameKeyPsets:
        """Return psets in columns."""
        at = self._places(rows)
        return SameKeyPsets(self.names, tuple(values_at(values, at) for values in self._columns()), len(rows))

    def _places(self, rows: Rows) -> slice | NDArray[np.int64]:
        if not isinstance(self._rows, range):
            return np.searchsorted(self._rows, as_array(rows))
        if isinstance(rows, range):
            return slice(rows.start - self._rows.start, rows.stop - self._rows.start)
        return rows - self._rows.start


Chunk: TypeAlias = DictChunk | ColumnChunk


def columns_of_parts(parts: Sequence[Part]) -> dict[str, Values]:
    """Return the psets of all parts by column; nan where a pset lacks the key."""
    by_name = [_by_name(part) for part in parts]
    names = dict.fromkeys(name for columns in by_name for name in columns)
    return {
        name: joined_values(
            [_or_nan(columns.get(name), part) for columns, part in zip(by_name, parts, strict=True)]
        )
        for name in names
    }


def _by_name(part: Part) -> Mapping[str, Values]:
    if isinstance(part, SameKeyPsets):
        return dict(zip(part.names, part.columns, strict=True))
    names = all_keys(part)
    return dict(zip(names, values_by_name(part, names), strict=True))


def _or_nan(values: Any, part: Part) -> Values:
    return [np.nan] * len(part) if values is None else values
