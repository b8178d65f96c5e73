"""The fan-out to reporters, and the plain line."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

import paramsurvey
from conftest import FakeClock
from paramsurvey.backends import serial
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporter import plain_line
from paramsurvey.reporting.reporters.log import LogReporter, RunLog
from paramsurvey.reporting.reporters.plain_lines import PlainReporter
from paramsurvey.reporting.reporters.throttle import Reporters

PROGRESS = MapProgress("fit", total=7, finished=6, failures=1, exceptions=1)
LINE = "fit progress: total: 7, active: 0, finished: 6, failures: 1, exceptions: 1"


class Recorder:
    """Remembers when it was called, and whether that was the end."""

    def __init__(self, interval: float, clock: FakeClock) -> None:
        self.interval = interval
        self.clock = clock
        self.calls: list[tuple[float, bool]] = []
        self.closed = 0

    def report(self, progress: MapProgress, final: bool) -> None:
        self.calls.append((self.clock() - 1000, final))

    def close(self) -> None:
        self.closed += 1


class Broken(Recorder):
    def report(self, progress: MapProgress, final: bool) -> None:
        super().report(progress, final)
        raise RuntimeError("out of ink")

    def close(self) -> None:
        super().close()
        raise RuntimeError("stuck")


def run(reporters: Reporters, clock: FakeClock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        reporters(PROGRESS)
    reporters(PROGRESS, final=True)


def test_each_reporter_is_called_when_its_interval_has_passed_and_at_the_end(clock: FakeClock) -> None:
    always, often, seldom, never = recorders = [Recorder(seconds, clock) for seconds in (0, 3, 5, 30)]
    run(Reporters(recorders, clock, pytest.fail), clock, 10)
    assert always.calls == [*((second, False) for second in range(1, 11)), (10, True)]
    assert often.calls == [(3, False), (6, False), (9, False), (10, True)]
    assert seldom.calls == [(5, False), (10, False), (10, True)]
    assert never.calls == [(10, True)]


def test_an_interval_counts_from_the_last_report_so_that_late_calls_do_not_bunch(clock: FakeClock) -> None:
    recorder = Recorder(2, clock)
    reporters = Reporters([recorder], clock, pytest.fail)
    for now in (1001, 1007, 1008, 1009):
        clock.now = now
        reporters(PROGRESS)
    assert recorder.calls == [(7, False), (9, False)]


def test_due_says_when_the_next_call_has_an_effect(clock: FakeClock) -> None:
    reporters = Reporters([Recorder(3, clock), Recorder(5, clock)], clock, pytest.fail)
    assert reporters.due == 1003
    clock.now = 1003
    reporters(PROGRESS)
    assert reporters.due == 1005


def test_no_reporters_at_all(clock: FakeClock) -> None:
    reporters = Reporters([], clock, pytest.fail)
    assert reporters.due == float("inf")
    reporters(PROGRESS)
    reporters(PROGRESS, final=True)
    reporters.close()


def test_a_reporter_that_raises_is_noted_once_and_left_out(clock: FakeClock) -> None:
    notes: list[str] = []
    broken, sound = Broken(1, clock), Recorder(1, clock)
    reporters = Reporters([broken, sound], clock, notes.append)
    run(reporters, clock, 3)
    reporters.close()
    assert broken.calls == [(1, False)]
    assert sound.calls == [(1, False), (2, False), (3, False), (3, True)]
    assert len(notes) == 1
    assert notes[0].startswith("Broken failed (RuntimeError: out of ink)")
    assert (broken.closed, sound.closed) == (1, 1)


def test_a_failed_reporter_is_never_due(clock: FakeClock) -> None:
    reporters = Reporters([Broken(0, clock), Recorder(9, clock)], clock, lambda _: None)
    reporters(PROGRESS)
    assert reporters.due == 1009


def test_an_interrupt_is_not_swallowed(clock: FakeClock) -> None:
    class Interrupted(Recorder):
        def report(self, progress: MapProgress, final: bool) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Reporters([Interrupted(0, clock)], clock, pytest.fail)(PROGRESS)


def test_closing_twice_closes_each_once(clock: FakeClock) -> None:
    recorder = Recorder(1, clock)
    reporters = Reporters([recorder], clock, pytest.fail)
    reporters.close()
    reporters.close()
    assert recorder.closed == 1


def test_the_plain_line() -> None:
    assert plain_line(PROGRESS) == LINE


def test_plain_lines_go_to_the_stderr_of_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = PlainReporter(30.0)
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    reporter.report(PROGRESS, final=False)
    reporter.report(PROGRESS, final=True)
    assert stderr.getvalue() == f"{LINE}\n{LINE}\n"


def test_plain_lines_without_a_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    PlainReporter(30.0).report(PROGRESS, final=True)


def test_log_lines_have_the_time() -> None:
    stream = io.StringIO()
    log = RunLog.open(stream=stream)
    LogReporter(log).report(PROGRESS, final=True)
    last = stream.getvalue().splitlines()[-1]
    assert last.endswith(f" UTC {LINE}")


def test_after_every_action_the_same_counters_are_not_written_again() -> None:
    stream = io.StringIO()
    reporter = PlainReporter(0.0, stream)
    progress = MapProgress("fit", total=2)
    for finished in (0, 0, 1, 1, 1, 2):
        progress.finished = finished
        reporter.report(progress, final=False)
    reporter.report(progress, final=True)
    assert [line[line.index("finished") :][:11] for line in stream.getvalue().splitlines()] == [
        "finished: 0",
        "finished: 1",
        "finished: 2",
        "finished: 2",
    ]


def test_verbose_3_prints_each_action_once_with_its_psets(
    in_tmp: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        if pset["i"] == 4:
            raise ValueError("no")

    monkeypatch.setattr(serial, "REPLY_SECONDS", float("inf"))  # one reply for a group, however slow this is
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(work, [{"i": i} for i in range(5)], group_size=3, name="fit", verbose=3)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fit progress: ")]
    assert lines[:4] == [
        "fit progress: total: 5, active: 3, finished: 0, failures: 0, exceptions: 0; sent: psets 0 to 2",
        "fit progress: total: 5, active: 0, finished: 3, failures: 0, exceptions: 0; finished: psets 0 to 2",
        "fit progress: total: 5, active: 2, finished: 3, failures: 0, exceptions: 0; sent: psets 3 to 4",
        "fit progress: total: 5, active: 0, finished: 4, failures: 0, exceptions: 0; finished: pset 3 (i=3)",
    ]
    paramsurvey.map(work, [{"i": 1}], name="fit", verbose=2)
    assert "; sent" not in capsys.readouterr().err
