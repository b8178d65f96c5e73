"""``run.json`` alone: what is noted of the program, and which files are refused."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.checkpoint.atomic_files import CHECKSUM, read_json, replace_json
from paramsurvey.checkpoint.run_json import run_file
from paramsurvey.checkpoint.run_json.run_file import (
    KEPT_RUNS,
    NAME,
    RunUnreadable,
    git_state,
    history,
    now,
    read_run,
    versions,
)
from paramsurvey.errors import NotACheckpoint

HERE = Path()


@pytest.fixture(autouse=True)
def serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


def work(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": pset["a"]}


@pytest.fixture
def run(in_tmp: Path) -> dict[str, Any]:
    """Make a checkpoint here, and return its run.json."""
    paramsurvey.map(work, [], checkpoint=".")
    return read_run(HERE)


# ---- which files are refused


def without_checksum(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != CHECKSUM}


def write(run: dict[str, Any]) -> None:
    Path(NAME).write_text(json.dumps(run))


@pytest.mark.parametrize("value", ["2", True, 2.0, None])
def test_a_format_that_is_no_number_is_damage(run: dict[str, Any], value: Any) -> None:
    replace_json(Path(NAME), {**without_checksum(run), "format": value})
    with pytest.raises(RunUnreadable):
        read_run(HERE)


def test_the_first_format_has_no_checksum_and_the_second_one_has(run: dict[str, Any]) -> None:
    bare = without_checksum(run)
    write({**bare, "format": 1})
    assert read_run(HERE)["format"] == 1
    write({**bare, "format": 1, CHECKSUM: "0"})
    with pytest.raises(RunUnreadable):
        read_run(HERE)
    write(bare)
    with pytest.raises(RunUnreadable):
        read_run(HERE)


def test_a_format_that_was_changed_afterwards_is_damage(run: dict[str, Any]) -> None:
    write({**run, "format": 3})
    with pytest.raises(RunUnreadable):
        read_run(HERE)


def test_a_checksum_that_is_right_does_not_make_a_file_whole(run: dict[str, Any]) -> None:
    replace_json(Path(NAME), {**without_checksum(run), "pid": -1})
    with pytest.raises(RunUnreadable):
        read_run(HERE)


@pytest.mark.parametrize(
    ("versions", "named"), [({"paramsurvey": "9.9"}, "9.9"), ({}, "unknown"), (None, "unknown")]
)
def test_a_later_format_names_the_version_that_wrote_it(
    run: dict[str, Any], versions: Any, named: str
) -> None:
    replace_json(Path(NAME), {**without_checksum(run), "format": 3, "versions": versions})
    with pytest.raises(NotACheckpoint, match=rf"the format 3.* up to 2: .* wrote it \({named}\)") as caught:
        read_run(HERE)
    assert not isinstance(caught.value, RunUnreadable)


def test_a_directory_of_other_things_is_no_checkpoint(in_tmp: Path) -> None:
    for content in (None, "{}"):
        if content is not None:
            Path(NAME).write_text(content)
        Path("other").touch()
        with pytest.raises(NotACheckpoint, match=r"is not a checkpoint, .* or a new one$") as caught:
            read_run(HERE)
        assert not isinstance(caught.value, RunUnreadable)


def test_where_there_are_results_without_it_they_are_named(in_tmp: Path) -> None:
    paramsurvey.map(work, [{"a": 1}], checkpoint=".")
    assert read_json(Path(NAME)) is not None
    Path(NAME).unlink()
    with pytest.raises(RunUnreadable, match=r"damaged or gone.* results are still there"):
        read_run(HERE)


# ---- the runs before


def test_the_last_run_becomes_the_end_of_the_history(run: dict[str, Any]) -> None:
    assert history(None) == []
    (before,) = history(run)
    assert before["host"] == run["host"]
    assert before["counts"] == run["counts"]
    assert before["function_hash"] == run["function"]["hash"]
    assert before["user_kwargs_hash"] == run["user_kwargs"]["hash"]
    assert history({**run, "history": [{"host": "earlier"}]}) == [{"host": "earlier"}, before]


def test_of_very_many_runs_the_last_ones_are_kept(run: dict[str, Any]) -> None:
    kept = history({**run, "history": [{"pid": number} for number in range(KEPT_RUNS)]})
    assert [one["pid"] for one in kept] == [*range(1, KEPT_RUNS), run["pid"]]


def test_times_say_that_they_are_in_utc() -> None:
    assert now().endswith("Z")
    assert now()[10] == "T"


def test_a_package_that_does_not_say_its_version_is_left_out(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("numpy-1.0.dist-info").mkdir()  # empty, as pip leaves it when it is interrupted
    monkeypatch.syspath_prepend(str(in_tmp))
    found = versions.__wrapped__()
    assert "numpy" not in found
    assert all(isinstance(version, str) for version in found.values())
    assert "pandas" in found


# ---- the commit


def git(*words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(in_tmp: Path) -> Path:
    git("init", "-q", ".")
    Path("module.py").write_text("a = 1\n")
    return in_tmp


def test_where_no_repository_is_git_is_not_asked(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    assert git_state(os.getcwd()) is None


def test_the_commit_and_whether_files_differ_from_it(repository: Path) -> None:
    git("add", "module.py")
    git("commit", "-q", "-m", "one")
    Path("below").mkdir()
    Path("below/untracked").touch()
    head = git("rev-parse", "HEAD")
    assert git_state(str(repository / "below")) == {"commit": head, "dirty": False}
    Path("module.py").write_text("a = 2\n")
    assert git_state(str(repository)) == {"commit": head, "dirty": True}


def test_names_of_branches_may_be_in_any_encoding(repository: Path) -> None:
    git("add", "module.py")
    git("commit", "-q", "-m", "one")
    subprocess.run([b"git", b"symbolic-ref", b"HEAD", b"refs/heads/caf\xe9"], check=True)
    git("commit", "-q", "-m", "two", "--allow-empty")
    assert git_state(str(repository)) == {"commit": git("rev-parse", "HEAD"), "dirty": False}


def test_a_repository_without_a_commit_has_none(repository: Path) -> None:
    assert git_state(str(repository)) is None


def test_a_repository_that_is_broken_has_no_commit(in_tmp: Path) -> None:
    Path(".git").mkdir()
    assert git_state(os.getcwd()) is None


def test_git_that_is_slow_or_not_there_is_not_waited_for(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("add", "module.py")
    git("commit", "-q", "-m", "one")
    with monkeypatch.context() as patch:
        patch.setattr(run_file, "GIT_SECONDS", 0.0)
        assert git_state(str(repository)) is None
    monkeypatch.setenv("PATH", "")
    assert git_state(str(repository)) is None
