"""What is tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paramsurvey.engine.dispatch.retry import RetryPolicy
from paramsurvey.transport.messages import Failure, FailureKind


def attempts(policy: RetryPolicy, kind: FailureKind) -> int:
    """Return how often a pset is tried that always fails in this way."""
    count = 1
    while policy.should_retry(Failure(kind, "no"), count):
        count += 1
    return count


@pytest.mark.parametrize("kind", [FailureKind.RAISED, FailureKind.TIMED_OUT])
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_what_raised_or_ran_out_of_time_is_tried_as_often_as_asked(kind: FailureKind, retries: int) -> None:
    assert attempts(RetryPolicy(retries), kind) == 1 + retries


@pytest.mark.parametrize("kind", [FailureKind.CRASHED, FailureKind.OUT_OF_MEMORY])
@pytest.mark.parametrize(("retries", "expected"), [(0, 2), (1, 2), (3, 4)])
def test_what_lost_its_worker_is_tried_once_more_at_least(
    kind: FailureKind, retries: int, expected: int
) -> None:
    assert attempts(RetryPolicy(retries), kind) == expected


@pytest.mark.parametrize("kind", [FailureKind.UNSENDABLE, FailureKind.NOT_RUN])
def test_what_would_fail_again_is_not_tried_again(kind: FailureKind) -> None:
    assert attempts(RetryPolicy(9, 9), kind) == 1


@pytest.mark.parametrize("kind", FailureKind)
def test_what_retry_on_does_not_name_is_not_tried_again(kind: FailureKind) -> None:
    assert not RetryPolicy(9, 9).should_retry(replace(Failure(kind, "no"), retryable=False), 1)


def test_by_default_only_a_lost_worker_is_a_reason_to_try_again() -> None:
    assert RetryPolicy() == RetryPolicy(retries=0, crash_retries=1)
