"""``paramsurvey run --follow`` and ``--tag`` where nobody reads: ``| less`` that stands still, a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paramsurvey.cli.delivery import Delivery
from paramsurvey.testing.waiting import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at pipes and terminals of Unix")
PSETS = 12
PRINT = "for k in 1 2 3 4 5 6 7 8; do printf '%09000d\\n' {a}; done; touch done{a}"  # more than a pipe holds
NUMBERS = ",".join(map(str, range(1, PSETS + 1)))


@contextmanager
def running(kind: str, *options: str, runs: str = PRINT) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a survey whose output nobody reads so far; yield it, and the end where it can be read."""
    reading, writing = pty.openpty() if kind == "terminal" else os.pipe()
    base = [str(Path(sys.executable).with_name("paramsurvey")), "run", "-v0", "-j2", "-p", f"a={NUMBERS}"]
    command = [*base, *options, "--", "sh", "-c", runs]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE
    ) as program:
        os.close(writing)
        try:
            yield program, reading
        except BaseException:  # the program waits for its reader, and this for the program
            program.kill()
            raise
        finally:
            os.close(reading)


def all_ran() -> bool:
    return len(list(Path().glob("done*"))) == PSETS


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
@pytest.mark.parametrize("option", ["--follow", "--tag"])
def test_the_survey_goes_on_and_who_reads_later_gets_every_line(kind: str, option: str, in_tmp: Path) -> None:
    with running(kind, option) as (program, reading):
        wait_until(all_ran, "psets wait for the reader", 60.0)
        found = b""
        try:
            while data := os.read(reading, 1 << 16):
                found += data
        except OSError:  # how Linux says that a terminal's other end is closed
            pass
        assert program.wait() == 0
    lines = [line.rpartition("\t")[2] for line in found.decode().splitlines()]
    assert sorted(lines) == sorted(f"{a:09000d}" for a in range(1, PSETS + 1) for _ in range(8))


@pytest.mark.parametrize(
    ("name", "code"),
    [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)],
    ids=["Ctrl-C", "SIGTERM", "a connection that breaks"],
)
def test_the_results_are_written_before_anybody_reads_and_no_signal_costs_them(
    name: str, code: int, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = in_tmp / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running("pipe", "--follow", "-o", "out.csv") as (program, _):
        wait_until(Path("out.csv").exists, "the results wait for the reader", 60.0)
        program.send_signal(getattr(signal, name))
        assert program.stderr is not None
        told = program.stderr.read().decode()
        assert program.wait() == code
    assert len(Path("out.csv").read_text().splitlines()) == 1 + 8 * PSETS  # what they print has 8 lines
    assert "is not shown, because nobody reads it; out.csv has it, in the columns stdout and stderr" in told
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--checkpoint", "my runs"], "paramsurvey export 'my runs' FILE.csv writes it, in the columns"),
        ([], "with -o FILE or --checkpoint DIR, it is kept"),
    ],
    ids=["with a checkpoint", "with nothing"],
)
def test_ctrl_c_ends_it_though_nobody_reads_and_says_what_has_the_output(
    options: list[str], remedy: str, in_tmp: Path
) -> None:
    with running("pipe", "--tag", *options) as (program, _):
        wait_until(all_ran, "psets wait for the reader", 60.0)
        program.send_signal(signal.SIGINT)
        assert program.stderr is not None
        assert f"is not shown, because nobody reads it; {remedy}" in program.stderr.read().decode()
        assert program.wait() == 130


def test_what_had_finished_is_written_before_an_interrupted_survey_waits_for_its_reader(in_tmp: Path) -> None:
    with running("pipe", "--follow", "-o", "out.csv", runs=f"[ {{a}} -lt 4 ] || sleep 600; {PRINT}") as (
        program,
        reading,
    ):
        wait_until(lambda: len(list(Path().glob("done*"))) == 3, "the psets do not run", 60.0)
        program.send_signal(signal.SIGINT)
        wait_until(Path("out.csv").exists, "the results wait for the reader", 60.0)
        while os.read(reading, 1 << 16):
            pass
        assert program.stderr is not None
        assert b"is not shown" not in program.stderr.read()
        assert program.wait() == 130
    assert len(Path("out.csv").read_text().splitlines()) > 8


def test_a_character_that_stdout_lacks_does_not_end_the_survey(in_tmp: Path) -> None:
    base = [str(Path(sys.executable).with_name("paramsurvey")), "run", "-v0", "-j1", "-p", "a=1,2,3"]
    found = subprocess.run(
        [*base, "--tag", "--", "printf", "%s\u20ac\\n", "{a}"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    assert sorted(found.stdout.decode("utf-8").splitlines()) == [f"{a}\t{a}€" for a in (1, 2, 3)]


@pytest.mark.parametrize("ends_early", [True, False])
def test_the_last_words_tell_a_complete_run_from_one_that_goes_on(
    ends_early: bool, in_tmp: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan: Any = SimpleNamespace(checkpoint="my runs", options=SimpleNamespace(output=()))
    run: Any = SimpleNamespace(survey=SimpleNamespace(progress=SimpleNamespace(finished=0)))
    delivery = Delivery(plan, SimpleNamespace())  # type: ignore[arg-type]
    if ends_early:
        delivery.write_finished(run)
    delivery.finish_early(run)
    complete = "all results are saved; for the table: paramsurvey export 'my runs' FILE.csv"
    goes_on = "finished results are saved; to go on, type: paramsurvey resume 'my runs'"
    assert capfd.readouterr().err == f"paramsurvey: {goes_on if ends_early else complete}\n"
