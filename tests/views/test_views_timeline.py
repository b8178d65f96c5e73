"""The timeline: no busy second is lost or counted twice."""

from __future__ import annotations

import numpy as np
import pytest

from paramsurvey.views import timeline_of


def test_busy_seconds_are_in_the_cells_in_which_they_were_spent() -> None:
    found = timeline_of(["a", "b", "a"], [10.0, 10.5, 13.0], [2.5, 1.0, 1.0], bins=4)
    assert found.workers == ("a", "b")
    assert found.edges.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.busy, [[1, 1, 0.5, 1], [0.5, 0.5, 0, 0]])
    np.testing.assert_allclose(found.share[0], [1, 1, 0.5, 1])
    assert found.psets.tolist() == [[1, 0, 0, 1], [1, 0, 0, 0]]
    assert found.seconds == 4


def test_a_random_timeline_is_that_of_a_loop() -> None:
    random = np.random.default_rng(0)
    worker, start, seconds = (
        random.integers(0, 5, 400),
        random.uniform(1e9, 1e9 + 50, 400),
        random.exponential(3, 400),
    )
    failed = random.uniform(size=400) < 0.1
    found = timeline_of(worker, start, seconds, failed, bins=37)
    assert found.busy.sum() == pytest.approx(seconds.sum(), rel=1e-6)
    assert found.failed.sum() == failed.sum()
    rows = {name: row for row, name in enumerate(found.workers)}
    wanted = np.zeros((5, 37))
    for who, begin, length in zip(worker, start - start.min(), seconds, strict=True):
        overlap = np.minimum(found.edges[1:], begin + length) - np.maximum(found.edges[:-1], begin)
        wanted[rows[str(who)]] += np.maximum(overlap, 0)
    np.testing.assert_allclose(found.busy, wanted, atol=1e-5)
    assert found.to_frame().shape == (5, 37)


def test_workers_beyond_the_most_share_a_row() -> None:
    found = timeline_of(np.arange(100), np.arange(100.0), np.ones(100), most=10)
    assert found.workers[:2] == ("0", "1")
    assert found.workers[-1] == "91 others"
    assert found.members.tolist() == [1] * 9 + [91]
    assert found.busy.sum() == pytest.approx(100)
    assert found.share.max() <= 1 + 1e-9


def test_psets_without_a_start_are_left_out_and_an_empty_timeline_is_none() -> None:
    assert timeline_of(["a", "b"], [1.0, np.nan], [1.0, 1.0]).workers == ("a",)
    empty = timeline_of([], [], [])
    assert (empty.workers, empty.busy.shape) == ((), (0, 200))
    assert timeline_of(["a"], [5.0], [0.0]).busy.sum() == 0
