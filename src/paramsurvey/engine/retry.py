"""What is tried again, and what is not."""

from __future__ import annotations

from dataclasses import dataclass

from paramsurvey.transport.messages import Failure, FailureKind

WORKER_LOST = frozenset({FailureKind.CRASHED, FailureKind.OUT_OF_MEMORY})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decides whether a pset that failed is run again.

    Parameters
    ----------
    retries : int
        How often a pset that raised or ran out of time is tried again.
    crash_retries : int
        How often a pset whose worker died is tried again, alone in its group: it may have been
        the victim of a neighbour, or of a machine short of memory.
    """

    retries: int = 0
    crash_retries: int = 1

    def again(self, failure: Failure, attempts: int) -> bool:
        """Tell whether to try once more after `attempts` attempts."""
        if not failure.retryable:
            return False
        if failure.kind in WORKER_LOST:
            return attempts <= max(self.retries, self.crash_retries)
        return failure.kind in (FailureKind.RAISED, FailureKind.TIMED_OUT) and attempts <= self.retries
