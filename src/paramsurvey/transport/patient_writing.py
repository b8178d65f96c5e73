"""Writing to streams that may stand still: a terminal after Ctrl-S, a pipe that nobody reads.

A thread that waits inside a stream's `write` holds that stream's lock: no other thread can write there, not
even Python when it ends. That the system calls a stream writable does not help: a terminal may have room for
a few letters only, and another program may be faster. So a terminal or a pipe is opened once more, so that no
write waits. Whoever else has it open, such as the shell, notices nothing. A stream that is not Python's own,
or that Python made of something else than a file, may do more with a text than to write it, such as to
compress it: it gets the text itself, once the system says that it is writable.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import select
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate
from typing import TextIO
from weakref import WeakKeyDictionary

PIECE = 1024  # characters, at most 4096 bytes of UTF-8: a pipe takes so many at once, or nothing
STATELESS = re.compile("utf-8|ascii|iso8859-[0-9]+|cp125[0-9]")  # one character after the other, no BOM
RETRY_SECONDS = 0.01  # between two tries where there is room, but too little
LOCK_SECONDS = 0.05  # the lock is held for a few system calls that do not wait: after so long, it was leaked

# The numbers of stdout and stderr belong to the whole program. So while one thread opens what is behind such
# a number, and writes there, no other may lead it elsewhere, as the live view does: it would draw over the
# text.
_leading_elsewhere = threading.Lock()

# A terminal may take the first bytes of a character only. The character counts as written, and what is left
# of it is written before all else.
_left: WeakKeyDictionary[TextIO, bytes] = WeakKeyDictionary()


def takes_text(stream: TextIO, seconds: float = 0.0) -> bool:
    """Wait until a stream has room; return False if that takes longer than `seconds`."""
    try:
        return bool(select.select([], [stream.fileno()], [], seconds)[1])
    except (OSError, ValueError, AttributeError):  # no file, or one that select cannot ask
        return True


def write_patiently(stream: TextIO, text: str, seconds: float = 0.0) -> int:
    """Write and flush text piece by piece; return how many characters were written before it took too long.

    A character of which a terminal took the first bytes only counts: the next call writes the others first.
    One that the stream's encoding lacks is written as a backslash and its number: it is no error.

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
    start, until = 0, time.monotonic() + seconds
    while start < len(text) and takes_text(stream, max(0.0, until - time.monotonic())):
        end = text.rfind("\n", start, start + PIECE) + 1 or start + PIECE  # so that lines stay whole
        if written := _write_piece(stream, text[start:end]):
            start, until = start + written, time.monotonic() + seconds
        elif time.monotonic() < until:
            time.sleep(RETRY_SECONDS)
        else:
            break
    return start


@contextmanager
def nothing_is_led_elsewhere() -> Iterator[None]:
    """Keep what stdout and stderr lead to, or change it, while no other thread writes there."""
    # One that was left held, by a fork or by Ctrl-C right here, costs one wait: it is released all the same.
    _leading_elsewhere.acquire(timeout=LOCK_SECONDS)
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it is free: another thread took this one's for left
            _leading_elsewhere.release()


def open_without_waiting(fileno: int) -> int | None:
    """Open a terminal or a pipe once more, so that no write waits; return None where that is impossible."""
    is_pipe, is_terminal = stat.S_ISFIFO(os.fstat(fileno).st_mode), os.isatty(fileno)
    if not hasattr(os, "O_NONBLOCK") or not (is_pipe or is_terminal):
        return None
    linked = f"/proc/self/fd/{fileno}"
    try:
        path = linked if os.path.lexists(linked) else os.ttyname(fileno)
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # another user's, or its other end is closed, or there is no /proc
        return None


def _is_plain(stream: TextIO) -> bool:
    """Tell whether all that a stream does is to write to a file, in an encoding that knows no state."""
    if type(stream) is not io.TextIOWrapper:
        return False
    try:
        buffer: object = stream.buffer
        file = buffer.raw if type(buffer) is io.BufferedWriter else buffer
        is_file = type(file) is io.FileIO and not file.closed
    except ValueError:  # what was behind it was taken away
        return False
    return is_file and STATELESS.fullmatch(codecs.lookup(stream.encoding).name) is not None


def _write_piece(stream: TextIO, piece: str) -> int:
    """Write what is taken now; return how many characters that were."""
    if not _is_plain(stream):
        return _write_and_flush(stream, piece)
    stream.flush()  # what the program has printed before comes first; that waits, as its prints always did
    with nothing_is_led_elsewhere():
        descriptor = open_without_waiting(stream.fileno())
        if descriptor is not None:
            try:
                return _write_to(descriptor, stream, piece)
            finally:
                os.close(descriptor)
    return _write_and_flush(stream, piece)


def _write_and_flush(stream: TextIO, piece: str) -> int:
    try:
        stream.write(piece)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(piece.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
    return len(piece)


def _write_to(descriptor: int, stream: TextIO, piece: str) -> int:
    left = _left.get(stream, b"")
    content = left + _encoded(stream, piece)
    try:
        written = os.write(descriptor, content)
    except BlockingIOError:
        return 0
    if written == len(content):
        _left.pop(stream, None)
        return len(piece)
    ends = [*accumulate((len(_encoded(stream, character)) for character in piece), initial=len(left))]
    count = min(len(piece), sum(end < written for end in ends))  # with the one that was cut, if any
    _left[stream] = content[written : ends[count]]
    return count


def _encoded(stream: TextIO, text: str) -> bytes:
    try:
        return text.encode(stream.encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        return text.encode(stream.encoding, "backslashreplace")
