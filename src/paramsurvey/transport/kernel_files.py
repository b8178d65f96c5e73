"""Files that newer Linux kernels offer: one that tells when a process ends, and one in memory without a name.

Python has the calls wherever it was built for Linux, but an older kernel (CentOS 7 has 3.10) or a sandbox
(old Docker, gVisor) may refuse them. The callers then get what other systems have.
"""

from __future__ import annotations

import errno
import os
from typing import IO

# an older kernel does not know the call, or a sandbox forbids it
NOT_OFFERED = frozenset({errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP})


def process_descriptor(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends; None if the system has no such thing.

    Raises
    ------
    OSError
        There is no such process, or too many files are open.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        descriptor: int = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in NOT_OFFERED:
            return None
        raise
    return descriptor


def unnamed_file(buffering: int = -1) -> IO[bytes]:
    """Return a new file without a name, in memory if the system has such files, where no disk can be full.

    Raises
    ------
    OSError
        Too many files are open, or there is no room for another.
    """
    if hasattr(os, "memfd_create"):
        try:
            return open(os.memfd_create("paramsurvey"), "w+b", buffering=buffering)
        except OSError as error:
            if error.errno not in NOT_OFFERED:
                raise
    from tempfile import TemporaryFile  # takes a while to load

    return TemporaryFile(prefix="paramsurvey-", buffering=buffering)
