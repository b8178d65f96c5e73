"""When the driver gives up a group whose process no longer answers, because it was stopped or is gone."""

from __future__ import annotations

import time
from collections.abc import Callable

from paramsurvey.engine.deadline import Deadline
from paramsurvey.worker.runner import REPLY_SECONDS

START_SECONDS = 600.0  # allowed besides the psets' own time, until the first answer: an engine may load a lot
LEAST_SECONDS = 5.0  # allowed besides the psets' own time, at least


class AnswerDeadline:
    """The driver's own deadline for groups, besides that of the worker that runs the psets.

    Without a timeout nothing is ever overdue, since a pset may take any time.

    Parameters
    ----------
    timeout : float or None
        Seconds that a pset may run.
    keep_groups : bool
        Whether a worker runs a whole group, however long that takes.
    clock : callable
        Returns seconds.

    Attributes
    ----------
    last_heard : float
        When the last answer came.

    Examples
    --------
    >>> now = 0.0
    >>> deadline = AnswerDeadline(timeout=2.0, keep_groups=False, clock=lambda: now)
    >>> now = 1.0
    >>> deadline.answered()
    >>> now = 8.0
    >>> deadline.is_over(psets=10, since=1.0)
    False
    >>> now = 9.0
    >>> deadline.is_over(psets=10, since=1.0)
    True
    """

    def __init__(
        self, timeout: float | None, keep_groups: bool, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._timeout = timeout
        self._keep_groups = keep_groups
        self._clock = clock
        self._opened = self.last_heard = clock()
        self._start = START_SECONDS
        self._answered = False
        self._check_at = 0.0

    def answered(self) -> None:
        """Take note that the engine has answered; the first answer shows how long a worker takes to start."""
        self.last_heard = self._clock()
        if not self._answered:
            self._answered = True
            self._start = max(LEAST_SECONDS, 2 * (self.last_heard - self._opened))

    def is_check_due(self) -> bool:
        """Tell whether it is time to check all groups in hand, which takes longer the more there are."""
        if self._timeout is None or self._clock() < self._check_at:
            return False
        self._check_at = self._clock() + Deadline(self._timeout).longest_wait()
        return True

    def is_over(self, psets: int, since: float | None) -> bool:
        """Tell whether a group should have been answered long ago.

        Parameters
        ----------
        psets : int
            How many psets it has.
        since : float or None
            Since when its worker has certainly been running it without an answer; None if that is unknown, in
            which case the group is never overdue.
        """
        if self._timeout is None or since is None:
            return False
        work = self._timeout * (psets if self._keep_groups else 1) + REPLY_SECONDS
        return self._clock() - since > work + self._start
