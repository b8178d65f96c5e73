"""From a column's cells to places on an axis: one look at all rows, two where there are many values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.views.columns.axes import ABSENT, OTHERS, Axis, Codes, Range, in_order
from paramsurvey.views.columns.source import numbers

MANY = (1 << 15) - 2  # different values: with more than that, an axis is made of ranges
FINE = 256  # ranges: their number fits into a byte
SAMPLE = 1 << 16  # values from which the ranges' limits are computed
CELLS = 1 << 14  # of the table that finds a number's range: most numbers then need no search
WIDE = 100.0  # from the smallest to the largest of positive numbers: their logarithms are spread more evenly

Floats = NDArray[np.float64]
Chunks = Callable[[], Iterable[ColumnValues]]


class Coder(Protocol):
    """Gives rows their places on one axis."""

    axis: Axis

    def codes(self, cells: ColumnValues) -> Codes:
        """Return the place of each cell."""
        ...


def find_axis(name: str, chunks: Chunks, total: int, keep: bool) -> tuple[Coder, Codes | None]:
    """Return a column's axis, and each row's place on it if they are to be kept.

    Parameters
    ----------
    name : str
        The column's.
    chunks : callable
        Returns the column's cells, a chunk at a time; called once or twice.
    total : int
        How many rows there are.
    keep : bool
        Whether to return all places, which costs one or two bytes per row.
    """
    values, kept, start = Values(), np.empty(total if keep else 0, dtype=np.int16), 0
    for cells in chunks():
        codes = values.add(cells, MANY)
        if len(values.places) > MANY:
            break
        if keep:
            kept[start : start + len(codes)] = codes
            start += len(codes)
    else:
        coder = ValueCoder(name, values)
        return coder, np.asarray(coder.table[kept]) if keep else None
    if all(issubclass(kind, (int, float, timedelta)) for kind, _ in values.places):
        whole = all(issubclass(kind, int) for kind, _ in values.places)
        return _find_ranges(name, chunks, total, keep, whole)
    values.forget(MANY)
    return _find_frequent(name, values, chunks, total, keep)


def _find_frequent(
    name: str, values: Values, chunks: Chunks, total: int, keep: bool
) -> tuple[Coder, Codes | None]:
    """Look again at values that are not numbers: count each of the first `MANY`, and the rest together."""
    coder, kept, start = ValueCoder(name, values), np.empty(total if keep else 0, dtype=np.uint16), 0
    counts = np.zeros(len(coder.axis), dtype=np.int64)
    for cells in chunks():
        codes = coder.codes(cells)
        counts += np.bincount(codes, minlength=len(counts))
        if keep:
            kept[start : start + len(codes)] = codes
            start += len(codes)
    coder.axis = replace(coder.axis, counts=counts)
    return coder, kept if keep else None


def _find_ranges(
    name: str, chunks: Chunks, total: int, keep: bool, whole: bool
) -> tuple[Coder, Codes | None]:
    """Look again at numbers: once for the ranges' limits, once for what is in them."""
    cutter, kept, start = _cutter(chunks, total), np.empty(total if keep else 0, dtype=np.uint8), 0
    counts = np.zeros(FINE, dtype=np.int64)
    lows, highs = np.full(FINE, np.inf), np.full(FINE, -np.inf)
    for cells in chunks():
        values = numbers(cells)
        codes = cutter.cut(values)
        counts += np.bincount(codes, minlength=FINE)
        with np.errstate(invalid="ignore"):  # nan is nan
            np.minimum.at(lows, codes, values)
            np.maximum.at(highs, codes, values)
        if keep:
            kept[start : start + len(codes)] = codes
            start += len(codes)
    used = np.flatnonzero(counts)
    table = np.zeros(FINE, dtype=np.uint8)
    table[used] = np.arange(len(used))
    axis = Axis(name, _ranges(lows, highs, used, cutter.count, whole), counts[used], ordered=True)
    return RangeCoder(axis, cutter, table), table[kept] if keep else None


def _ranges(
    lows: Floats, highs: Floats, used: NDArray[np.int64], absent: int, whole: bool
) -> tuple[Any, ...]:
    kind = int if whole else float
    return tuple(
        ABSENT if place == absent else Range(kind(lows[place]), kind(highs[place])) for place in used.tolist()
    )


def _cutter(chunks: Chunks, total: int) -> Cutter:
    step, found = max(1, total // SAMPLE), [np.zeros(0)]
    for cells in chunks():
        some = numbers(cells)[::step]
        found.append(some[np.isfinite(some)])
    return Cutter(np.concatenate(found))


class Values:
    """Numbers a column's different values by their first appearance, while the rows come in.

    Examples
    --------
    >>> found = Values()
    >>> found.add(np.array([3.0, 1.0, np.nan, 3.0])).tolist()
    [0, 1, -1, 0]
    """

    def __init__(self) -> None:
        self.places: dict[tuple[type, Any], int] = {}  # 1, 1.0 and True are three values
        self.counts = np.zeros(1, dtype=np.int64)  # of what is absent, then of the values
        self.incomplete = False
        self._table: tuple[list[Any], NDArray[np.int64]] = ([], np.zeros(0, dtype=np.int64))

    def add(self, cells: ColumnValues, most: int = sys.maxsize) -> NDArray[np.int64]:
        """Return the number of each cell, -1 for what is absent, and learn what is new.

        If an array has more than `most` different values, one more is learned, and the numbers are wrong.
        """
        codes = self.numbers(cells, self._learn, most)
        found = np.bincount(codes + 1, minlength=len(self.places) + 1)
        found[: len(self.counts)] += self.counts
        self.counts = found
        return codes

    def find(self, cells: ColumnValues) -> NDArray[np.int64]:
        """Return the number of each cell, -1 for what is absent, -2 for what was not learned."""
        return self.numbers(cells, lambda key: self.places.get(key, -2))

    def forget(self, count: int) -> None:
        """Keep only the first `count` values."""
        self.places = dict(list(self.places.items())[:count])
        self.counts = self.counts[: count + 1]
        self.incomplete = True
        self._table = ([], np.zeros(0, dtype=np.int64))

    def numbers(
        self, cells: ColumnValues, place: Callable[[tuple[type, Any]], int], most: int = sys.maxsize
    ) -> NDArray[np.int64]:
        """Return the number that `place` gives each cell's value."""
        if isinstance(cells, np.ndarray):
            places, values = pd.factorize(cells)
            if len(values) > most:  # too many: which ones does not matter any more
                places = np.minimum(places, most)
            return np.array([*_places(values[: most + 1].tolist(), place), -1], dtype=np.int64)[places]
        if not isinstance(cells, CategoryCodes):
            return np.array(_places(cells, place), dtype=np.int64)
        if self._table[0] is not cells.categories:  # a categorical has the same ones in each chunk
            table = np.array(_places(cells.categories, place), dtype=np.int64)
            self._table = (cells.categories, table)
        return np.asarray(self._table[1][cells.codes])

    def _learn(self, key: tuple[type, Any]) -> int:
        return self.places.setdefault(key, len(self.places))


def _places(values: Iterable[Any], place: Callable[[tuple[type, Any]], int]) -> list[int]:
    return [-1 if _is_absent(value) else _place(value, place) for value in values]


def _place(value: Any, place: Callable[[tuple[type, Any]], int]) -> int:
    try:
        return place((type(value), value))
    except Exception:  # it cannot be hashed, or compared: all of its type are one value
        return place((type, type(value)))


def _is_absent(value: Any) -> bool:
    if isinstance(value, (float, np.floating, Decimal)):
        return bool(value != value)
    return value is None or value is pd.NaT or value is pd.NA


class ValueCoder:
    """Places of a column that has few different values, in ascending order where there is one."""

    def __init__(self, name: str, found: Values) -> None:
        values = [value for _, value in found.places]
        order = in_order(values)
        self._found = found
        rank = np.argsort(order, kind="stable") if order else np.arange(len(values))
        absent = bool(found.counts[0])
        places = [values[place] for place in order or range(len(values))]
        places += [OTHERS] * found.incomplete + [ABSENT] * absent
        self.table: Codes = np.zeros(len(values) + 2, dtype=np.uint16 if len(places) > FINE else np.uint8)
        self.table[: len(values)] = rank
        self.table[-2:] = len(values), len(values) + found.incomplete
        counts = np.zeros(len(places), dtype=np.int64)
        counts[rank] = found.counts[1:]
        if absent:
            counts[-1] = found.counts[0]
        self.axis = Axis(name, tuple(places), counts, order is not None)

    def codes(self, cells: ColumnValues) -> Codes:
        """Return the place of each cell."""
        return np.asarray(self.table[self._found.find(cells)])


class RangeCoder:
    """Places of a column with many different numbers: ranges that hold about as many rows each."""

    def __init__(self, axis: Axis, cutter: Cutter, table: NDArray[np.uint8]) -> None:
        self.axis = axis
        self._cutter = cutter
        self._table = table

    def codes(self, cells: ColumnValues) -> Codes:
        """Return the place of each cell."""
        return self._table[self._cutter.cut(numbers(cells))]


class Cutter:
    """Cuts numbers into at most `FINE` - 1 ranges, and nan.

    A binary search costs 0.2 µs per number, most of it for branches that no processor can predict. So
    the numbers are first put into equal cells, by arithmetic; only where a cell touches several ranges
    is there a search.

    Parameters
    ----------
    sample : float64 array
        Finite numbers, from which the limits are computed.
    """

    def __init__(self, sample: Floats) -> None:
        sample = sample if len(sample) else np.zeros(1)
        self._cuts = np.unique(np.quantile(sample, np.arange(1, FINE - 1) / (FINE - 1)))
        self.count = len(self._cuts) + 1
        self._in_logs = bool(sample.min() > 0 and sample.max() > WIDE * sample.min())
        cuts = self._scaled(self._cuts)
        self._low, high = float(cuts[0]), float(cuts[-1])
        self._cells_per_unit = CELLS / ((high - self._low) or 1.0)
        borders = self._low + np.arange(CELLS + 1) / self._cells_per_unit
        slack = 1e-6 / self._cells_per_unit  # numbers near a border may fall into the cell beyond it
        first = np.searchsorted(cuts, borders[:-1] - slack, side="right")
        last = np.searchsorted(cuts, borders[1:] + slack, side="right")
        first[0], last[-1] = 0, len(cuts)
        self._first, self._unsure = first.astype(np.uint8), first != last
        self._unsure[-1] = True

    def cut(self, values: Floats) -> NDArray[np.uint8]:
        """Return the range of each number; `count` for nan."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = (self._scaled(values) - self._low) * self._cells_per_unit
            scaled[np.isnan(scaled)] = CELLS  # in the last cell there is always a search
            cells = np.clip(scaled, 0, CELLS - 1).astype(np.int32)
        codes = self._first[cells]
        search = np.flatnonzero(self._unsure[cells])
        codes[search] = np.searchsorted(self._cuts, values[search], side="right")
        codes[np.isnan(values)] = self.count
        return codes

    def _scaled(self, values: Floats) -> Floats:
        return np.log(values) if self._in_logs else values
