"""Asks the system which files can be read or written, even those whose descriptors are above 1023.

select(2) does not take such descriptors, but a driver with a few hundred workers has them. All others are
left to it, because poll(2) does not support terminals on macOS, and Windows does not have poll(2).
"""

from __future__ import annotations

import errno
import math
import os
import select
from collections.abc import Sequence

SELECTABLE = 1024  # descriptors


def ready(reading: Sequence[int], writing: Sequence[int], seconds: float | None) -> set[int]:
    """Wait until one of some file descriptors can be read or written, and return those that can.

    Parameters
    ----------
    reading, writing : sequence of int
        No descriptor may be in both.
    seconds : float, optional
        How long to wait; None: without end.

    Raises
    ------
    OSError, ValueError
        The system cannot wait for one of them.
    """
    if max((*reading, *writing), default=0) < SELECTABLE or not hasattr(select, "poll"):
        readable, writable, _ = select.select(reading, writing, [], seconds)
        return {*readable, *writable}
    poll = select.poll()
    for descriptors, event in ((reading, select.POLLIN), (writing, select.POLLOUT)):
        for fd in descriptors:
            poll.register(fd, event)
    found = poll.poll(None if seconds is None else math.ceil(1000 * seconds))
    if any(event & select.POLLNVAL for _, event in found):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return {fd for fd, _ in found}
