"""What a forecast is told of a survey."""

from __future__ import annotations

from collections.abc import Sequence

from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of a survey at one moment.

    Attributes
    ----------
    now : float
        The time, in seconds.
    psets : int
        Attempts that have ended and were timed.
    seconds : float
        How long those took, all together.
    remaining : int
        Psets that are not settled.
    retried : int
        Attempts beyond a pset's first that were asked for.
    cores : int
        Cores that work now.
    ages : sequence of float
        For how many seconds each pset that is known to run has been running.
    active : int
        Psets that were sent to a worker.
    unreported : int
        Those of them that have ended, while the worker has not answered for them yet.
    """

    now: float
    psets: int
    seconds: float
    remaining: int
    retried: int = 0
    cores: int = 1
    ages: Sequence[float] = ()
    active: int = 0
    unreported: int = 0
