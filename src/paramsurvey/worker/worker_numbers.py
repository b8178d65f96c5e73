"""Numbers for workers, from 1 on: what a worker function chooses a GPU, a port or a directory by."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from itertools import count

_claims: dict[str, tuple[int, socket.socket]] = {}
_claiming = threading.Lock()


class WorkerNumbers:
    """Hands out the lowest number that no living worker has.

    Parameters
    ----------
    first : int
        The lowest of all.

    Examples
    --------
    >>> numbers = WorkerNumbers()
    >>> numbers.take(), numbers.take()
    (1, 2)
    >>> numbers.give_back(1)
    >>> numbers.take()
    1
    """

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self._taken: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return a number that is free, which it is no more."""
        with self._lock:
            number = next(number for number in count(self._first) if number not in self._taken)
            self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        """Let another worker have the number."""
        self._taken.discard(number)


def claimed_number(pool: str) -> int:
    """Return the number of this process among the workers of a pool on this machine.

    For processes that nobody has numbered, as those of an executor or of Ray. The number is a name that the
    system gives to one process only, and to another one when this one has ended: that of a socket without
    a file, which only Linux has. Elsewhere all processes have the number 1.
    """
    if sys.platform != "linux":
        return 1
    with _claiming:
        if pool not in _claims:
            _claims[pool] = _claim(pool)
        return _claims[pool][0]


def _claim(pool: str) -> tuple[int, socket.socket]:
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    number = 1
    while True:
        try:
            name.bind(f"\0paramsurvey/{pool}/{number}")
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # another process has it
                number += 1
                continue
        return number, name
