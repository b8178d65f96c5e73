"""How long a pset may run, and how often to check it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import LostGroup, Ran, timed_out

LONGEST_WAIT = 0.25  # seconds between two checks; Ctrl-C takes effect at these moments, too
CHECKS_PER_TIMEOUT = 10  # so that a pset is stopped at most a tenth of the timeout too late


@dataclass(frozen=True, slots=True)
class Deadline:
    """Applies ``timeout=``, in the driver and in processes of another pool that run a nested worker.

    Parameters
    ----------
    timeout : float or None
        How many seconds a pset may run; None: no limit.
    """

    timeout: float | None = None

    def longest_wait(self) -> float:
        """Return how many seconds may pass until the next check."""
        return LONGEST_WAIT if self.timeout is None else min(LONGEST_WAIT, self.timeout / CHECKS_PER_TIMEOUT)

    def overrun(
        self,
        group_id: int,
        running: tuple[int, float] | None,
        workers: Callable[[], Sequence[WorkerPlace]] = list,
    ) -> LostGroup | None:
        """Return a `LostGroup` if the group's running pset has exceeded the timeout, else None.

        Parameters
        ----------
        group_id : int
        running : (int, float) or None
            The offset of the pset that runs now, and its seconds so far; None if that is not known.
        workers : callable
            Returns the workers. The one that has the group is recorded as where the pset ran.
        """
        if self.timeout is None or running is None or running[1] <= self.timeout:
            return None
        offset, seconds = running
        ran = Ran(seconds, time.time() - seconds)
        for place in workers():
            if place.group_id == group_id:
                ran = replace(ran, worker=place.number, host=place.host)
        return LostGroup(group_id, replace(timed_out(self.timeout), ran=ran), offset)


def with_output(loss: LostGroup, printed: str | None) -> LostGroup:
    """Return the loss, with the output of the pset that was running."""
    return replace(loss, failure=replace(loss.failure, output=printed or ""))
