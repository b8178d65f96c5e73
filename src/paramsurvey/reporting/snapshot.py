"""What there is to see of a map at one moment: everything that reporters know besides the counters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from paramsurvey.engine.failure_causes import Case
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import FailureKind, Pset
from paramsurvey.transport.safe_repr import describe


@dataclass(frozen=True, slots=True)
class Running:
    """A pset that is running now: its number in the survey, its keys, and for how many seconds."""

    number: int
    pset: Pset
    seconds: float

    def __str__(self) -> str:
        return pset_text(self.number, self.pset)


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The latest failure.

    Attributes
    ----------
    case : Case
        All failures like it, including those of psets that were tried again.
    number : int
        The pset's number in the survey.
    pset : dict, optional
        Its keys; None for a pset that is no longer in memory.
    again : bool
        Whether it will be tried again.
    """

    case: Case
    number: int
    pset: Pset | None = None
    again: bool = False

    def __str__(self) -> str:
        return pset_text(self.number, self.pset) + (", is tried again" if self.again else "")


def pset_text(number: int, pset: Pset | None) -> str:
    """Return a pset as short text: its keys, or its number if it has none.

    Examples
    --------
    >>> pset_text(3, {"alpha": 0.5, "kind": "b"})
    "alpha=0.5, kind='b'"
    """
    items = [(name, value) for name, value in (pset or {}).items() if str(name).isidentifier()]  # not our own
    return ", ".join(f"{name}={describe(value):.40}" for name, value in items) or f"pset number {number}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A map at one moment.

    Attributes
    ----------
    elapsed : float
        Seconds since it began.
    per_second : float, optional
        Psets settled per second lately; None while that is unknown.
    seconds_left : (float, float), optional
        The range of seconds that it will probably take from now; None while that is unknown.
    slowest : sequence of Running
        The psets that have been running for longest, if the backend knows them.
    last_failure : LastFailure, optional
    summary : str
        How the map went; empty before its end.
    running, workers : int
        How many psets are known to be running, and how many workers there are.
    failures : mapping of FailureKind to int
        How many psets have failed for good in this run, by kind; those not run are counted at its end.
    """

    elapsed: float = 0.0
    per_second: float | None = None
    seconds_left: tuple[float, float] | None = None
    slowest: Sequence[Running] = field(default=())
    last_failure: LastFailure | None = None
    summary: str = ""
    running: int = 0
    workers: int = 0
    failures: Mapping[FailureKind, int] = field(default_factory=dict)


Look = Callable[[], Snapshot]
"""Returns what there is to see now."""
