"""Blocks: each pset's seconds are in exactly one, however many psets there are, and none overlaps another."""

from __future__ import annotations

import numpy as np
import pytest

from paramsurvey.views import Blocks, blocks_of


def survey(count: int, seconds: float, workers: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return workers, starts and seconds of psets that run one after the other, with pauses."""
    random = np.random.default_rng(1)
    worker = np.sort(random.integers(1, workers + 1, count))
    took = random.exponential(seconds, count)
    start = np.empty(count)
    for one in range(1, workers + 1):
        mine = worker == one
        pauses = random.exponential(seconds / 5, mine.sum())
        start[mine] = 1.7e9 + np.cumsum(took[mine] + pauses) - took[mine]
    order = random.permutation(count)
    return worker[order], start[order], took[order]


def check(blocks: Blocks, seconds: np.ndarray) -> None:
    assert blocks.seconds.sum() == pytest.approx(seconds.sum(), rel=1e-6)
    assert blocks.psets.sum() == len(seconds)
    for lane in range(len(blocks.lanes)):
        mine = blocks.lane == lane
        ends = blocks.begin[mine] + blocks.seconds[mine]
        assert (blocks.begin[mine][1:] >= ends[:-1]).all(), "blocks of one row follow each other"


def test_few_psets_are_a_block_each() -> None:
    blocks = blocks_of([2, 1, 2], [10.0, 11.0, 12.5], [1.0, 3.0, 0.5], [False, True, False])
    assert blocks.lanes == ((1, 0), (2, 0))
    assert blocks.lane.tolist() == [0, 1, 1]
    assert blocks.begin.tolist() == [1.0, 0.0, 2.5]
    assert blocks.seconds.tolist() == [3.0, 1.0, 0.5]
    assert blocks.first.tolist() == [1, 0, 2]
    assert blocks.first_failed.tolist() == [1, -1, -1]


def test_many_tiny_psets_become_few_blocks_with_the_same_busy_time() -> None:
    worker, start, seconds = survey(50_000, 1e-4)
    failed = np.zeros(50_000, dtype=bool)
    failed[[7, 4_000]] = True
    blocks = blocks_of(worker, start, seconds, failed, most=500)
    check(blocks, seconds)
    assert len(blocks) < 4 * 500
    assert blocks.failed.sum() == 2
    assert set(blocks.first_failed[blocks.failed > 0].tolist()) == {7, 4_000}
    assert (blocks.first_failed[blocks.failed == 0] == -1).all()
    assert start[blocks.first] - start.min() == pytest.approx(blocks.begin, abs=1e-4), (
        "it begins with its first pset"
    )


def test_long_psets_stay_blocks_of_their_own_among_tiny_ones() -> None:
    worker, start, seconds = survey(20_000, 1e-4, workers=1)
    long = np.array([1.0, 2.0])
    start = np.concatenate([start, start.max() + 1 + np.array([0.0, 1.5])])
    blocks = blocks_of(
        np.append(worker, [1, 1]), start, np.append(seconds, long), np.zeros(20_002, dtype=bool), most=100
    )
    check(blocks, np.append(seconds, long))
    assert blocks.psets[np.isin(blocks.first, [20_000, 20_001])].tolist() == [1, 1]


@pytest.mark.parametrize("most", [200, 10_000])
def test_psets_that_ran_at_the_same_time_have_lanes(most: int) -> None:
    random = np.random.default_rng(2)
    start, seconds = random.uniform(0, 10, 300), random.uniform(0, 1, 300)
    blocks = blocks_of(np.zeros(300, dtype=int), start, seconds, np.zeros(300, dtype=bool), most)
    check(blocks, seconds)
    assert len(blocks.lanes) > 1
    assert {worker for worker, _ in blocks.lanes} == {0}


def test_a_begin_that_was_stored_a_little_too_early_makes_no_lane() -> None:
    start = np.array([5.0, 5.0 - 0.24e-6, 6.0])
    seconds = np.array([0.1e-6, 0.5, 0.5])  # the first one took no time, the second one came after it
    blocks = blocks_of(np.zeros(3, dtype=int), start, seconds, np.zeros(3, dtype=bool))
    assert blocks.lanes == ((0, 0),)
    assert blocks.first.tolist() == [0, 1, 2]
    check(blocks, seconds)


def test_begins_that_were_rounded_make_no_lane() -> None:
    blocks = blocks_of([1, 1, 1], [0.0, 0.999995, 1.999995], [1.0, 1.0, 1.0], [False] * 3)
    assert blocks.lanes == ((1, 0),)
    assert blocks.begin.tolist() == [0.0, 1.0, 2.0]


def test_psets_without_times_are_left_out() -> None:
    assert len(blocks_of([1, 1], [np.nan, 1.0], [1.0, np.nan], [False, False])) == 0
    assert blocks_of([1, 1], [np.nan, 1.0], [1.0, 2.0], [False, False]).seconds.tolist() == [2.0]
