"""What a forecast needs to know about a survey."""

from __future__ import annotations

from collections.abc import Sequence

from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known about a survey at one moment.

    Attributes
    ----------
    now : float
        The time, in seconds.
    psets : int
        Attempts that have ended and were timed.
    seconds : float
        How long these took in total.
    remaining : int
        Psets that are not settled.
    retried : int
        Attempts beyond a pset's first that were requested.
    cores : int
        Cores that are working now.
    ages : sequence of float
        For how many seconds each pset that is known to be running has been running.
    active : int
        Psets that were sent to a worker.
    unreported : int
        Those of them that have ended, but that the worker has not reported yet.
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
