"""What the survey's loop knows of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.messages import Failure, Group, Reply, Rows


class Status(StrEnum):
    """What has become of a run; ``run.json`` says it."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


def no_rows() -> NDArray[np.int64]:
    """Return an empty array of rows."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Resumed:
    """What earlier runs did for some rows.

    Attributes
    ----------
    rest : list of Rows
        What is left to run, in pieces, in order.
    finished : int64 array
        The rows that have a result; it is in the collector.
    failed : int64 array
        The rows whose failure is kept; it is in the collector.
    """

    rest: list[Rows]
    finished: NDArray[np.int64] = field(default_factory=no_rows)
    failed: NDArray[np.int64] = field(default_factory=no_rows)


class Checkpoint(Protocol):
    """Is fed by the loop, and never stops it: what goes wrong in a checkpoint is told by it, not raised."""

    def resume(self, rows: range) -> Resumed:
        """Look up what earlier runs did for rows that have become known."""
        ...

    def land(self, group: Group, reply: Reply) -> None:
        """Keep the results of a reply."""
        ...

    def fail(self, row: int, failure: Failure, attempts: int) -> None:
        """Keep why a pset has no result."""
        ...

    def close(self, status: Status) -> None:
        """Write what is not written yet, and end. May be called twice."""
        ...


class NoCheckpoint:
    """Keeps nothing."""

    def resume(self, rows: range) -> Resumed:
        """Return that nothing was done."""
        return Resumed([rows])

    def land(self, group: Group, reply: Reply) -> None:
        """Do nothing."""

    def fail(self, row: int, failure: Failure, attempts: int) -> None:
        """Do nothing."""

    def close(self, status: Status) -> None:
        """Do nothing."""


if TYPE_CHECKING:
    _: Checkpoint = NoCheckpoint()
