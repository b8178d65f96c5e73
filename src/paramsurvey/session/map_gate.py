"""One map at a time: which thread's turn it is in a session, and how to end a map of another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from paramsurvey.errors import SessionClosed
from paramsurvey.worker.nested_session import refuse_while_loading, runs_a_pset

STOP_SECONDS = 10.0  # how long to wait for another thread's map to end when its session is closed or changed
POLL_SECONDS = 0.05
QUIET_SECONDS = 10.0  # a map that waits for longer says so
WAITING = (
    "a map is waiting for its turn, because another thread maps with the same session: "
    "to map at the same time, give each thread a Session of its own"
)


class MapGate:
    """Lets one map of a session run at a time, and none once the session is closed.

    Parameters
    ----------
    say : callable
        Called with a message when a map has to wait.
    end : callable
        Ends the workers and the log. It is called once no thread is working on a map any more.

    Attributes
    ----------
    stop : Event
        Belongs to the latest map, which ends before its next round if this is set.
    cleanup : ExitStack
        Closed after a map, to end what an interruption may have kept the map itself from ending.
    """

    def __init__(self, say: Callable[[str], object], end: Callable[[], None]) -> None:
        self.stop = threading.Event()
        self.cleanup = ExitStack()
        self._say = say
        self._end = end
        self._turn = threading.Lock()  # held while a map runs
        self._thread_with_turn: int | None = None  # it runs the map, or iterates over its results
        self._stopping = False  # another thread is ending the map, to change the backend or the log
        self._work = threading.RLock()  # held by the map's thread, except between the rows that it yields
        self._thread_at_work: int | None = None  # it holds `_work`
        self._closed = False

    @property
    def is_taken(self) -> bool:
        """Whether a map has begun and not ended."""
        return self._turn.locked()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def check_open(self) -> None:
        """Raise `SessionClosed` if `close` was called."""
        if self._closed:
            raise SessionClosed("this session is closed: make a new Session, or call paramsurvey.map()")

    def begin(self) -> threading.Event:
        """Return the event that will stop the map that begins now."""
        self.stop = threading.Event()
        self.check_open()
        return self.stop

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Run one map at a time: wait until another thread's map has ended."""
        refuse_while_loading()
        self.check_open()
        if not self._turn.acquire(blocking=False):
            self._check_not_nested()
            self._wait_for_turn()
        self._thread_with_turn = threading.get_ident()
        try:
            yield
        finally:
            try:
                self.cleanup.close()
            finally:
                self._thread_with_turn = None
                self._turn.release()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work on the map in this thread; afterwards, end the session if it was closed meanwhile."""
        with self._work:
            before, self._thread_at_work = self._thread_at_work, threading.get_ident()
            try:
                yield
            finally:
                self._thread_at_work = before
                if self._closed and before is None:
                    self._end()

    def continue_here(self) -> None:
        """Note that the iteration goes on in this thread: the last result may have gone to another one."""
        self._thread_with_turn = threading.get_ident()

    @contextmanager
    def between_maps(self) -> Iterator[None]:
        """End the map of another thread, and let none begin meanwhile."""
        if self._thread_at_work == threading.get_ident():
            raise RuntimeError("a map cannot change its backend or log while it runs: call init() after it")
        with self._map_stopped() as stopped:
            if not stopped:
                raise RuntimeError(
                    f"the map of another thread has not ended within {STOP_SECONDS:g} seconds: "
                    "call init() when it has"
                )
            yield

    def close(self) -> None:
        """Let no other map begin, stop the one that is running, and then end the workers and the log."""
        self._closed = True
        self.stop.set()
        if self._thread_at_work != threading.get_ident():  # otherwise, `working` does it when the map ends
            with self._map_stopped():
                self._end()

    @contextmanager
    def _map_stopped(self) -> Iterator[bool]:
        """Stop the map of another thread; yield False if it does not end, since a function may take long."""
        deadline, stopped = time.monotonic() + STOP_SECONDS, False
        self._stopping = True
        try:
            while not stopped and time.monotonic() < deadline:
                self.stop.set()  # again, because a map that has only just begun has a new event
                stopped = self._work.acquire(timeout=POLL_SECONDS)
            yield stopped
        finally:
            self._stopping = False
            if stopped:
                self._work.release()

    def _check_not_nested(self) -> None:
        """Refuse to wait for a map that cannot end before this thread goes on."""
        if self._thread_with_turn == threading.get_ident() or runs_a_pset():
            raise RuntimeError(
                "this session is already running a map, which cannot end before this call returns: call "
                "map() after it, after the loop over imap_unordered(), or use a Session of its own"
            )

    def _wait_for_turn(self) -> None:
        say_at = time.monotonic() + QUIET_SECONDS
        while self._stopping or not self._turn.acquire(timeout=POLL_SECONDS):
            self.check_open()
            if time.monotonic() > say_at:
                say_at = float("inf")
                self._say(WAITING)
