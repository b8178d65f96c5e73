"""How late a time-out may be: as long as between two looks at what runs."""

from __future__ import annotations

import pytest

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.engine.deadline import LONGEST_WAIT, Deadline, with_output
from paramsurvey.transport.messages import FailureKind, Ran


@pytest.mark.parametrize("timeout", [0.001, 0.1, 1.0, 2.5, 60.0, 1e6])
def test_between_two_looks_is_a_tenth_of_the_timeout_and_a_quarter_of_a_second_at_most(
    timeout: float,
) -> None:
    assert 0 < Deadline(timeout).longest_wait() <= min(timeout / 10, 0.25)


def test_without_a_timeout_nothing_is_ever_too_late() -> None:
    assert Deadline().longest_wait() == LONGEST_WAIT
    assert Deadline().overrun(1, (0, 1e9)) is None


def test_the_first_look_after_the_timeout_stops_the_pset_and_says_how_long_it_ran() -> None:
    deadline = Deadline(1.0)
    assert deadline.overrun(7, None) is None
    assert deadline.overrun(7, (3, 1.0)) is None
    loss = deadline.overrun(7, (3, 1.0 + deadline.longest_wait()))
    assert loss is not None
    assert (loss.group_id, loss.offset, loss.failure.kind) == (7, 3, FailureKind.TIMED_OUT)
    assert loss.failure.ran.seconds == 1.0 + deadline.longest_wait()


def test_the_loss_says_when_the_pset_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    loss = Deadline(1.0).overrun(7, (3, 2.5))
    assert loss is not None
    assert loss.failure.ran == Ran(2.5, 997.5)


def test_what_the_pset_had_printed_goes_with_the_loss() -> None:
    loss = Deadline(1.0).overrun(7, (3, 2.0))
    assert loss is not None
    assert with_output(loss, "half a line").failure.output == "half a line"
    assert with_output(loss, None) == loss


def test_it_says_which_worker_it_was_that_had_the_group() -> None:
    workers = [WorkerPlace(1, 100, "here", 6), WorkerPlace(2, 101, "here", 7), WorkerPlace(3, 102, "here")]
    loss = Deadline(1.0).overrun(7, (3, 5.0), lambda: workers)
    assert loss is not None
    assert (loss.failure.ran.worker, loss.failure.ran.host) == (2, "here")
