"""Results on their way from the function into columns."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from paramsurvey.errors import NotPicklable
from paramsurvey.transport.isolation import ATOMS, check_keys, is_atom, sealed_result, weight_of
from paramsurvey.transport.messages import ResultColumn
from paramsurvey.transport.packed_columns import pack_column

Result = dict[Hashable, Any]
Columns = dict[Hashable, tuple[ResultColumn, ...]]


@dataclass(slots=True)
class Sheet:
    """The results that have the same keys: a list of values for each key, not a dict for each result."""

    offsets: list[int] = field(default_factory=list)
    columns: dict[Hashable, list[Any]] = field(default_factory=dict)


class Packer:
    """Takes results one by one, and gives them back as columns.

    A result is copied when it is added, and sealed where it is no plain data: the function may use
    the same dict, or the same array in it, again. What was added waits as rows, until `fold` makes
    columns of many at once: that takes a quarter of the time.

    One thread adds; for the other methods, see to it that no two threads call them at a time.
    """

    def __init__(self) -> None:
        self._offsets: list[int] = []  # of the rows, and perhaps of one more that is being added
        self._rows: list[Result] = []
        self._sheets: dict[tuple[Hashable, ...], Sheet] = {}
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
            if type(value) not in ATOMS and not is_atom(type(value)):
                result = sealed_result(result)
                self.weight += weight_of(result.values())
                break
        self._offsets.append(offset)
        self._rows.append(result.copy())

    def fold(self) -> dict[int, NotPicklable]:
        """Turn the rows that wait into columns; return the offsets of those whose keys cannot be pickled."""
        count = len(self._rows)
        offsets, rows = self._offsets[:count], self._rows[:count]
        del self._offsets[:count], self._rows[:count]
        refused: dict[int, NotPicklable] = {}
        for sheet in _sheets(offsets, rows):
            try:
                self._keep(tuple(sheet.columns), sheet)
            except NotPicklable as error:
                refused.update(dict.fromkeys(sheet.offsets, error))
        return refused

    def _keep(self, keys: tuple[Hashable, ...], more: Sheet) -> None:
        sheet = self._sheets.get(keys)
        if sheet is None:
            check_keys(keys)
            self._sheets[keys] = more
            return
        sheet.offsets += more.offsets
        for key, cells in more.columns.items():
            sheet.columns[key] += cells

    def take(self, start: int = 0) -> Columns:
        """Return what was folded, as columns of the psets from `start` on, and be empty again."""
        columns = self.columns(start, sys.maxsize)
        self._sheets.clear()
        self.weight = 0
        return columns

    def columns(self, start: int, stop: int) -> Columns:
        """Return what was folded, as columns of the psets `start` to `stop`."""
        columns: Columns = {}
        for sheet in self._sheets.values():
            for key, column in _columns(sheet, start, stop):
                columns[key] = columns.get(key, ()) + column
        return columns


def _sheets(offsets: list[int], rows: list[Result]) -> Iterator[Sheet]:
    """Yield sheets of the rows that have the same keys in the same order; most often that is one."""
    if not rows:
        return
    if (sheet := _sheet(offsets, rows)) is not None:
        yield sheet
        return
    groups: dict[tuple[Hashable, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(row), []).append(place)
    for places in groups.values():
        sheet = _sheet([offsets[i] for i in places], [rows[i] for i in places])
        assert sheet is not None
        yield sheet


def _sheet(offsets: list[int], rows: Sequence[Result]) -> Sheet | None:
    """Return the sheet of rows with the same keys, None when their keys differ."""
    keys = tuple(rows[0])
    if set(map(len, rows)) != {len(keys)}:
        return None
    try:
        return Sheet(offsets, {key: list(map(itemgetter(key), rows)) for key in keys})
    except KeyError:
        return None


def _columns(sheet: Sheet, start: int, stop: int) -> Iterator[tuple[Hashable, tuple[ResultColumn, ...]]]:
    first, last = bisect_left(sheet.offsets, start), bisect_left(sheet.offsets, stop)
    if first == last:
        return
    offsets = sheet.offsets[first:last]
    for key, cells in sheet.columns.items():
        yield key, pack_column(offsets, cells[first:last])
