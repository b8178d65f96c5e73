"""A batch that fails is halved until single psets stand alone, and a function that never fits is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.transport.messages import Failure, FailureKind
from paramsurvey.worker.batch_calls import MANY_MISFITS, FitHistory, Outcome, parts_of
from paramsurvey.worker.batch_results import BatchPiece

RAISED = Failure(FailureKind.RAISED, "ValueError('no')")
Call = Callable[[int, int], Outcome]


class Calls:
    """Calls that fail with some psets, one second each; they are counted."""

    def __init__(self, become: Callable[[Outcome], Outcome]) -> None:
        self.count = 0
        self.fit = FitHistory()
        self._become = become

    def __call__(self, start: int, stop: int) -> Outcome:
        self.count += 1
        outcome = self._become(Outcome(start, stop, 1 / (stop - start), BatchPiece(start, stop)))
        self.fit.observe(outcome)
        return outcome

    def parts(self, count: int) -> list[Outcome]:
        return list(parts_of(self(0, count), self, self.fit))


def failed(outcome: Outcome, **lengths: Any) -> Outcome:
    return replace(outcome, piece=None, failure=RAISED, lengths={**lengths}, is_misfit=bool(lengths))


def raising_with(bad: set[int]) -> Callable[[Outcome], Outcome]:
    def become(outcome: Outcome) -> Outcome:
        return failed(outcome) if bad & set(range(outcome.start, outcome.stop)) else outcome

    return become


def returning(length: Callable[[Outcome], int]) -> Callable[[Outcome], Outcome]:
    def become(outcome: Outcome) -> Outcome:
        count = length(outcome)
        return failed(outcome, r=count) if count != len(outcome) else replace(outcome, lengths={"r": count})

    return become


def missing(parts: list[Outcome]) -> list[int]:
    return [row for part in parts if part.failure for row in range(part.start, part.stop)]


@given(count=st.integers(1, 300), bad=st.sets(st.integers(0, 299), max_size=5))
def test_exactly_the_psets_that_raise_fail_and_each_costs_few_calls(count: int, bad: set[int]) -> None:
    calls = Calls(raising_with(bad))
    parts = calls.parts(count)
    assert missing(parts) == sorted(one for one in bad if one < count)
    assert [part.start for part in parts] == [0, *[part.stop for part in parts[:-1]]], (
        "in order, without gaps"
    )
    assert parts[-1].stop == count
    assert calls.count <= 1 + 2 * len(bad) * max(1, (count - 1).bit_length())


@given(count=st.integers(1, 300), bad=st.sets(st.integers(0, 299), max_size=5))
def test_the_seconds_of_all_calls_are_those_of_the_psets(count: int, bad: set[int]) -> None:
    calls = Calls(raising_with(bad))
    seconds = sum(len(part) * part.seconds for part in calls.parts(count))
    assert seconds == pytest.approx(calls.count)


@given(bad=st.sets(st.integers(0, 299), max_size=5), factor=st.sampled_from([0, 2]))
def test_exactly_the_psets_without_one_value_fail(bad: set[int], factor: int) -> None:
    def length(outcome: Outcome) -> int:
        return sum(factor if row in bad else 1 for row in range(outcome.start, outcome.stop))

    calls = Calls(returning(length))
    calls(0, 2) if not bad & {0, 1} else calls(298, 300)  # a batch that fits, as nearly all do
    calls.fit.has_fit = True
    assert missing(calls.parts(300)) == sorted(bad)


@pytest.mark.parametrize(
    "length",
    [
        lambda outcome: 1,
        lambda outcome: len(outcome) - 1,
        lambda outcome: 2 * len(outcome),
        lambda outcome: 0,
    ],
    ids=["one value", "differences", "two for each", "none"],
)
@pytest.mark.parametrize("count", [16, 17, 64, 300])
def test_a_function_whose_number_of_values_never_fits_fails_all_psets_after_few_calls(
    length: Callable[[Outcome], int], count: int
) -> None:
    calls = Calls(returning(length))
    assert missing(calls.parts(count)) == list(range(count))
    assert calls.count <= 2 * MANY_MISFITS
    calls.count = 0
    assert missing(calls.parts(5)) == list(range(5))
    assert calls.count == 3, "the batch and its halves"


def test_a_function_that_never_returns_columns_fails_all_psets_after_few_calls() -> None:
    calls = Calls(lambda outcome: replace(failed(outcome), is_misfit=True))
    assert missing(calls.parts(100)) == list(range(100))
    assert calls.count == MANY_MISFITS
    calls.count = 0
    assert missing(calls.parts(100)) == list(range(100))
    assert calls.count == 1


def test_psets_for_which_it_returns_no_columns_stand_alone_if_it_does_for_others() -> None:
    calls = Calls(lambda outcome: replace(raising_with({7, 50})(outcome), is_misfit=True))
    assert missing(calls.parts(100)) == [7, 50]
