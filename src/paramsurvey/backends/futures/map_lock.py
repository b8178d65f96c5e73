"""Tells an executor's processes that a map is over, since a group that one of them runs cannot be taken back.

The driver holds a lock on a file while a map runs. A process on the same machine sees the file, and stops
what it runs for that map once the lock is free. The system also frees the lock of a driver that was killed. A
process on another machine does not see the file: there, a pset that has begun runs to its end.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress

from paramsurvey.transport.own_descriptors import OwnDescriptors


class MapLock:
    """The driver's side: holds the lock until `release`.

    Attributes
    ----------
    path : str
        Of the file; empty where no file can be made.
    """

    def __init__(self) -> None:
        self.path = ""
        self._fd: int | None = None
        with suppress(OSError):  # if the disk is full, the survey goes on without the lock
            self._fd, self.path = tempfile.mkstemp(prefix="paramsurvey-map-")
            lock(self._fd)
        self._own = OwnDescriptors(*(() if self._fd is None else (self._fd,)))

    def is_ours(self) -> bool:
        """Tell whether the program has left the file alone; closing it would have freed the lock."""
        return self._own.are_ours()

    def release(self) -> None:
        """Say that the map is over. May be called twice."""
        if self._fd is not None:
            with suppress(OSError):
                os.unlink(self.path)
            if self.is_ours():
                os.close(self._fd)
            self._fd = None


class MapLockView:
    """The side of an executor's process.

    Parameters
    ----------
    path : str
        Of the driver's file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = False

    def map_runs(self) -> bool:
        """Tell whether the map is still running; True if that cannot be known."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return not self._seen
        try:
            lock(fd)
        except OSError as error:
            self._seen = self._seen or error.errno in (errno.EACCES, errno.EAGAIN)
            return True
        else:
            return not self._seen
        finally:
            os.close(fd)


def lock(fd: int) -> None:
    """Lock a file, or raise an OSError if another process holds the lock.

    The lock belongs to the process: unlike that of ``flock``, it is not inherited by a forked child.
    """
    import fcntl  # only Unix has it, and only there are workers isolated

    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
