"""Traces: what Perfetto is given of results and of checkpoints, in Chrome's trace event format."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import paramsurvey
from paramsurvey.cli.program import run_program
from paramsurvey.errors import NotStored
from paramsurvey.results.map_results import MapResults

FIXTURES = Path(__file__).parents[1] / "checkpoint" / "fixtures"
PSETS = [{"i": i, "kind": "<b>\x1b[31m", "x": float("nan") if i == 5 else i / 8} for i in range(9)]


def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    time.sleep(0.002 * pset["i"])
    if pset["i"] == 4:
        raise ValueError("no")
    return {"y": pset["i"] ** 2}


@pytest.fixture
def results(in_tmp: Path) -> MapResults:
    paramsurvey.init(backend="multiprocessing", ncores=2, verbose=0)
    return paramsurvey.map(worker, PSETS, checkpoint="run", name="fit")


def events(text: str | None, phase: str) -> list[dict[str, Any]]:
    assert text is not None
    found = json.loads(text, parse_constant=pytest.fail)  # NaN is no JSON
    return [event for event in found["traceEvents"] if event["ph"] == phase]


def busy(text: str | None) -> float:
    return float(sum(event["dur"] for event in events(text, "X"))) / 1e6


NEEDED = {
    "M": {"name", "pid", "tid", "args"},
    "X": {"name", "cat", "ts", "dur", "pid", "tid", "args"},
    "i": {"name", "cat", "ts", "s", "pid", "tid"},
    "C": {"name", "ts", "pid", "args"},
}
"""The fields that Chrome's "Trace Event Format" asks for, by phase."""


def check_format(text: str) -> None:
    """Check that every event has its fields, every row a name, and that no block begins inside another."""
    whole = json.loads(text, parse_constant=pytest.fail)
    assert whole["displayTimeUnit"] in ("ms", "ns")
    named: dict[str, set[tuple[int, int]]] = {"process_name": set(), "thread_name": set()}
    rows: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in whole["traceEvents"]:
        assert set(event) == {"ph", *NEEDED[event["ph"]]}
        assert isinstance(event["pid"], int)
        assert isinstance(event.get("tid", 0), int)
        assert event.get("ts", 0) >= 0
        if event["ph"] == "M" and event["name"] in named:
            named[event["name"]].add((event["pid"], event["tid"] * (event["name"] == "thread_name")))
        if event["ph"] == "X":
            begin, length = round(event["ts"] * 1000), round(event["dur"] * 1000)  # nanoseconds
            rows.setdefault((event["pid"], event["tid"]), []).append((begin, begin + length))
    assert set(rows) <= named["thread_name"]
    assert {(process, 0) for process, _ in rows} <= named["process_name"]
    for blocks in rows.values():
        assert blocks == sorted(blocks)
        assert all(one[1] <= other[0] for one, other in pairwise(blocks))


def check(text: str, results: MapResults) -> None:
    """Compare a trace of nine psets with the times that the results have."""
    check_format(text)
    timeline = results.timeline()
    blocks = events(text, "X")
    assert busy(text) == pytest.approx(timeline["seconds"].sum(), rel=0.01)
    named = [(event["name"], event["args"]["name"]) for event in events(text, "M") if "name" in event["args"]]
    assert ("process_name", timeline["host"][0]) in named
    workers = {f"worker {number}" for number in timeline["worker"]}
    assert {name for what, name in named if what == "thread_name"} == workers, "a row for each worker"
    assert {event["tid"] for event in blocks} == set(range(1, len(workers) + 1))
    assert sorted(event["args"]["pset"]["i"] for event in blocks) == list(range(9))
    (failed,) = (event for event in blocks if event["cat"] == "failed")
    assert failed["name"].startswith("failed: i=4")
    (mark,) = events(text, "i")
    assert (mark["ts"], mark["tid"]) == (failed["ts"], failed["tid"])
    most = max(event["args"]["busy"] for event in events(text, "C"))
    assert most <= 1.01 * len(workers), "begins are stored in microseconds: neighbours may overlap a little"
    assert json.loads(text)["otherData"]["survey"] == "fit"
    assert all("\x1b" not in event["name"] for event in blocks)


def test_a_timeline_is_written_as_a_trace(results: MapResults) -> None:
    text = results.timeline().to_trace()
    assert text is not None
    check(text, results)
    assert results.timeline().to_trace("run.json") is None
    assert Path("run.json").read_text() == text
    results.timeline().to_trace("run.json.gz")
    assert gzip.decompress(Path("run.json.gz").read_bytes()).decode() == text


def test_a_checkpoint_is_written_as_a_trace(results: MapResults, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["trace", "run"]) == 0
    assert "run.trace.json.gz: a trace of 9 psets" in capsys.readouterr().err
    check(gzip.decompress(Path("run.trace.json.gz").read_bytes()).decode(), results)
    assert run_program(["trace", "run", "-o", "-"]) == 0
    check(capsys.readouterr().out, results)
    check(paramsurvey.load("run").timeline().to_trace() or "", results)


def test_a_part_of_a_timeline_is_a_trace_of_that_part(results: MapResults) -> None:
    timeline = results.timeline()
    longest = timeline.nlargest(2, "seconds")
    assert [event["args"]["pset"]["i"] for event in events(longest.to_trace(), "X")] == [7, 8] or len(
        longest
    ) == 2
    assert busy(longest.to_trace()) == pytest.approx(longest["seconds"].sum())
    with pytest.raises(NotStored, match="start"):
        timeline.drop(columns="start").to_trace()


def test_a_pickled_timeline_is_small_and_knows_its_psets_by_number(results: MapResults) -> None:
    timeline = pickle.loads(pickle.dumps(results.timeline()))
    names = {event["name"] for event in events(timeline.to_trace(), "X")}
    assert "pset number 8" in names
    assert "failed: pset number 4" in names


def test_a_million_psets_make_a_small_file_with_the_same_busy_time() -> None:
    from paramsurvey.results.tracing.timed_psets import TimedPsets
    from paramsurvey.results.tracing.trace_file import trace_of

    count = 1_000_000
    random = np.random.default_rng(0)
    seconds = random.exponential(1e-4, count)
    worker = np.arange(count) % 8
    start = np.empty(count)
    for one in range(8):
        start[one::8] = 1.7e9 + np.cumsum(seconds[one::8]) - seconds[one::8]
    psets = TimedPsets(
        [("node", number) for number in range(1, 9)],
        worker,
        start,
        seconds,
        random.random(count) < 0.001,
        np.arange(count),
    )
    text = trace_of(psets, lambda rows: [(f"i={row}", {"i": row}) for row in rows])
    check_format(text)
    assert busy(text) == pytest.approx(seconds.sum(), rel=0.01)
    assert len(gzip.compress(text.encode())) < 2_000_000
    assert sum(event["args"].get("failed", 0) for event in events(text, "X")) == psets.failed.sum()


def test_checkpoints_of_older_versions_have_no_trace(
    in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(FIXTURES / "format-1", "old")
    assert run_program(["trace", "old"]) == 2
    assert "does not say when its psets ran" in capsys.readouterr().err
    assert events(paramsurvey.load("old").timeline().to_trace(), "X") == []


def test_what_cannot_be_written_is_told(results: MapResults, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["trace", "run", "-o", "nowhere/run.json"]) == 2
    assert run_program(["trace", "nothing"]) == 2
    Path("directory").mkdir()
    assert run_program(["trace", "run", "-o", "directory"]) == 1
    assert "directory cannot be written" in capsys.readouterr().err
