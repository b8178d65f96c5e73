"""What is no plain file where one should be: pipes, devices, links. Nobody who looks waits, or fails."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.checkpoint.format.part_files import Part, read_part
from paramsurvey.checkpoint.plain_files import NotAPlainFile, is_plain, open_plain
from paramsurvey.cli.checkpoints.saved_command import SavedCommand, load_command, save_command
from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.program import run_program
from paramsurvey.errors import CheckpointError, NotACheckpoint, OptionError
from paramsurvey.results.report_subjects import checkpoint_subject
from paramsurvey.results.tracing.checkpoint_trace import trace_of_checkpoint

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs named pipes"),
    pytest.mark.limit(60),
]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))  # whose names have few characters


KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "directory": Path.mkdir,
    "socket": make_socket,
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "a terabyte of zeros": lambda path: path.touch() or os.truncate(path, 1 << 40),
}
FILES = ["run.json", "live.json", "results/*.parquet", "failures/*.parquet"]


def work(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 1:
        raise ValueError
    return {"b": [pset["a"]]}


def survey() -> Any:
    return paramsurvey.map(work, [{"a": a} for a in range(4)], checkpoint="dir", group_size=4)


def found(pattern: str) -> Path:
    return next(Path("dir").glob(pattern))


@pytest.fixture(autouse=True)
def made(in_tmp: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    survey()
    (in_tmp / "dir/live.json").write_text("{}")


def replace(pattern: str, kind: str) -> list[int]:
    """Put something else in the place of a file, and return the psets that it held.

    These are not always all psets with a result: on a slow machine there is a second part.
    """
    path = found(pattern)
    part = Part.of(path)
    held = [] if part is None else read_part(part).arrow.column("a").to_pylist()
    path.unlink()
    KINDS[kind](path)
    return list(held)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pattern", FILES)
def test_what_is_no_file_is_left_out_and_run_again(
    pattern: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    held = replace(pattern, kind)
    loaded = paramsurvey.load("dir")
    assert loaded.a.tolist() == [a for a in (0, 2, 3) if a not in held]
    run_program(["status", "dir"])
    assert "unexpected" not in capfd.readouterr().err
    assert survey().a.tolist() == [0, 2, 3]
    assert paramsurvey.load("dir").a.tolist() == [0, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_is_no_file_is_told_of(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    held = replace("results/*.parquet", kind)
    paramsurvey.init(backend="serial", verbose=1)
    survey()
    said = capfd.readouterr().err
    assert "a part of the checkpoint is damaged" in said
    assert f"{len(held)} pset{'s are' if len(held) > 1 else ' is'} run again" in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("subcommand", ["missing", "export", "report", "trace", "watch"])
def test_no_subcommand_waits_for_a_part_that_is_no_file(
    subcommand: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    replace("results/*.parquet", kind)
    replace("failures/*.parquet", kind)
    more = {"export": ["-o", "out.csv"], "report": ["-o", "out.html"], "trace": ["-o", "out.json"]}
    run_program([subcommand, "dir", *more.get(subcommand, [])])
    assert "unexpected" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_command_that_is_no_file_is_refused(kind: str) -> None:
    save_command("dir", SavedCommand([], ["true"], "."))
    replace(".command.json", kind)
    with pytest.raises((BadUsage, ValueError)):
        load_command("dir")


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_that_is_no_file_is_a_lock_that_cannot_be_read(kind: str) -> None:
    KINDS[kind](Path("dir/lock.json"))
    with pytest.raises(CheckpointError, match="lock"):
        survey()


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_tails_what_is_no_file(kind: str, in_tmp: Path, capfd: pytest.CaptureFixture[str]) -> None:
    KINDS[kind](in_tmp / "dir/.spool.json")
    assert run_program(["tail", "dir"]) != 0
    assert "nothing is running now" in capfd.readouterr().err


def test_a_pipe_that_somebody_holds_open_is_no_lock(in_tmp: Path) -> None:
    os.mkfifo(in_tmp / "dir/lock.json")
    descriptor = os.open(in_tmp / "dir/lock.json", os.O_RDWR)
    with pytest.raises(CheckpointError, match="lock"):
        survey()
    os.close(descriptor)


def test_only_plain_files_are_opened(in_tmp: Path) -> None:
    (in_tmp / "file").write_text("content")
    (in_tmp / "link").symlink_to("file")
    os.mkfifo(in_tmp / "pipe")
    assert is_plain(in_tmp / "file")
    assert is_plain(in_tmp / "link")
    assert not is_plain(in_tmp / "pipe")
    with open_plain(in_tmp / "link") as file:
        assert file.read() == b"content"
    with pytest.raises(NotAPlainFile):
        open_plain(in_tmp / "pipe")


READERS = [paramsurvey.load, paramsurvey.scan, checkpoint_subject, trace_of_checkpoint]
NO_NAMES = ["a\0b", "a\ud800b", Path("a\0b")]


@pytest.mark.parametrize("path", [*NO_NAMES, "x" * 5000], ids=lambda path: ascii(path)[:20])
@pytest.mark.parametrize(
    "read",
    [paramsurvey.load, paramsurvey.scan, checkpoint_subject, trace_of_checkpoint],
    ids=lambda one: one.__name__,
)
def test_a_path_where_nothing_can_be_is_no_checkpoint(read: Callable[[Any], Any], path: Any) -> None:
    with pytest.raises(NotACheckpoint, match=r"give the directory of a checkpoint$"):
        read(path)


@pytest.mark.parametrize("path", NO_NAMES, ids=ascii)
def test_nor_can_a_report_or_a_trace_be_written_there(path: Any) -> None:
    results = paramsurvey.map(lambda *_: {"b": 1}, [{"a": 1}], verbose=0)
    for write in (results.report, results.timeline().to_trace):
        with pytest.raises(OptionError, match="leave out the character"):
            write(path)


def test_a_report_or_a_trace_that_cannot_be_written_leaves_nothing_behind() -> None:
    results = paramsurvey.map(lambda *_: {"b": 1}, [{"a": 1}], verbose=0)
    Path("taken/by/a/directory").mkdir(parents=True)
    for write in (results.report, results.timeline().to_trace):
        with pytest.raises(IsADirectoryError):
            write("taken/by")
    assert os.listdir("taken") == ["by"]


@pytest.mark.parametrize("path", NO_NAMES[:2], ids=ascii)
def test_every_subcommand_refuses_it_with_what_to_leave_out(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        ["merge", "out", path],
        ["merge", path, "in"],
        ["export", ".", path],
        ["report", ".", "--output", path],
    ]
    given += [
        [name, path] for name in ("resume", "status", "watch", "view", "tail", "missing", "report", "trace")
    ]
    given += [["run", "-p", "a=1", "--checkpoint", path, "--", "true"], ["export", path, "-"]]
    for arguments in given:
        assert run_program(arguments) == 2, arguments
        assert "leave out the character" in capsys.readouterr().err, arguments


@pytest.mark.parametrize("folder", ["results", "failures"])
@pytest.mark.parametrize("kind", ["pipe", "link to itself"])
def test_what_is_no_directory_where_parts_should_be_is_told_with_the_remedy(folder: str, kind: str) -> None:
    Path("dir", folder).rename("elsewhere")
    KINDS[kind](Path("dir", folder))
    with pytest.raises(NotACheckpoint, match=f"{folder}' is not a directory .*: put back"):
        paramsurvey.load("dir")
