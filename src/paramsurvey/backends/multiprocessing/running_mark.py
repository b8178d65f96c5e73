"""Where a worker process notes which pset it runs, and where it crashed; it outlives the worker."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO

from paramsurvey.worker.runner import IDLE, RunningMark

SIZE = 16  # bytes: an int64 and a float64


def new_file() -> IO[bytes]:
    """Return a file without a name for one mark; it is gone when the last process closes it."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = open(os.memfd_create("paramsurvey"), "w+b")  # noqa: SIM115  (no disk can be full)
    else:
        file = tempfile.TemporaryFile(prefix="paramsurvey-")  # noqa: SIM115  (the caller closes it)
    file.write(IDLE.to_bytes(8, "little", signed=True) + bytes(8))
    file.flush()
    return file


def crash_report(file: IO[bytes]) -> str:
    """Return what faulthandler has written behind the mark, an empty text if the worker did not crash."""
    file.seek(SIZE)
    return file.read().decode(errors="replace")


def shared_mark(fd: int) -> RunningMark:
    """Return the mark in the file behind `fd`."""
    memory = memoryview(mmap.mmap(fd, SIZE))
    return RunningMark(memory[:8].cast("q"), memory[8:].cast("d"))
