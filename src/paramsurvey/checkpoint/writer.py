"""The threads that write a checkpoint, so that the survey's loop never waits for a disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from paramsurvey.checkpoint.part_set import NotOurs, PartSet
from paramsurvey.transport.safe_repr import describe
from paramsurvey.transport.threads import start_thread

SHORTEST_PAUSE = 0.05  # seconds between two writes: results that come slowly are written at once ...
LONGEST_PAUSE = 0.3  # ... and results that come fast are collected, but durable within a second
PAUSE_PER_WRITE = 15  # how many times longer than a write the pause is, so that writing takes little time
RETRY_SECONDS = 2.0  # after a write that failed
MERGE_RETRY_SECONDS = 60.0  # after a merge that failed, which costs more
TICK_SECONDS = 1.0
FIRST_TICK_SECONDS = 0.1  # early, because what is done then need not be done at the end, when the user waits
MOST_BYTES = 64 * 2**20  # in tables that are not written yet; a survey with more to write waits ...
HANGING_SECONDS = 30.0  # ... but not for a disk that has not answered for this long
FULL_PART = 32 * 2**20  # bytes of a table that are written at once, as one part

Build = Callable[[Sequence[Any]], Any]
Waiting = tuple[Any, int]  # a result or failure, and about how many bytes its table has
DISK_TROUBLE = (OSError, MemoryError)


class Unstorable(Exception):
    """Some results cannot be made into a table."""


class Writer:
    """Takes what is to be written, and writes it soon, part by part.

    Anything that cannot be written stays in memory, and is tried again and again.

    Parameters
    ----------
    part_sets : dict of str to (PartSet, callable)
        For each kind of thing, where to write it, and the function that makes a table from several of them.
    tick : callable
        Called in the writing thread, about once a second. An exception in it counts as a failed write.
    tell : callable
        Called in the writing thread when writing begins to fail, and when it works again.
    warn : callable, optional
        Called when results will not be stored; `tell` by default.
    """

    def __init__(
        self,
        part_sets: dict[str, tuple[PartSet, Build]],
        tick: Callable[[], None],
        tell: Callable[[str], None],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._part_sets = part_sets
        self._tick = tick
        self._tell, self._warn = tell, warn or tell
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Waiting]] = {kind: deque() for kind in part_sets}
        self._bytes = 0  # in tables of everything that is waiting, or being written
        self._write_begun: float | None = None  # None while nothing is being written
        self._closing = self._stopped = False
        self._in_trouble = False
        self.refused = 0  # psets that cannot be stored
        self._next_write = time.monotonic()
        self._next_tick = self._next_write + FIRST_TICK_SECONDS
        self._new_part = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"checkpoint {name}", daemon=True)
            for target, name in ((self._write_loop, "writer"), (self._merge_loop, "merger"))
        ]

    def start(self) -> None:
        """Begin to write. A program that is interrupted here already has the writer, and can close it."""
        for thread in self._threads:
            start_thread(thread)

    def add(self, kind: str, thing: Any, size: int) -> None:
        """Add something whose table will have about `size` bytes."""
        with self._changed:
            if self._stopped:
                return
            idle = not any(self._waiting.values())
            self._waiting[kind].append((thing, size))
            self._bytes += size
            if idle or self._bytes >= FULL_PART:
                self._changed.notify_all()

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until fewer than `MOST_BYTES` are left to write; tell whether that is the case.

        It is also true if the disk takes nothing, because everything is kept in memory then.
        """
        with self._changed:
            return self._changed.wait_for(self._has_room, seconds)

    def _has_room(self) -> bool:
        return self._bytes < MOST_BYTES or self._in_trouble or self._stopped or self._hangs()

    def _hangs(self) -> bool:
        """Tell whether a write takes too long, or the thread has ended because of a bug."""
        begun = self._write_begun
        takes_long = begun is not None and time.monotonic() - begun > HANGING_SECONDS
        return takes_long or not self._threads[0].is_alive()

    def stop(self) -> None:
        """Write nothing more, because another program has the directory."""
        with self._changed:
            self._stopped = True
            for things in self._waiting.values():
                things.clear()
            self._changed.notify_all()

    def close(self) -> int:
        """Write what there is, and end; return how many things could not be written."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._new_part.set()
        for thread in self._threads:
            if thread.ident is not None:  # it is None if an interruption came before the thread was started
                thread.join()
        return sum(map(len, self._waiting.values()))

    # the writing thread

    def _write_loop(self) -> None:
        while self._wait_for_work():
            if time.monotonic() >= self._next_write or self._has_full_part():
                self._write_all()
            if time.monotonic() >= self._next_tick:
                self._tick_if_possible()
        self._write_all()

    def _wait_for_work(self) -> bool:
        """Sleep until there is something to do; return False if the writer is closing."""
        with self._changed:
            while not self._closing:
                due, now = self._next_tick, time.monotonic()
                if any(self._waiting.values()):
                    due = min(due, self._next_write)
                if due <= now or self._has_full_part():
                    return True
                self._changed.wait(due - now)
        return False

    def _has_full_part(self) -> bool:
        return self._bytes >= FULL_PART and not self._in_trouble and any(self._waiting.values())

    def _write_all(self) -> None:
        begun = time.monotonic()
        failed = [kind for kind in self._part_sets if not self._write(kind)]
        self._write_begun = None
        ended = time.monotonic()
        fair = PAUSE_PER_WRITE * (ended - begun)
        pause = RETRY_SECONDS if failed else min(max(fair, SHORTEST_PAUSE), LONGEST_PAUSE)
        self._next_write = ended + pause

    def _write(self, kind: str) -> bool:
        """Write everything that is waiting now, part by part; return False if the disk does not take it."""
        return all(self._write_part(kind, batch) for batch in self._parts_of(kind))

    def _parts_of(self, kind: str) -> Iterator[list[Waiting]]:
        """Take what is waiting now, as much at a time as belongs in one part."""
        for _ in range(len(self._waiting[kind])):
            batch, size = list[Waiting](), 0
            with self._changed:
                while self._waiting[kind] and size < FULL_PART:
                    batch.append(self._waiting[kind].popleft())
                    size += batch[-1][1]
            if batch:
                yield batch

    def _write_part(self, kind: str, batch: list[Waiting]) -> bool:
        self._write_begun = time.monotonic()
        try:
            self._store(kind, [thing for thing, _ in batch])
        except NotOurs:
            self.stop()
        except DISK_TROUBLE as error:
            self._put_back(kind, batch, error)
            return False
        except Exception as error:  # something in the batch cannot be stored at all
            self._write_in_pieces(kind, [thing for thing, _ in batch], error)
        else:
            self._note_success()
        with self._changed:
            self._bytes -= sum(size for _, size in batch)
            self._changed.notify_all()
        return not self._in_trouble

    def _store(self, kind: str, things: list[Any]) -> None:
        part_set, build = self._part_sets[kind]
        try:
            table = build(things)
        except MemoryError:
            raise
        except BaseException as error:  # the user's objects may raise anything when they are pickled
            raise Unstorable(describe(error)) from error
        part_set.add(table)

    def _put_back(self, kind: str, batch: list[Waiting], error: Exception) -> None:
        with self._changed:
            if not self._stopped:
                self._waiting[kind].extendleft(reversed(batch))
        self._note_trouble(error)

    def _write_in_pieces(self, kind: str, things: list[Any], error: Exception) -> None:
        """Write what can be stored, halving what cannot, so that one bad pset does not cost many others."""
        pieces = [[thing] for thing in things]
        if len(things) == 1:
            halves = getattr(things[0], "halves", list)
            pieces = [[half] for half in halves()]
        if not pieces:
            self._report_unstorable(error)
        for piece in pieces:
            try:
                self._store(kind, piece)
            except NotOurs:
                self.stop()
                return
            except DISK_TROUBLE as trouble:
                self._put_back(kind, [(thing, 0) for thing in piece], trouble)
            except Exception as cause:
                self._write_in_pieces(kind, piece, cause)

    def _report_unstorable(self, error: Exception) -> None:
        self.refused += 1
        if self.refused == 1:
            why = error if isinstance(error, Unstorable) else describe(error)
            self._warn(
                f"some psets cannot be stored in the checkpoint, and will run again ({why}): "
                "let the function return plain data"
            )

    def _tick_if_possible(self) -> None:
        try:
            self._tick()
        except Exception as error:  # whatever it is, this thread has results to write
            self._note_trouble(error)
        self._next_tick = time.monotonic() + TICK_SECONDS

    def _note_trouble(self, error: Exception) -> None:
        if not self._in_trouble:
            with self._changed:
                self._in_trouble = True
                self._changed.notify_all()  # so that nobody waits for room on this disk
            self._tell(
                f"the checkpoint cannot be written ({error}): the survey goes on, its results are kept in "
                "memory, and writing is tried again; make room, or repair the disk"
            )

    def _note_success(self) -> None:
        if self._in_trouble:
            self._in_trouble = False
            self._tell("the checkpoint can be written again: nothing was lost")
        self._new_part.set()

    # the merging thread

    def _merge_loop(self) -> None:
        """Merge parts as they become many; no failure matters, since parts may also stay unmerged."""
        next_merge, told = 0.0, False
        while not self._closing:
            self._new_part.wait()
            self._new_part.clear()
            if time.monotonic() < next_merge:
                continue
            try:
                self._merge_all()
            except DISK_TROUBLE as error:
                next_merge = time.monotonic() + MERGE_RETRY_SECONDS
                if not told:
                    told = True
                    self._tell(
                        f"parts of the checkpoint cannot be merged at the moment ({error}): nothing is lost, "
                        "and merging is tried again; make room, or repair the disk"
                    )
            except Exception as error:
                self._tell(
                    f"parts of the checkpoint cannot be merged, and stay as they are ({error!r}): nothing is "
                    "lost, but there may be many small files; the next map with this checkpoint merges them"
                )
                return

    def _merge_all(self) -> None:
        for part_set, _ in self._part_sets.values():
            while not self._closing and part_set.merge(self._may_go_on):
                pass

    def _may_go_on(self) -> bool:
        return not (self._closing or self._stopped)
