"""Psets that come later: `NOT_YET`, and iterators that are read in the background."""

from __future__ import annotations

import contextvars
import itertools
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from paramsurvey.params import NOT_YET, in_background
from paramsurvey.params.late_psets import first_psets, without_pauses
from paramsurvey.params.sources import PsetStream
from paramsurvey.params.sources.accepted_psets import as_source
from paramsurvey.testing.waiting import wait_until


def of_queue(work: queue.Queue[Any]) -> Iterator[dict[str, Any]]:
    """Yield what comes out of a queue, until that is None."""
    return ({"x": x} for x in iter(work.get, None))


def test_psets_that_are_read_in_the_background_come_in_their_order() -> None:
    psets = in_background({"x": x} for x in range(5_000))
    assert [pset["x"] for pset in without_pauses(psets)] == list(range(5_000))


def test_an_iterator_that_blocks_is_not_waited_for() -> None:
    work: queue.Queue[Any] = queue.Queue()
    psets = in_background(of_queue(work))
    assert next(psets) is NOT_YET
    work.put(1)
    assert next(without_pauses(psets)) == {"x": 1}
    assert next(psets) is NOT_YET
    work.put(None)
    assert list(without_pauses(psets)) == []


def test_what_the_iterator_raises_comes_after_the_psets_before_it() -> None:
    def psets() -> Iterator[dict[str, Any]]:
        yield {"x": 1}
        raise LookupError("the database is gone")

    got = without_pauses(in_background(psets()))
    assert next(got) == {"x": 1}
    with pytest.raises(LookupError, match="the database is gone"):
        next(got)


@pytest.mark.parametrize(("ahead", "options"), [(1, {"ahead": 1}), (3, {"ahead": 3}), (1_000, {})])
def test_no_more_is_read_ahead_than_was_asked_for(ahead: int, options: dict[str, int]) -> None:
    read: list[int] = []
    psets = in_background((read.append(x) or {"x": x} for x in itertools.count()), **options)  # type: ignore[func-returns-value]
    first = next(without_pauses(psets))
    wait_until(lambda: len(read) > ahead, f"the thread has not read {ahead} psets ahead")
    psets.close()
    assert (first, read) == ({"x": 0}, list(range(ahead + 1)))


def test_a_program_can_end_while_its_psets_are_waited_for() -> None:
    work: queue.Queue[Any] = queue.Queue()
    before = set(threading.enumerate())
    psets = in_background(of_queue(work))
    assert next(psets) is NOT_YET
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon, "Python would wait for it at its end"
    work.put(None)
    assert list(without_pauses(psets)) == []


def test_the_thread_ends_when_nobody_wants_more() -> None:
    before = set(threading.enumerate())
    read: list[int] = []
    psets = in_background((read.append(x) or {"x": x} for x in itertools.count()), ahead=2)  # type: ignore[func-returns-value]
    next(without_pauses(psets))
    (thread,) = set(threading.enumerate()) - before
    wait_until(lambda: len(read) == 3, "the thread has not read two psets ahead, and waits for room")
    psets.close()
    wait_until(lambda: not thread.is_alive(), "the thread still runs")


def test_an_iterator_that_has_ended_is_not_asked_again() -> None:
    class Connection:
        asked = 0

        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            self.asked += 1
            raise StopIteration

    psets, before = Connection(), set(threading.enumerate())
    background = in_background(psets)
    list(without_pauses(background))
    wait_until(lambda: not set(threading.enumerate()) - before, "the thread still runs")
    assert psets.asked == 1


def test_the_iterator_sees_the_context_of_the_caller() -> None:
    user = contextvars.ContextVar("user", default="nobody")
    user.set("Ada")
    assert list(without_pauses(in_background({"user": user.get()} for _ in range(1)))) == [{"user": "Ada"}]


def test_to_read_no_pset_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ahead=0 is less than one pset: give 1 or more"):
        in_background([], ahead=0)


def test_who_waits_for_psets_leaves_the_processor_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    assert list(without_pauses(iter([NOT_YET, NOT_YET, {"x": 1}]))) == [{"x": 1}]
    assert len(slept) == 2
    assert min(slept) > 0


def test_what_is_no_iterable_is_refused_at_once() -> None:
    with pytest.raises(TypeError):
        in_background(3)  # type: ignore[arg-type]


# NOT_YET


def test_a_stream_tells_none_yet_from_the_end() -> None:
    source = PsetStream(iter([NOT_YET, {"a": 1}, NOT_YET, NOT_YET, {"a": 2}]))
    assert [source.read(10) for _ in range(6)] == [None, 1, None, 1, 0, 0]
    assert source.frame()["a"].tolist() == [1, 2]


def test_none_yet_between_psets_that_are_read_as_columns() -> None:
    psets = [{"a": x} for x in range(300)]
    source = PsetStream(iter([*psets[:200], NOT_YET, *psets[200:]]))
    counts = [source.read(100) for _ in range(5)]
    assert counts == [100, 100, None, 100, 0]
    assert source.frame()["a"].tolist() == list(range(300))


def test_the_first_keys_are_those_of_the_first_pset_that_comes() -> None:
    source = PsetStream(iter([NOT_YET, {"a": 1}]))
    assert source.first_keys() == ("a",)
    assert (source.read(5), source.read(5)) == (1, 0)


def test_a_limit_counts_psets_only() -> None:
    given: Iterator[Any] = iter([NOT_YET, {"a": 1}, NOT_YET, {"a": 2}, {"a": 3}])
    assert list(first_psets(given, 2)) == [NOT_YET, {"a": 1}, NOT_YET, {"a": 2}]
    assert next(given) == {"a": 3}, "no pset is lost"
    assert list(first_psets(iter([{"a": 1}]), 0)) == []


def test_psets_whose_types_are_those_of_their_columns_are_waited_for() -> None:
    source = as_source(iter([NOT_YET, {"a": 1}, NOT_YET, {"a": 2.5}]), pset_types="column")
    pd.testing.assert_frame_equal(source.frame(), pd.DataFrame({"a": [1.0, 2.5]}))


def test_not_yet_in_a_list_is_refused_as_no_pset() -> None:
    with pytest.raises(ValueError, match=r"pset number 1 is .*NOT_YET"):
        as_source([{"a": 1}, NOT_YET])
