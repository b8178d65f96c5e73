"""Which psets of a survey belong to what earlier runs have stored: compared with looking at each pair."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.checkpoint import resume
from paramsurvey.checkpoint.format.codecs import Piece, encode
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.format.schema import pset_column, to_table
from paramsurvey.checkpoint.resume import MatchedRows, ResumeSearch, rows_left
from paramsurvey.params.sources.pset_table import PsetTable

FEW = st.lists(st.integers(0, 4), max_size=12)


def stored(positions: list[int], values: list[int]) -> PartTable:
    """Return a part with the psets ``{"a": value}``."""
    pieces: list[Piece] = [(slice(0, len(values)), np.array(values, dtype=np.int64))]
    column = pset_column("a", encode(pieces, len(values)), pieces)
    return PartTable(to_table(pa.array(positions, type=pa.int64()), [column], ["a"]))


def search(psets: list[int], first_position: int = 0) -> ResumeSearch:
    return ResumeSearch(PsetTable(pd.DataFrame({"a": np.array(psets, dtype=np.int64)})), first_position)


def rows_of(found: list[MatchedRows]) -> list[int]:
    return [row for one in found for row in one.rows.tolist()]


def check(psets: list[int], found: list[MatchedRows]) -> None:
    """Each row is found once at most, and with a stored pset that is its own."""
    assert max(Counter(rows_of(found)).values(), default=1) == 1
    for one in found:
        assert len(one.table) == len(one.rows) > 0
        (column,) = one.table.columns("pset")
        ((_, values),) = one.table.pieces(column)
        assert [psets[row] for row in one.rows.tolist()] == list(values)


@given(FEW, FEW, st.integers(-3, 3), st.sets(st.integers(0, 11)), st.integers(1, 4), st.data())
def test_every_pset_finds_what_is_stored_of_it_once(
    psets: list[int], values: list[int], first: int, taken: set[int], length: int, data: st.DataObject
) -> None:
    positions = data.draw(st.permutations(range(len(values))))
    looked = search(psets, first)
    with patch.object(resume, "SLICE", length):
        in_place = list(looked.in_place(stored(list(positions), values), np.array(sorted(taken), dtype=int)))
        there = dict(zip(positions, values, strict=True))
        same = {row for row, pset in enumerate(psets) if there.get(row + first) == pset} - taken
        assert sorted(rows_of(in_place)) == sorted(same)
        inside = {at - first for at in positions if 0 <= at - first < len(psets)}
        assert looked.inexact == bool(inside - same)
        rest = [row for row in range(len(psets)) if row not in same | taken]
        elsewhere = looked.elsewhere([np.array(rest, dtype=np.int64)])
    check(psets, [*in_place, *elsewhere])
    left = Counter(values) - Counter(psets[row] for row in same)
    wanted = Counter(psets[row] for row in rest)
    assert Counter(psets[row] for row in rows_of(elsewhere)) == left & wanted


def test_what_is_stored_in_several_tables_is_found_in_each() -> None:
    looked = search([1, 2, 3, 4, 5])
    assert list(looked.in_place(stored([0, 4], [5, 4]), np.array([], dtype=int))) == []
    looked.keep(stored([7, 8], [2, 9]))
    looked.keep(stored([9], [1]))
    found = looked.elsewhere([range(2), range(2, 5)])
    check([1, 2, 3, 4, 5], found)
    assert sorted(rows_of(found)) == [0, 1, 3, 4]
    assert len(found) == 3
    assert looked.elsewhere([range(5)]) == []


def test_nothing_is_read_once_all_that_is_stored_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "SLICE", 2)
    looked = search([1, 2, 3, 4, 5, 6])
    looked.keep(stored([9], [1]))
    read: list[int] = []
    keys = looked._keys
    monkeypatch.setattr(looked, "_keys", lambda rows: (read.extend(rows), keys(rows))[1])
    assert rows_of(looked.elsewhere([range(6), range(6)])) == [0]
    assert read == [0, 1]


@given(st.integers(0, 5), st.integers(0, 30), st.sets(st.integers(0, 35)), st.integers(1, 8))
def test_the_rows_that_are_left_are_all_others_in_order(
    start: int, length: int, done: set[int], gap: int
) -> None:
    rows = range(start, start + length)
    inside = sorted(done & set(rows))
    with patch.object(resume, "LONG_GAP", gap):
        pieces = rows_left(rows, np.array(inside, dtype=np.int64))
    assert [int(row) for piece in pieces for row in piece] == [row for row in rows if row not in done]
    assert all(len(piece) > 0 for piece in pieces)
    for piece in pieces if inside else ():
        neighbours = np.diff(np.asarray(piece)) == 1
        is_long = len(piece) >= gap and bool(neighbours.all())
        assert isinstance(piece, range) or not is_long, "long gaps take no memory"


@pytest.mark.parametrize(
    ("rows", "is_range"),
    [([3, 4, 5], True), ([3, 5, 6], False), ([4, 3, 5], False), ([3, 5, 4, 6], False), ([], False)],
)
def test_neighbours_are_looked_up_as_a_range(rows: list[int], is_range: bool) -> None:
    found = resume._as_rows(np.array(rows, dtype=np.int64))
    assert isinstance(found, range) == is_range
    assert list(found) == rows
