"""Compares two surveys, pset by pset: what is new, gone, newly failing, mended, changed, slower."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, Matcher, hash_values
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.groups import Floats
from paramsurvey.views.columns.source import families
from paramsurvey.views.columns.survey_data import (
    FAILED,
    FINISHED,
    SECONDS,
    SurveyData,
    chunks_of,
    contents_of,
)

MOST_EXAMPLES = 20
SLOWER = 1.2  # times the seconds: less is put down to chance
LEAST_SECONDS = 0.01
SHORT = 2**31 - 1  # numbers below it, and the next one, fit into four bytes
NOWHERE = np.uint8(255)  # the state of a pset that the other survey does not have

_NO_FAMILIES = np.zeros(0, dtype=np.uint8)

Rows = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class PsetGroup:
    """Psets that something is true of.

    Attributes
    ----------
    count : int
    examples : tuple of (label, pset)
        The first ones: the label of the row in its own table, and the pset.
    """

    count: int
    examples: tuple[tuple[Hashable, dict[str, Any]], ...]


@dataclass(frozen=True)
class Change:
    """One pset's value before and after.

    Attributes
    ----------
    label : hashable
        That of its row in the second survey.
    pset : dict
    before, after : object
    """

    label: Hashable
    pset: dict[str, Any]
    before: Any
    after: Any


@dataclass(frozen=True, eq=False)
class ColumnChanges:
    """How a column changed, over the psets that finished both times.

    Attributes
    ----------
    name : str
    compared : int
        Psets that are in both.
    changed : int
        How many differ by more than the tolerance; or have a value only once.
    largest : tuple of Change
        Those that differ most first; of texts, the first ones.
    """

    name: str
    compared: int
    changed: int
    largest: tuple[Change, ...]


@dataclass(frozen=True, eq=False)
class SpeedChanges:
    """How the seconds changed of the psets that finished both times.

    Attributes
    ----------
    before, after : float
        All their seconds.
    slower, faster : int
        How many took at least `SLOWER` times as long, or as short, and `LEAST_SECONDS` more or less.
    slowest, fastest : tuple of Change
        Those that lost, and gained, most.
    """

    before: float
    after: float
    slower: int
    faster: int
    slowest: tuple[Change, ...]
    fastest: tuple[Change, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is different in a second survey.

    Attributes
    ----------
    both : int
        Psets that are in both surveys, with a result or without.
    new, gone : PsetGroup
        Psets that are only in the second, or only in the first.
    newly_failing, mended, still_failing : PsetGroup
    columns : tuple of ColumnChanges
        The results' keys that are in both, those with most changes first.
    only_before, only_after : tuple of str
        The results' keys that are not.
    not_compared : tuple of str
        The results' keys that are in both, but whose values are not read from a file: lists, dicts, bytes.
    finished_both : int
        Psets that finished both times.
    speed : SpeedChanges, optional
        None if it is not known, for one of them, how long the psets took.
    """

    both: int
    new: PsetGroup
    gone: PsetGroup
    newly_failing: PsetGroup
    mended: PsetGroup
    still_failing: PsetGroup
    columns: tuple[ColumnChanges, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    not_compared: tuple[str, ...]
    finished_both: int
    speed: SpeedChanges | None

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each kind of difference, with how many psets it is true of."""
        groups = {
            "new": self.new.count,
            "gone": self.gone.count,
            "newly failing": self.newly_failing.count,
            "mended": self.mended.count,
            "still failing": self.still_failing.count,
            **{f"{one.name} changed": one.changed for one in self.columns},
            **{f"{name} not compared": self.finished_both for name in self.not_compared},
        }
        if self.speed is not None:
            groups |= {"slower": self.speed.slower, "faster": self.speed.faster}
        return pd.DataFrame({"what": list(groups), "psets": list(groups.values())})


def compare(before: SurveyData, after: SurveyData, rtol: float = 1e-9, atol: float = 0.0) -> Comparison:
    """Return what is different in a second survey.

    Psets are the same when their keys and values are. Numbers are compared by value: 1 is 1.0, which it
    becomes in a table when 7.5 is in the same column. True is not 1, and ``'1'`` is not 1; nan counts as not
    there. Durations are the same when they are equally long, and times with a zone when they are the same
    moment. A checkpoint pickles dicts and other objects, and records what tells them apart: in columns where
    it has such values, the types of numbers and durations and the zones of times count, too. Of equal psets,
    the first of one survey is compared with the first of the other.

    A result has changed when its number has, or its kind: from True to 1, from ``'1'`` to 1, from a duration
    to its seconds; not from 1 to 1.0. Results that are lists, dicts or bytes are not read from files, and
    compared where both surveys are in memory.

    Parameters
    ----------
    before, after : SurveyData
    rtol, atol : float
        Numbers differ when they are further apart than `atol` plus `rtol` times the larger of the two.
    """
    pairs = _Pairs(before, after)
    common = [name for name in after.results if name in before.results]
    read = [name for name in common if before.finished.is_read(name) and after.finished.is_read(name)]
    columns = [pairs.changes(name, rtol, atol) for name in read]
    return Comparison(
        int(np.count_nonzero(pairs.partner >= 0)),
        _group(after, np.flatnonzero(pairs.partner < 0)),
        _group(before, np.flatnonzero(~pairs.used)),
        pairs.with_states(FINISHED, FAILED),
        pairs.with_states(FAILED, FINISHED),
        pairs.with_states(FAILED, FAILED),
        tuple(sorted(columns, key=lambda one: -one.changed)),
        tuple(name for name in before.results if name not in common),
        tuple(name for name in after.results if name not in common),
        tuple(name for name in common if name not in read),
        pairs.with_states(FINISHED, FINISHED).count,
        pairs.speed() if before.has_seconds and after.has_seconds else None,
    )


def _group(data: SurveyData, rows: Rows) -> PsetGroup:
    some = rows[:MOST_EXAMPLES].tolist()
    return PsetGroup(len(rows), tuple(zip(data.labels(some), data.psets(some), strict=True)))


class _Pairs:
    """The psets of two surveys, matched.

    Attributes
    ----------
    partner : array of int
        For each row of the second survey its row in the first, -1 where there is none.
    used : bool array
        Whether a row of the first survey is in the second.
    """

    def __init__(self, before: SurveyData, after: SurveyData) -> None:
        self._before, self._after = before, after
        self.partner = _matched(before, after)
        self.used = np.zeros(len(before), dtype=np.bool_)
        self.used[self.partner[self.partner >= 0]] = True
        self._was = np.append(before.all_states(), NOWHERE)[self.partner]
        self._is = after.all_states()

    def with_states(self, was: int, is_: int) -> PsetGroup:
        """Return the psets that were in one state and are in another."""
        return _group(self._after, np.flatnonzero((self._was == was) & (self._is == is_)))

    def changes(self, name: str, rtol: float, atol: float) -> ColumnChanges:
        """Return how a result changed."""
        changed = compared = 0
        largest = _Top()
        both = (self._before, self._after)
        is_numeric = all(data.finished.kind(name) in ("i", "u", "f") for data in both)
        was, is_ = (HashPairs.empty(0) if is_numeric else _all_hashes(data, (name,)) for data in both)
        kind_was, kind_is = (_NO_FAMILIES if is_numeric else _all_families(data, name) for data in both)
        for rows, old, new in self._both(name):
            compared += len(rows)
            with np.errstate(invalid="ignore"):
                apart = np.abs(new - old)
                differs = apart > atol + rtol * np.maximum(np.abs(old), np.abs(new))
            strange = ~np.isfinite(apart) & ~((old == new) | (np.isnan(old) & np.isnan(new)))
            if not is_numeric:  # of texts, only whether they are the same can be told; True is no number
                no_numbers = np.flatnonzero(np.isnan(old) & np.isnan(new))
                there = rows[no_numbers]
                strange[no_numbers] = ~was[self.partner[there]].equal(is_[there])
                strange |= (kind_was[self.partner[rows]] != kind_is[rows]) & np.isfinite(apart)
            apart[strange] = np.inf
            at = np.flatnonzero(differs | strange)
            changed += len(at)
            largest.add(apart[at], rows[at])
        return ColumnChanges(name, compared, changed, self._listed(name, largest.rows))

    def speed(self) -> SpeedChanges:
        """Return how the seconds changed."""
        sums, counts, tops = np.zeros(2), [0, 0], (_Top(), _Top())
        for rows, old, new in self._both(SECONDS):
            known = np.isfinite(old) & np.isfinite(new)
            sums += old[known].sum(), new[known].sum()
            with np.errstate(invalid="ignore"):
                more, far = new - old, np.abs(new - old) >= LEAST_SECONDS
                both = (far & (new >= SLOWER * old), far & (old >= SLOWER * new))
            for way, (among, by) in enumerate(zip(both, (more, -more), strict=True)):
                at = np.flatnonzero(among)
                counts[way] += len(at)
                tops[way].add(by[at], rows[at])
        slowest, fastest = (self._listed(SECONDS, top.rows) for top in tops)
        return SpeedChanges(float(sums[0]), float(sums[1]), counts[0], counts[1], slowest, fastest)

    def _both(self, name: str) -> Iterator[tuple[Rows, Floats, Floats]]:
        """Yield the rows that finished both times, in chunks, with a column's numbers before and after."""
        old, start = np.empty(len(self._before)), 0
        for chunk in self._before.chunks([], [name], keep=False):
            old[start : start + len(chunk.rows)] = chunk.values[name]
            start += len(chunk.rows)
        for chunk in self._after.chunks([], [name], keep=False):
            rows = slice(chunk.rows[0], chunk.rows[-1] + 1)
            at = np.flatnonzero((self._was[rows] == FINISHED) & (self._is[rows] == FINISHED))
            yield chunk.rows[at], old[self.partner[rows][at]], chunk.values[name][at]

    def _listed(self, name: str, rows: Rows) -> tuple[Change, ...]:
        """Return the values that some rows have of a column, before and after, as they are."""
        there = ((self._before, self.partner[rows]), (self._after, rows))
        old, new = ([one[name] for one in data.psets(at.tolist(), (name,))] for data, at in there)
        places = rows.tolist()
        return tuple(map(Change, self._after.labels(places), self._after.psets(places), old, new))


class _Top:
    """Keeps the rows with the largest numbers; the largest first."""

    def __init__(self) -> None:
        self._by = np.zeros(0)
        self.rows: Rows = np.zeros(0, dtype=np.int64)

    def add(self, by: Floats, rows: Rows) -> None:
        """Take some more rows: by what they are ordered, and their numbers."""
        if len(by) > MOST_EXAMPLES:
            some = np.sort(np.argpartition(-by, MOST_EXAMPLES - 1)[:MOST_EXAMPLES])
            by, rows = by[some], rows[some]
        by, rows = np.concatenate([self._by, by]), np.concatenate([self.rows, rows])
        order = np.argsort(-by, kind="stable")[:MOST_EXAMPLES]
        self._by, self.rows = by[order], rows[order]


def _matched(before: SurveyData, after: SurveyData) -> Rows:
    """Return for each pset of the second survey the row of the same one in the first; -1 for none.

    Where surveys were made alike, equal psets have equal numbers. So the numbers up to the first that
    does not fit are matched as they are; what comes then is sorted and searched.
    """
    if not len(before) or not len(after):
        return np.full(len(after), -1, dtype=np.int64)
    row_at, numbers = _rows_by_number(before), _short(after.positions())
    pickled = _with_identities(before) | _with_identities(after)
    stored = _all_hashes(before, before.keys, pickled)
    partner, misfit = _same_numbers(stored, row_at, _hashes(after, after.keys, pickled), numbers)
    if misfit > numbers.max():
        return partner
    del row_at
    partner[numbers >= misfit] = -1
    free = np.ones(len(before), dtype=np.bool_)
    free[partner[partner >= 0]] = False
    rest, looking = np.flatnonzero(free), np.flatnonzero(partner < 0)
    order = np.argsort(before.positions()[rest], kind="stable")
    rest = rest[order]  # of equal psets, the first takes the first
    looking = looking[np.argsort(numbers[looking], kind="stable")]
    stored = stored[rest]
    found, which = Matcher(stored).match(_all_hashes(after, after.keys, pickled)[looking])
    partner[looking[found]] = rest[which]
    return partner


def _rows_by_number(data: SurveyData) -> Rows:
    """Return the row of the pset with each number; -1 where there is none, as at the end."""
    numbers = data.positions()
    rows: Rows = np.full(int(numbers.max()) + 2, -1, dtype=np.int32 if len(data) < SHORT else np.int64)
    rows[numbers] = np.arange(len(data))
    return rows


def _short(numbers: NDArray[np.int64]) -> Rows:
    """Return numbers in four bytes each where they fit."""
    return numbers.astype(np.int32) if numbers.max() < SHORT else numbers


def _same_numbers(
    stored: HashPairs, row_at: Rows, after: Iterator[HashPairs], numbers: Rows
) -> tuple[Rows, int]:
    """Return the row of the pset with the same number, and the first number whose psets are not the same."""
    partner, start, misfit = np.empty(len(numbers), dtype=row_at.dtype), 0, int(numbers.max()) + 1
    for hashes in after:
        rows = slice(start, start + len(hashes))
        likely = row_at[np.minimum(numbers[rows], np.int64(len(row_at) - 1))]  # the last one is never taken
        same = (likely >= 0) & stored[likely].equal(hashes)
        misfit = min(misfit, int(numbers[rows].min(where=~same, initial=misfit)))
        partner[rows] = likely
        start = rows.stop
    return partner, misfit


def _with_identities(data: SurveyData) -> frozenset[str]:
    """Return the keys of which only the identities of the values are known: their types count, too."""
    sources = [source for source in (data.finished, data.missing) if source is not None]
    return frozenset(name for name in data.keys for source in sources if source.has_identities(name))


def _hashes(data: SurveyData, names: Sequence[str], pickled: Collection[str] = ()) -> Iterator[HashPairs]:
    """Yield what some of the rows' columns are, a chunk at a time; equal numbers are the same.

    Not in the columns that are pickled in one of two surveys: there, 1 is not 1.0 in either.
    """
    loose, strict = Hasher(by_value=True), Hasher()
    for source in (data.finished, data.missing):
        for cells, count in contents_of(source, names):
            exact = {name: _absent(strict.column(name, cells[name])) for name in names if name in pickled}
            yield loose.keys({**cells, **exact}, count)


def _absent(hashes: HashPairs) -> HashPairs:
    """Return the hashes of values with that of nan for None: a part of nothing but None stores nothing."""
    none, nan = hash_values([None]), hash_values([np.nan])
    hashes.put(hashes.equal(none), nan)
    return hashes


def _all_hashes(data: SurveyData, names: Sequence[str], pickled: Collection[str] = ()) -> HashPairs:
    hashes, start = HashPairs.empty(len(data)), 0
    for some in _hashes(data, names, pickled):
        hashes.put(slice(start, start + len(some)), some)
        start += len(some)
    return hashes


def _all_families(data: SurveyData, name: str) -> NDArray[np.uint8]:
    cells = (cells for source in (data.finished, data.missing) for cells, _ in chunks_of(source, [name]))
    return np.concatenate([_NO_FAMILIES, *(families(some[name]) for some in cells)])
