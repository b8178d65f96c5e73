"""One map at a time: whose turn it is in a session, and ending a map that another thread runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from paramsurvey.errors import SessionClosed
from paramsurvey.worker.nested_session import refuse_while_loading, runs_a_pset

PATIENCE = 10.0  # seconds in which another thread's map must have ended when its session is closed
LOOK_SECONDS = 0.05  # how often it is told to
TELL_SECONDS = 10.0  # a map that waits for longer says so
WAITS = (
    "a map waits for its turn: another thread maps with the same session; "
    "to map at the same time, give each thread a Session of its own"
)


class MapGate:
    """Lets one map of a session run at a time, and nothing run in a closed session.

    Parameters
    ----------
    say : callable
        Told when a map waits.
    end : callable
        Ends the workers and the log; called once no thread works for a map any more.

    Attributes
    ----------
    stop : Event
        Of the last map: set when the map is to end before its next round.
    begun : ExitStack
        Ends what a map has begun, and what an interruption may have kept it from ending.
    """

    def __init__(self, say: Callable[[str], object], end: Callable[[], None]) -> None:
        self.stop = threading.Event()
        self.begun = ExitStack()
        self._say = say
        self._end = end
        self._lock = threading.Lock()  # held by the map that runs
        self._holder: int | None = None  # the thread that it runs in, or that iterates over its results
        self._changing = False  # another thread ends the map, to have another backend or log
        self._at_work = threading.RLock()  # held by its thread, but while nobody asks an iterator for more
        self._thread: int | None = None  # that thread
        self._closed = False

    @property
    def is_taken(self) -> bool:
        """Whether a map has begun and not ended."""
        return self._lock.locked()

    def check_open(self) -> None:
        """Raise `SessionClosed` where `close` was called."""
        if self._closed:
            raise SessionClosed("this session is closed: make a new Session, or call paramsurvey.map()")

    def begin(self) -> threading.Event:
        """Return the event that stops the map that begins."""
        self.stop = threading.Event()
        self.check_open()
        return self.stop

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run one map at a time: wait for one that another thread runs."""
        refuse_while_loading()
        self.check_open()
        if not self._lock.acquire(blocking=False):
            self._check_not_within()
            self._wait_for_turn()
        self._holder = threading.get_ident()
        try:
            yield
        finally:
            try:
                self.begun.close()
            finally:
                self._holder = None
                self._lock.release()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be the thread that works for the map; end the session afterwards when it was closed meanwhile."""
        with self._at_work:
            before, self._thread = self._thread, threading.get_ident()
            try:
                yield
            finally:
                self._thread = before
                if self._closed and before is None:
                    self._end()

    def take_back(self) -> None:
        """Say that this thread goes on with the iteration: another may have asked for the last result."""
        self._holder = threading.get_ident()

    @contextmanager
    def between_maps(self) -> Iterator[None]:
        """End the map that another thread runs, and let none begin meanwhile."""
        if self._thread == threading.get_ident():
            raise RuntimeError("a map cannot have another backend or log while it runs: call init() after it")
        with self._map_ended() as ended:
            if not ended:
                raise RuntimeError(
                    f"the map that another thread runs has not ended within {PATIENCE:g} seconds: "
                    "call init() when it has"
                )
            yield

    def close(self) -> None:
        """Let no map begin any more, end the one that runs, and end the workers and the log after it."""
        self._closed = True
        self.stop.set()
        if self._thread != threading.get_ident():  # else the end of the map does it
            with self._map_ended():
                self._end()

    @contextmanager
    def _map_ended(self) -> Iterator[bool]:
        """End the map that another thread runs; False when it goes on: its functions may take any time."""
        deadline, ended = time.monotonic() + PATIENCE, False
        self._changing = True
        try:
            while not ended and time.monotonic() < deadline:
                self.stop.set()
                ended = self._at_work.acquire(timeout=LOOK_SECONDS)
            yield ended
        finally:
            self._changing = False
            if ended:
                self._at_work.release()

    def _check_not_within(self) -> None:
        """Refuse to wait for a map that cannot end before this thread goes on."""
        if self._holder == threading.get_ident() or runs_a_pset():
            raise RuntimeError(
                "this session runs a map already, which cannot end before this call returns: call map() "
                "after it, after the loop over imap_unordered(), or use a Session of its own"
            )

    def _wait_for_turn(self) -> None:
        told_at = time.monotonic() + TELL_SECONDS
        while self._changing or not self._lock.acquire(timeout=LOOK_SECONDS):
            self.check_open()
            if time.monotonic() > told_at:
                told_at = float("inf")
                self._say(WAITS)
