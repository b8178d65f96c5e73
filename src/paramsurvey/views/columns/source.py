"""Where views read from: tables as columns, a chunk of rows at a time.

`frame` reads DataFrames, `arrow` reads Parquet files and Arrow datasets. What they hand out are the
`ColumnValues` of psets: a numpy array of numbers or bools, positions in a list of values
(`CategoryCodes`), or a list of objects. A value that is not there is nan.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pandas import NaT

from paramsurvey.checkpoint.typed_hash import HashPairs
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.transport.column_by_row import LARGEST_EXACT

CHUNK = 1 << 18  # rows: a column of them is 2 MB, which stays in a processor's cache while it is used

NOT_READ = "(not read)"
"""What stands for values that are not read: they are pickled or nested, or they are of several types."""

Rows = NDArray[np.int64]


class ColumnSource(Protocol):
    """A table whose columns can be read in pieces, as often as a view needs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        ...

    @property
    def is_stored(self) -> bool:
        """Whether columns are read from a file each time, so that it is worth keeping their numbers."""
        ...

    def __len__(self) -> int: ...

    def kind(self, name: str) -> str:
        """Return numpy's letter for a column of numbers, such as ``'i'`` or ``'f'``; else an empty text."""
        ...

    def is_read(self, name: str) -> bool:
        """Tell whether a column's values are read: else one constant stands for all of them."""
        ...

    def chunks(self, names: Sequence[str], size: int = CHUNK) -> Iterator[Mapping[str, ColumnValues]]:
        """Yield the rows in their order, at most `size` at a time; a column that is not there is nan."""
        ...

    def has_identities(self, name: str) -> bool:
        """Tell whether `contents` has nothing but identities of a column's values: they are pickled."""
        ...

    def is_comparable(self, name: str) -> bool:
        """Tell whether `contents` has all that tells a column's values apart."""
        ...

    def contents(self, names: Sequence[str]) -> Iterator[Mapping[str, ColumnValues | HashPairs]]:
        """Yield the rows in the same chunks, with all that tells their values apart: for comparisons."""
        ...

    def take(self, rows: Rows, names: Sequence[str]) -> Mapping[str, list[Any]]:
        """Return native values of a few rows, in the order of `rows`."""
        ...

    def labels(self, rows: Rows) -> list[Hashable]:
        """Return the labels by which a user knows these rows."""
        ...


def numbers(cells: ColumnValues) -> NDArray[np.float64]:
    """Return cells as floats: durations in seconds, nan for what is not a number."""
    if isinstance(cells, CategoryCodes):
        table = np.array([number(value) for value in cells.categories], dtype=np.float64)
        return np.asarray(table[cells.codes])
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64, copy=False)
    return np.fromiter(map(number, cells), dtype=np.float64, count=len(cells))


def whole_numbers(chunks: Iterable[ColumnValues]) -> NDArray[Any]:
    """Return integers as one array, with 0 for those that are absent."""
    found = [np.zeros(0, dtype=np.int64)]
    for cells in chunks:
        if isinstance(cells, CategoryCodes):
            table = np.array([0 if value != value else value for value in cells.categories], dtype=object)
            found.append(table[cells.codes])
        elif isinstance(cells, np.ndarray):
            found.append(cells if cells.dtype.kind in "iu" else np.zeros(len(cells), dtype=np.int64))
        else:
            found.append(np.array([value if type(value) is int else 0 for value in cells], dtype=object))
    kinds = {one.dtype.kind for one in found if len(one)}
    return np.concatenate(found if len(kinds) < 2 else [one.astype(object) for one in found])


def number(value: Any) -> float:
    """Return a value as a float, nan if it is not a number."""
    if isinstance(value, np.timedelta64):  # to numpy it is an integer
        return float(value / np.timedelta64(1, "s"))
    if isinstance(value, (Real, Decimal, np.bool_)):
        try:
            return float(value)
        except OverflowError:  # an integer beyond all floats
            return math.inf if value > 0 else -math.inf  # type: ignore[operator]
    if isinstance(value, timedelta) and value is not NaT:
        return value.total_seconds()
    return math.nan


def families(cells: ColumnValues) -> NDArray[np.uint8]:
    """Return what kind of number each cell is, for those that `numbers` regards as numbers.

    Examples
    --------
    >>> families([1, 2.5, True, timedelta(1)]).tolist()
    [0, 0, 1, 2]
    """
    if isinstance(cells, CategoryCodes):
        table = np.array([_family(value) for value in cells.categories], dtype=np.uint8)
        return np.asarray(table[cells.codes])
    if isinstance(cells, np.ndarray):
        return np.full(len(cells), cells.dtype.kind == "b", dtype=np.uint8)
    return np.fromiter(map(_family, cells), dtype=np.uint8, count=len(cells))


def _family(value: Any) -> int:
    if isinstance(value, (bool, np.bool_)):
        return 1
    return 2 if isinstance(value, (timedelta, np.timedelta64)) else 0


def as_floats(cells: ColumnValues) -> ColumnValues:
    """Return cells whose integers are floats, as far as floats are exact, so that 1 is the same as 1.0."""
    if isinstance(cells, CategoryCodes):
        return CategoryCodes(cells.codes, list(map(_as_float, cells.categories)))
    if not isinstance(cells, np.ndarray):
        return list(map(_as_float, cells))
    if cells.dtype.kind not in "iu" or not len(cells):
        return cells
    is_exact = int(cells.min()) >= -LARGEST_EXACT and int(cells.max()) <= LARGEST_EXACT
    return cells.astype(np.float64) if is_exact else list(map(_as_float, cells.tolist()))


def _as_float(value: Any) -> Any:
    return float(value) if type(value) is int and -LARGEST_EXACT <= value <= LARGEST_EXACT else value


def nothing(count: int) -> NDArray[np.float64]:
    """Return the cells of a column that is not there."""
    return np.full(count, np.nan)
