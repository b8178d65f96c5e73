"""Results on their way from the function into columns."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paramsurvey.columns import pack_column
from paramsurvey.messages import ResultColumn
from paramsurvey.sealing import ATOMS, check_keys, sealed_result, weight_of

Columns = dict[Hashable, tuple[ResultColumn, ...]]


@dataclass(slots=True)
class Sheet:
    """The results that have the same keys: all their values one after the other, not a dict for each."""

    offsets: array[int] = field(default_factory=lambda: array("q"))
    cells: list[Any] = field(default_factory=list)


class Packer:
    """Takes results one by one, and gives them back as columns.

    A result is copied when it is added, and sealed where it is no plain data: the function may use
    the same dict, or the same array in it, again.
    """

    def __init__(self) -> None:
        self._sheets: dict[tuple[Hashable, ...], Sheet] = {}
        self.weight = 0  # bytes of the objects among the results

    def add(self, offset: int, result: Mapping[Hashable, Any]) -> None:
        """Add the result of the pset at `offset`; offsets ascend.

        Raises
        ------
        NotPicklable
            Naming the key whose value cannot be pickled. Nothing was added.
        """
        if not ATOMS.issuperset(map(type, result.values())):
            result = sealed_result(result)
            self.weight += weight_of(result.values())
        keys = tuple(result)
        sheet = self._sheets.get(keys)
        if sheet is None:
            check_keys(keys)
            sheet = self._sheets[keys] = Sheet()
        sheet.offsets.append(offset)
        sheet.cells.extend(result.values())

    def take(self, start: int = 0) -> Columns:
        """Return the columns of the psets from `start` on, and be empty again."""
        columns = self.columns(start, sys.maxsize)
        self._sheets.clear()
        self.weight = 0
        return columns

    def columns(self, start: int, stop: int) -> Columns:
        """Return the columns of the psets `start` to `stop`; another thread may be adding later ones."""
        columns: Columns = {}
        for keys, sheet in list(self._sheets.items()):
            for key, column in _columns(keys, sheet, start, stop):
                columns[key] = columns.get(key, ()) + column
        return columns


def _columns(
    keys: tuple[Hashable, ...], sheet: Sheet, start: int, stop: int
) -> Iterator[tuple[Hashable, tuple[ResultColumn, ...]]]:
    offsets = np.array(sheet.offsets[:], dtype=np.int64)  # a copy at once, for more may be added
    first, last = np.searchsorted(offsets, [start, stop]).tolist()
    if first == last:
        return
    width = len(keys)
    for place, key in enumerate(keys):
        yield key, pack_column(offsets[first:last], sheet.cells[first * width + place : last * width : width])
