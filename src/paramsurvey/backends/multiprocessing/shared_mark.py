"""The memory in which a worker process notes for the driver what it runs; it outlives the worker."""

from __future__ import annotations

import mmap
from typing import IO

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.kernel_files import unnamed_file
from paramsurvey.worker.running_mark import IDLE, RunningMark, SharedCells

SIZE = 32  # bytes: three int64 and a float64


@dataclass(frozen=True, slots=True)
class SharedMark:
    """The memory that a worker process shares with the driver.

    Attributes
    ----------
    running : RunningMark
        Which pset runs.
    jobs : cell
        Twice the number of jobs that the worker has loaded or could not load, plus 1 while it loads one.
    """

    running: RunningMark
    jobs: SharedCells[int]

    def copy(self) -> SharedMark:
        """Return a mark in this process's own memory with the same values."""
        return SharedMark(self.running.copy(), [self.jobs[0]])


def new_file() -> IO[bytes]:
    """Return a file without a name for one mark; it is gone when the last process closes it."""
    file = unnamed_file()
    file.write(bytes(8) + IDLE.to_bytes(8, "little", signed=True) + bytes(SIZE - 16))
    file.flush()
    return file


def crash_report(file: IO[bytes]) -> str:
    """Return what faulthandler has written behind the mark; an empty text if the worker did not crash."""
    file.seek(SIZE)
    return file.read().decode(errors="replace")


def shared_mark(fd: int) -> SharedMark:
    """Return the mark in the file behind `fd`."""
    memory = memoryview(mmap.mmap(fd, SIZE))
    group, offset, jobs, begun = (memory[begin : begin + 8] for begin in range(0, SIZE, 8))
    return SharedMark(RunningMark(group.cast("q"), offset.cast("q"), begun.cast("d")), jobs.cast("q"))
