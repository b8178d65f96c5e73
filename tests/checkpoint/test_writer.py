"""The thread that writes: how much waits for it, how much it writes at once, and what a bad disk does."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from paramsurvey.checkpoint import writer as writer_module
from paramsurvey.checkpoint.writer import FULL_PART, MOST_BYTES, Writer
from paramsurvey.testing.waiting import wait_until


class SlowDisk:
    """Takes nothing until it is told to."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.begun = threading.Event()
        self.error: OSError | None = None
        self.parts: list[list[str]] = []

    def add(self, things: list[str]) -> None:
        self.begun.set()
        assert self.goes_on.wait(60)
        if self.error is not None:
            raise self.error
        self.parts.append(things)

    def merge(self, go_on: object) -> bool:
        return False


@pytest.fixture
def disk() -> SlowDisk:
    return SlowDisk()


@pytest.fixture
def writer(disk: SlowDisk) -> Iterator[Writer]:
    made: Any = Writer({"results": (disk, list)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    yield made
    disk.error = None
    disk.goes_on.set()
    made.close()


def has_no_room(writer: Writer) -> bool:
    return not writer.wait_for_room(0)


def test_what_is_being_written_takes_room_until_it_is_written(writer: Writer, disk: SlowDisk) -> None:
    writer.add("results", "first", MOST_BYTES - 1)
    assert writer.wait_for_room(0)
    assert disk.begun.wait(60)  # nothing waits any more, and the table is in memory
    writer.add("results", "second", 1)
    assert has_no_room(writer)
    disk.goes_on.set()
    assert writer.wait_for_room(60)


def test_much_that_waits_is_written_a_part_at_a_time(writer: Writer, disk: SlowDisk) -> None:
    writer.add("results", "first", 1)
    assert disk.begun.wait(60)
    for name in "abcdef":
        writer.add("results", name, FULL_PART // 2)
    disk.goes_on.set()
    assert writer.close() == 0
    assert disk.parts == [["first"], ["a", "b"], ["c", "d"], ["e", "f"]]


def test_a_disk_that_is_full_makes_nobody_wait_and_loses_nothing(writer: Writer, disk: SlowDisk) -> None:
    disk.error = OSError(errno.ENOSPC, "full")
    for name in "abc":
        writer.add("results", name, MOST_BYTES)
    disk.goes_on.set()
    assert writer.wait_for_room(60)
    disk.error = None
    assert writer.close() == 0
    assert [name for part in disk.parts for name in part] == ["a", "b", "c"]


def test_a_disk_that_hangs_makes_nobody_wait(
    writer: Writer, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.add("results", "first", MOST_BYTES)
    assert disk.begun.wait(60)
    assert has_no_room(writer)
    monkeypatch.setattr(writer_module, "HANGING_SECONDS", 0.0)
    assert writer.wait_for_room(0)


def test_nobody_waits_for_what_another_program_has_taken_over(writer: Writer, disk: SlowDisk) -> None:
    writer.add("results", "first", MOST_BYTES)
    writer.stop()
    assert writer.wait_for_room(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_has_ended(disk: SlowDisk) -> None:
    def fails() -> None:
        raise RuntimeError("a fault of ours")

    writer = Writer({"results": (disk, list)}, fails, lambda text: None)  # type: ignore[dict-item]
    wait_until(lambda: not writer._threads[0].is_alive(), "the thread goes on", seconds=60)
    writer.add("results", "first", MOST_BYTES)
    assert writer.wait_for_room(0)
    disk.goes_on.set()
    assert writer.close() == 1
