"""How long a pset may run, and how often somebody must look to notice that it has run too long."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paramsurvey.transport.messages import LostGroup, timed_out

LONGEST_WAIT = 0.25  # seconds between two looks at what runs; Ctrl-C takes effect then, too
LOOKS = 10  # in the time that a pset may take: it is stopped at most a tenth too late


@dataclass(frozen=True, slots=True)
class Deadline:
    """The policy of ``timeout=``, the same in the driver and beside a worker that somebody else started.

    Parameters
    ----------
    timeout : float or None
        Seconds that a pset may run; None: any time.
    """

    timeout: float | None = None

    def longest_wait(self) -> float:
        """Return how many seconds may pass until the next look."""
        return LONGEST_WAIT if self.timeout is None else min(LONGEST_WAIT, self.timeout / LOOKS)

    def overrun(self, group_id: int, running: tuple[int, float] | None) -> LostGroup | None:
        """Return the loss of a group whose pset has run for too long, None where it has not.

        Parameters
        ----------
        group_id : int
        running : (int, float) or None
            The offset of the pset that runs now and for how many seconds it has; None: nobody knows.
        """
        if self.timeout is None or running is None or running[1] <= self.timeout:
            return None
        return LostGroup(group_id, timed_out(self.timeout), running[0])


def with_output(loss: LostGroup, printed: str | None) -> LostGroup:
    """Return the loss with what the pset had printed."""
    return replace(loss, failure=replace(loss.failure, output=printed or ""))
