"""The counters of a map: how many psets it has, have finished, and have failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class RunningPset:
    """A pset that is running, as it is shown.

    Attributes
    ----------
    number : int
        Its number in the survey.
    pset : str
        Its keys and values, as short text.
    seconds : float
        For how long it has been running.
    values : mapping of str to bool, int, float or str
        Its keys and those values that JSON can hold: numbers and texts.
    """

    number: int
    pset: str
    seconds: float
    values: Mapping[str, bool | int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BusyWorker:
    """What a worker is doing, and what it uses.

    Attributes
    ----------
    number : int
        Its number, from 1.
    pid : int
        Its process.
    host : str
        The machine that it is on.
    running : int, optional
        The number of the pset that it runs.
    cpu : float, optional
        How many cores it has kept busy lately, including all processes that it started; None until known.
    memory : int, optional
        The bytes of memory that it holds, including all processes that it started.
    """

    number: int
    pid: int
    host: str
    running: int | None = None
    cpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class FailingCause:
    """The failures of one cause, including those of attempts that were or will be repeated.

    Attributes
    ----------
    count : int
    kind : str
        ``raised``, ``crashed``, ``timed out`` and so on.
    line : str
        The line of code that raised; empty if it is not known.
    latest : str
        The most recent exception, as short text.
    number : int
        The number of the first pset that failed for this cause.
    """

    count: int
    kind: str
    line: str
    latest: str
    number: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What other processes learn about a map besides its counters, through ``live.json``.

    Attributes
    ----------
    per_second : float, optional
        Psets settled per second lately; None while unknown.
    seconds_left : (float, float), optional
        The range of seconds that the rest will probably take; None while unknown.
    running : sequence of RunningPset
        The psets that have been running for longest.
    workers : sequence of BusyWorker
        Empty if the backend does not list its workers.
    cores : int
        How many cores the workers use.
    failing : sequence of FailingCause
        The most frequent causes first.
    """

    per_second: float | None = None
    seconds_left: tuple[float, float] | None = None
    running: Sequence[RunningPset] = ()
    workers: Sequence[BusyWorker] = ()
    cores: int = 0
    failing: Sequence[FailingCause] = ()


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
        Psets that were sent to a worker and have not been answered yet.
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
    outlook: Outlook = field(default=Outlook(), init=False, repr=False, compare=False)  # for other processes

    def __repr__(self) -> str:
        more = [f"{name}: {getattr(self, name)}" for name in ("retried", "resumed") if getattr(self, name)]
        return f"<MapProgress {self.name!r}, {', '.join([str(self), *more])}>"

    def __str__(self) -> str:
        return (
            f"total: {self.total}, active: {self.active}, finished: {self.finished}, "
            f"failures: {self.failures}, exceptions: {self.exceptions}"
        )
