"""Does a worker hold more memory than ``max_worker_memory`` allows?"""

from __future__ import annotations

from paramsurvey.worker.machine import used_memory


class MemoryLimit:
    """How much memory a worker may hold.

    Parameters
    ----------
    most : int or None
        In bytes; None: any amount.

    Attributes
    ----------
    was_exceeded : bool
        Whether the worker has held more. It must then run no further group.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.was_exceeded = False

    def check(self) -> None:
        """Compare the limit with what this process holds now."""
        if self._most is not None and used_memory() > self._most:
            self.was_exceeded = True
