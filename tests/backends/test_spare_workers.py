"""How many spare workers a map wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from paramsurvey.backends.multiprocessing.pool.spare_workers import SLOW_LOADING_SECONDS, SpareWorkers


@dataclass
class StartingWorker:
    """A worker that has been loading the job for so long; 0.0: it has loaded it."""

    seconds: float = 0.0

    def seconds_starting(self) -> float:
        return self.seconds


def wanted(spares: SpareWorkers, *seconds: float) -> int:
    """Return how many are wanted while workers have been loading the job for so long."""
    workers: Any = [StartingWorker(one) for one in seconds or (0.0, 0.0)]
    return spares.wanted(workers)


def test_without_a_loss_none_is_wanted() -> None:
    assert wanted(SpareWorkers(2)) == 0


def test_after_the_first_loss_one_is_wanted() -> None:
    spares = SpareWorkers(2)
    spares.note_loss(spares=0, is_one_ready=False)
    assert wanted(spares) == 1


def test_while_the_spare_one_is_ready_at_each_loss_one_is_enough() -> None:
    spares = SpareWorkers(8)
    spares.note_loss(spares=0, is_one_ready=False)
    for _ in range(20):
        spares.note_loss(spares=1, is_one_ready=True)
    assert wanted(spares) == 1


@pytest.mark.parametrize(("size", "most"), [(1, 1), (2, 2), (4, 2), (8, 3), (64, 17)])
def test_each_loss_without_a_ready_one_makes_one_more_up_to_a_share_of_the_workers(
    size: int, most: int
) -> None:
    spares = SpareWorkers(size)
    for _ in range(100):
        spares.note_loss(spares=wanted(spares), is_one_ready=False)
    assert wanted(spares) == most


def test_workers_that_are_replaced_after_a_while_want_one() -> None:
    spares = SpareWorkers(8)
    for _ in range(20):
        spares.note_replacement()
    assert wanted(spares) == 1


def test_where_losses_are_likely_and_loading_takes_long_one_is_wanted_once_all_have_loaded() -> None:
    spares = SpareWorkers(2, losses_are_likely=True)
    assert wanted(spares, 0.5, 0.5) == 0
    assert wanted(spares, 2 * SLOW_LOADING_SECONDS, 0.5) == 0
    assert wanted(spares, 0.0, 0.7) == 0, "it would take time from those that psets wait for"
    assert wanted(spares, 0.0, 0.0) == 1
    spares.note_loss(spares=1, is_one_ready=False)
    assert wanted(spares) == 2


def test_where_loading_is_fast_the_first_loss_is_waited_for() -> None:
    spares = SpareWorkers(2, losses_are_likely=True)
    assert wanted(spares, 0.5, 0.5) == 0
    assert wanted(spares, 0.0, 0.0) == 0


def test_where_losses_are_not_likely_slow_loading_alone_makes_none() -> None:
    spares = SpareWorkers(2)
    assert wanted(spares, 2 * SLOW_LOADING_SECONDS) == 0
    assert wanted(spares, 0.0, 0.0) == 0
