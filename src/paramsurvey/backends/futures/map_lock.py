"""Tells an executor's processes that a map is over, since a group that one of them runs cannot be taken back.

The driver holds a lock on a file while a map runs. A process on the same machine sees the file, and stops
what it runs for that map once the lock is free. The system also frees the lock of a driver that was killed. A
process that starts later knows that the map is over, because it sees no lock where there must have been one.
A process on another machine does not see the file: there, a pset that has begun runs to its end.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.own_descriptors import OwnDescriptors

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TOUCH_SECONDS = 3600.0  # systems remove files from /tmp that nobody has touched for days


@dataclass(frozen=True, slots=True)
class LockFile:
    """Where a map's lock is.

    Attributes
    ----------
    path : str
        Empty where no file can be made.
    home : str
        What `home_of` returns in the driver; empty if there is no lock that could be seen there.
    """

    path: str = ""
    home: str = ""


def home_of(path: str) -> str:
    """Return a text that tells a file's directory from those of all machines; empty if it is not known."""
    try:
        directory = os.stat(os.path.dirname(path))
        return f"{BOOT_ID.read_text().strip()} {directory.st_dev} {directory.st_ino}"
    except OSError:  # only Linux has boot ids
        return ""


class MapLock:
    """The driver's side: holds the lock until `release`.

    Parameters
    ----------
    clock : callable
        Returns seconds.

    Attributes
    ----------
    file : LockFile
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = LockFile()
        self._clock = clock
        self._touch_at = clock() + TOUCH_SECONDS
        self._fd: int | None = None
        with suppress(OSError):  # if the disk is full, the survey goes on without the lock
            self._fd, path = tempfile.mkstemp(prefix="paramsurvey-map-")
            self.file = LockFile(path)
            lock(self._fd)
            self.file = LockFile(path, home_of(path))  # whoever sees no lock here knows the map is over
        self._own = OwnDescriptors(*(() if self._fd is None else (self._fd,)))

    def is_ours(self) -> bool:
        """Tell whether the program has left the file alone; closing it would have freed the lock."""
        return self._own.are_ours()

    def is_kept(self) -> bool:
        """Tell whether the file is still ours, and touch it now and then, so that it is not cleaned away.

        Processes on this machine touch it, too, but it may be days before the first of them starts.
        """
        if not self.is_ours():
            return False
        if self._fd is not None and self._clock() >= self._touch_at:
            self._touch_at = self._clock() + TOUCH_SECONDS
            with suppress(OSError):
                os.utime(self._fd)
        return True

    def release(self) -> None:
        """Say that the map is over. May be called twice."""
        if self._fd is not None:
            with suppress(OSError):
                os.unlink(self.file.path)
            if self.is_ours():
                os.close(self._fd)
            self._fd = None


class MapLockView:
    """The side of an executor's process.

    Parameters
    ----------
    file : LockFile
    """

    def __init__(self, file: LockFile) -> None:
        self._file = file
        self._seen = False

    def map_runs(self) -> bool:
        """Tell whether the map is still running; True if that cannot be known."""
        try:
            fd = os.open(self._file.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return not self._seen and not self._is_at_home()
        except OSError:
            return not self._seen
        try:
            lock(fd)
        except OSError as error:
            self._seen = self._seen or error.errno in (errno.EACCES, errno.EAGAIN)
            with suppress(OSError):
                os.utime(fd)  # see TOUCH_SECONDS
            return True
        else:
            return not self._seen and not self._is_at_home()
        finally:
            os.close(fd)

    def _is_at_home(self) -> bool:
        """Tell whether the file and the driver's lock would be seen here if they existed."""
        return self._file.home != "" and home_of(self._file.path) == self._file.home


def lock(fd: int) -> None:
    """Lock a file, or raise an OSError if another process holds the lock.

    The lock belongs to the process: unlike that of ``flock``, it is not inherited by a forked child.
    """
    import fcntl  # only Unix has it, and only there are workers isolated

    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
