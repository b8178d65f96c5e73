"""``live.json``: what a survey does at this moment, written cheaply and read with suspicion."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsurvey
from paramsurvey.checkpoint.run_json import live_file
from paramsurvey.checkpoint.run_json.live_file import read_live, remove_live, write_live
from paramsurvey.engine.progress import BusyWorker, FailingCause, Outlook, RunningPset

OUTLOOK = Outlook(
    per_second=2.5,
    seconds_left=(10.0, 20.0),
    running=[RunningPset(7, "a=7", 3.0, {"a": 7})],
    workers=[BusyWorker(1, 4711, "node1", 7, 0.5, 1000)],
    cores=2,
    failing=[FailingCause(3, "raised", "fit.py:3 in fit", "ValueError('a')", 5)],
)


def test_what_was_written_is_read() -> None:
    write_live(Path(), {"written": "2026-01-01T00:00:00Z", "started": "then"}, OUTLOOK)
    told = read_live(Path())
    assert (told["written"], told["started"], told["per_second"]) == ("2026-01-01T00:00:00Z", "then", 2.5)
    assert told["seconds_left"] == [10.0, 20.0]
    assert told["running"] == [{"number": 7, "pset": "a=7", "seconds": 3.0, "values": {"a": 7}}]
    assert told["workers"][0]["pid"] == 4711
    assert told["failing"][0]["count"] == 3
    remove_live(Path())
    assert read_live(Path()) == {}
    remove_live(Path())


def test_its_owner_alone_reads_it() -> None:
    write_live(Path(), {}, OUTLOOK)
    assert stat.S_IMODE(os.stat("live.json").st_mode) == 0o600


def test_a_failure_to_write_costs_nothing_and_leaves_nothing() -> None:
    write_live(Path("nowhere"), {}, OUTLOOK)
    Path("live.json").mkdir()
    write_live(Path(), {}, OUTLOOK)
    assert os.listdir() == ["live.json"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
KEYS = st.sampled_from(["written", "seconds_left", "per_second", "cores", "running", "workers", "failing"])


@given(JSON | st.dictionaries(KEYS, JSON))
def test_whatever_stands_in_it_readers_get_what_they_rely_on(content: Any) -> None:
    Path("live.json").write_text(json.dumps(content))
    told = read_live(Path())
    assert set(told) >= {"written", "seconds_left", "per_second", "cores", "running", "workers", "failing"}
    assert isinstance(told["written"], str)
    for one in told["running"]:
        assert one["number"] >= 0
        assert one["seconds"] >= 0


RUNNING = {"number": 7, "pset": "a=7", "seconds": 3.0, "values": {"a": 7, "b": True, "c": "x", "d": 0.5}}
WORKER = {"number": 1, "pid": 4711, "host": "n1", "running": 7, "cpu": 0.5, "memory": 1000}
FAILING = {"count": 3, "kind": "raised", "line": "fit.py:3", "latest": "ValueError()", "number": 5}
ENTRIES = {"running": RUNNING, "workers": WORKER, "failing": FAILING}


def read_back(**content: Any) -> dict[str, Any]:
    Path("live.json").write_text(json.dumps(content))
    return read_live(Path())


@pytest.mark.parametrize(
    ("name", "good", "bad", "instead"),
    [
        ("written", ["", "2026-01-01T00:00:00Z"], [5, None, ["a"]], ""),
        ("cores", [0, 2, 2**63 - 1], [-1, 2**63, 1.0, "2", True, None], 0),
        ("per_second", [0, 0.0, 7, 2.5], [-0.1, float("nan"), float("inf"), 10**400, "1", True], None),
        ("seconds_left", [[0, 1.5]], [[1], [1, 2, 3], [1, "2"], [-1, 2], {"1": 1, "2": 2}, 5, "12"], None),
        (
            "running",
            [[], [RUNNING], [{**RUNNING, "number": 0}, RUNNING]],
            [RUNNING, "a", None, 5, [[]], ["a"], [{}]],
            [],
        ),
    ],
)
def test_what_readers_cannot_use_is_left_out(
    name: str, good: list[Any], bad: list[Any], instead: Any
) -> None:
    assert [read_back(**{name: value})[name] for value in good] == good
    assert [read_back(**{name: value})[name] for value in bad] == [instead] * len(bad)
    assert read_back()[name] == instead


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_lacks_something_is_left_out_and_the_others_stay(name: str) -> None:
    good = ENTRIES[name]
    for key in good:
        lacks = {other: value for other, value in good.items() if other != key}
        assert read_back(**{name: [lacks, good, {**good, key: [1]}]})[name] == [good]


def test_what_is_not_known_of_a_worker_is_none() -> None:
    unknown = {**WORKER, "running": None, "cpu": None, "memory": None}
    assert read_back(workers=[unknown])["workers"] == [unknown]
    assert read_back(workers=[{**WORKER, "pid": None}])["workers"] == []


def test_a_value_of_a_pset_is_one_that_is_shown_as_it_is() -> None:
    assert read_back(running=[{**RUNNING, "values": {"a": [1]}}])["running"] == []
    assert read_back(running=[{**RUNNING, "values": {"a": None}}])["running"] == []


def test_a_file_that_is_larger_than_any_of_ours_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_back(cores=2)["cores"] == 2
    size = Path("live.json").stat().st_size
    monkeypatch.setattr(live_file, "LARGEST", size)
    assert read_live(Path())["cores"] == 2
    monkeypatch.setattr(live_file, "LARGEST", size - 1)
    assert read_live(Path()) == {}


def test_what_is_cut_off_says_nothing() -> None:
    Path("live.json").write_text('{"cores": 2')
    assert read_live(Path())["cores"] == 0


def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"y": pset["a"]}


@pytest.mark.usefixtures("nothing_left")
def test_it_is_gone_when_the_survey_has_ended() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(worker, [{"a": 1}], checkpoint="out")
    assert not Path("out/live.json").exists()
    assert not list(Path("out").glob(".live.json*"))


def test_a_checkpoint_may_have_it_before_it_has_a_run_json() -> None:
    Path("out").mkdir()
    write_live(Path("out"), {}, OUTLOOK)
    paramsurvey.init(backend="serial", verbose=0)
    assert len(paramsurvey.map(worker, [{"a": 1}], checkpoint="out")) == 1
