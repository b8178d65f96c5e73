"""Axes: the values that a column takes, in their order, and each row's place among them.

A column with many different numbers becomes an axis of `FINE` ranges that hold about as many rows
each. For pictures and estimates an axis is made coarser with `Axis.coarse`, by a table from its
places to fewer ones, without another look at the rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.safe_repr import describe
from paramsurvey.views.columns.short_texts import distinct, shortened

Codes = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]

LONGEST_LABEL = 40  # characters
MORE_DIGITS = (9, 12, 17)  # for floats that differ, but look the same with 6 digits


@dataclass(frozen=True, slots=True)
class Range:
    """A place of an axis that stands for all values from `low` to `high`, both included."""

    low: Any
    high: Any

    def __str__(self) -> str:
        low, high = (f"{end:.3g}" if isinstance(end, float) else label(end) for end in (self.low, self.high))
        return f"{low} – {high}"


class _Special:
    """A place of an axis that stands for no value of its own."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


ABSENT: Final = _Special("(no value)")
OTHERS: Final = _Special("(others)")


@dataclass(frozen=True, eq=False)
class Axis:
    """A column's values.

    Attributes
    ----------
    name : str
    values : tuple
        A value, a `Range`, `OTHERS` or, always last, `ABSENT` for each place.
    counts : int64 array
        How many rows are at each place.
    ordered : bool
        Whether the values are numbers, dates or bools, and ascend.
    """

    name: str
    values: tuple[Any, ...]
    counts: Counts
    ordered: bool

    def __len__(self) -> int:
        return len(self.values)

    @property
    def varies(self) -> bool:
        """Whether there are at least two different values."""
        return len(self.values) > 1

    def labels(self) -> list[str]:
        """Return a short text for each place, all of them different, without control characters."""
        labels = [label(value) for value in self.values]
        for digits in MORE_DIGITS:  # for those that look the same
            counts = Counter(labels)
            if len(counts) == len(labels):
                break
            labels = [
                _whole_label(value, digits) if counts[short] > 1 else short
                for value, short in zip(self.values, labels, strict=True)
            ]
        return distinct(labels, LONGEST_LABEL)

    def place_of(self, value: Any) -> int:
        """Return where a value is.

        Raises
        ------
        ValueError
            When the axis does not have it.
        """
        for place, known in enumerate(self.values):
            if _is_at(value, known):
                return place
        shown = ", ".join(self.labels()[:10]) + (", ..." if len(self) > 10 else "")
        raise ValueError(f"{self.name!r} has no value {value!r}: it has {shown}")

    def coarse(self, most: int) -> Coarse:
        """Return an axis of at most `most` places, and the table from this one's places to its.

        Neighbours on an ordered axis are joined into ranges with about as many rows each. On another axis,
        the most frequent values stay, and the rest become `OTHERS`.
        """
        if len(self) <= most:
            return Coarse(self, np.arange(len(self), dtype=np.uint16))
        table = _joined(self.counts, most, self._absent) if self.ordered else self._frequent(most)
        counts = np.bincount(table, self.counts).astype(np.int64)
        values = tuple(self._merged(np.flatnonzero(table == place)) for place in range(len(counts)))
        return Coarse(Axis(self.name, values, counts, self.ordered), table)

    def only(self, places: NDArray[np.integer[Any]]) -> Axis:
        """Return an axis of some of the places, which ascend."""
        values = tuple(self.values[at] for at in places)
        return Axis(self.name, values, self.counts[places], self.ordered)

    @property
    def _absent(self) -> bool:
        return bool(self.values) and self.values[-1] is ABSENT

    def _frequent(self, most: int) -> NDArray[np.uint16]:
        """Keep the most frequent values in their order, and ABSENT; the rest come after them."""
        own = len(self) - self._absent
        room = most - 1 - self._absent
        kept = np.sort(np.argsort(-self.counts[:own], kind="stable")[:room])
        table = np.full(len(self), room, dtype=np.uint16)
        table[kept] = np.arange(len(kept))
        if self._absent:
            table[-1] = room + 1
        return table

    def _merged(self, places: NDArray[np.int64]) -> Any:
        first, last = self.values[places[0]], self.values[places[-1]]
        if len(places) == 1 or last is ABSENT:
            return last
        if not self.ordered:
            return OTHERS
        low = first.low if isinstance(first, Range) else first
        return Range(low, last.high if isinstance(last, Range) else last)


@dataclass(frozen=True, eq=False)
class Coarse:
    """A coarser axis, and for each place of the finer one the place in it."""

    axis: Axis
    table: NDArray[np.uint16]


def _joined(counts: Counts, most: int, absent: bool) -> NDArray[np.uint16]:
    """Return groups of neighbours with about as many rows each; what is absent stays alone, at the end."""
    own = counts[:-1] if absent else counts
    room = most - absent
    middle = np.cumsum(own) - own / 2
    wanted = np.minimum((middle / max(own.sum(), 1) * room).astype(np.int64), room - 1)
    table = np.unique(wanted, return_inverse=True)[1]
    return np.append(table, table[-1] + 1 if absent else []).astype(np.uint16)


def _is_at(value: Any, known: Any) -> bool:
    try:
        if isinstance(known, Range):
            return bool(known.low <= value <= known.high)
        return bool(value == known) or (known is ABSENT and value != value)
    except (TypeError, ValueError):  # a text and a range; an array
        return False


def label(value: Any) -> str:
    """Return a short text for a value, in one line and without control characters."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(_printable(value), LONGEST_LABEL)


def _whole_label(value: Any, digits: int) -> str:
    """Return the same with all characters, and more digits."""
    if isinstance(value, Range):
        return f"{_whole_label(value.low, digits)} – {_whole_label(value.high, digits)}"
    return f"{value:.{digits}g}" if isinstance(value, float) else _printable(value)


def _printable(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, (timedelta, np.timedelta64)):  # one text for a duration, whatever stores it
        value = _duration_text(value)
    text = str(value) if isinstance(value, (str, int, date, Range)) else describe(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _duration_text(value: Any) -> str:
    import pandas as pd

    try:
        return str(pd.Timedelta(value))
    except (ValueError, OverflowError):  # centuries
        return str(value)


def in_order(values: Sequence[Any]) -> list[int] | None:
    """Return the places of some different values in ascending order, None if they have no order."""
    kinds = {_order_of(value) for value in values}
    if len(kinds) != 1 or None in kinds:
        return None
    try:
        return sorted(range(len(values)), key=values.__getitem__)
    except TypeError:  # dates with and without a time zone
        return None


def _order_of(value: Any) -> str | None:
    if isinstance(value, (int, float)):
        return None if isinstance(value, float) and math.isnan(value) else "number"
    if isinstance(value, (date, timedelta)):  # a datetime is a date, but cannot be compared with one
        return type(value).__name__
    return None
