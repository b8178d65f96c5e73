"""Numbers workers from 1, so that worker functions can choose a GPU, a port or a directory by number."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from itertools import count

_claims: dict[tuple[str, int], tuple[int, socket.socket]] = {}
_claiming = threading.Lock()


class WorkerNumbers:
    """Gives each worker the lowest number that no other living worker has.

    Parameters
    ----------
    first : int
        The lowest number.

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
        """Return the lowest free number; it stays taken until `give_back`."""
        with self._lock:
            number = next(number for number in count(self._first) if number not in self._taken)
            self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        """Make a number free for another worker."""
        self._taken.discard(number)


def claimed_number(pool: str, place: int = 0) -> int:
    """Return the number of this process among the workers of a pool on this machine.

    A process that has several workers, because it runs groups in several threads, asks for each of them with
    its own `place`.

    This is for processes that the driver cannot number, because an executor or Ray started them. The process
    binds a socket to a name that contains the number. The system lets only one process at a time have a name,
    and frees it when the process ends. Only Linux has names without a file: elsewhere, every process gets the
    number 1.
    """
    if sys.platform != "linux" or not hasattr(socket, "AF_UNIX"):
        return 1
    with _claiming:
        if (pool, place) not in _claims:
            _claims[pool, place] = _claim(pool)
        return _claims[pool, place][0]


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
