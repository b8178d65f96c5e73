"""Which failed psets are run again."""

from __future__ import annotations

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Failure, FailureKind

WORKER_LOST = frozenset({FailureKind.CRASHED, FailureKind.OUT_OF_MEMORY, FailureKind.NODE_LOST})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decides whether a failed pset is run again.

    Parameters
    ----------
    retries : int
        How often a pset that raised an exception, or exceeded the timeout, is run again.
    crash_retries : int
        How often a pset whose worker died is run again, alone in its group. It may not have been the cause:
        an earlier pset may have damaged the worker's memory, or another process used up the machine's.
    """

    retries: int = 0
    crash_retries: int = 1

    def should_retry(self, failure: Failure, attempts: int) -> bool:
        """Tell whether a pset that failed in this way runs once more after `attempts` attempts."""
        if not failure.retryable:
            return False
        if failure.kind in WORKER_LOST:
            return attempts <= max(self.retries, self.crash_retries)
        return failure.kind in (FailureKind.RAISED, FailureKind.TIMED_OUT) and attempts <= self.retries
