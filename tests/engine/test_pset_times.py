"""The times of finished psets: seconds by row, and spans from which each pset's begin follows."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pytest

from paramsurvey.engine.collecting.pset_times import PsetTimes, Times, timed_failures, times_of
from paramsurvey.transport.messages import Failure, FailureKind, Ran, Reply

NO = Failure(FailureKind.RAISED, "ValueError()")


def reply(start: int, walls: list[float], stop: int | None = None, **more: Any) -> Reply:
    """Return a reply of worker 3, whose first time is that of a pset that began at 100 s."""
    stop = start + len(walls) if stop is None else stop
    return Reply(1, start, stop, walls=array("d", walls), began=100.0, worker=3, host="here", **more)


def test_psets_of_a_reply_began_one_after_the_other() -> None:
    times = times_of(reply(0, [1, 2, 4]))
    assert times.began.tolist() == [100, 101, 103]
    assert [times.ran(place) for place in range(3)] == [
        Ran(1.0, 100.0, 3, "here"),
        Ran(2.0, 101.0, 3, "here"),
        Ran(4.0, 103.0, 3, "here"),
    ]


def test_times_that_an_early_reply_had_are_not_those_of_the_rows_of_the_next() -> None:
    times = times_of(reply(2, [1, 2, 4, 8], stop=4))  # psets 0 and 1 were in an early reply
    assert times.seconds.tolist() == [4, 8]
    assert times.began.tolist() == [103, 107]


def test_a_reply_without_times_has_none() -> None:
    times = times_of(Reply(1, 0, 2))
    assert np.isnan(times.seconds).all()
    assert np.isnan(times.began).all()
    assert len(times_of(Reply(1, 2, 2))) == 0


def test_failures_get_when_and_where_they_were() -> None:
    assert timed_failures(reply(4, [1, 2], failures={5: NO}))[5].ran == Ran(2.0, 101.0, 3, "here")


def test_times_arrive_in_any_order() -> None:
    known = PsetTimes()
    known.add_reply(range(6, 8), reply(0, [1, 2]), 8)
    known.add_reply(range(2, 4), reply(0, [4, 8]), 8)
    times = known.times(np.array([2, 3, 5, 7]))
    assert times.seconds.tolist()[:2] == [4, 8]
    assert math.isnan(times.seconds[2])
    assert times.began.tolist()[:2] == [100, 104]
    assert math.isnan(times.began[2])
    assert times.began[3] == 101
    assert [times.ran(place).worker for place in range(4)] == [3, 3, 0, 3]
    assert [times.ran(place).host for place in range(4)] == ["here", "here", "", "here"]


def test_a_failed_pset_leaves_a_hole_that_its_next_attempt_fills() -> None:
    known = PsetTimes()
    known.add_reply(range(3), reply(0, [1, 2, 4], failures={1: NO}), 3)
    assert np.isnan(known.seconds(range(3))).tolist() == [False, True, False]
    known.add_reply(range(1, 2), reply(0, [16], attempts={0: 2}), 3)
    times = known.times(range(3))
    assert times.seconds.tolist() == [1, 16, 4]
    assert times.began.tolist() == [100, 100, 103]
    assert known.attempts(range(3)).tolist() == [1, 2, 1]
    assert times.attempts == {1: 2}


@pytest.mark.parametrize("rows", [np.array([1, 5, 6]), range(0, 6, 2)])
def test_rows_need_not_be_neighbours(rows: Any) -> None:
    known = PsetTimes()
    known.add_reply(rows, reply(0, [1, 2, 4]), 7)
    assert known.times(rows).began.tolist() == [100, 101, 103]
    assert known.seconds(rows).tolist() == [1, 2, 4]


def test_what_was_stored_row_by_row_becomes_spans_again() -> None:
    """Begins that are rounded to microseconds, of two workers in turn, survive."""
    random = np.random.default_rng(1)
    known, again = PsetTimes(), PsetTimes()
    for start in range(0, 1000, 50):
        walls = random.exponential(1e-4, 50).tolist()
        known.add_reply(range(start, start + 50), reply(0, walls, attempts={7: 3}), 1000)
    times = known.times(range(1000))
    rounded = type(times)(
        times.seconds, np.rint(times.began * 1e6) / 1e6, times.worker, times.host, times.hosts, times.attempts
    )
    again.add(range(1000), rounded, 1000)
    found = again.times(range(1000))
    np.testing.assert_allclose(found.began, times.began, rtol=0, atol=3e-6)
    np.testing.assert_array_equal(found.seconds, times.seconds)
    assert found.attempts == times.attempts
    assert len(again._first) == 20, "one entry for each reply"


def test_a_reply_that_repeats_times_of_an_early_one_begins_after_them() -> None:
    known = PsetTimes()
    known.add_reply(range(2, 4), reply(2, [1, 2, 4, 8], stop=4), 4)  # psets 0 and 1 were in an early reply
    times = known.times(np.array([2, 3]))
    assert times.seconds.tolist() == [4, 8]
    assert times.began.tolist() == [103, 107]


def test_many_short_pauses_do_not_add_up_to_a_wrong_begin() -> None:
    """As between the replies of a worker that runs one group after the other."""
    count, pause = 20_000, 5e-5
    seconds = np.full(count, 0.001, dtype=np.float32)
    began = 1.7e9 + np.arange(count) * (0.001 + pause)
    began[count // 2 :] += 60.0
    worker, host = np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    times = PsetTimes()
    times.add(range(count), Times(seconds, began, worker, host, ("here",)), count)
    assert np.abs(times.times(range(count)).began - began).max() < 2e-4
    assert len(times._first) < 0.7 * count, "neighbours are still one span"
