"""Which psets of two surveys are the same: those that have the same keys and values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, Matcher, hash_values
from paramsurvey.views.columns.source import ColumnSource
from paramsurvey.views.columns.survey_data import SurveyData, contents_of

SHORT = 2**31 - 1  # numbers below it, and the next one, fit into four bytes
NO_IDENTITIES = (
    "the values are pickled, and nothing that tells them apart was read with them: "
    "compare what paramsurvey.load() returns"
)

Rows = NDArray[np.signedinteger[Any]]


def matched(before: SurveyData, after: SurveyData) -> Rows:
    """Return for each pset of the second survey the row of the same one in the first; -1 for none.

    Where surveys were made alike, equal psets have equal numbers. So the numbers up to the first that
    does not fit are matched as they are; what comes then is sorted and searched. No pset is matched if a
    key's values are not known: they may be different.
    """
    if not len(before) or not len(after) or unmatchable_keys(before, after):
        return np.full(len(after), -1, dtype=np.int64)
    row_at, numbers = _rows_by_number(before), _short(after.positions())
    pickled = _with_identities(before) | _with_identities(after)
    stored = all_hashes(before, before.keys, pickled)
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
    found, which = Matcher(stored).match(all_hashes(after, after.keys, pickled)[looking])
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


def unmatchable_keys(before: SurveyData, after: SurveyData) -> dict[str, str]:
    """Return the keys whose values are not known in one of two surveys, and why."""
    return {
        name: NO_IDENTITIES
        for data in (before, after)
        for name in data.keys
        if any(not source.is_comparable(name) for source in _sources(data))
    }


def _sources(data: SurveyData) -> list[ColumnSource]:
    return [source for source in (data.finished, data.missing) if source is not None and len(source)]


def _with_identities(data: SurveyData) -> frozenset[str]:
    """Return the keys of which only the identities of the values are known: their types count, too."""
    return frozenset(name for name in data.keys for source in _sources(data) if source.has_identities(name))


def _hashes(data: SurveyData, names: Sequence[str], pickled: Collection[str] = ()) -> Iterator[HashPairs]:
    """Yield a hash of some columns for each row, a chunk at a time; equal numbers have equal hashes.

    Columns that are pickled in one of the two surveys are an exception: in both, 1 is not 1.0 there.
    """
    loose, strict = Hasher(by_value=True), Hasher()
    for source in (data.finished, data.missing):
        for cells, count in contents_of(source, names):
            exact = {name: _absent(strict.column(name, cells[name])) for name in names if name in pickled}
            yield loose.keys({**cells, **exact}, count)


def _absent(hashes: HashPairs) -> HashPairs:
    """Return hashes with that of nan for None and the like, because a file stores all of them as null."""
    nan = hash_values([np.nan])
    for nothing in (None, pd.NaT, pd.NA, complex("nan")):
        hashes.put(hashes.equal(hash_values([nothing])), nan)
    return hashes


def all_hashes(data: SurveyData, names: Sequence[str], pickled: Collection[str] = ()) -> HashPairs:
    """Return a hash of some columns for each row; see `_hashes`."""
    hashes, start = HashPairs.empty(len(data)), 0
    for some in _hashes(data, names, pickled):
        hashes.put(slice(start, start + len(some)), some)
        start += len(some)
    return hashes
