"""Asks the system which files can be read or written, also those whose descriptors are above 1023.

select(2) takes no such descriptor, but a driver with a few hundred workers has them.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterable

# Windows has only select(2)
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


def ready(reading: Iterable[int], writing: Iterable[int], seconds: float | None) -> set[int]:
    """Wait until one of some file descriptors can be read or written, and return those that can.

    Parameters
    ----------
    reading, writing : iterable of int
        No descriptor may be in both.
    seconds : float, optional
        How long to wait; None: without end.

    Raises
    ------
    OSError, ValueError
        The system cannot wait for one of them.
    """
    with _Selector() as selector:
        for fd in reading:
            selector.register(fd, selectors.EVENT_READ)
        for fd in writing:
            selector.register(fd, selectors.EVENT_WRITE)
        return {key.fd for key, _ in selector.select(seconds)}
