"""Watching a survey while it runs: what there is to see, from its counters, its failures and the clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.engine.collecting.collector import FailedPset
from paramsurvey.engine.cost_model import CostModel
from paramsurvey.engine.failure_causes import Causes
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.moment import Moment
from paramsurvey.reporting.next_steps import IN_PYTHON, NextSteps
from paramsurvey.reporting.outlook import OutlookMaker
from paramsurvey.reporting.rate import RateMeter
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.snapshot import LastFailure, Running, Snapshot
from paramsurvey.reporting.summary import PERCENTS, SummaryFacts, summary
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import Failure, FailureKind, Pset, Rows
from paramsurvey.transport.safe_text import shortened

if TYPE_CHECKING:
    from paramsurvey.reporting.eta import Eta

SHOWN_SLOWEST = 3
SLOW = 1.0  # seconds: a pset that has run for less is not worth a line
LONGEST_EXCEPTION = 2_000  # characters of an exception that are kept for the view
OUTLOOK_SECONDS = 1.0  # between two outlooks for other processes
SAMPLED_PSETS = 1024  # waiting psets whose expected times a forecast uses
FORECAST_SECONDS = 1.5  # between two forecasts, each of which takes some milliseconds
YOUNG = 0.1  # of the time so far: no forecast is kept for longer, so that the first ones are soon replaced
INTERVAL = 0.25  # seconds between two looks at the counters


class WatchedSurvey(Protocol):
    """What a monitor needs to know from a survey while it runs."""

    progress: MapProgress
    stats: PerfStats
    costs: CostModel
    in_batches: bool

    def running(self) -> Sequence[tuple[int, float]]:
        """Return (number, seconds) of every pset that is known to be running, the longest first."""
        ...

    def running_and_unreported(self) -> tuple[Sequence[tuple[int, float]], int]:
        """Return the same, and how many psets have ended that the workers have not reported yet."""
        ...

    def waiting(self, most: int) -> Rows:
        """Return the psets that are waiting to be sent, or an evenly spread sample of `most` of them."""
        ...

    def core_count(self) -> int:
        """Return how many cores are working now."""
        ...

    def workers(self) -> Sequence[tuple[WorkerPlace, int | None]]:
        """Return the workers that the backend knows of, each with the number of the pset that it runs."""
        ...

    def pset(self, row: int) -> Pset:
        """Return the pset with this number."""
        ...


class Monitor:
    """Knows what there is to see of a survey. It is also the reporter that observes the counters.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.
    tells_others : bool
        Whether to make outlooks, which other processes (`paramsurvey watch`, and the live page) read from the
        checkpoint.
    shown : callable
        Returns a pset with the names that the user knows.
    """

    interval = INTERVAL

    def __init__(
        self,
        clock: Callable[[], float],
        tells_others: bool = False,
        shown: Callable[[Pset], Pset] = IN_PYTHON.pset,
    ) -> None:
        self._shown = shown
        self._clock = clock
        self._outlook = OutlookMaker(clock, shown) if tells_others else None
        self._outlook_at = self._forecast_at = -math.inf
        self._span: tuple[float, float] | None = None
        self._survey: WatchedSurvey | None = None
        self._causes = Causes()
        self._last_failure: LastFailure | None = None
        self._failures: Counter[FailureKind] = Counter()
        self._summary = ""
        self._begun = clock()
        self._meter = RateMeter(self._begun)
        self._eta: Eta | None = None

    def begin(self, survey: WatchedSurvey) -> None:
        """Watch this survey from now on."""
        progress = survey.progress
        self._survey = survey
        self._begun = self._clock()
        self._meter = RateMeter(self._begun, progress.finished + progress.failures)
        self._eta = None
        self._forecast_at = -math.inf

    def report(self, progress: MapProgress, final: bool) -> None:
        """Observe the counters."""
        assert self._survey is not None
        self._meter.observe(self._clock(), progress.finished + progress.failures)
        if not final:
            self._observe(self._survey)
        if self._outlook is not None and self._clock() >= self._outlook_at + OUTLOOK_SECONDS:
            self._outlook_at = now = self._clock()
            progress.outlook = self._outlook.make(
                self._survey,
                self._meter.per_second(now),
                self._seconds_left(self._survey),
                self._causes.most_frequent(),
            )

    def close(self) -> None:
        """Do nothing, because there is still something to see at the end."""

    def failed(self, row: int, failure: Failure) -> None:
        """Note a failure."""
        self._failures[failure.kind] += 1
        self._note_failure(row, failure, again=False)

    def retried(self, row: int, failure: Failure) -> None:
        """Note the failure of a pset that will be tried again."""
        self._note_failure(row, failure, again=True)

    def _note_failure(self, row: int, failure: Failure, again: bool) -> None:
        exception = shortened(failure.exception, LONGEST_EXCEPTION)
        case = self._causes.add(row, failure.kind, exception, failure.traceback)
        self._last_failure = LastFailure(case, row, again=again)

    def conclude(
        self,
        failed: Mapping[int, FailedPset],
        cores: int,
        log: str | None,
        checkpoint: str | None,
        interrupted: bool,
        next_steps: NextSteps = IN_PYTHON,
    ) -> str:
        """Return a summary of the survey, and show it from now on; it is empty if nothing ever began."""
        if self._survey is None:
            return ""  # Ctrl-C came before the map began
        progress, stats = self._survey.progress, self._survey.stats
        not_run = sum(pset.failure.kind is FailureKind.NOT_RUN for pset in failed.values())
        self._failures[FailureKind.NOT_RUN] = not_run  # `failed` is not called for these
        if interrupted and not progress.finished and not any(pset.attempts for pset in failed.values()):
            return ""  # the exception that is being raised says everything
        timer = f"{progress.name}_wallclock"
        self._summary = summary(
            SummaryFacts(
                progress=progress,
                elapsed=self._clock() - self._begun,
                work=stats.total(timer),
                copying=stats.copying,
                cores=cores,
                percentiles=stats.percentiles(timer, PERCENTS),
                cases=causes_of(failed).most_frequent(),
                log=log,
                checkpoint=checkpoint,
                interrupted=interrupted,
                next_steps=next_steps,
            )
        )
        return self._summary

    def look(self) -> Snapshot:
        """Return what there is to see now."""
        now, survey = self._clock(), self._survey
        if survey is None:
            return Snapshot()
        running = survey.running()
        slowest = [(row, seconds) for row, seconds in running if seconds >= SLOW][:SHOWN_SLOWEST]
        return Snapshot(
            elapsed=now - self._begun,
            per_second=self._meter.per_second(now),
            seconds_left=self._seconds_left(survey),
            slowest=[Running(row, self._shown(survey.pset(row)), seconds) for row, seconds in slowest],
            last_failure=self._last_failure_of(survey),
            summary=self._summary,
            running=len(running),
            workers=survey.core_count(),
            failures=dict(self._failures),
        )

    def _last_failure_of(self, survey: WatchedSurvey) -> LastFailure | None:
        """Return the last failure with its pset, which is only made when somebody looks at it."""
        last = self._last_failure
        if last is None or last.pset is not None:
            return last
        with suppress(KeyError):  # an iterator's pset that has since finished, and was dropped
            self._last_failure = last = replace(last, pset=self._shown(survey.pset(last.number)))
        return last

    def _seconds_left(self, survey: WatchedSurvey) -> tuple[float, float] | None:
        """Return the range of seconds that the survey will probably take; it is computed now and then."""
        now = self._clock()
        if self._span is None or now >= self._forecast_at + min(
            FORECAST_SECONDS, YOUNG * (now - self._begun)
        ):
            self._span, self._forecast_at = self._forecast(survey), now
        if self._span is None:
            return None
        low, high = (max(0.0, seconds - (now - self._forecast_at)) for seconds in self._span)
        return low, high

    def _forecast(self, survey: WatchedSurvey) -> tuple[float, float] | None:
        if _remaining(survey.progress) <= 0:
            return 0.0, 0.0
        moment = self._observe(survey)
        expected = survey.costs.expected_seconds(survey.waiting(SAMPLED_PSETS))
        return self._forecaster().seconds_left(moment, expected)

    def _observe(self, survey: WatchedSurvey) -> Moment:
        moment = self._moment(survey)
        self._forecaster().observe(moment, survey.costs.take_predictions())
        return moment

    def _forecaster(self) -> Eta:
        if self._eta is None:
            from paramsurvey.reporting.eta import Eta  # not earlier, because short maps never need it

            self._eta = Eta(self._begun)
        return self._eta

    def _moment(self, survey: WatchedSurvey) -> Moment:
        progress, costs = survey.progress, survey.costs
        running, unreported = survey.running_and_unreported()
        return Moment(
            self._clock(),
            psets=costs.psets,
            seconds=costs.seconds,
            remaining=_remaining(progress),
            retried=progress.retried,
            cores=max(survey.core_count(), 1),
            # psets of a batch run together, so its time so far says nothing about a single pset
            ages=() if survey.in_batches else [seconds for _, seconds in running],
            active=progress.active,
            unreported=unreported,
        )


def _remaining(progress: MapProgress) -> int:
    return progress.total - progress.finished - progress.failures


def causes_of(failed: Mapping[int, FailedPset]) -> Causes:
    """Return the causes of failures by row, numbered as `missing` labels them."""
    causes = Causes()
    for label, row in enumerate(sorted(failed)):
        failure = failed[row].failure
        causes.add(label, failure.kind, failure.exception, failure.traceback)
    return causes


if TYPE_CHECKING:
    import time

    _: Reporter = Monitor(time.monotonic)
