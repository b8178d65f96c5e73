"""File descriptors that a program may close behind our back, by ``os.closerange(3, 256)`` or by daemonizing.

Their numbers are then reused for whatever is opened next, so we must no longer read, write or close any of
them. A file is recognized by its device and inode, which no other open file has.
"""

from __future__ import annotations

import os

from paramsurvey.errors import BackendLost

# A global of the process, because any object that owned it might be finalized itself; see `never_finalize`.
_kept_for_ever: list[object] = []


class OwnDescriptors:
    """File descriptors, and the files that they led to when they were ours.

    Parameters
    ----------
    *fds : int

    Examples
    --------
    >>> reading, writing = os.pipe()
    >>> own = OwnDescriptors(reading, writing)
    >>> own.are_ours()
    True
    >>> os.close(writing)
    >>> own.are_ours()
    False
    >>> os.close(reading)
    """

    __slots__ = ("_files",)

    def __init__(self, *fds: int) -> None:
        self._files = [(fd, _file_behind(fd)) for fd in fds]

    def are_ours(self) -> bool:
        """Tell whether each of them still leads to the same file."""
        return all(_file_behind(fd) == file for fd, file in self._files)


def never_finalize(*owners: object) -> None:
    """Keep objects whose file descriptors the program has closed until the process ends.

    When Python finalizes an object, it closes the object's file descriptors, whose numbers may by now belong
    to other files.
    """
    _kept_for_ever.extend(owners)


def _file_behind(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def descriptors_lost(remedy: str = "call map() again for what is missing") -> BackendLost:
    """Return the error of a map whose workers can no longer be reached."""
    return BackendLost(
        "this program has closed file descriptors that it had not opened (as os.closerange does), so that "
        "its workers cannot be reached; what had finished is in paramsurvey.last_results(): close only what "
        f"you have opened, and {remedy}"
    )
