"""What there is to see of a survey while it runs."""

from __future__ import annotations

import io
import os

from conftest import FakeClock
from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.engine.collecting.collector import FailedPset
from paramsurvey.engine.cost_model import CostModel
from paramsurvey.engine.progress import MapProgress
from paramsurvey.params.sources import as_source
from paramsurvey.reporting.monitor import Monitor
from paramsurvey.reporting.reporters.plain_lines import PlainReporter
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import Failure, FailureKind, Pset, Rows
from paramsurvey.worker.machine import host_name

RAISED = Failure(FailureKind.RAISED, "ValueError('a')", 'File "fit.py", line 3, in fit\n')


class FakeSurvey:
    """A survey of 1000 psets that says what it is told to say."""

    def __init__(self) -> None:
        self.progress = MapProgress("fit", total=1000)
        self.stats = PerfStats({"fit_wallclock": [1.0, 3.0]})
        self.now_running: list[tuple[int, float]] = []
        self.in_batches = False
        self.costs = CostModel(as_source([{"i": i} for i in range(1000)]))

    def running(self) -> list[tuple[int, float]]:
        return self.now_running

    def running_and_unreported(self) -> tuple[list[tuple[int, float]], int]:
        return self.now_running, 0

    def waiting(self, most: int) -> Rows:
        return range(self.progress.finished, 1000, 10)

    def core_count(self) -> int:
        return 2

    def workers(self) -> list[tuple[WorkerPlace, int | None]]:
        return [(WorkerPlace(1, os.getpid(), host_name()), 7), (WorkerPlace(2, 1, "elsewhere"), None)]

    def pset(self, row: int) -> Pset:
        return {"i": row}


def watch(clock: FakeClock, seconds: int, per_second: int) -> tuple[Monitor, FakeSurvey]:
    monitor, survey = Monitor(clock), FakeSurvey()
    clock.now += 100  # before the map begins nothing counts
    monitor.begin(survey)
    for _ in range(seconds):
        clock.now += 1
        survey.costs.observe(
            range(survey.progress.finished, survey.progress.finished + per_second),
            [2 / max(per_second, 1)] * per_second,
        )
        survey.progress.finished += per_second
        monitor.report(survey.progress, final=False)
    return monitor, survey


def test_rate_and_forecast_follow_the_counters(clock: FakeClock) -> None:
    monitor, _ = watch(clock, seconds=20, per_second=10)
    seen = monitor.look()
    assert (seen.elapsed, seen.per_second) == (20, 10)
    assert seen.seconds_left is not None
    assert seen.seconds_left[0] < 80 < seen.seconds_left[1]


def test_the_first_forecasts_soon_give_way_to_better_ones(clock: FakeClock) -> None:
    monitor, survey = watch(clock, seconds=2, per_second=10)
    first = monitor.look().seconds_left
    clock.now += 0.3
    survey.costs.observe(range(20, 520), [0.001] * 500)
    survey.progress.finished = 520
    monitor.report(survey.progress, final=False)
    second = monitor.look().seconds_left
    assert first is not None
    assert second is not None
    assert second[0] < first[0] / 2


def test_a_batch_takes_longer_than_a_pset_and_yet_nothing_is_slow(clock: FakeClock) -> None:
    monitor, survey = watch(clock, seconds=20, per_second=10)
    survey.in_batches = True
    survey.progress.active = 20
    survey.now_running = [(200, 0.9), (210, 0.9)]  # two batches of ten psets of 0.2 s
    seen = monitor.look().seconds_left
    assert seen is not None
    assert 60 < seen[0] < seen[1] < 90


def test_failures_are_settled_too(clock: FakeClock) -> None:
    monitor, survey = watch(clock, seconds=10, per_second=0)
    assert monitor.look().per_second is None
    survey.progress.failures = 20
    monitor.report(survey.progress, final=False)
    assert monitor.look().per_second == 2


def test_only_the_slowest_psets_are_shown_and_only_when_they_are_slow(clock: FakeClock) -> None:
    monitor, survey = watch(clock, seconds=1, per_second=0)
    survey.now_running = [(7, 40.0), (3, 8.0), (5, 2.0), (6, 1.5), (8, 0.5)]
    assert [(str(one), one.seconds) for one in monitor.look().slowest] == [
        ("i=7", 40.0),
        ("i=3", 8.0),
        ("i=5", 2.0),
    ]
    survey.now_running = [(8, 0.5)]
    assert monitor.look().slowest == []


def test_the_last_failure_comes_with_how_many_are_like_it(clock: FakeClock) -> None:
    monitor, _ = watch(clock, seconds=1, per_second=0)
    assert monitor.look().last_failure is None
    for text in ("a", "b"):
        monitor.failed(1, Failure(FailureKind.RAISED, f"ValueError('{text}')", RAISED.traceback))
    last = monitor.look().last_failure
    assert last is not None
    assert (last.case.latest, last.case.count, last.case.cause.line) == (
        "ValueError('b')",
        2,
        "fit.py:3 in fit",
    )
    assert str(last) == "i=1"


def test_failures_of_attempts_that_are_made_again_are_shown_too(clock: FakeClock) -> None:
    monitor, _ = watch(clock, seconds=1, per_second=0)
    monitor.retried(7, RAISED)
    last = monitor.look().last_failure
    assert last is not None
    assert (last.case.latest, str(last)) == ("ValueError('a')", "i=7, is tried again")


def test_other_processes_are_told_what_there_is_to_see(clock: FakeClock) -> None:
    monitor, survey = Monitor(clock, tells_others=True), FakeSurvey()
    monitor.begin(survey)
    survey.now_running = [(7, 40.0), (3, 0.5)]
    clock.now += 40
    monitor.report(survey.progress, final=False)
    outlook = survey.progress.outlook
    assert [(one.number, one.pset, one.seconds) for one in outlook.running] == [
        (7, "i=7", 40.0),
        (3, "i=3", 0.5),
    ]
    assert outlook.seconds_left is not None
    assert outlook.running[0].values == {"i": 7}
    here, elsewhere = outlook.workers
    assert (here.number, here.running, here.cpu) == (1, 7, None)
    assert here.memory
    assert (elsewhere.host, elsewhere.cpu, elsewhere.memory) == ("elsewhere", None, None)


def test_other_processes_are_told_of_attempts_that_are_made_again(clock: FakeClock) -> None:
    monitor, survey = Monitor(clock, tells_others=True), FakeSurvey()
    monitor.begin(survey)
    monitor.retried(7, RAISED)
    monitor.report(survey.progress, final=False)
    (cause,) = survey.progress.outlook.failing
    assert (cause.count, cause.kind, cause.line, cause.number) == (1, "raised", "fit.py:3 in fit", 7)


def test_plain_lines_have_rate_and_forecast_and_the_last_one_the_summary(clock: FakeClock) -> None:
    monitor, survey = watch(clock, seconds=20, per_second=10)
    stream = io.StringIO()
    reporter = PlainReporter(30.0, stream, monitor.look)
    reporter.report(survey.progress, final=False)
    survey.progress.finished, survey.progress.failures = 999, 1
    assert monitor.conclude({5: FailedPset(RAISED, 1)}, 2, "x.log", None, interrupted=False)
    reporter.report(survey.progress, final=True)
    first, *others = stream.getvalue().splitlines()
    assert first.endswith("active: 0, finished: 200, failures: 0, exceptions: 0, 10.0/s, ETA 78-82 s")
    assert others[:2] == [
        "fit progress: total: 1000, active: 0, finished: 999, failures: 1, exceptions: 0",
        "fit: 999 of 1,000 psets finished, 1 failed in 20 s, efficiency 10 % of 2 cores",
    ]


def test_of_what_never_began_there_is_no_summary(clock: FakeClock) -> None:
    monitor, _ = watch(clock, seconds=1, per_second=0)
    never = FailedPset(Failure(FailureKind.NOT_RUN, "not run"), 0)
    assert monitor.conclude({0: never}, 2, None, None, interrupted=True) == ""
