"""What there is to see of a map at one moment: all that reporters know beside the counters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from paramsurvey.engine.failure_causes import Case
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import FailureKind, Pset
from paramsurvey.transport.safe_repr import describe


@dataclass(frozen=True, slots=True)
class Running:
    """A pset that runs now: its number in the survey, its keys, and for how many seconds."""

    number: int
    pset: Pset
    seconds: float

    def __str__(self) -> str:
        return pset_text(self.number, self.pset)


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The failure that came last.

    Attributes
    ----------
    case : Case
        The failures like it, of attempts that are made again, too.
    number : int
        The pset's number in the survey.
    pset : dict, optional
        Its keys; None for a pset that is not in memory any more.
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
    """Return a pset as short text: its keys, or its number where it has none.

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
        Between how many seconds it will probably take from now; None while that cannot be told.
    slowest : sequence of Running
        The psets that have been running for longest, where the backend can tell.
    last_failure : LastFailure, optional
    summary : str
        At the end of the map: how it went.
    running, workers : int
        How many psets are known to run, and how many workers there are.
    failures : mapping of FailureKind to int
        How many psets have failed for good in this run, by kind; what was not run is counted at its end.
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
