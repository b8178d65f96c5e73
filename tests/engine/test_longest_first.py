"""The order of ``order='longest'``."""

from __future__ import annotations

import numpy as np
import pytest

import paramsurvey
from conftest import FakeClock
from paramsurvey.engine.cost_model import CostModel
from paramsurvey.engine.dispatch.longest_first import EXPLORED, FIRST_SORT, LongestFirst
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.params.sources import as_source

GRID = paramsurvey.params.grid(n=[1, 2, 4, 8, 16], m=[1, 3, 9, 27])
SECONDS = np.array([pset["n"] * pset["m"] for pset in GRID]) / 10


def all_of(queue: PsetQueue) -> list[int]:
    return [int(row) for row in queue.waiting(1000)]


def arranged() -> tuple[LongestFirst, PsetQueue, FakeClock]:
    source, clock = as_source(GRID), FakeClock()
    order, queue = LongestFirst(CostModel(source), clock), PsetQueue(range(len(GRID)))
    order.arrange(queue, cores=1)
    return order, queue, clock


def test_while_nothing_is_known_psets_from_all_over_the_survey_begin() -> None:
    _, queue, _ = arranged()
    rows = all_of(queue)
    assert sorted(rows) == list(range(len(GRID)))
    assert rows[:EXPLORED] != list(range(EXPLORED))


def test_then_those_that_will_probably_take_longest_go_first() -> None:
    order, queue, _ = arranged()
    ran = np.array([0, 3, 5, 8, 12, 17])
    queue.clear()
    queue.put_first(np.setdiff1d(np.arange(len(GRID)), ran))
    order.costs.observe(ran, SECONDS[ran])
    order.arrange(queue, cores=1)
    seconds = SECONDS[all_of(queue)]
    assert seconds[0] == SECONDS.max()
    assert seconds[:3].mean() > 5 * seconds[-3:].mean()


def test_psets_that_are_to_run_alone_stay_at_the_end() -> None:
    order, queue, _ = arranged()
    alone = queue.take(1)
    queue.put_alone(alone)
    order.costs.observe(np.arange(FIRST_SORT), SECONDS[:FIRST_SORT])
    order.arrange(queue, cores=1)
    assert all_of(queue)[-1] == int(alone[0])


def test_an_unknown_order_is_refused(in_tmp: object) -> None:
    with pytest.raises(ValueError, match="neither 'given' nor 'longest'"):
        paramsurvey.map(lambda p, s, u: None, [{"a": 1}], order="shortest")


def test_results_stay_in_the_order_of_the_psets(in_tmp: object) -> None:
    results = paramsurvey.map(lambda p, s, u: {"c": p["n"] * p["m"]}, GRID, order="longest", verbose=0)
    assert results.c.tolist() == [pset["n"] * pset["m"] for pset in GRID]
