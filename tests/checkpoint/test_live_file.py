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
