"""The thread that writes: how much waits for it, how much it writes at once, and what a bad disk does."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from paramsurvey.checkpoint import writer as writer_module
from paramsurvey.checkpoint.part_set import NotOurs
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
    made.start()
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


def test_while_one_part_is_written_another_one_has_room() -> None:
    assert 2 * FULL_PART <= MOST_BYTES < 100e6


def test_a_part_that_is_full_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("FIRST_TICK_SECONDS", "SHORTEST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(writer_module, pause, 3600.0)
    disk = Disk()
    writer = Writer({"results": (disk, list)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: disk.stored() == ["a"], "it is not written", seconds=60)
    writer.add("results", "b", FULL_PART)
    wait_until(lambda: disk.stored() == ["a", "b"], "it waits until the pause is over", seconds=60)
    assert writer.close() == 0


def test_a_bad_disk_is_left_alone_for_a_while_though_a_part_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 3600.0)
    monkeypatch.setattr(writer_module, "TICK_SECONDS", 0.0)
    disk, ticks = Disk(*[OSError(errno.ENOSPC, "full")] * 5), list[None]()
    writer = Writer({"results": (disk, list)}, lambda: ticks.append(None), lambda text: None)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: len(disk.errors) == 4, "it is not tried", seconds=60)
    writer.add("results", "b", FULL_PART)
    before = len(ticks)
    wait_until(lambda: len(ticks) > before + 2, "it does not tick", seconds=60)
    assert len(disk.errors) == 4
    disk.errors.clear()
    assert writer.close() == 0


def test_a_disk_that_is_full_makes_nobody_wait_and_loses_nothing(writer: Writer, disk: SlowDisk) -> None:
    disk.error = OSError(errno.ENOSPC, "full")
    for name in "abc":
        writer.add("results", name, MOST_BYTES)
    disk.goes_on.set()
    assert writer.wait_for_room(60)
    disk.error = None
    assert writer.close() == 0
    assert [name for part in disk.parts for name in part] == ["a", "b", "c"]


@pytest.mark.parametrize("error", [None, OSError(errno.ENOSPC, "full")], ids=["written", "full"])
def test_who_waits_for_room_is_woken_when_it_is_written_or_the_disk_is_full(
    writer: Writer, disk: SlowDisk, error: OSError | None
) -> None:
    disk.error = error
    writer.add("results", "first", MOST_BYTES)
    waiting = waits_for_room(writer)
    disk.goes_on.set()
    waiting.join(60)
    assert not waiting.is_alive()


def test_who_waits_for_room_is_woken_when_another_program_has_the_directory(
    writer: Writer, disk: SlowDisk
) -> None:
    writer.add("results", "first", MOST_BYTES)
    waiting = waits_for_room(writer)
    writer.stop()
    waiting.join(60)
    assert not waiting.is_alive()


def waits_for_room(writer: Writer) -> threading.Thread:
    """Return a thread that has found no room, and waits."""
    asked = threading.Event()
    has_room = writer._has_room
    writer._has_room = lambda: (has_room(), asked.set())[0]  # type: ignore[func-returns-value, method-assign]
    waiting = threading.Thread(target=writer.wait_for_room, args=(3600,), daemon=True)
    waiting.start()
    assert asked.wait(60)
    return waiting


def test_a_disk_that_hangs_makes_nobody_wait(
    writer: Writer, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.add("results", "first", MOST_BYTES)
    assert disk.begun.wait(60)
    assert has_no_room(writer)
    monkeypatch.setattr(writer_module, "HANGING_SECONDS", 0.0)
    assert writer.wait_for_room(0)


@pytest.mark.parametrize("before", [[], ["a"]], ids=["at first", "later"])
def test_what_waits_until_the_thread_has_time_takes_room_too(
    monkeypatch: pytest.MonkeyPatch, before: list[str]
) -> None:
    for seconds in ("FIRST_TICK_SECONDS", "TICK_SECONDS"):
        monkeypatch.setattr(writer_module, seconds, 0.0)
    disk = Disk()
    has_other_work, goes_on = threading.Event(), threading.Event()

    def tick() -> None:
        if disk.stored() == before:
            has_other_work.set()
            goes_on.wait(60)

    writer = Writer({"results": (disk, list)}, tick, lambda text: None)  # type: ignore[dict-item]

    writer.start()
    for name in before:
        writer.add("results", name, 1)
        wait_until(lambda: disk.stored() == before, "it is not written", seconds=60)
    assert has_other_work.wait(60)
    writer.add("results", "b", MOST_BYTES)
    assert has_no_room(writer)
    goes_on.set()
    assert writer.wait_for_room(60)
    assert writer.close() == 0


def test_what_waits_is_not_written_when_another_program_has_the_directory(
    writer: Writer, disk: SlowDisk
) -> None:
    writer.add("results", "first", 1)
    assert disk.begun.wait(60)
    writer.add("results", "second", 1)
    writer.stop()
    disk.goes_on.set()
    assert writer.close() == 0
    assert disk.parts == [["first"]]


def test_nobody_waits_for_what_another_program_has_taken_over(writer: Writer, disk: SlowDisk) -> None:
    writer.add("results", "first", MOST_BYTES)
    writer.stop()
    assert writer.wait_for_room(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_has_ended(disk: SlowDisk) -> None:
    def ends_its_thread() -> None:
        raise BaseException("a fault of ours")

    writer = Writer({"results": (disk, list)}, ends_its_thread, lambda text: None)  # type: ignore[dict-item]

    writer.start()
    wait_until(lambda: not writer._threads[0].is_alive(), "the thread goes on", seconds=60)
    writer.add("results", "first", MOST_BYTES)
    assert writer.wait_for_room(0)
    disk.goes_on.set()
    assert writer.close() == 1


# ---- what happens is told


class Disk:
    """Takes everything, unless it is told to raise an error so many times."""

    def __init__(self, *errors: Exception, merges: int = 0) -> None:
        self.errors = list(errors)
        self.parts: list[list[Any]] = []
        self.merges = merges
        self.merged: list[bool] = []  # whether the writer wanted it to go on

    def add(self, things: list[Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.parts.append(things)

    def merge(self, go_on: Callable[[], bool]) -> bool:
        self.merged.append(go_on())
        return len(self.merged) < self.merges

    def stored(self) -> list[Any]:
        return [thing for part in self.parts for thing in part]


@dataclass(frozen=True)
class Block:
    """A reply with some psets, some of which cannot be stored."""

    psets: str

    def halves(self) -> list[Block]:
        middle = len(self.psets) // 2
        return [Block(self.psets[:middle]), Block(self.psets[middle:])] if middle else []


def table(blocks: list[Block]) -> list[str]:
    psets = [pset for block in blocks for pset in block.psets]
    if "x" in psets:
        raise SystemExit("no way")
    return psets


def told_by(disk: Disk, *things: Any, build: Any = list) -> tuple[int, list[str], list[str]]:
    """Write some things; return how many are left, and what was told and what was warned of."""
    told: list[str] = []
    warned: list[str] = []
    writer = Writer({"results": (disk, build)}, lambda: None, told.append, warned.append)  # type: ignore[dict-item]
    writer.start()
    for thing in things:
        writer.add("results", thing, 1)
    return writer.close(), told, warned


def test_a_bad_disk_is_told_once_and_that_it_is_good_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.0)
    told: list[str] = []
    disk = Disk(*(OSError(errno.ENOSPC, "full") for _ in range(3)))
    writer = Writer({"results": (disk, list)}, lambda: None, told.append)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: len(told) > 1, "it is not told", seconds=60)
    assert writer.close() == 0
    assert disk.parts == [["a"]]
    assert told == [
        "the checkpoint cannot be written ([Errno 28] full): the survey goes on, its results are kept in "
        "memory, and writing is tried again; make room, or repair the disk",
        "the checkpoint can be written again: nothing was lost",
    ]


def test_what_is_not_written_until_the_end_is_counted() -> None:
    left, told, _ = told_by(Disk(*[OSError("broken")] * 100), "a", "b")
    assert left == 2
    assert len(told) == 1


def test_too_little_memory_for_a_table_is_no_reason_to_drop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.0)
    errors = [MemoryError()]

    def build(things: list[str]) -> list[str]:
        if errors:
            raise errors.pop()
        return things

    disk, told = Disk(), list[str]()
    writer = Writer({"results": (disk, build)}, lambda: None, told.append)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: disk.stored() == ["a"], "it is not written", seconds=60)
    assert writer.close() == 0
    assert writer.refused == 0


def test_of_a_block_with_psets_that_cannot_be_stored_all_others_are() -> None:
    disk = Disk()
    left, told, warned = told_by(disk, Block("ab"), Block("cdxefxg"), Block("h"), build=table)
    assert (left, told) == (0, [])
    assert sorted(disk.stored()) == list("abcdefgh")
    assert warned == [
        "some psets cannot be stored in the checkpoint, and will run again (SystemExit('no way')): "
        "let the function return plain data"
    ]


def test_the_psets_that_cannot_be_stored_are_counted() -> None:
    writer = Writer({"results": (Disk(), table)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", Block("axbxc"), 1)
    writer.close()
    assert writer.refused == 2


def test_what_a_disk_does_not_take_of_such_a_block_stays() -> None:
    full = [OSError(errno.ENOSPC, "full")] * 100
    left, told, warned = told_by(Disk(*full), Block("axb"), build=table)
    assert left == 2, "a and b, each in a block of its own"
    assert "cannot be written" in told[0]
    assert len(warned) == 1


def test_what_finished_a_second_ago_is_written() -> None:
    shortest, longest = writer_module.SHORTEST_PAUSE, writer_module.LONGEST_PAUSE
    assert shortest < longest < writer_module.TICK_SECONDS <= 1


def test_where_another_program_has_the_directory_nothing_is_kept_and_nobody_is_told() -> None:
    disk = Disk(NotOurs())
    left, told, warned = told_by(disk, "a", "b")
    assert (left, told, warned, disk.parts) == (0, [], [], [])


def test_once_another_program_has_the_directory_nothing_more_is_tried() -> None:
    disk = Disk(NotOurs())
    writer = Writer({"results": (disk, list)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: not disk.errors, "it is not tried", seconds=60)
    writer.add("results", "b", 1)
    assert writer.close() == 0
    assert disk.parts == []


def test_a_block_is_not_halved_for_another_programs_sake() -> None:
    disk = Disk(NotOurs())
    left, told, warned = told_by(disk, Block("abx"), build=table)
    assert (left, told, warned, disk.parts) == (0, [], [], [])


def test_after_a_stop_nothing_is_taken() -> None:
    disk = Disk()
    writer = Writer({"results": (disk, list)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    writer.start()
    writer.stop()
    writer.add("results", "a", MOST_BYTES)
    assert writer.wait_for_room(0)
    assert writer.close() == 0
    assert disk.parts == []


def test_parts_are_merged_while_there_is_something_to_merge() -> None:
    disk = Disk(merges=3)
    writer = Writer({"results": (disk, list)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: len(disk.merged) == 3, "they are not merged", seconds=60)
    assert writer._threads[1].is_alive()
    assert disk.merged == [True] * 3
    writer.close()
    assert not writer._may_go_on(), "at the end, nobody waits for a merge"


def test_parts_that_cannot_be_merged_stay_and_that_is_told() -> None:
    class Unmergeable(Disk):
        def merge(self, go_on: object) -> bool:
            raise ValueError("no")

    told: list[str] = []
    disk = Unmergeable()
    writer = Writer({"results": (disk, list)}, lambda: None, told.append)  # type: ignore[dict-item]
    writer.start()
    writer.add("results", "a", 1)
    wait_until(lambda: not writer._threads[1].is_alive(), "it is tried again", seconds=60)
    writer.add("results", "b", 1)
    assert writer.close() == 0
    assert disk.stored() == ["a", "b"]
    assert told == [
        "parts of the checkpoint cannot be merged, and stay as they are (ValueError('no')): nothing is lost, "
        "but there may be many small files; the next map with this checkpoint merges them"
    ]


def test_on_a_disk_that_was_full_merging_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullForAWhile(Disk):
        def merge(self, go_on: Callable[[], bool]) -> bool:
            if self.errors:
                raise self.errors.pop(0)
            return super().merge(go_on)

        def add(self, things: list[Any]) -> None:
            self.parts.append(things)

    monkeypatch.setattr(writer_module, "MERGE_RETRY_SECONDS", 0.0)
    told: list[str] = []
    disk = FullForAWhile(*(OSError(errno.ENOSPC, "full") for _ in range(2)))
    writer = Writer({"results": (disk, list)}, lambda: None, told.append)  # type: ignore[dict-item]
    writer.start()
    for left in (1, 0):
        writer.add("results", "a", 1)
        wait_until(lambda: len(disk.errors) == left, "it is not tried", seconds=60)  # noqa: B023
    writer.add("results", "a", 1)
    wait_until(lambda: disk.merged == [True], "they are not merged", seconds=60)
    assert writer.close() == 0
    assert told == [
        "parts of the checkpoint cannot be merged at the moment ([Errno 28] full): nothing is lost, and "
        "merging is tried again; make room, or repair the disk"
    ]


def test_on_a_good_disk_what_is_added_is_written_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for for_other_reasons in ("FIRST_TICK_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(writer_module, for_other_reasons, 3600.0)
    disk = Disk()
    writer = Writer({"results": (disk, list)}, lambda: None, lambda text: None)  # type: ignore[dict-item]
    writer.start()
    for name in "abc":
        writer.add("results", name, 1)
        wait_until(lambda: disk.stored()[-1:] == [name], "it is not written", seconds=60)  # noqa: B023
    assert writer.close() == 0


def test_results_are_written_whatever_the_tick_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "FIRST_TICK_SECONDS", 0.0)
    disk, has_failed = Disk(), threading.Event()

    def tick() -> None:
        has_failed.set()
        raise ValueError("a mistake")

    writer = Writer({"results": (disk, list)}, tick, lambda text: None)  # type: ignore[dict-item]

    writer.start()
    assert has_failed.wait(60)
    writer.add("results", "a", 1)
    assert writer.close() == 0
    assert disk.stored() == ["a"]


def test_the_tick_goes_on_also_when_it_could_not_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "TICK_SECONDS", 0.01)
    ticks: list[None] = []
    told: list[str] = []

    def tick() -> None:
        ticks.append(None)
        raise OSError("no disk")

    writer = Writer({"results": (Disk(), list)}, tick, told.append)  # type: ignore[dict-item]

    writer.start()
    wait_until(lambda: len(ticks) > 3, "it does not tick", seconds=60)
    writer.close()
    assert len(told) == 1
    assert "cannot be written (no disk)" in told[0]
