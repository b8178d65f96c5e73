"""Reads a checkpoint that two programs have written at the same time, each pset once.

The lock prevents that. But a lock can be removed by hand, and a driver on another machine that did not
touch its lock for a minute may be merely slow. The numbers of the parts of two such runs overlap,
and those of one run after the other never do. So the runs are told apart as long as their parts have not
been merged, which the next run does: it writes their rows again, each pset once.

A pset that the survey has twice is stored twice by each run. So of each pset the rows of one run are taken:
of the run that has stored most of them, and of the last such run. A result replaces a failure, and of two
results either may be taken.
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
    identities,
    live_parts,
    pset_identities,
    read_part,
)
from paramsurvey.checkpoint.format.part_table import PartTable

Kept = dict[Path, NDArray[np.bool_]]
"""Which rows of some parts count; all of them do where a part is not named."""


def overlapping(parts: Sequence[Part]) -> list[Part]:
    """Return those among live parts, in order, that several programs made at the same time.

    That is parts whose numbers overlap, and what the same programs have written after them.
    """
    overlaps, highest, before = set[Path](), -1, parts[:0]
    for part in parts:
        if part.first <= highest:
            overlaps |= {one.path for one in [*before, part] if part.first <= one.last}
        before = [one for one in before if one.last >= part.first] + [part]
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
    """Return which rows of those parts count that several programs have written at the same time.

    Raises
    ------
    FileNotFoundError
        One has been merged in the meantime.
    """
    group = overlapping(parts)
    writers = {name: number for number, name in enumerate(_in_order_of_their_ends(map(_writer, group)))}
    readable: list[Part] = []
    places, psets, wrote = [], [], []
    for part in group:
        with suppress(PartDamaged):  # whatever reads the part later reports it
            table = read_part(part)
            readable.append(part)
            places.append(identities(table))
            psets.append(pset_identities(table))
            wrote.append(np.full(len(table), writers[_writer(part)], dtype=np.int64))
    if not readable:
        return {}
    _, pset = np.unique(np.concatenate(psets), return_inverse=True)
    counts = last_of_each(np.concatenate(places), np.concatenate(wrote))
    counts &= _of_those_who_stored_most(pset, np.concatenate(wrote), counts, len(writers))
    starts = np.cumsum([0, *map(len, psets)]).tolist()
    pieces = zip(readable, starts[:-1], starts[1:], strict=True)
    return {part.path: counts[start:stop] for part, start, stop in pieces}


def _in_order_of_their_ends(names: Iterable[str]) -> list[str]:
    """Return each name once, in the order in which they stand last.

    Examples
    --------
    >>> _in_order_of_their_ends(["b", "a", "b"])
    ['a', 'b']
    """
    return list(dict.fromkeys(reversed(list(names))))[::-1]


def _writer(part: Part) -> str:
    return part.writer or part.path.name  # format 1 does not say which parts are of the same program


def last_of_each(*columns: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell for each row whether none of those behind it is the same."""
    count = len(columns[0])
    order = np.lexsort((np.arange(count), *columns))
    same = np.ones(max(count - 1, 0), dtype=np.bool_)
    for column in columns:
        same &= column[order[:-1]] == column[order[1:]]
    last = np.ones(count, dtype=np.bool_)
    last[order[:-1][same]] = False
    return last


def _of_those_who_stored_most(
    pset: NDArray[np.intp], writer: NDArray[np.int64], counts: NDArray[np.bool_], writers: int
) -> NDArray[np.bool_]:
    """Tell for each row whether its writer is the one that stored its pset most often, and last."""
    pairs, often = np.unique(pset[counts] * writers + writer[counts], return_counts=True)
    best_last = np.lexsort((pairs % writers, often, pairs // writers))
    chosen = np.zeros(len(pset), dtype=np.int64)  # by pset: there are as many as rows, at most
    chosen[pairs[best_last] // writers] = pairs[best_last] % writers  # the last of equal places stays
    best: NDArray[np.bool_] = chosen[pset] == writer
    return best


class Finished:
    """The rows that have a result, whose failures count no more.

    Parameters
    ----------
    by_content : bool
        Compare psets, not positions: of two programs, each may have another pset at a position.
    """

    def __init__(self, by_content: bool) -> None:
        self.by_content = by_content
        self._found: list[NDArray[np.generic]] = []

    def numbers_of(self, table: PartTable) -> NDArray[np.generic]:
        """Return what the rows of a part are compared by."""
        return pset_identities(table) if self.by_content else table.positions

    def add(self, numbers: NDArray[np.generic]) -> None:
        """Note the rows of a part of results."""
        self._found.append(numbers)

    def contains(self, numbers: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Tell which rows have a result."""
        if not self._found:
            return np.zeros(len(numbers), dtype=np.bool_)
        found: NDArray[np.bool_] = np.isin(numbers, np.concatenate(self._found))
        return found
