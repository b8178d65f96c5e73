"""Some psets of a space: ``--where``, ``--shuffle``, ``--only`` and ``--shard``; and every pset's number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.placeholders import NUMBER
from paramsurvey.cli.psets.listed import ListedPsets
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.spaces.grids_and_products import Space
from paramsurvey.params.spaces.indexed_psets import SpaceDecoder
from paramsurvey.transport.column_by_row import as_array, numpy_index
from paramsurvey.transport.messages import Pset, Rows, Values

ONLY = re.compile(r"\s*(\d{1,18})\s*(?:(?:-|\.\.)\s*(\d{1,18})\s*)?")
MOST_LISTED = 2000  # psets that workers get as a list
PLAIN = (str, int, float, bool, type(None))  # types whose values nobody can change
SHARD = re.compile(r"(\d{1,18})/(\d{1,18})")


class Selection(Space):
    """Some psets of a space, which keep the numbers that they have in it.

    Parameters
    ----------
    space : Space
    rows : range or int64 array
        Which rows of the space, in this order; a range may have any step.
    """

    def __init__(self, space: Space, rows: Rows) -> None:
        self._space = space
        self._rows = rows
        self.names = space.names

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self, rows: Rows) -> dict[str, Values]:
        """Return the values of some rows."""
        return self._space.columns(self._rows_in_space(rows))

    def _rows_in_space(self, rows: Rows) -> Rows:
        if isinstance(self._rows, range):
            if isinstance(rows, range) and self._rows.step == 1:
                return self._rows[rows.start : rows.stop]
            return self._rows.start + self._rows.step * as_array(rows)
        return self._rows[numpy_index(rows)]

    def numbers(self, rows: Rows) -> list[int]:
        """Return the numbers of some rows in the space, from 1."""
        numbers: list[int] = (as_array(self._rows_in_space(rows)) + 1).tolist()
        return numbers

    def pset(self, number: int) -> Pset:
        """Return the pset with a number."""
        return self._space[number - 1]


class Numbered(Space):
    """The psets of a selection, in which workers find the pset's number.

    The number is no parameter: results, and the psets of a checkpoint, do not have it.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.names = selection.names

    def __len__(self) -> int:
        return len(self.selection)

    def columns(self, rows: Rows) -> dict[str, Values]:
        """Return the values of some rows, without the numbers."""
        return self.selection.columns(rows)

    def decoder(self) -> Any:
        """Return the object that makes psets from row numbers in a worker.

        A few psets are listed: workers then need no numpy, which takes longer to load than most commands run.
        """
        numbering = NumberingDecoder(self)
        if len(self) > MOST_LISTED:
            return numbering
        psets = tuple(numbering.psets(range(len(self))))
        is_plain = all(isinstance(value, PLAIN) for pset in psets for value in pset.values())
        return ListedPsets(psets) if is_plain else numbering


@dataclass(frozen=True)
class NumberingDecoder(SpaceDecoder):
    """Makes psets that include their number."""

    space: Numbered

    def psets(self, rows: Rows, payload: object = None) -> Iterator[Pset]:
        """Yield a private dict for each of `rows`."""
        numbers = self.space.selection.numbers(rows)
        for pset, number in zip(super().psets(rows, payload), numbers, strict=True):
            pset[NUMBER] = number
            yield pset


def select(space: Space, only: str | None = None, shard: str | None = None) -> Selection:
    """Return the psets that ``--only`` and ``--shard`` leave.

    Raises
    ------
    BadUsage
        They cannot be understood, or there are no such psets.
    """
    rows: Rows = range(len(space))
    if only is not None:
        rows = _only(only, len(space))
    if shard is not None:
        match = SHARD.fullmatch(shard.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise BadUsage(f"--shard {shard!r} is not k/n: write 1/4 for the first of four parts, to 4/4")
        rows = rows[int(match[1]) - 1 :: int(match[2])]
    return Selection(space, rows)


def _only(text: str, length: int) -> Any:
    """Return the rows of a list of numbers such as ``3,7,10-12``."""
    rows: list[int] = []
    for item in text.split(","):
        match = ONLY.fullmatch(item)
        if match is None:
            raise BadUsage(f"--only {text!r} is not a list of numbers: write it like 3,7,10-12")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= length:
            raise BadUsage(
                f"--only {item.strip()}: the sets are numbered 1 to {length:,}: give some of these"
            )
        rows.extend(range(first - 1, last))
    return np.array(list(dict.fromkeys(rows)), dtype=np.int64)
