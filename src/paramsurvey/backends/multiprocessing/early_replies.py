"""Sends what has finished while a pset takes long, so that little waits for it, or is lost with it.

A worker replies between two psets. When one of them takes an hour, what finished in its group
before would wait for an hour, too: this thread sends it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paramsurvey.transport.messages import Reply
from paramsurvey.worker.runner import Runner, RunningMark

LOOK_SECONDS = 0.2
LONG_SECONDS = 0.3  # a pset that runs for so long may run for long


class EarlyReplySender:
    """Looks after the groups that a worker runs.

    Parameters
    ----------
    mark : RunningMark
        Where the worker notes which pset it runs.
    send : callable
        Sends a reply; never called in two threads at a time.
    """

    def __init__(self, mark: RunningMark, send: Callable[[Reply], Any]) -> None:
        self._mark = mark
        self._send = send
        self._runner: Runner | None = None
        threading.Thread(target=self._look_after, daemon=True, name="paramsurvey-early_replies").start()

    def follow(self, runner: Runner | None) -> None:
        """Look after this runner's groups from now on."""
        self._runner = runner

    def _look_after(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            buffer = None if self._runner is None else self._runner.buffer
            # the buffer first: an offset that is read later can only be of this group, or of one after it
            if buffer is not None and time.perf_counter() - self._mark.begun[0] > LONG_SECONDS:
                with suppress(OSError):  # the driver is gone, and this process soon will be
                    buffer.send_early(self._mark.offset[0], self._send)
