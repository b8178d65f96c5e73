"""What other processes (`paramsurvey status`, `watch`, and the live page) can see of a survey while it runs.

All of it is limited in size, however large the survey and its values are, because it is made every second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.engine.failure_causes import Case, readable_path
from paramsurvey.engine.progress import BusyWorker, FailingCause, Outlook, RunningPset
from paramsurvey.reporting.humanize import clipped
from paramsurvey.reporting.next_steps import IN_PYTHON
from paramsurvey.reporting.snapshot import pset_text
from paramsurvey.reporting.worker_usage import WorkerUsage
from paramsurvey.transport.messages import Pset

MOST_RUNNING = MOST_WORKERS = 100
MOST_CAUSES = 10
LONGEST = 200  # characters of a pset, or of an exception
MOST_KEYS, LONGEST_VALUE = 20, 60
MEASURE_SECONDS = 2.0  # between two measurements of the workers' processes

Value = bool | int | float | str


class VisibleSurvey(Protocol):
    """What an outlook needs to know from a survey."""

    def running(self) -> Sequence[tuple[int, float]]:
        """Return (number, seconds) of every pset that is known to be running, the longest first."""
        ...

    def workers(self) -> Sequence[tuple[WorkerPlace, int | None]]:
        """Return the workers that the backend knows of, each with the number of the pset that it runs."""
        ...

    def core_count(self) -> int:
        """Return how many cores are working now."""
        ...

    def pset(self, row: int) -> Pset:
        """Return the pset with this number."""
        ...


class OutlookMaker:
    """Makes outlooks of one survey.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.
    shown : callable
        Returns a pset with the names that the user knows, for texts.
    """

    def __init__(self, clock: Callable[[], float], shown: Callable[[Pset], Pset] = IN_PYTHON.pset) -> None:
        self._clock = clock
        self._shown = shown
        self._usage = WorkerUsage(clock)
        self._measured_at = -math.inf
        self._measured: dict[int, tuple[float | None, int | None]] = {}  # by process

    def make(
        self,
        survey: VisibleSurvey,
        per_second: float | None,
        seconds_left: tuple[float, float] | None,
        cases: Sequence[Case],
    ) -> Outlook:
        """Return the outlook now."""
        low, high = seconds_left or (0.0, 0.0)
        running = survey.running()[:MOST_RUNNING]
        return Outlook(
            per_second=None if per_second is None else _rounded(per_second),
            seconds_left=None if seconds_left is None else (_rounded(low), _rounded(high)),
            running=[self._running(row, survey.pset(row), seconds) for row, seconds in running],
            workers=self._workers(survey.workers()[:MOST_WORKERS]),
            cores=survey.core_count(),
            failing=[_failing(case) for case in cases[:MOST_CAUSES]],
        )

    def _running(self, row: int, pset: Pset, seconds: float) -> RunningPset:
        text = clipped(pset_text(row, self._shown(pset)), LONGEST)
        return RunningPset(row, text, _rounded(seconds), plain_values(pset))

    def _workers(self, workers: Sequence[tuple[WorkerPlace, int | None]]) -> list[BusyWorker]:
        places = [place for place, _ in workers]
        if self._clock() >= self._measured_at + MEASURE_SECONDS:
            self._measured_at = self._clock()
            found = self._usage.measure(places)
            self._measured = {place.pid: usage for place, usage in zip(places, found, strict=True)}
        return [
            BusyWorker(place.number, place.pid, place.host, row, *self._measured.get(place.pid, (None, None)))
            for place, row in sorted(workers, key=lambda worker: worker[0].number)
        ]


def _failing(case: Case) -> FailingCause:
    line = clipped(readable_path(case.cause.line), LONGEST)
    return FailingCause(case.count, case.cause.kind, line, clipped(case.latest, LONGEST), case.number)


def plain_values(pset: Mapping[str, Any]) -> dict[str, Value]:
    """Return a pset's numbers and texts, as JSON can hold them, with long texts cut.

    Examples
    --------
    >>> plain_values({"a": 1, "b": "x", "c": [1, 2], "d": float("nan")})
    {'a': 1, 'b': 'x'}
    """
    shown = list(pset.items())[:MOST_KEYS]
    return {
        clipped(name, LONGEST_VALUE): value[:LONGEST_VALUE] if isinstance(value, str) else value
        for name, value in shown
        if _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < 1 << 63
    return type(value) in (bool, str) or (type(value) is float and math.isfinite(value))


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
