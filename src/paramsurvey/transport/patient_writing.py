"""Writing to streams that may stand still: a terminal after Ctrl-S, a pipe that nobody reads.

A thread that waits inside a stream's `write` holds that stream's lock: no other thread can write there, not
even Python when it exits. It does not help to ask the system whether a stream is writable: a terminal may
have room for only a few characters, and another program may take it first. So we open the terminal or pipe
once more, in non-blocking mode; others that have it open, such as the shell, do not notice. A stream that is
not Python's own, or that Python made from something other than a file, may do more with text than write it,
such as compress it: it is given the text itself, once the system says that it is writable.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate
from typing import TextIO
from weakref import WeakKeyDictionary

from paramsurvey.transport.readiness import ready

PIECE = 1024  # characters, at most 4096 bytes of UTF-8: a pipe takes that much at once, or nothing
STATELESS = re.compile("utf-8|ascii|iso8859-[0-9]+|cp125[0-9]")  # encode each character by itself, no BOM
RETRY_SECONDS = 0.01  # between two tries when there is room, but too little
LOCK_SECONDS = 0.05  # the lock is held for a few system calls that do not wait; if for longer, it was leaked

# stdout and stderr belong to the whole program. While one thread opens what is behind one of them and writes
# there, no other may redirect it, as the live view does, which would draw over the text.
_redirecting = threading.Lock()

# A terminal may take only the first bytes of a character. The character then counts as written, and its other
# bytes are written before anything else.
_unwritten_bytes: WeakKeyDictionary[TextIO, bytes] = WeakKeyDictionary()


def takes_text(stream: TextIO, seconds: float = 0.0) -> bool:
    """Wait until a stream has room; return False if that takes longer than `seconds`."""
    try:
        return bool(ready([], [stream.fileno()], seconds))
    except (OSError, ValueError, AttributeError):  # not a file, or one that no system call waits for
        return True


def write_patiently(stream: TextIO, text: str, seconds: float = 0.0) -> int:
    """Write and flush text piece by piece; return how many characters were written before it took too long.

    If a terminal takes only the first bytes of a character, it counts: the next call writes its other bytes
    first. A character that the stream's encoding lacks is no error: its backslash escape is written.

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
def redirection_lock() -> Iterator[None]:
    """Let no other thread redirect stdout and stderr, or write there while this one redirects them."""
    # A lock that was leaked, by a fork or by Ctrl-C right here, costs one wait: it is released below anyway.
    _redirecting.acquire(timeout=LOCK_SECONDS)
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it is free already: another thread took it for leaked
            _redirecting.release()


def open_without_waiting(fileno: int) -> int | None:
    """Open a terminal or pipe once more, in non-blocking mode; return None where that is impossible."""
    is_pipe, is_terminal = stat.S_ISFIFO(os.fstat(fileno).st_mode), os.isatty(fileno)
    if not hasattr(os, "O_NONBLOCK") or not (is_pipe or is_terminal):
        return None
    linked = f"/proc/self/fd/{fileno}"
    try:
        path = linked if os.path.lexists(linked) else os.ttyname(fileno)
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # it is another user's, or its other end is closed, or there is no /proc
        return None


def _is_plain(stream: TextIO) -> bool:
    """Tell whether a stream does nothing but write to a file, in a stateless encoding."""
    if type(stream) is not io.TextIOWrapper:
        return False
    try:
        buffer: object = stream.buffer
        file = buffer.raw if type(buffer) is io.BufferedWriter else buffer
        is_file = type(file) is io.FileIO and not file.closed
    except ValueError:  # its buffer was detached
        return False
    return is_file and STATELESS.fullmatch(codecs.lookup(stream.encoding).name) is not None


def _write_piece(stream: TextIO, piece: str) -> int:
    """Write as much as the stream takes now; return how many characters that was."""
    if not _is_plain(stream):
        return _write_and_flush(stream, piece)
    stream.flush()  # what the program printed earlier comes first; this may wait, as printing always may
    with redirection_lock():
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
    left = _unwritten_bytes.get(stream, b"")
    content = left + _encoded(stream, piece)
    try:
        written = os.write(descriptor, content)
    except BlockingIOError:
        return 0
    if written == len(content):
        _unwritten_bytes.pop(stream, None)
        return len(piece)
    ends = [*accumulate((len(_encoded(stream, character)) for character in piece), initial=len(left))]
    count = min(len(piece), sum(end < written for end in ends))  # including one that was cut, if any
    _unwritten_bytes[stream] = content[written : ends[count]]
    return count


def _encoded(stream: TextIO, text: str) -> bytes:
    try:
        return text.encode(stream.encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        return text.encode(stream.encoding, "backslashreplace")
