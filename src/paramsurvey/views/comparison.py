"""Compares two surveys, pset by pset: what is new, gone, newly failing, mended, changed, slower."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import LARGEST_EXACT
from paramsurvey.views.columns.groups import Floats
from paramsurvey.views.columns.source import families, whole_numbers
from paramsurvey.views.columns.survey_data import (
    FAILED,
    FINISHED,
    SECONDS,
    SurveyData,
)
from paramsurvey.views.matching import Rows, all_hashes, matched, unmatchable_keys

MOST_EXAMPLES = 20
SLOWER = 1.2  # times the seconds: less is put down to chance
LEAST_SECONDS = 0.01
NOWHERE = np.uint8(255)  # the state of a pset that the other survey does not have

NO_ROWS: Rows = np.zeros(0, dtype=np.int64)
_NO_FAMILIES = np.zeros(0, dtype=np.uint8)


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
        The results' keys that are in both, but whose values are not read from a file: lists, dicts, bytes,
        and values whose types do not fit together.
    unknown_keys : mapping of str to str
        The psets' keys whose values are not known in one of the surveys, and why. If there are any, no two
        psets can be said to be the same or different, so none is in both, new or gone.
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
    unknown_keys: Mapping[str, str]
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
        What `data_of` returns for the earlier and the later survey.
    rtol, atol : float
        Numbers differ when they are further apart than `atol` plus `rtol` times the larger of the two.
    """
    pairs, unknown = _Pairs(before, after), unmatchable_keys(before, after)
    common = [name for name in after.results if name in before.results]
    read = [name for name in common if before.finished.is_read(name) and after.finished.is_read(name)]
    columns = [pairs.changes(name, rtol, atol) for name in read]
    return Comparison(
        int(np.count_nonzero(pairs.partner >= 0)),
        _group(after, NO_ROWS if unknown else np.flatnonzero(pairs.partner < 0)),
        _group(before, NO_ROWS if unknown else np.flatnonzero(~pairs.used)),
        pairs.with_states(FINISHED, FAILED),
        pairs.with_states(FAILED, FINISHED),
        pairs.with_states(FAILED, FAILED),
        tuple(sorted(columns, key=lambda one: -one.changed)),
        tuple(name for name in before.results if name not in common),
        tuple(name for name in after.results if name not in common),
        tuple(name for name in common if name not in read),
        unknown,
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
        self.partner = matched(before, after)
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
        kinds = [data.finished.kind(name) for data in (self._before, self._after)]
        is_numeric = all(kind in ("i", "u", "f") for kind in kinds)
        exact = self._exact_distances(name) if "f" not in kinds and is_numeric else None
        exact_values = None if is_numeric else _ExactValues(self._before, self._after, name)
        for rows, old, new in self._both(name):
            compared += len(rows)
            with np.errstate(invalid="ignore"):
                apart = np.abs(new - old)
                if exact is not None:
                    apart = np.where(np.isnan(apart), apart, exact[rows])
                allowed = atol + rtol * np.maximum(np.abs(old), np.abs(new))
            strange = ~np.isfinite(apart) & ~((old == new) | (np.isnan(old) & np.isnan(new)))
            if exact_values is not None:
                same, same_kind = exact_values.are_same(self.partner[rows], rows)
                no_numbers = np.isnan(old) & np.isnan(new)
                strange = np.where(no_numbers, ~same, strange | (~same_kind & np.isfinite(apart)))
                too_large = np.abs(new) >= LARGEST_EXACT  # for floats to tell them apart
                apart[(apart == 0) & too_large & ~same] = 1.0
            apart[strange] = np.inf
            at = np.flatnonzero((apart > allowed) | strange)
            changed += len(at)
            largest.add(apart[at], rows[at])
        return ColumnChanges(name, compared, changed, self._listed(name, largest.rows))

    def _exact_distances(self, name: str) -> Floats | None:
        """Return how far apart integers are, for each row of the second survey; None if floats are enough."""
        old, new = (whole_numbers(data.column_chunks(name)) for data in (self._before, self._after))
        if not any(
            len(one) and (one.max() > LARGEST_EXACT or one.min() < -LARGEST_EXACT) for one in (old, new)
        ):
            return None
        if old.dtype != new.dtype:
            old, new = old.astype(object), new.astype(object)
        old = np.append(old, np.zeros(1, dtype=old.dtype))[self.partner]
        larger, smaller = np.maximum(old, new), np.minimum(old, new)
        if old.dtype == np.int64:  # their difference may be twice as large as any of them
            larger, smaller = larger.view(np.uint64), smaller.view(np.uint64)
        apart: Floats = (larger - smaller).astype(np.float64)
        return apart

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


class _ExactValues:
    """Compares values that floats do not tell apart: texts, large integers, True and 1."""

    def __init__(self, before: SurveyData, after: SurveyData, name: str) -> None:
        self._was, self._is = (all_hashes(data, (name,)) for data in (before, after))
        self._kind_was, self._kind_is = (_all_families(data, name) for data in (before, after))

    def are_same(self, partners: Rows, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether values before and after are the same, and whether they are of the same kind."""
        same_kind = self._kind_was[partners] == self._kind_is[rows]
        return self._was[partners].equal(self._is[rows]), same_kind


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


def _all_families(data: SurveyData, name: str) -> NDArray[np.uint8]:
    return np.concatenate([_NO_FAMILIES, *map(families, data.column_chunks(name))])
