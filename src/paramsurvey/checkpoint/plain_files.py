"""Reading a checkpoint's files, which anybody may have put there, only if they are plain files.

Opening a named pipe waits until somebody writes to it, and a device such as ``/dev/zero`` has no end. A
program that reads a checkpoint to which others can write must neither hang nor run out of memory.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path

from paramsurvey.errors import NotACheckpoint
from paramsurvey.transport.file_names import why_impossible
from paramsurvey.transport.safe_text import shortened

NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class NotAPlainFile(OSError):
    """There is a pipe, a device, a socket, a directory or a broken link where a file should be."""


def is_plain(path: Path) -> bool:
    """Tell whether a path leads to a plain file.

    Raises
    ------
    FileNotFoundError
        Nothing is there any more, not even a link.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        try:
            status = path.stat()
        except OSError:  # the link leads nowhere, or to itself
            return False
    return stat.S_ISREG(status.st_mode)


class PlainFile(BufferedReader):
    """A file that is read without ever blocking."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return what is there: nothing where reading would block, as in a file of the kernel."""
        return super().read(size) or b""


def open_plain(path: Path) -> PlainFile:
    """Open a file for reading, without ever blocking.

    Raises
    ------
    FileNotFoundError
        There is none.
    NotAPlainFile
    """
    flags = os.O_RDONLY | NONBLOCK | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        if isinstance(error, PermissionError) or is_plain(path):
            raise
        raise NotAPlainFile(error.errno, "it is not a plain file", str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAPlainFile(0, "it is not a plain file", str(path))
    return PlainFile(FileIO(descriptor))


def checkpoint_path(directory: str | os.PathLike[str]) -> Path:
    """Return the path of a checkpoint that is to be read.

    Raises
    ------
    NotACheckpoint
        No checkpoint can have this path.
    """
    if why := why_impossible(directory):
        raise NotACheckpoint(f"{os.fsdecode(directory)!a} is {why}: give the directory of a checkpoint")
    try:
        os.stat(directory)
    except (FileNotFoundError, NotADirectoryError):
        pass  # the function that reads it reports this
    except OSError as error:
        name = shortened(str(directory), 200)
        raise NotACheckpoint(
            f"{name!r} cannot be read ({error.strerror}): give the directory of a checkpoint"
        ) from None
    return Path(directory)
