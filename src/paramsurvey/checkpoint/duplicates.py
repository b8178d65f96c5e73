"""Reading each pset only once from a checkpoint that two programs have written to at the same time.

The lock prevents that. But a lock can be removed by hand, and a driver on another machine that has not
touched its lock for a minute may be merely slow. The numbers of the parts of two such runs overlap, which
those of one run after another never do. So the runs can be told apart as long as their parts are not merged.
The next run takes care of that: it writes their rows again, each pset once.

If the survey has a pset twice, each run stores it twice. So for each pset, the rows of a single run are used:
the run that has stored the pset most often, or the last of these. A result replaces a failure, and of two
results, either may be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paramsurvey.checkpoint.format.part_files import (
    FAILURES,
    RESULTS,
    Part,
    PartDamaged,
    live_parts,
    pset_identities,
    read_part,
    row_identities,
)
from paramsurvey.checkpoint.format.part_table import PartTable

Kept = dict[Path, NDArray[np.bool_]]
"""Which rows of some parts count; all rows of a part that is not in the dict do."""


def overlapping(parts: Sequence[Part]) -> list[Part]:
    """Return those live parts, given in order, that several programs have written at the same time.

    These are parts whose numbers overlap, and what the same programs have written after them.
    """
    overlaps, highest, before = set[Path](), -1, parts[:0]
    for part in parts:
        if part.first <= highest:
            overlaps |= {each.path for each in [*before, part] if part.first <= each.last}
        before = [each for each in before if each.last >= part.first] + [part]
        highest = max(highest, part.last)
    first = min((part.first for part in parts if part.path in overlaps), default=0)
    writers = {part.writer for part in parts if part.path in overlaps} - {""}
    return [
        part for part in parts if part.path in overlaps or (part.first >= first and part.writer in writers)
    ]


def was_written_by_two(directory: Path) -> bool:
    """Tell whether parts of a checkpoint overlap."""
    return any(overlapping(live_parts(directory / kind)[0]) for kind in (RESULTS, FAILURES))


def rows_that_count(parts: Sequence[Part]) -> Kept:
    """Return which rows count in those parts that several programs have written at the same time.

    Raises
    ------
    FileNotFoundError
        One of them has been merged in the meantime.
    """
    group = overlapping(parts)
    writers = {name: number for number, name in enumerate(_by_last_occurrence(map(_writer, group)))}
    readable: list[Part] = []
    rows, psets, row_writers = [], [], []
    for part in group:
        with suppress(PartDamaged):  # whatever reads the part later reports it
            table = read_part(part)
            readable.append(part)
            rows.append(row_identities(table))
            psets.append(pset_identities(table))
            row_writers.append(np.full(len(table), writers[_writer(part)], dtype=np.int64))
    if not readable:
        return {}
    _, pset = np.unique(np.concatenate(psets), return_inverse=True)
    counts = last_of_each(np.concatenate(rows), np.concatenate(row_writers))
    counts &= _is_from_main_writer(pset, np.concatenate(row_writers), counts, len(writers))
    starts = np.cumsum([0, *map(len, psets)]).tolist()
    pieces = zip(readable, starts[:-1], starts[1:], strict=True)
    return {part.path: counts[start:stop] for part, start, stop in pieces}


def _by_last_occurrence(names: Iterable[str]) -> list[str]:
    """Return each name once, ordered by where it occurs last.

    Examples
    --------
    >>> _by_last_occurrence(["b", "a", "b"])
    ['a', 'b']
    """
    return list(dict.fromkeys(reversed(list(names))))[::-1]


def _writer(part: Part) -> str:
    return part.writer or part.path.name  # format 1 does not say which program wrote a part


def last_of_each(*columns: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell for each row whether it is the last of those that are the same in all columns."""
    count = len(columns[0])
    order = np.lexsort((np.arange(count), *columns))
    same = np.ones(max(count - 1, 0), dtype=np.bool_)
    for column in columns:
        same &= column[order[:-1]] == column[order[1:]]
    last = np.ones(count, dtype=np.bool_)
    last[order[:-1][same]] = False
    return last


def _is_from_main_writer(
    pset: NDArray[np.intp], writer: NDArray[np.int64], counts: NDArray[np.bool_], writers: int
) -> NDArray[np.bool_]:
    """Tell for each row whether its writer stored its pset most often, or is the last of those that did."""
    pairs, often = np.unique(pset[counts] * writers + writer[counts], return_counts=True)
    best_last = np.lexsort((pairs % writers, often, pairs // writers))
    chosen = np.zeros(len(pset), dtype=np.int64)  # the writer for each pset
    chosen[pairs[best_last] // writers] = pairs[best_last] % writers  # the last one assigned remains
    best: NDArray[np.bool_] = chosen[pset] == writer
    return best


class FinishedRows:
    """The rows that have a result, so that their failures no longer count.

    Parameters
    ----------
    by_content : bool
        Compare psets, not positions: two programs may each have stored a different pset at a position.
    """

    def __init__(self, by_content: bool) -> None:
        self.by_content = by_content
        self._found: list[NDArray[np.generic]] = []

    def keys_of(self, table: PartTable) -> NDArray[np.generic]:
        """Return the numbers by which the rows of a part are compared."""
        return pset_identities(table) if self.by_content else table.positions

    def add(self, keys: NDArray[np.generic]) -> None:
        """Add the rows of a part of results, by their keys."""
        self._found.append(keys)

    def contains(self, keys: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Tell for each row, given by its key, whether it has a result."""
        if not self._found:
            return np.zeros(len(keys), dtype=np.bool_)
        found: NDArray[np.bool_] = np.isin(keys, np.concatenate(self._found))
        return found
