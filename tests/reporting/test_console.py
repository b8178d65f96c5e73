"""What is said on stderr and kept in the log."""

from __future__ import annotations

import os

import pytest

from paramsurvey.reporting import console as consoles
from paramsurvey.reporting.console import Console, write
from paramsurvey.transport.messages import Failure, FailureKind


class KeptLog:
    """A log in memory."""

    path: str | None = "x.log"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += f"{text}\n"

    traceback = write


def fail(console: Console, exception: str, traceback: str = "") -> None:
    console.failed(lambda: {"a": 1}, Failure(FailureKind.RAISED, exception, traceback), 1)


def test_no_exception_forges_a_line_or_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log = KeptLog()
    fail(
        Console(log, verbose=1),
        "E\x1b[2J\nparamsurvey end time 2026",
        "Traceback\nparamsurvey end time 2027\n",
    )
    assert r"pset without result: E\x1b[2J\nparamsurvey end time 2026" in log.text.splitlines()
    assert not any(line.startswith("paramsurvey") for line in log.text.splitlines())
    assert "\x1b" not in capsys.readouterr().err


def test_no_traceback_on_stderr_forges_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    fail(
        Console(KeptLog(), verbose=2),
        "ValueError('\\nparamsurvey: done')",
        "Traceback\nValueError: \nparamsurvey: done\n",
    )
    lines = capsys.readouterr().err.splitlines()
    assert "  paramsurvey: done" in lines
    assert not any(line.startswith("paramsurvey") for line in lines)


def test_no_name_of_a_directory_forges_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = KeptLog()
    log.path = "here\nparamsurvey end time 2026/x.log"
    fail(Console(log, verbose=1), "E", "Traceback\n")
    assert not any(line.startswith("paramsurvey") for line in capsys.readouterr().err.splitlines())


def test_many_long_exceptions_make_no_long_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consoles, "MOST_LOGGED", 1_000_000)
    log = KeptLog()
    console = Console(log, verbose=0)
    for number in range(400):
        fail(console, f"{number} " + "x" * 200_000, f"{number} " + "y" * 200_000)
    console.end()
    assert len(log.text) < 1_100_000
    assert "characters left out" in log.text
    assert log.text.splitlines()[-1].startswith("3")
    assert "more failures are not in this log" in log.text


def test_what_cannot_be_written_is_dropped() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        for _ in range(2):
            write(stream, "x" * 200_000)
        os.set_blocking(reader, False)
        assert 0 < len(os.read(reader, 1_000_000)) < 200_000
        os.close(reader)
