"""The contract between the survey's loop and checkpoints."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Failure, Group, Reply, Rows


class Status(StrEnum):
    """Whether a run is still going on, or how it ended. It is stored in ``run.json``."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


def no_rows() -> NDArray[np.int64]:
    """Return an empty array of rows."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Resumed:
    """Which rows need not run, because a checkpoint has their results.

    Attributes
    ----------
    left : list of Rows
        The rows that are left to run, in order.
    finished : int64 array
        The rows whose results the checkpoint has added to the collector.
    failed : int64 array
        The rows whose failures the checkpoint has added to the collector, and which are not tried again.
    """

    left: list[Rows]
    finished: NDArray[np.int64] = field(default_factory=no_rows)
    failed: NDArray[np.int64] = field(default_factory=no_rows)


class Checkpoint(Protocol):
    """Stores results durably. Its methods never raise: it reports errors to the user itself."""

    @property
    def started(self) -> str | None:
        """When this run began, as the checkpoint notes it; None where there is no checkpoint."""
        ...

    def resume(self, rows: range) -> Resumed:
        """Look up rows that the survey has just read, and add to the collector what earlier runs stored."""
        ...

    def add_reply(self, group: Group, reply: Reply) -> None:
        """Store the results of a reply."""
        ...

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        """Store why a pset has no result."""
        ...

    def wait_for_room(self, seconds: float) -> bool:
        """Wait at most `seconds` until more can be stored; return whether it can.

        While it cannot, the survey reads no more answers.
        """
        ...

    def close(self, status: Status) -> None:
        """Write what has not been written yet, and finish. May be called twice."""
        ...


class NoCheckpoint:
    """Stores nothing: stands in where a survey has no checkpoint."""

    started: str | None = None

    def resume(self, rows: range) -> Resumed:
        """Leave all rows to run."""
        return Resumed([rows])

    def add_reply(self, group: Group, reply: Reply) -> None:
        """Do nothing."""

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        """Do nothing."""

    def wait_for_room(self, seconds: float) -> bool:
        """Return True."""
        return True

    def close(self, status: Status) -> None:
        """Do nothing."""


if TYPE_CHECKING:
    _: Checkpoint = NoCheckpoint()
