"""Results on their way from the function into columns."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from paramsurvey.errors import NotPicklable
from paramsurvey.transport.isolation import (
    IMMUTABLE_TYPES,
    check_keys,
    is_immutable,
    isolated_result,
    pickled_bytes,
)
from paramsurvey.transport.messages import ResultColumn
from paramsurvey.transport.packed_columns import pack_column

Result = dict[Hashable, Any]
Columns = dict[Hashable, tuple[ResultColumn, ...]]


@dataclass(slots=True)
class SameKeyResults:
    """The results that have the same keys: a list of values for each key, not a dict for each result."""

    offsets: list[int] = field(default_factory=list)
    columns: dict[Hashable, list[Any]] = field(default_factory=dict)


class ResultPacker:
    """Takes results one by one, and gives them back as columns.

    A result is copied when it is added, and pickled where it is not immutable: the function may use
    the same dict, or the same array in it, again. What was added waits as rows, until `fold` makes
    columns of many at once: that takes a quarter of the time.

    One thread adds; for the other methods, see to it that no two threads call them at a time.
    """

    def __init__(self) -> None:
        self._offsets: list[int] = []  # of the rows, and perhaps of one more that is being added
        self._rows: list[Result] = []
        self._by_keys: dict[tuple[Hashable, ...], SameKeyResults] = {}
        self.weight = 0  # bytes of the objects among the results

    def __len__(self) -> int:
        """Return how many results wait to be folded."""
        return len(self._rows)

    def add(self, offset: int, result: Result) -> None:
        """Add the result of the pset at `offset`; offsets ascend.

        Raises
        ------
        NotPicklable
            Naming the key whose value cannot be pickled. Nothing was added.
        """
        for value in result.values():
            if type(value) not in IMMUTABLE_TYPES and not is_immutable(type(value)):
                result = isolated_result(result)
                self.weight += pickled_bytes(result.values())
                break
        self._offsets.append(offset)
        self._rows.append(result.copy())

    def fold(self) -> dict[int, NotPicklable]:
        """Turn the rows that wait into columns; return the offsets of those whose keys cannot be pickled."""
        count = len(self._rows)
        offsets, rows = self._offsets[:count], self._rows[:count]
        del self._offsets[:count], self._rows[:count]
        refused: dict[int, NotPicklable] = {}
        for alike in _by_keys(offsets, rows):
            try:
                self._keep(tuple(alike.columns), alike)
            except NotPicklable as error:
                refused.update(dict.fromkeys(alike.offsets, error))
        return refused

    def _keep(self, keys: tuple[Hashable, ...], more: SameKeyResults) -> None:
        alike = self._by_keys.get(keys)
        if alike is None:
            check_keys(keys)
            self._by_keys[keys] = more
            return
        alike.offsets += more.offsets
        for key, cells in more.columns.items():
            alike.columns[key] += cells

    def take(self, start: int = 0) -> Columns:
        """Return what was folded, as columns of the psets from `start` on, and be empty again."""
        columns = self.columns(start, sys.maxsize)
        self._by_keys.clear()
        self.weight = 0
        return columns

    def columns(self, start: int, stop: int) -> Columns:
        """Return what was folded, as columns of the psets `start` to `stop`."""
        columns: Columns = {}
        for alike in self._by_keys.values():
            for key, column in _columns(alike, start, stop):
                columns[key] = columns.get(key, ()) + column
        return columns


def _by_keys(offsets: list[int], rows: list[Result]) -> Iterator[SameKeyResults]:
    """Yield alike of the rows that have the same keys in the same order; most often that is one."""
    if not rows:
        return
    if (alike := _with_same_keys(offsets, rows)) is not None:
        yield alike
        return
    groups: dict[tuple[Hashable, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(row), []).append(place)
    for places in groups.values():
        alike = _with_same_keys([offsets[i] for i in places], [rows[i] for i in places])
        assert alike is not None
        yield alike


def _with_same_keys(offsets: list[int], rows: Sequence[Result]) -> SameKeyResults | None:
    """Return the alike of rows with the same keys, None when their keys differ."""
    keys = tuple(rows[0])
    if set(map(len, rows)) != {len(keys)}:
        return None
    try:
        return SameKeyResults(offsets, {key: list(map(itemgetter(key), rows)) for key in keys})
    except KeyError:
        return None


def _columns(
    alike: SameKeyResults, start: int, stop: int
) -> Iterator[tuple[Hashable, tuple[ResultColumn, ...]]]:
    first, last = bisect_left(alike.offsets, start), bisect_left(alike.offsets, stop)
    if first == last:
        return
    offsets = alike.offsets[first:last]
    for key, cells in alike.columns.items():
        yield key, pack_column(offsets, cells[first:last])
