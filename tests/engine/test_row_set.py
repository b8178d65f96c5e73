"""A set of rows, beside Python's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramsurvey.engine.collecting.row_set import CHUNK, RowSet
from paramsurvey.transport.messages import Rows

TOTAL = CHUNK + 2000

ends = st.integers(CHUNK - 2000, TOTAL)
ranges = st.builds(
    lambda one, other, step: range(min(one, other), max(one, other), step), ends, ends, st.integers(1, 3)
)
arrays = st.lists(st.integers(0, TOTAL - 1), max_size=20).map(lambda rows: np.array(rows, dtype=np.int64))


@settings(max_examples=40)
@given(st.lists(st.one_of(ranges, arrays), max_size=6))
def test_it_has_the_rows_that_were_added(additions: list[Rows]) -> None:
    rows, plain = RowSet(), set[int]()
    for more in additions:
        rows.add(more)
        plain.update(map(int, more))
    assert len(rows) == len(plain)
    assert rows.below(TOTAL).tolist() == sorted(plain)
    assert rows.absent_below(TOTAL).tolist() == sorted(set(range(TOTAL)) - plain)


@pytest.mark.parametrize("piece", [CHUNK, CHUNK // 2, CHUNK - 1])
def test_a_chunk_with_all_its_rows_keeps_no_array_and_has_all_its_rows(piece: int) -> None:
    rows = RowSet()
    for begin in range(0, 2 * CHUNK, piece):
        rows.add(range(begin, min(begin + piece, 2 * CHUNK)))
    assert [chunk.mask for chunk in rows._chunks.values()] == [None, None]
    rows.add(range(CHUNK - 5, 2 * CHUNK + 5))  # a chunk that is full, and one that is new
    rows.add(np.array([3, 2 * CHUNK + 7]))
    assert len(rows) == 2 * CHUNK + 6
    assert rows.absent_below(2 * CHUNK + 9).tolist() == [2 * CHUNK + 5, 2 * CHUNK + 6, 2 * CHUNK + 8]


def test_rows_that_are_added_twice_count_once() -> None:
    rows = RowSet()
    for _ in range(3):
        rows.add(range(CHUNK // 2))
    assert len(rows) == CHUNK // 2
    rows.add(range(CHUNK // 2, CHUNK))
    assert len(rows) == CHUNK
    assert rows._chunks[0].mask is None


def test_rows_from_a_total_on_are_left_out() -> None:
    rows = RowSet()
    rows.add(range(10))
    assert rows.below(3).tolist() == [0, 1, 2]
    assert rows.absent_below(12).tolist() == [10, 11]


def test_a_chunk_whose_rows_came_twice_is_full_when_the_last_one_comes() -> None:
    rows = RowSet()
    rows.add(range(1, CHUNK))
    rows.add(range(1, CHUNK))
    assert (len(rows), rows.absent_below(CHUNK).tolist()) == (CHUNK - 1, [0])
    rows.add(range(1))
    assert (len(rows), rows.absent_below(CHUNK).tolist()) == (CHUNK, [])
    rows.add(range(5))
    assert len(rows) == CHUNK
