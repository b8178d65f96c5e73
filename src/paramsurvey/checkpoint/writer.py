"""The threads that write, so that the survey's loop never waits for a disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from paramsurvey.checkpoint.part_set import NotOurs, PartSet
from paramsurvey.transport.safe_repr import describe

SHORTEST_PAUSE = 0.05  # seconds between two writes: what is slow is written at once ...
LONGEST_PAUSE = 0.3  # ... and what is fast is collected, but durable within a second
PAUSE_PER_WRITE = 15  # so that writing takes a small part of the time
RETRY_SECONDS = 2.0  # after a write that failed
TICK_SECONDS = 1.0
FIRST_TICK_SECONDS = 0.1  # sooner: what is done then need not be done at the end, when all wait for it
MOST_BYTES = 64 * 2**20  # of the tables of what is not written yet; a survey with more to write waits ...
HANGING_SECONDS = 30.0  # ... but not for a disk that has not answered for so long
FULL_PART = 32 * 2**20  # bytes of a table: so much is written at once, and in one part

Build = Callable[[Sequence[Any]], Any]
Waiting = tuple[Any, int]  # a thing, and about how many bytes its table has
DISK_TROUBLE = (OSError, MemoryError)


class Unstorable(Exception):
    """No table can be made of some results."""


class Writer:
    """Takes what is to be written, and writes it soon, some of it at a time.

    What cannot be written stays in memory and is tried again and again.

    Parameters
    ----------
    part_sets : dict of str to (PartSet, callable)
        Where to write what kind of thing, and the function that makes a table of several of them.
    tick : callable
        Called in the thread, about once a second; what it raises counts as a failed write.
    tell : callable
        Told, in the thread, of failures: of the first, and of the end of a series.
    warn : callable, optional
        Told of results that will not be stored; `tell` by default.
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
        self._news = threading.Condition()
        self._waiting: dict[str, deque[Waiting]] = {kind: deque() for kind in part_sets}
        self._bytes = 0  # of the tables of all that is not written: what waits, and what is being written
        self._write_begun: float | None = None  # None: nothing is being written
        self._closing = self._stopped = False
        self._in_trouble = False
        self.refused = 0  # psets that cannot be stored
        self._next_write = time.monotonic()
        self._next_tick = self._next_write + FIRST_TICK_SECONDS
        self._new_part = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"checkpoint {name}", daemon=True)
            for target, name in ((self._write_on, "writer"), (self._merge_on, "merger"))
        ]

    def start(self) -> None:
        """Begin to write. A program that is interrupted here has the writer, and can close it."""
        for thread in self._threads:
            thread.start()

    def add(self, kind: str, thing: Any, size: int) -> None:
        """Take something whose table will have about `size` bytes."""
        with self._news:
            if self._stopped:
                return
            idle = not any(self._waiting.values())
            self._waiting[kind].append((thing, size))
            self._bytes += size
            if idle or self._bytes >= FULL_PART:
                self._news.notify_all()

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until less than `MOST_BYTES` are not written yet; tell whether that is so.

        True, too, where the disk does not take anything: then all is kept in memory.
        """
        with self._news:
            return self._news.wait_for(self._has_room, seconds)

    def _has_room(self) -> bool:
        return self._bytes < MOST_BYTES or self._in_trouble or self._stopped or self._hangs()

    def _hangs(self) -> bool:
        """Tell whether a write takes too long, or the thread has ended, which only a fault of ours can do."""
        begun = self._write_begun
        takes_long = begun is not None and time.monotonic() - begun > HANGING_SECONDS
        return takes_long or not self._threads[0].is_alive()

    def stop(self) -> None:
        """Write nothing any more: another program has the directory."""
        with self._news:
            self._stopped = True
            for things in self._waiting.values():
                things.clear()
            self._news.notify_all()

    def close(self) -> int:
        """Write what there is, and end; return how much could not be written."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._new_part.set()
        for thread in self._threads:
            if thread.ident is not None:  # else an interruption came before it was started
                thread.join()
        return sum(map(len, self._waiting.values()))

    # the writing thread

    def _write_on(self) -> None:
        while self._wait():
            if time.monotonic() >= self._next_write or self._has_full_part():
                self._write_all()
            if time.monotonic() >= self._next_tick:
                self._try_tick()
        self._write_all()

    def _wait(self) -> bool:
        """Sleep until there is something to do; return False when it is over."""
        with self._news:
            while not self._closing:
                due, now = self._next_tick, time.monotonic()
                if any(self._waiting.values()):
                    due = min(due, self._next_write)
                if due <= now or self._has_full_part():
                    return True
                self._news.wait(due - now)
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
        """Write all that waits now, a part at a time; return False where the disk does not take it."""
        return all(self._write_part(kind, batch) for batch in self._parts_of(kind))

    def _parts_of(self, kind: str) -> Iterator[list[Waiting]]:
        """Take what waits now, as much at a time as one part shall have."""
        for _ in range(len(self._waiting[kind])):
            batch, size = list[Waiting](), 0
            with self._news:
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
        except Exception as error:  # something among them cannot be stored at all
            self._write_in_pieces(kind, [thing for thing, _ in batch], error)
        else:
            self._out_of_trouble()
        with self._news:
            self._bytes -= sum(size for _, size in batch)
            self._news.notify_all()
        return not self._in_trouble

    def _store(self, kind: str, things: list[Any]) -> None:
        part_set, build = self._part_sets[kind]
        try:
            table = build(things)
        except MemoryError:
            raise
        except BaseException as error:  # the user's objects raise what they like when they are pickled
            raise Unstorable(describe(error)) from error
        part_set.add(table)

    def _put_back(self, kind: str, batch: list[Waiting], error: Exception) -> None:
        with self._news:
            if not self._stopped:
                self._waiting[kind].extendleft(reversed(batch))
        self._trouble(error)

    def _write_in_pieces(self, kind: str, things: list[Any], error: Exception) -> None:
        """Write what can be stored: by halves, so that a thousand psets lose no more than one."""
        pieces = [[thing] for thing in things]
        if len(things) == 1:
            halves = getattr(things[0], "halves", list)
            pieces = [[half] for half in halves()]
        if not pieces:
            self._refuse(error)
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

    def _refuse(self, error: Exception) -> None:
        self.refused += 1
        if self.refused == 1:
            why = error if isinstance(error, Unstorable) else describe(error)
            self._warn(
                f"some psets cannot be stored in the checkpoint, and will run again ({why}): "
                "let the function return plain data"
            )

    def _try_tick(self) -> None:
        try:
            self._tick()
        except DISK_TROUBLE as error:
            self._trouble(error)
        self._next_tick = time.monotonic() + TICK_SECONDS

    def _trouble(self, error: Exception) -> None:
        if not self._in_trouble:
            with self._news:
                self._in_trouble = True
                self._news.notify_all()  # nobody waits for room on this disk
            self._tell(
                f"the checkpoint cannot be written ({error}): the survey goes on, its results are kept in "
                "memory, and writing is tried again; make room, or repair the disk"
            )

    def _out_of_trouble(self) -> None:
        if self._in_trouble:
            self._in_trouble = False
            self._tell("the checkpoint can be written again: nothing was lost")
        self._new_part.set()

    # the merging thread

    def _merge_on(self) -> None:
        """Keep the part_sets short; parts that cannot be merged may stay, so no failure matters."""
        while not self._closing:
            self._new_part.wait()
            self._new_part.clear()
            for part_set, _ in self._part_sets.values():
                try:
                    while not self._closing and part_set.merge(self._goes_on):
                        pass
                except Exception as error:
                    self._tell(f"parts of the checkpoint cannot be merged, and stay as they are: {error!r}")
                    return

    def _goes_on(self) -> bool:
        return not (self._closing or self._stopped)
