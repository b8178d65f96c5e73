"""Where stdout or stderr cannot be written: a full disk, nobody who reads, closed, a small alphabet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_cli import PROGRAM, paramsurvey

COMMANDS = (
    ["--version"],
    ["--help"],
    ["run", "--help"],
    ["run", "--dry-run", "-p", "a=1,2", "--", "echo", "{a}"],
    ["run", "-v0", "-p", "a=1:3", "--", "echo", "{a}"],
    ["examples"],
    ["status", "out"],
    ["status", "--json", "out"],
    ["watch", "out"],
    ["missing", "out"],
    ["export", "out", "-"],
)
EXPORT = ["export", "out", "-"]

full_disk = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that has finished, made once: making it takes longer than what is tested."""
    directory = tmp_path_factory.mktemp("finished")
    options = ["-v0", "-p", "a=1,2", "--checkpoint", "out", "-o", "r.csv"]
    paramsurvey("run", *options, "--", "echo", "{a}", cwd=directory)
    return directory / "out"


@pytest.fixture
def checkpoint(finished_run: Path, in_tmp: Path) -> None:
    """Such a checkpoint as the directory `out`."""
    shutil.copytree(finished_run, "out")


def ended(arguments: list[str], **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run the program with its output buffered, as it is where nobody has set PYTHONUNBUFFERED."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environ["TMPDIR"] = os.getcwd()
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run([PROGRAM, *arguments], text=True, env=environ, check=False, **given)


@full_disk
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_stdout_is_an_error_in_one_line(checkpoint: None, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = ended(arguments, stdout=full)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("paramsurvey: stdout")
    assert "No space left on device" in done.stderr


@full_disk
@pytest.mark.parametrize(
    "arguments", [["run", "-v0", "-p", "a=1:3", "--", "echo", "{a}"], ["export", "out", "-"]]
)
def test_a_full_disk_behind_stdout_loses_no_results(checkpoint: None, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = ended(arguments, stdout=full)
    assert done.stderr.startswith("paramsurvey: stdout could not be written (No space left on device)")
    (kept,) = Path().glob("paramsurvey-*-stdout.csv")
    assert str(kept) in done.stderr
    assert len(pd.read_csv(kept)) == (3 if arguments[0] == "run" else 2)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_nothing_is_said_when_the_reader_of_stdout_has_gone(checkpoint: None, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = ended(arguments, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_closed_stdout_is_one_that_nobody_wants(checkpoint: None, arguments: list[str]) -> None:
    done = ended(arguments, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")


@full_disk
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["run", "-p", "a=1,2", "-o", "r.csv", "--", "echo", "{a}"], 0), (["nonsense"], 2)],
)
@pytest.mark.parametrize("closed", [False, True])
def test_where_stderr_cannot_be_written_the_exit_code_is_right_all_the_same(
    in_tmp: Path, arguments: list[str], code: int, closed: bool
) -> None:
    with open("/dev/full", "w") as full:
        done = ended(arguments, stderr=full, preexec_fn=(lambda: os.close(2)) if closed else None)
    assert done.returncode == code


def test_values_from_a_closed_stdin_are_refused() -> None:
    closed = 'exec "$0" run -p a=@- -- echo {a} <&-'
    done = subprocess.run(["sh", "-c", closed, PROGRAM], text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == "paramsurvey: a=@- cannot be read (it is closed): give a text file, one value per line\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["run", "-v0", "-p", "a=5 €", "--", "echo", "{a}"],
        ["run", "-v0", "-p", "a=5 €", "--dry-run", "--", "echo", "{a}"],
        ["missing", "failed"],
        ["status", "failed"],
        ["export", "finished", "-"],
    ],
    ids=" ".join,
)
def test_a_character_that_the_encoding_lacks_is_written_with_a_backslash(command: list[str]) -> None:
    if command[0] != "run":
        program, code = ("false", 1) if "failed" in command else ("echo", 0)
        paramsurvey("run", "-v0", "-p", "a=5 €", "--checkpoint", command[1], "--", program, "{a}", code=code)
    done = in_encoding("latin-1", *command)
    assert "codec" not in done.stderr
    assert "5 \\u20ac" in done.stdout


@pytest.mark.parametrize("options", [["--tag"], ["--tag", "--follow"], ["--tag", "-k"]], ids=" ".join)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_commands_print_passes_through_as_it_is(options: list[str], encoding: str, in_tmp: Path) -> None:
    Path("printed").write_bytes(b"caf\xe9 \xe2\x82\xac\n")
    done = subprocess.run(
        [
            PROGRAM,
            "run",
            "-v0",
            "-p",
            "a=5 €",
            *options,
            "--",
            "sh",
            "-c",
            "cat printed; cat printed >&2 # {a}",
        ],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=True,
    )
    assert done.stdout == done.stderr == "5 €\t".encode() + b"caf\xe9 \xe2\x82\xac\n"


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("command", [["run", "-v0", "-p", "a=5 €", "-o", "-", "--", "echo", "{a}"], EXPORT])
def test_a_table_on_stdout_that_is_not_as_it_was_is_told_of(
    command: list[str], errors: str, in_tmp: Path
) -> None:
    paramsurvey("run", "-v0", "-p", "a=5 €", "--checkpoint", "out", "--", "echo", "{a}")
    done = in_encoding(f"latin-1:{errors}", *command)
    assert done.returncode == 0
    assert "5 \\u20ac" in done.stdout
    assert done.stderr == (
        "paramsurvey: the encoding of stdout (iso8859-1) lacks characters of the table, 2 in all, which are "
        "escapes now, such as \\u20ac: set PYTHONIOENCODING=utf-8, or write a file, which is always UTF-8\n"
    )


def test_nothing_is_told_of_a_table_that_the_encoding_of_stdout_holds(in_tmp: Path) -> None:
    paramsurvey("run", "-v0", "-p", "a=5 é", "--checkpoint", "out", "--", "echo", "{a}")
    for encoding in ("latin-1", "utf-8"):
        done = in_encoding(encoding, *EXPORT)
        assert (done.returncode, done.stderr) == (0, "")
        assert "5 é" in done.stdout


def in_encoding(encoding: str, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [PROGRAM, *command],
        capture_output=True,
        encoding=encoding.partition(":")[0],
        env=environ,
        check=False,
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no directory without files")
def test_a_warning_is_one_line_that_says_what_to_do_in_a_shell() -> None:
    done = paramsurvey("run", "-p", "a=1", "--", "echo", "{a}", cwd="/proc")  # where no file can be made
    (warning,) = [line for line in done.stderr.splitlines() if "log" in line]
    assert warning.startswith("paramsurvey: The log file .paramsurvey-DATE-TIME.log cannot be created (")
    assert warning.endswith("so this run has no log: start the run in a directory that you may write to.")
