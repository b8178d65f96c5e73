"""Which pset a worker runs, in memory that another process may read."""

from __future__ import annotations

from array import array
from typing import Protocol, TypeVar

from paramsurvey.fast_dataclass import dataclass

IDLE = -1  # in `RunningMark.offset`: no pset is running


T = TypeVar("T")


class SharedCells(Protocol[T]):
    """Memory that is read and written by index: an array or shared memory."""

    def __getitem__(self, index: int, /) -> T: ...

    def __setitem__(self, index: int, value: T, /) -> None: ...


@dataclass(frozen=True, slots=True)
class RunningMark:
    """Says which pset of which group a worker runs, and since when.

    These are three numbers in memory. The worker writes them, and the driver reads them if the backend shares
    memory. They outlive a worker that crashes.
    """

    group: SharedCells[int]  # its id
    offset: SharedCells[int]  # of the pset that runs; `IDLE` between psets
    begun: SharedCells[float]  # when that pset began, or up to half a millisecond before (see `Runner`), by
    # time.perf_counter(), which is the same clock in all processes of a machine

    @classmethod
    def private(cls) -> RunningMark:
        """Return a mark that no other process reads."""
        return cls(array("q", [0]), array("q", [IDLE]), array("d", [0.0]))

    def copy(self) -> RunningMark:
        """Return a private mark with the same values."""
        cells = self.group[0], self.offset[0], self.begun[0]
        return RunningMark(array("q", cells[:1]), array("q", cells[1:2]), array("d", cells[2:]))
