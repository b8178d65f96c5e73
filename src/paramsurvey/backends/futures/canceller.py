"""Cancels futures in a separate thread, because an executor's own ``cancel`` may block for ever."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

LONGEST_FINISH = 1.0  # seconds


class Canceller:
    """Cancels the futures that it is given, one after the other, while the caller goes on."""

    def __init__(self) -> None:
        self._futures: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def cancel(self, future: Future[Any]) -> None:
        """Cancel a future soon, if that is possible."""
        self._futures.put(future)
        if self._thread is None:
            thread = threading.Thread(target=self._run, daemon=True, name="paramsurvey-cancels")
            with suppress(RuntimeError):  # no thread can be started: the future runs to its end
                thread.start()
                self._thread = thread

    def finish(self) -> None:
        """Wait until all are cancelled, but not for long: a call that blocks is left behind."""
        if self._thread is not None:
            self._futures.put(None)
            self._thread.join(LONGEST_FINISH)

    def _run(self) -> None:
        while (future := self._futures.get()) is not None:
            with suppress(Exception):  # Parsl cannot cancel anything
                future.cancel()
