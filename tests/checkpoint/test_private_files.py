"""Files that others must not read, and names that others can guess: what lies in their place stays whole."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.checkpoint.atomic_files import write_aside, write_whole
from paramsurvey.cli.checkpoints.saved_command import SavedCommand, load_command, save_command
from paramsurvey.reporting.reporters.log import RunLog

SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


def work(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": pset["a"]}


def run() -> dict[str, Any]:
    return dict(json.loads(Path("dir/run.json").read_text()))


def everything() -> bytes:
    files = [path for path in Path("dir").rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def mode(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


# ---- secrets


def test_what_may_hold_secrets_is_for_its_owner_alone() -> None:
    before = os.umask(0)
    try:
        paramsurvey.map(work, [{"a": 1}], checkpoint="dir")
        save_command("dir", SavedCommand([], ["login", SECRET], "."))
    finally:
        os.umask(before)
    assert mode("dir/run.json") == mode("dir/.command.json") == 0o600


def test_the_results_are_there_for_others_also_where_the_run_json_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(path: Path) -> None:  # as for everybody but root
        raise PermissionError(13, "Permission denied", str(path))

    paramsurvey.map(work, [{"a": 1}], checkpoint="dir")
    monkeypatch.setattr("paramsurvey.checkpoint.run_json.run_file.read_json", refused)
    with pytest.warns(UserWarning, match="only the owner of the checkpoint .* may read its run.json"):
        assert len(paramsurvey.load("dir")) == 1


def test_user_kwargs_are_not_written_down_unless_they_shall_be() -> None:
    paramsurvey.map(work, [{"a": 1}], checkpoint="dir", user_kwargs={"password": SECRET})
    assert SECRET.encode() not in everything()
    assert run()["user_kwargs"].keys() == {"hash", "type"}
    assert run()["user_kwargs"]["type"] == "dict"
    paramsurvey.map(
        work, [{"a": 1}], checkpoint="dir", user_kwargs={"password": SECRET}, store_user_kwargs=True
    )
    assert run()["user_kwargs"]["repr"] == f"{{'password': '{SECRET}'}}"
    paramsurvey.map(work, [{"a": 1}], checkpoint="dir", user_kwargs={"password": SECRET})
    assert SECRET.encode() not in everything(), "who asks no more has it no more"


def test_what_a_partial_carries_is_not_written_down_either() -> None:
    import functools

    namespace: dict[str, Any] = {}
    exec("def work(password, pset, system_kwargs, user_kwargs): return {'b': 1}", namespace)
    paramsurvey.map(functools.partial(namespace["work"], SECRET), [{"a": 1}], checkpoint="dir")
    assert SECRET.encode() not in everything()


def test_of_a_lambda_its_own_text_is_written_down_not_that_of_the_call_around_it() -> None:
    paramsurvey.map(lambda p, s, u: {"b": 2}, [{"a": 1}], checkpoint="dir", user_kwargs="hunter2")
    assert run()["function"]["source"] == 'lambda p, s, u: {"b": 2}'
    assert b"hunter2" not in everything()


@pytest.mark.parametrize(("first", "second"), [(False, False), (False, True), (True, False)])
def test_a_change_of_user_kwargs_is_told_without_their_text(
    capfd: pytest.CaptureFixture[str], first: bool, second: bool
) -> None:
    def survey(secret: str, store: bool) -> None:
        paramsurvey.map(
            work,
            [{"a": 1}],
            checkpoint="dir",
            user_kwargs={"password": secret},
            store_user_kwargs=store,
            verbose=1,
        )

    survey(SECRET, first)
    survey(SECRET + SECRET, second)
    said = capfd.readouterr().err
    assert "user_kwargs have changed (a dict before, a dict now" in said
    assert "store_user_kwargs=True" in said
    assert SECRET not in said


# ---- names that can be guessed


@pytest.fixture
def victim(in_tmp: Path) -> Path:
    path = in_tmp / "victim"
    path.write_text("mine")
    return path


def test_a_saved_command_follows_no_link(victim: Path) -> None:
    Path("dir").mkdir()
    for name in (".command.json", f".command.json.{os.getpid()}.tmp"):
        Path("dir", name).symlink_to(victim)
    command = SavedCommand(["-p", "a=1"], None, ".")
    save_command("dir", command)
    assert load_command("dir") == command
    assert victim.read_text() == "mine"


def test_a_run_json_follows_no_link(victim: Path) -> None:
    Path("dir").mkdir()
    Path("dir/run.json").symlink_to(victim)
    for _ in range(2):
        try:
            paramsurvey.map(work, [{"a": 1}], checkpoint="dir")
        except paramsurvey.errors.NotACheckpoint:
            Path("dir/run.json").unlink()
    assert run()["status"] == "finished"
    assert victim.read_text() == "mine"


def test_a_file_that_is_written_aside_has_a_name_that_nobody_can_guess(
    in_tmp: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write_aside(Path("a"), b"") != write_aside(Path("a"), b"")

    class Guessed:
        hex = "guessed"

    monkeypatch.setattr("uuid.uuid4", Guessed)
    Path(".a.guessed.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_whole(Path("a"), b"other")
    assert victim.read_text() == "mine"


def next_log_names(seconds: int) -> list[str]:
    now = datetime.now(UTC)
    return [f"log-{now + timedelta(seconds=i):%Y%m%d-%H%M%S}.log" for i in range(seconds)]


@pytest.mark.parametrize("there", [True, False], ids=["a file", "nothing"])
def test_a_log_follows_no_link_and_takes_the_next_name(victim: Path, there: bool) -> None:
    if not there:
        victim.unlink()
    for name in next_log_names(30):
        Path(name).symlink_to(victim)
    log = RunLog.open("log-")
    log.close()
    assert log.path is not None
    assert "paramsurvey start time" in Path(log.path).read_text()
    assert not Path(log.path).is_symlink()
    assert victim.exists() == there
    assert not there or victim.read_text() == "mine"


@pytest.mark.parametrize("capture", ["log", "store"])
def test_what_psets_print_follows_no_link(victim: Path, capture: str) -> None:
    def talk(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        log = next(Path.cwd().glob(".paramsurvey-*.log"))
        stem = str(log).removesuffix(".log")
        names = [f"{stem}-worker-{os.getpid()}.log", *(f"{stem}-pset-{row}.txt" for row in range(2))]
        for name in names:
            os.symlink(victim, name)
        print("x" * 100_000)
        return {"b": 1}

    paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
    paramsurvey.map(talk, [{"a": 1}], capture_output=capture)
    paramsurvey.finalize()
    assert victim.read_text() == "mine"
    kept = [path for path in Path.cwd().glob(".paramsurvey-*") if not path.is_symlink()]
    assert any("x" * 100_000 in path.read_text() for path in kept)
