"""An iterator that keeps a survey waiting is told of while it does, once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.params import NOT_YET
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


def test_a_table_of_psets_needs_no_thread(in_tmp: Path) -> None:
    before = set(threading.enumerate())
    seen: list[str] = []

    def look(*_: object) -> None:
        seen.extend(thread.name for thread in set(threading.enumerate()) - before)

    def psets() -> Iterator[Any]:
        yield {"a": 1}
        while not Path("runs").exists():
            yield NOT_YET
        look()
        Path("read").touch()

    def wait(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        Path("runs").touch()
        wait_until(Path("read").exists, "nobody reads the next pset")

    with paramsurvey.Session(backend="multiprocessing", ncores=2, verbose=0, pslogger_prefix=None) as session:
        session.map(lambda p, s, u: None, [{"a": 1}], out_func=look)
        assert "paramsurvey: long reads" not in seen
        session.map(wait, psets())
        assert "paramsurvey: long reads" in seen


def test_what_the_iterator_raises_is_raised() -> None:
    reads = LongReads(lambda text: None, psets_run=lambda: True)
    with pytest.raises(LookupError), reads.watched():
        raise LookupError
    reads.end()
