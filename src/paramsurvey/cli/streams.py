"""stdout and stderr where they cannot be written: closed, on a full disk, a pipe that nobody reads."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Let what is written to a stream that the caller has closed go nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # so Python says that the descriptor was closed when it started
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (as long as the program runs)


def can_be_written(stream: TextIO) -> bool:
    """Tell whether what a stream has buffered can be written."""
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def drop_what_cannot_be_written() -> None:
    """Forget what is buffered and cannot be written, for which Python would end with exit code 120.

    The program has said so, and has an exit code of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if not can_be_written(stream):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
