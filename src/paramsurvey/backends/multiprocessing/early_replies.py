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
from paramsurvey.worker.runner import Mark, Runner

LOOK_SECONDS = 0.2
LONG_SECONDS = 0.3  # a pset that runs for so long may run for long


class Courier:
    """Looks after the groups that a worker runs.

    Parameters
    ----------
    mark : Mark
        Where the worker notes which pset it runs.
    send : callable
        Sends a reply; never called in two threads at a time.
    """

    def __init__(self, mark: Mark, send: Callable[[Reply], Any]) -> None:
        self._mark = mark
        self._send = send
        self._runner: Runner | None = None
        threading.Thread(target=self._look_after, daemon=True, name="paramsurvey-courier").start()

    def follow(self, runner: Runner | None) -> None:
        """Look after this runner's groups from now on."""
        self._runner = runner

    def _look_after(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            block = None if self._runner is None else self._runner.block
            # the block first: an offset that is read later can only be of this group, or of one after it
            if block is not None and time.perf_counter() - self._mark.begun[0] > LONG_SECONDS:
                with suppress(OSError):  # the driver is gone, and this process soon will be
                    block.send_early(self._mark.offset[0], self._send)
