"""The counters of a map: how many psets it has, have finished, and have failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunningPset:
    """A pset that runs now, in words.

    Attributes
    ----------
    number : int
        Its number in the survey.
    pset : str
        Its keys and values, as short text.
    seconds : float
        For how long it has been running.
    """

    number: int
    pset: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What other processes are told of a map beside its counters: through ``run.json``.

    Attributes
    ----------
    seconds_left : (float, float), optional
        Between how many seconds it will probably take; None while nobody can tell.
    running : sequence of RunningPset
        The psets that have been running for longest.
    """

    seconds_left: tuple[float, float] | None = None
    running: Sequence[RunningPset] = ()


@dataclass(repr=False)
class MapProgress:
    """The counters of one map.

    At the end of a map ``active == 0`` and ``finished + failures == total``.

    Attributes
    ----------
    name : str
        The map's name.
    total : int
        Psets in the survey.
    active : int
        Psets that were sent to a worker and are not answered yet.
    finished : int
        Psets that have a result.
    failures : int
        Psets that will not get a result, for whatever reason.
    exceptions : int
        Exceptions raised by the worker function or by `out_func`.
    retried : int
        Attempts beyond a pset's first.
    resumed : int
        Psets whose results came from the checkpoint of an earlier run; `finished` includes them.
    outlook : Outlook
        What other processes are told beside the counters.

    Examples
    --------
    >>> print(MapProgress("fit", total=7, finished=6, failures=1, exceptions=1))
    total: 7, active: 0, finished: 6, failures: 1, exceptions: 1
    """

    name: str = "default"
    total: int = 0
    active: int = 0
    finished: int = 0
    failures: int = 0
    exceptions: int = 0
    retried: int = 0
    resumed: int = 0
    outlook: Outlook = field(default=Outlook(), repr=False, compare=False)

    def __repr__(self) -> str:
        more = [f"{name}: {getattr(self, name)}" for name in ("retried", "resumed") if getattr(self, name)]
        return f"<MapProgress {self.name!r}, {', '.join([str(self), *more])}>"

    def __str__(self) -> str:
        return (
            f"total: {self.total}, active: {self.active}, finished: {self.finished}, "
            f"failures: {self.failures}, exceptions: {self.exceptions}"
        )
