"""Converting the dicts that the user's function returns to columns."""

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
    """Results that have the same keys: a list of values for each key instead of a dict for each result."""

    offsets: list[int] = field(default_factory=list)
    columns: dict[Hashable, list[Any]] = field(default_factory=dict)


class ResultPacker:
    """Takes results one by one, and returns them as columns.

    `add` copies a result, and pickles its mutable values, because the function may use the same dict or array
    again. It keeps the copy as a dict. `fold` converts many dicts to columns at a time, which takes a quarter
    of the time that single conversions would.

    One thread calls `add`. Of the other methods, only one may run at a time: the caller holds a lock.

    Attributes
    ----------
    pickled_bytes : int
        Bytes of the pickled objects among the results.
    """

    def __init__(self) -> None:
        self._offsets: list[int] = []  # of the rows, and perhaps of the row that `add` is about to append
        self._rows: list[Result] = []
        self._by_keys: dict[tuple[Hashable, ...], SameKeyResults] = {}
        self.pickled_bytes = 0

    def __len__(self) -> int:
        """Return how many results are not folded yet."""
        return len(self._rows)

    def add(self, offset: int, result: Result) -> None:
        """Add the result of the pset at `offset`, which is larger than those before.

        Raises
        ------
        NotPicklable
            Naming the key whose value cannot be pickled. Nothing was added.
        """
        for value in result.values():
            if type(value) not in IMMUTABLE_TYPES and not is_immutable(type(value)):
                result = isolated_result(result)
                self.pickled_bytes += pickled_bytes(result.values())
                break
        self._offsets.append(offset)
        self._rows.append(result.copy())

    def fold(self) -> dict[int, NotPicklable]:
        """Convert the added results to columns; return, by offset, errors of keys that cannot be pickled."""
        count = len(self._rows)
        offsets, rows = self._offsets[:count], self._rows[:count]
        del self._offsets[:count], self._rows[:count]
        refused: dict[int, NotPicklable] = {}
        for results in _by_keys(offsets, rows):
            try:
                self._keep(tuple(results.columns), results)
            except NotPicklable as error:
                refused.update(dict.fromkeys(results.offsets, error))
        return refused

    def _keep(self, keys: tuple[Hashable, ...], more: SameKeyResults) -> None:
        results = self._by_keys.get(keys)
        if results is None:
            check_keys(keys)
            self._by_keys[keys] = more
            return
        results.offsets += more.offsets
        for key, values in more.columns.items():
            results.columns[key] += values

    def take(self, start: int = 0, stop: int = sys.maxsize) -> Columns:
        """Return folded results, as `columns` does, and drop all folded results."""
        columns = self.columns(start, stop)
        self._by_keys.clear()
        self.pickled_bytes = 0
        return columns

    def columns(self, start: int, stop: int) -> Columns:
        """Return the folded results of the psets from `start` up to, but not including, `stop` as columns."""
        columns: Columns = {}
        for results in self._by_keys.values():
            for key, column in _columns(results, start, stop):
                columns[key] = columns.get(key, ()) + column
        return columns


def _by_keys(offsets: list[int], rows: list[Result]) -> Iterator[SameKeyResults]:
    """Yield the results that have the same keys in the same order together; usually these are all results."""
    if not rows:
        return
    if (results := _with_same_keys(offsets, rows)) is not None:
        yield results
        return
    groups: dict[tuple[Hashable, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(row), []).append(place)
    for places in groups.values():
        results = _with_same_keys([offsets[i] for i in places], [rows[i] for i in places])
        assert results is not None
        yield results


def _with_same_keys(offsets: list[int], rows: Sequence[Result]) -> SameKeyResults | None:
    """Return the rows' values by key, None if their keys differ."""
    keys = tuple(rows[0])
    if set(map(len, rows)) != {len(keys)}:
        return None
    try:
        return SameKeyResults(offsets, {key: list(map(itemgetter(key), rows)) for key in keys})
    except KeyError:
        return None


def _columns(
    results: SameKeyResults, start: int, stop: int
) -> Iterator[tuple[Hashable, tuple[ResultColumn, ...]]]:
    first, last = bisect_left(results.offsets, start), bisect_left(results.offsets, stop)
    if first == last:
        return
    offsets = results.offsets[first:last]
    for key, values in results.columns.items():
        yield key, pack_column(offsets, values[first:last])
