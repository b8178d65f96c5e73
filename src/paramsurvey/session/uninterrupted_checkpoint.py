"""A checkpoint that no signal interrupts while this thread may hold a lock that the writing threads need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from paramsurvey.engine.checkpoint import Checkpoint, Resumed, Status
from paramsurvey.transport.messages import Failure, Group, Reply


class UninterruptedCheckpoint:
    """Passes calls on to a checkpoint while signals are only noted.

    Ctrl-C raises wherever the program happens to be. If that were just while it acquires or releases a lock
    of Python's `threading`, the lock would stay held: the end of the map would wait for the thread that
    writes, and that thread for the lock.

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
        """Look up rows. This may be interrupted: it can take long, and no other thread needs what it uses."""
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
        """Wait until it can take more, but not longer than `seconds`; tell whether it can."""
        with self._signals_noted():
            return self._checkpoint.wait_for_room(seconds)

    def close(self, status: Status) -> None:
        """Write what is not written yet, and close the checkpoint."""
        self._checkpoint.close(status)


if TYPE_CHECKING:
    _: type[Checkpoint] = UninterruptedCheckpoint
