"""Warns if an iterator of psets keeps a survey waiting although it has other things to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LONG_SECONDS = 10.0  # reads that take less are not mentioned


class LongReads:
    """Warns, once per map, if its iterator of psets has blocked for ten seconds while psets were running.

    A thread watches this, because the one that reads can do nothing else. It is started by the first read
    during which psets are running.

    Parameters
    ----------
    say : callable
        Shows and logs a line.
    psets_run : callable
        Tells whether workers have psets, whose results nobody takes while the iterator is read.
    seconds : float, optional
    """

    def __init__(
        self, say: Callable[[str], None], psets_run: Callable[[], bool], seconds: float = LONG_SECONDS
    ) -> None:
        self._say, self._psets_run, self._seconds = say, psets_run, seconds
        self._began: float | None = None  # when the current read began
        self._ended: threading.Event | None = None  # ends the thread, if there is one
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Read psets in this context."""
        if self._psets_run():
            self._began = time.monotonic()
            if self._thread is None:
                self._ended = threading.Event()
                self._thread = threading.Thread(
                    target=self._watch, args=(self._ended,), name="paramsurvey: long reads", daemon=True
                )
                with suppress(RuntimeError):  # no thread can be started, and nobody is told of long reads
                    self._thread.start()
        try:
            yield
        finally:
            self._began = None

    def end(self) -> None:
        """Stop watching."""
        if self._ended is not None:
            self._ended.set()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(self._seconds / 10):
            began = self._began
            if began is not None and time.monotonic() - began >= self._seconds:
                self._say(
                    f"the iterator of psets has kept this map waiting for {self._seconds:.0f} s: meanwhile, "
                    "no result is taken and no timeout enforced; "
                    "paramsurvey.params.in_background(psets) reads it in a thread of its own"
                )
                return
