"""What other processes are told of a survey while it runs: `paramsurvey status`, `watch`, and the live page.

All of it is bounded, however large the survey and its values are, for it is made anew every second.
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
MEASURED_EVERY = 2.0  # seconds between two looks at the workers' processes

Value = bool | int | float | str


class ToldSurvey(Protocol):
    """What is asked of a survey."""

    def running(self) -> Sequence[tuple[int, float]]:
        """Return (number, seconds) of every pset that is known to run now, the longest first."""
        ...

    def workers(self) -> Sequence[tuple[WorkerPlace, int | None]]:
        """Return the workers that the backend tells of, each with the number of the pset that it runs."""
        ...

    def core_count(self) -> int:
        """Return how many cores work now."""
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
        survey: ToldSurvey,
        per_second: float | None,
        seconds_left: tuple[float, float] | None,
        cases: Sequence[Case],
    ) -> Outlook:
        """Return what there is to be told now."""
        return Outlook(
            per_second=None if per_second is None else _rounded(per_second),
            seconds_left=None
            if seconds_left is None
            else (_rounded(seconds_left[0]), _rounded(seconds_left[1])),
            running=[
                self._running(row, survey.pset(row), seconds)
                for row, seconds in survey.running()[:MOST_RUNNING]
            ],
            workers=self._workers(survey.workers()[:MOST_WORKERS]),
            cores=survey.core_count(),
            failing=[_failing(case) for case in cases[:MOST_CAUSES]],
        )

    def _running(self, row: int, pset: Pset, seconds: float) -> RunningPset:
        text = clipped(pset_text(row, self._shown(pset)), LONGEST)
        return RunningPset(row, text, _rounded(seconds), plain_values(pset))

    def _workers(self, workers: Sequence[tuple[WorkerPlace, int | None]]) -> list[BusyWorker]:
        places = [place for place, _ in workers]
        if self._clock() >= self._measured_at + MEASURED_EVERY:
            self._measured_at = self._clock()
            found = self._usage.measure(places)
            self._measured = {place.pid: one for place, one in zip(places, found, strict=True)}
        return [
            BusyWorker(place.number, place.pid, place.host, row, *self._measured.get(place.pid, (None, None)))
            for place, row in sorted(workers, key=lambda one: one[0].number)
        ]


def _failing(case: Case) -> FailingCause:
    line = clipped(readable_path(case.cause.line), LONGEST)
    return FailingCause(case.count, case.cause.kind, line, clipped(case.latest, LONGEST), case.number)


def plain_values(pset: Mapping[str, Any]) -> dict[str, Value]:
    """Return what JSON can hold of a pset, with texts cut; what is neither a number nor a text is left out.

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
