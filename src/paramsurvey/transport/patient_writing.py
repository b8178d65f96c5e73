"""Writing to streams that may stand still: a terminal after Ctrl-S, a pipe that nobody reads.

A thread that waits inside a stream's `write` holds that stream's lock: no other thread can write there, not
even Python when it ends. So each piece is written only once the system says that it takes it without waiting.
"""

from __future__ import annotations

import select
from typing import TextIO

PIECE = 1024  # characters, which are at most 4096 bytes: a pipe that takes something takes so many


def takes_text(stream: TextIO, seconds: float = 0.0) -> bool:
    """Wait until a piece can be written without waiting; return False if that takes longer than `seconds`."""
    try:
        return bool(select.select([], [stream.fileno()], [], seconds)[1])
    except (OSError, ValueError, AttributeError):  # no file, or one that select cannot ask
        return True


def write_patiently(stream: TextIO, text: str, seconds: float = 0.0) -> int:
    """Write and flush text piece by piece; return how many characters were written before it took too long.

    Parameters
    ----------
    stream : text stream
    text : str
    seconds : float
        How long to wait before each piece.

    Raises
    ------
    OSError, ValueError
        The stream cannot be written, or is closed.
    """
    start = 0
    while start < len(text) and takes_text(stream, seconds):
        end = text.rfind("\n", start, start + PIECE) + 1 or start + PIECE  # so that lines stay whole
        stream.write(text[start:end])
        stream.flush()
        start = end
    return min(start, len(text))
