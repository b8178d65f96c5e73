"""Where the store puts psets, and what it says while a survey runs."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey.checkpoint.format.part_files import live_parts, read_part
from paramsurvey.checkpoint.locking.lock_holder import LockHolder
from paramsurvey.checkpoint.staging import StagedReply
from paramsurvey.errors import CheckpointError

HERE = Path("dir")


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


def twice(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 3 and not Path("repaired").exists():
        raise ValueError("three")
    return {"b": 2 * pset["a"]}


def psets(*values: int) -> list[dict[str, int]]:
    return [{"a": a} for a in values]


def run_json() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((HERE / "run.json").read_text())
    return content


def places(kind: str = "results") -> dict[int, int]:
    """Return where each pset is stored."""
    found: dict[int, int] = {}
    for part in live_parts(HERE / kind)[0]:
        table = read_part(part)
        found.update(zip(table.arrow.column("a").to_pylist(), table.positions.tolist(), strict=True))
    return found


def test_the_first_pset_is_stored_at_0_and_a_stream_goes_on_behind_what_is_stored() -> None:
    paramsurvey.map(twice, iter(psets(1, 2)), checkpoint="dir")
    assert places() == {1: 0, 2: 1}
    paramsurvey.map(twice, iter(psets(4, 5)), checkpoint="dir")
    assert places() == {1: 0, 2: 1, 4: 2, 5: 3}
    assert run_json()["first_position"] == 2


def test_a_stream_goes_on_behind_failures_too() -> None:
    paramsurvey.map(twice, iter(psets(1, 3)), checkpoint="dir")
    paramsurvey.map(twice, iter(psets(4)), checkpoint="dir", retry_failed=False)
    assert places() == {1: 0, 4: 2}


@pytest.mark.parametrize("before", [(3,), (3, 4)])
def test_what_failed_and_finishes_stays_in_its_place(before: tuple[int, ...]) -> None:
    paramsurvey.map(twice, psets(*before), checkpoint="dir")
    assert places("failures") == {3: 0}
    Path("repaired").touch()
    paramsurvey.map(twice, psets(*before), checkpoint="dir")
    assert places() == {a: i for i, a in enumerate(before)}
    assert run_json()["first_position"] == 0


def test_what_failed_finishes_in_its_place_when_the_others_have_moved() -> None:
    paramsurvey.map(twice, psets(3, 4), checkpoint="dir")
    Path("repaired").touch()
    paramsurvey.map(twice, psets(5, 3, 4), checkpoint="dir")
    assert places() == {3: 0, 4: 1, 5: 2}


def test_while_a_survey_runs_it_is_said_of_what_it_consists() -> None:
    def waits(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        wait_until(lambda: "numpy" in run_json()["versions"], "run.json says nothing of versions", 60)
        return {}

    assert len(paramsurvey.map(waits, psets(1), checkpoint="dir")) == 1


@pytest.mark.parametrize("before", [(), (1,)], ids=["a new checkpoint", "one that is gone on with"])
def test_a_disk_without_room_for_run_json_is_told_with_the_remedy_before_any_work(
    monkeypatch: pytest.MonkeyPatch, before: tuple[int, ...]
) -> None:
    if before:
        paramsurvey.map(twice, psets(*before), checkpoint="dir")

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("paramsurvey.checkpoint.run_json.run_record.replace_json", full)
        with pytest.raises(CheckpointError, match=r"No space left on device.*on a disk with room"):
            paramsurvey.map(twice, psets(1, 2), checkpoint="dir")
    assert places() == {a: i for i, a in enumerate(before)}
    assert len(paramsurvey.map(twice, psets(1, 2), checkpoint="dir")) == 2, "nobody holds the lock"


def test_why_a_pset_failed_is_read_also_where_an_older_version_pickled_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        raise ValueError("half a pair: \ud800")

    with monkeypatch.context() as patch:
        patch.setattr("paramsurvey.checkpoint.staging.storable_text", lambda text: text)
        paramsurvey.map(fails, psets(1), checkpoint="dir")
    (part,) = live_parts(HERE / "failures")[0]
    codecs = {column.key: column.column.codec for column in read_part(part).columns("failure")}
    assert codecs["traceback"] == "pickle"
    again = paramsurvey.map(fails, psets(1), checkpoint="dir", retry_failed=False)
    assert again.progress.failures == 1
    assert "half a pair: \ud800" in again.missing._traceback[0]


@pytest.mark.parametrize(
    ("keep_results", "remedy"),
    [
        (True, "its results are complete in memory; save them elsewhere"),
        (False, "make room, and run the survey again, which computes what is missing"),
    ],
)
def test_the_end_that_cannot_be_written_is_told_and_a_whole_one_is_not(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], keep_results: bool, remedy: str
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    paramsurvey.map(twice, psets(1), checkpoint="dir")
    assert capfd.readouterr().err == ""
    with monkeypatch.context() as patch:
        patch.setattr("paramsurvey.checkpoint.part_set.write_part", full)
        results = paramsurvey.map(twice, psets(1, 2), checkpoint="dir", keep_results=keep_results)
    assert len(results) == 2 * keep_results
    said = capfd.readouterr().err
    assert "the end of the survey could not be written to the checkpoint 'dir'" in said
    assert said.endswith(f"{remedy}\n")
    assert places() == {1: 0}


@pytest.mark.parametrize("is_taken_over", [False, True])
def test_at_its_end_a_survey_removes_its_own_live_json_alone(is_taken_over: bool) -> None:
    def works(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if is_taken_over:
            other = replace(LockHolder.me(), machine="another machine")
            (HERE / "lock.json").write_text(json.dumps(asdict(other)))
        (HERE / "live.json").write_text("{}")
        return {}

    assert len(paramsurvey.map(works, psets(1), checkpoint="dir")) == 1
    assert (HERE / "live.json").exists() == is_taken_over


def test_a_reply_for_which_there_is_no_memory_twice_is_in_the_results_and_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(StagedReply, "of", no_memory)
    results = paramsurvey.map(twice, psets(1, 2), checkpoint=HERE)
    assert results["b"].tolist() == [2, 4]
    assert "too little memory is free to store" in capfd.readouterr().err
