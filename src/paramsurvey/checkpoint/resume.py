"""Which psets of this survey earlier runs have stored, and which are left to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, Matcher
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import PsetSource
from paramsurvey.transport.column_by_row import as_array
from paramsurvey.transport.messages import Rows

SLICE = 1 << 20  # rows to compare at a time, which limits the memory that this takes
LONG_GAP = 1 << 16  # rows: as many neighbours without a result are returned as a range


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """Stored rows, and the survey's rows that they belong to."""

    table: PartTable
    rows: NDArray[np.int64]


class ResumeSearch:
    """Looks up stored psets in a survey; each of them belongs to one row at most.

    Parameters
    ----------
    source : PsetSource
        The survey's psets.
    first_position : int
        The position at which the survey's row 0 was stored, if the survey is the same as last time.
    """

    def __init__(self, source: PsetSource, first_position: int) -> None:
        self._source = source
        self._first_position = first_position
        self._hasher = Hasher()
        self._unmatched: list[PartTable] = []
        self._unmatched_keys: list[HashPairs] = []
        self._matcher: Matcher | None = None
        self.inexact = False  # becomes true if a pset was stored where this survey has another one

    def in_place(self, table: PartTable, taken: NDArray[np.int64]) -> Iterator[MatchedRows]:
        """Yield the stored psets that are where they were, and keep the others for `elsewhere`.

        Rows in `taken`, which is ascending, are not matched again.
        """
        for part in table.slices(SLICE):
            rows = part.positions - self._first_position
            inside = (rows >= 0) & (rows < len(self._source))
            keys = self._hasher.keys(part.pset_columns(), len(part))
            same = inside.copy()
            same[inside] = self._keys(_as_rows(rows[inside])).equal(keys[inside])
            same &= ~_contains(taken, rows)
            self.inexact |= bool((inside & ~same).any())
            if same.all():
                yield MatchedRows(part, rows)
                continue
            self.keep(part.take(np.flatnonzero(~same)), keys[~same])
            if same.any():
                yield MatchedRows(part.take(np.flatnonzero(same)), rows[same])

    def keep(self, table: PartTable, keys: HashPairs | None = None) -> None:
        """Keep stored psets for `elsewhere`."""
        self._unmatched.append(table)
        self._unmatched_keys.append(
            self._hasher.keys(table.pset_columns(), len(table)) if keys is None else keys
        )

    def elsewhere(self, pieces: Sequence[Rows]) -> list[MatchedRows]:
        """Look up the psets that were kept among some rows of the survey, wherever they are."""
        if self._matcher is None:
            self._matcher = Matcher(HashPairs.joined(self._unmatched_keys))
            self._unmatched_keys.clear()
        matcher, rows, at = self._matcher, [], []
        slices = (piece[start : start + SLICE] for piece in pieces for start in range(0, len(piece), SLICE))
        for piece in takewhile(lambda _: matcher.left > 0, slices):
            which, stored = matcher.match(self._keys(piece))
            rows.append(as_array(piece)[which])
            at.append(stored)
        return list(self._split(np.concatenate(rows), np.concatenate(at))) if rows else []

    def _split(self, rows: NDArray[np.int64], at: NDArray[np.int64]) -> Iterator[MatchedRows]:
        """Yield the matched psets, table by table."""
        start = 0
        for table in self._unmatched:
            mine = np.flatnonzero((at >= start) & (at < start + len(table)))
            if len(mine):
                yield MatchedRows(table.take(at[mine] - start), rows[mine])
            start += len(table)

    def _keys(self, rows: Rows) -> HashPairs:
        return self._hasher.keys(self._source.columns(rows), len(rows))


def _as_rows(rows: NDArray[np.int64]) -> Rows:
    """Return rows as a range if they are consecutive, because that costs less."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all()):
        return range(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _contains(taken: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each row whether it is among `taken`, which is ascending."""
    if len(taken) == 0:
        return np.zeros(len(rows), dtype=np.bool_)
    at = np.minimum(np.searchsorted(taken, rows), len(taken) - 1)
    found: NDArray[np.bool_] = taken[at] == rows
    return found


def rows_left(rows: range, done: NDArray[np.int64]) -> list[Rows]:
    """Return `rows` in order, without those in `done`, which is ascending and has each row once.

    Long gaps are returned as ranges, which take no memory, and what is between two of them as one array.

    Examples
    --------
    >>> rows_left(range(10, 16), np.array([12]))
    [array([10, 11, 13, 14, 15])]
    >>> rows_left(range(0, 1_000_000), np.array([1, 3]))
    [array([0, 2]), range(4, 1000000)]
    """
    starts = np.concatenate([[rows.start], done + 1])
    stops = np.concatenate([done, [rows.stop]])
    if len(done) == 0:
        return [rows] if rows else []
    pieces: list[Rows] = []
    before = 0
    for i in [*np.flatnonzero(stops - starts >= LONG_GAP).tolist(), len(starts)]:
        short = _runs(starts[before:i], stops[before:i])
        pieces += [short] if len(short) else []
        pieces += [range(int(starts[i]), int(stops[i]))] if i < len(starts) else []
        before = i + 1
    return pieces


def _runs(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all numbers in some ranges, as one array."""
    lengths = stops - starts
    skipped = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    runs: NDArray[np.int64] = skipped + np.arange(len(skipped), dtype=np.int64)
    return runs
