"""How many psets a batch has."""

from __future__ import annotations

import numpy as np
import pytest

from paramsurvey.engine.dispatch.batch_size import FIRST_PSETS, MOST_PSETS, TARGET_SECONDS, BatchSizer
from paramsurvey.transport.messages import Failure, FailureKind, Reply, ResultColumn


def sizes_of(call: float, pset: float, psets: int, most: int | None = None) -> list[int]:
    """Return the sizes of all batches of a survey whose calls and psets cost so many seconds."""
    sizer, sizes = BatchSizer(most), []
    while psets:
        sizes.append(sizer.size(psets, cores=2))
        sizer.observe_seconds(sizes[-1], call + sizes[-1] * pset)
        psets -= sizes[-1]
    return sizes


def test_the_first_batch_has_several_psets_for_one_hides_what_is_wrong_with_a_function() -> None:
    assert BatchSizer().size(1_000_000, 2) == FIRST_PSETS
    assert BatchSizer().size(3, 2) == 3
    assert BatchSizer(most=5).size(1_000_000, 2) == 5


def test_batches_grow_up_to_the_target_although_a_call_costs_more_than_many_psets() -> None:
    largest = max(sizes_of(call=0.01, pset=1e-5, psets=1_000_000))
    assert largest == pytest.approx(TARGET_SECONDS / 1e-5, rel=0.3)


def test_batches_of_numbers_stay_in_the_cache_and_within_what_the_user_allows() -> None:
    assert max(sizes_of(call=1e-5, pset=1e-9, psets=10_000_000)) == MOST_PSETS
    assert max(sizes_of(call=1e-5, pset=1e-9, psets=10_000_000, most=1 << 20)) == 1 << 20
    assert max(sizes_of(call=1e-5, pset=1e-9, psets=100_000, most=100)) == 100


def test_a_small_batch_tells_nothing_of_what_a_pset_costs() -> None:
    sizer = BatchSizer()
    sizer.observe_seconds(1000, 0.1)
    sizer.observe_seconds(1, 0.1)
    assert sizer.size(10**6, 2) == 1000


def test_the_timeout_counts_for_a_batch_so_batches_stay_far_below_it() -> None:
    sizer = BatchSizer(timeout=0.04)
    sizer.observe_seconds(1000, 0.1)
    assert sizer.size(10**6, 2) == 100


def test_batches_whose_results_are_large_have_few_psets() -> None:
    sizer = BatchSizer()
    sizer.observe_seconds(1000, 1e-4)
    column = ResultColumn(range(1000), np.zeros((1000, 1_000)))
    sizer.observe_results(Reply(1, 0, 1000, columns={"image": (column,)}))
    assert sizer.size(10**6, 2) == 8000


@pytest.mark.parametrize(
    "reply",
    [Reply(2, 0, 0), Reply(2, 0, 1, failures={0: Failure(FailureKind.RAISED, "ValueError()")})],
    ids=["a batch that no worker has begun", "a batch that has failed"],
)
def test_what_comes_back_without_results_does_not_tell_that_they_are_small(reply: Reply) -> None:
    sizer = BatchSizer()
    sizer.observe_seconds(1000, 1e-4)
    column = ResultColumn(range(1000), np.zeros((1000, 1_000)))
    sizer.observe_results(Reply(1, 0, 1000, columns={"image": (column,)}))
    sizer.observe_results(reply)
    assert sizer.size(10**6, 2) == 8000


def test_psets_that_fail_do_not_make_the_results_of_the_others_look_smaller() -> None:
    sizer = BatchSizer()
    sizer.observe_seconds(1000, 1e-4)
    column = ResultColumn(range(500), np.zeros((500, 1_000)))
    failures = dict.fromkeys(range(500, 1000), Failure(FailureKind.RAISED, "ValueError()"))
    sizer.observe_results(Reply(1, 0, 1000, columns={"image": (column,)}, failures=failures))
    assert sizer.size(10**6, 2) == 8000
