"""Arithmetic on row numbers, each checked against the slow and obvious way."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramsurvey.params.row_math import (
    BLOCK,
    Permutation,
    RepeatedRows,
    RowIndex,
    blocks,
    check_seed,
    strides,
)


@settings(deadline=None)
@given(st.integers(0, 3 * BLOCK))
def test_blocks_are_all_rows_in_order(length: int) -> None:
    assert [row for block in blocks(length) for row in block] == list(range(length))


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_a_spread_is_integer_division_and_remainder(sizes: list[int], data: st.DataObject) -> None:
    total = int(np.prod(sizes))
    start = data.draw(st.integers(0, total))
    rows = range(start, data.draw(st.integers(start, total)))
    for size, stride in zip(sizes, strides(sizes), strict=True):
        spread = RepeatedRows.over(rows, size, stride)
        values = np.arange(size)[spread.rows]
        assert spread.apply(values).tolist() == [row // stride % size for row in rows]


def test_a_spread_computes_each_run_once() -> None:
    spread = RepeatedRows.over(range(10**12), size=10**3, stride=10**9)
    assert spread.rows == range(1000)
    assert len(RepeatedRows.over(range(5, 10**6), size=3, stride=1).rows) == 3


def test_a_spread_repeats_objects_as_they_are() -> None:
    spread = RepeatedRows.over(range(3), size=2, stride=2)
    assert spread.apply([[1, 2], {"k": 3}]) == [[1, 2], [1, 2], {"k": 3}]


def test_a_product_that_cannot_be_numbered_is_refused() -> None:
    with pytest.raises(ValueError, match="take fewer values"):
        strides([10**10, 10**10])


@settings(deadline=None)
@given(st.lists(st.integers(0, 10 * BLOCK), unique=True, max_size=50))
def test_a_row_index_finds_each_chosen_row(chosen: list[int]) -> None:
    chosen = sorted(chosen)
    flags = np.zeros(max(chosen, default=0) + 1, dtype=np.bool_)
    flags[chosen] = True
    index = RowIndex.of(flags.tolist())
    assert len(index) == len(chosen)
    assert index.rows(np.arange(len(chosen))).tolist() == chosen
    assert index.rows(np.arange(len(chosen))[::-1]).tolist() == chosen[::-1]


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(0, 2**70))
def test_a_permutation_has_every_row_once(size: int, seed: int) -> None:
    assert sorted(Permutation(size, seed).at(np.arange(size)).tolist()) == list(range(size))


@settings(deadline=None)
@given(st.integers(1, 2**62), st.data())
def test_a_permutation_of_any_size_stays_inside(size: int, data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, size - 1), unique=True, max_size=20)), dtype=np.int64)
    moved = Permutation(size, seed=1).at(rows)
    assert len(set(moved.tolist())) == len(rows)
    assert all(0 <= row < size for row in moved.tolist())


def test_a_permutation_never_changes_between_machines_and_versions() -> None:
    assert Permutation(10, seed=1).at(np.arange(10)).tolist() == [3, 6, 1, 9, 7, 5, 8, 4, 0, 2]
    large = Permutation(10**12, seed=1).at(np.arange(3)).tolist()
    assert large == [33510834181, 373899410718, 450717916729]


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_every_order_of_a_few_rows_is_as_frequent_as_the_others(size: int) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    seeds = 2000
    orders = Counter(tuple(Permutation(size, seed).at(np.arange(size)).tolist()) for seed in range(seeds))
    counts = [orders[order] for order in permutations(range(size))]
    assert scipy_stats.chisquare(counts).pvalue > 0.01


def test_neighbours_do_not_stay_neighbours() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    moved = Permutation(10_000, seed=0).at(np.arange(10_000))
    steps = np.diff(moved) % 10_000 / 10_000
    assert scipy_stats.kstest(steps, "uniform").pvalue > 0.01


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(ValueError, match="seed=0"):
        check_seed(seed)  # type: ignore[arg-type]
