"""``run.json`` and ``live.json`` of a survey that is running."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.checkpoint.run_json import run_record
from paramsurvey.checkpoint.run_json.live_file import read_live
from paramsurvey.checkpoint.run_json.run_file import read_run
from paramsurvey.checkpoint.run_json.run_record import RunRecord
from paramsurvey.checkpoint.same_program import Program
from paramsurvey.engine.checkpoint import Status
from paramsurvey.engine.collecting.collector import FailedPset
from paramsurvey.engine.progress import MapProgress, Outlook
from paramsurvey.transport.messages import Failure, FailureKind

HERE = Path()
STORED = {"results": 5, "failures": 1}
PROGRAM = Program.of(len, {"x": 1})


def record(progress: MapProgress | None = None, before: Any = None, began: float | None = None) -> RunRecord:
    counters = MapProgress("fit", total=9) if progress is None else progress
    return RunRecord(HERE, PROGRAM, counters, before, time.monotonic() if began is None else began)


def failed(kind: FailureKind) -> FailedPset:
    return FailedPset(Failure(kind, "why"), 1)


def test_it_says_how_far_the_survey_is(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = MapProgress("fit", 9, active=2, finished=5, failures=2, exceptions=3, retried=4, resumed=1)
    ours = record(progress, began=100.0)
    monkeypatch.setattr(run_record.time, "monotonic", lambda: 107.12345)
    kinds = (FailureKind.NOT_RUN, FailureKind.RAISED, FailureKind.TIMED_OUT)
    ours.write(STORED, 3, [failed(kind) for kind in kinds])
    run = read_run(HERE)
    assert run["name"] == "fit"
    assert run["status"] == "running"
    assert run["ended"] is None
    assert run["elapsed"] == 7.123
    assert run["stored"] == STORED
    assert run["first_position"] == 3
    assert run["counts"] == {
        "total": 9,
        "active": 2,
        "finished": 5,
        "failures": 2,
        "not_run": 1,
        "exceptions": 3,
        "retried": 4,
        "resumed": 1,
    }


def test_it_says_how_the_survey_ended_and_when() -> None:
    ours = record()
    ours.note_end(Status.INTERRUPTED)
    ours.write(STORED, 0, [])
    run = read_run(HERE)
    assert run["status"] == "interrupted"
    assert run["started"] <= run["ended"] <= run["updated"]


def test_the_run_before_is_its_history() -> None:
    first = record()
    first.note_end(Status.FAILED)
    first.write(STORED, 0, [])
    second = record(before=read_run(HERE))
    second.write(STORED, 0, [])
    assert [one["status"] for one in read_run(HERE)["history"]] == ["failed"]


def test_of_what_the_program_consists_is_looked_up_once_and_not_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(run_record, "git_state", lambda directory: asked.append(directory))
    ours = RunRecord(HERE, replace(PROGRAM, file="/somewhere/fit.py"), MapProgress(), None, 0.0)
    ours.write(STORED, 0, [])
    assert (asked, read_run(HERE)["versions"]) == ([], {})
    for _ in range(2):
        ours.note_versions()
    assert asked == ["/somewhere"]
    ours.write(STORED, 0, [])
    assert read_run(HERE)["versions"]["python"]
    nameless = RunRecord(HERE, replace(PROGRAM, file=""), MapProgress(), None, 0.0)
    nameless.note_versions()
    assert asked[1] == str(Path.cwd()), "a function without a file: where the program was started"


def test_what_other_processes_are_told_is_written_when_it_is_new() -> None:
    progress = MapProgress("fit", total=9)
    ours = record(progress)
    ours.write_live()
    assert not Path("live.json").exists(), "there is nothing to be told yet"
    progress.outlook = Outlook(cores=2)
    ours.write_live()
    told = read_live(HERE)
    assert told["cores"] == 2
    assert told["written"] >= told["started"]
    Path("live.json").unlink()
    ours.write_live()
    assert not Path("live.json").exists(), "it is the same as before"
    progress.outlook = Outlook(cores=3)
    ours.write_live()
    assert read_live(HERE)["cores"] == 3
    ours.remove_live()
    assert not Path("live.json").exists()
