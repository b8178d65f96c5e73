"""A checkpoint in which no signal interrupts this thread while it shares something with those that write."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from paramsurvey.engine.checkpoint import Checkpoint, Resumed, Status
from paramsurvey.transport.messages import Failure, Group, Reply


class UninterruptedCheckpoint:
    """Passes calls on, while signals are only noted.

    Ctrl-C raises where the program happens to be. While it takes or leaves a lock of Python's `threading`,
    the lock would stay held, and the end of the map would wait for the thread that writes, which waits for
    the lock.

    Parameters
    ----------
    checkpoint : Checkpoint
    signals_noted : callable
        Returns a context in which signals are noted and raise nothing.
    """

    def __init__(
        self, checkpoint: Checkpoint, signals_noted: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._checkpoint, self._signals_noted = checkpoint, signals_noted

    @property
    def started(self) -> str | None:
        """When this run began."""
        return self._checkpoint.started

    def resume(self, rows: range) -> Resumed:
        """Look up rows; this may take long, touches nothing that others need, and may be interrupted."""
        return self._checkpoint.resume(rows)

    def add_reply(self, group: Group, reply: Reply) -> None:
        """Store the results of a reply."""
        with self._signals_noted():
            self._checkpoint.add_reply(group, reply)

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        """Store why a pset has no result."""
        with self._signals_noted():
            self._checkpoint.add_failure(row, failure, attempts)

    def wait_for_room(self, seconds: float) -> bool:
        """Wait at most so long until it can take more; tell whether it can."""
        with self._signals_noted():
            return self._checkpoint.wait_for_room(seconds)

    def close(self, status: Status) -> None:
        """Write what is not written yet, and end."""
        self._checkpoint.close(status)


if TYPE_CHECKING:
    _: type[Checkpoint] = UninterruptedCheckpoint
