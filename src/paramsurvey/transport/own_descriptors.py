"""File descriptors that a program may close behind our back: ``os.closerange(3, 256)``, or making a daemon.

Their numbers are given again to whatever is opened next, so nothing may be read, written or closed by such a
number any more. A file is known by its device and its inode, which no other file that is open has.
"""

from __future__ import annotations

import os

from paramsurvey.errors import BackendLost

# Of the whole process: any object that owned these might be cleared away itself. See `never_clear_away`.
_kept_for_ever: list[object] = []


class OwnDescriptors:
    """The file descriptors that were open for us at the beginning.

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
        """Tell whether each is still what it was."""
        return all(_file_behind(fd) == file for fd, file in self._files)


def never_clear_away(*owners: object) -> None:
    """Keep objects whose file descriptors the program has closed until the process ends.

    Python closes the file descriptors of an object that it clears away, and their numbers may be other files'
    by now.
    """
    _kept_for_ever.extend(owners)


def _file_behind(fd: int) -> tuple[int, int] | None:
    try:
        about = os.fstat(fd)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def descriptors_lost(remedy: str = "call map() again for what is missing") -> BackendLost:
    """Return the error of a map whose workers cannot be reached any more."""
    return BackendLost(
        "this program has closed file descriptors that it had not opened (as os.closerange does), so that "
        "its workers cannot be reached; what had finished is in paramsurvey.last_results(): close only what "
        f"you have opened, and {remedy}"
    )
