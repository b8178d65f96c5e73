"""An iterator that keeps a survey waiting is told of while it does, once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import paramsurvey
from paramsurvey.reporting.long_reads import LongReads
from paramsurvey.testing.waiting import wait_until

AT_ONCE = 0.01  # seconds


def test_a_long_read_is_told_of_while_it_lasts_and_once() -> None:
    said: list[str] = []
    reads = LongReads(said.append, psets_run=lambda: True, seconds=AT_ONCE)
    for _ in range(2):
        with reads.watched():
            wait_until(lambda: said, "nothing was said")
    assert len(said) == 1
    assert said[0].endswith("paramsurvey.params.in_background(psets) reads it in a thread of its own")


def test_a_long_read_holds_up_nothing_while_no_pset_runs() -> None:
    reads = LongReads(lambda text: None, psets_run=lambda: False, seconds=AT_ONCE)
    with reads.watched():
        assert reads._thread is None


def test_the_thread_ends_with_the_map() -> None:
    reads = LongReads(lambda text: None, psets_run=lambda: True, seconds=AT_ONCE)
    with reads.watched():
        thread = reads._thread
    assert thread is not None
    reads.end()
    wait_until(lambda: not thread.is_alive(), "the thread outlives the map")


def test_a_table_of_psets_needs_no_thread() -> None:
    before = set(threading.enumerate())
    seen: list[str] = []

    def look(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        seen.extend(thread.name for thread in set(threading.enumerate()) - before)

    with paramsurvey.Session(backend="multiprocessing", ncores=2, verbose=0, pslogger_prefix=None) as session:
        session.map(lambda p, s, u: None, [{"a": 1}], out_func=look)  # the other worker is free for more
        assert "paramsurvey: long reads" not in seen
        session.map(lambda p, s, u: None, iter([{"a": 1}]), out_func=look)
        assert "paramsurvey: long reads" in seen


def test_what_the_iterator_raises_is_raised() -> None:
    reads = LongReads(lambda text: None, psets_run=lambda: True)
    with pytest.raises(LookupError), reads.watched():
        raise LookupError
    reads.end()
