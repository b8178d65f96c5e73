"""Checkpoints of programs that are killed, stopped and watched; and of disks that are full."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

import paramsurvey
from paramsurvey.errors import NotACheckpoint

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

PROGRAM = """
import sys, time
import paramsurvey

def work(pset, system_kwargs, user_kwargs):
    time.sleep(pset["seconds"])
    with open("ran", "a") as file:
        file.write(f"{pset['i']}\\n")
    return {"twice": 2 * pset["i"]}

seconds, count = float(sys.argv[1]), int(sys.argv[2])
options = dict(word.split("=") for word in sys.argv[3:])
paramsurvey.init(ncores=2, verbose=1)
results = paramsurvey.map(
    work, [{"i": i, "seconds": seconds} for i in range(count)], checkpoint="dir", **options
)
print("finished", len(results), "resumed", results.progress.resumed)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(in_tmp: Path) -> Iterator[Start]:
    """Return a function that starts a survey of so many psets of so many seconds each."""
    (in_tmp / "program.py").write_text(PROGRAM)
    started: list[subprocess.Popen[str]] = []

    def begin(seconds: float, count: int, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "program.py", str(seconds), str(count), *options]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(program)
        return program

    yield begin
    for program in started:
        with suppress(ProcessLookupError):
            program.kill()
        program.wait()
        for stream in (program.stdout, program.stderr):
            assert isinstance(stream, IO) or stream is not None
            stream.close()


def ran() -> list[int]:
    path = Path("ran")
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def durable() -> list[int]:
    with suppress(NotACheckpoint):
        loaded = paramsurvey.load("dir")
        return loaded.i.tolist() if len(loaded) else []
    return []


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.2])
def test_what_finished_a_second_ago_survives_kill_9(start: Start, seconds: float) -> None:
    program = start(seconds, 10_000)
    wait_for(lambda: len(ran()) > 2)
    a_second_ago = ran()
    time.sleep(1.0)  # the time that is promised
    program.kill()
    program.wait()
    assert set(a_second_ago) <= set(durable())


def test_the_next_run_goes_on_after_kill_9(start: Start) -> None:
    program = start(0.02, 200)
    wait_for(durable)
    program.kill()
    program.wait()
    time.sleep(1.0)  # its workers exit by themselves
    before, at_first = durable(), len(ran())
    said, _ = start(0.02, 200).communicate(timeout=60)
    assert said.split() == ["finished", "200", "resumed", str(len(before))]
    assert not set(before) & set(ran()[at_first:])


@pytest.mark.limit(300)
def test_kill_9_again_and_again_changes_nothing() -> None:
    kill_and_resume("--rounds", "3", "--psets", "2400", "--kill", "times")


@pytest.mark.skipif(shutil.which("strace") is None, reason="only strace can kill at a system call")
@pytest.mark.limit(300)
def test_kill_9_at_system_calls_changes_nothing() -> None:
    said = kill_and_resume("--rounds", "2", "--psets", "1200", "--kill", "calls", "--seed", "176")
    assert not re.search(r"^0 of \d+ kills were at system calls", said, re.MULTILINE)


def kill_and_resume(*options: str) -> str:
    command = [sys.executable, str(BENCHMARKS / "kill_and_resume.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("number", "code", "options"),
    [
        (signal.SIGINT, -signal.SIGINT, ()),
        (signal.SIGTERM, 143, ()),
        (signal.SIGUSR1, 128 + signal.SIGUSR1, ("stop_signals=SIGTERM,SIGUSR1",)),
    ],
)
def test_a_signal_leaves_everything_that_finished_in_the_checkpoint(
    start: Start, number: signal.Signals, code: int, options: tuple[str, ...]
) -> None:
    program = start(0.2, 10_000, *options)
    wait_for(lambda: len(ran()) > 4)
    program.send_signal(number)
    _, said = program.communicate(timeout=10)
    assert program.returncode == code, said
    finished = int(re.findall(r"finished: (\d+)", said)[-1])
    assert len(durable()) == finished >= 4
    run = json.loads(Path("dir/run.json").read_text())
    assert (run["status"], run["counts"]["finished"]) == ("interrupted", finished)
    assert not Path("dir/lock.json").exists()


def test_a_running_survey_can_be_watched_and_loaded(start: Start) -> None:
    program = start(0.005, 100_000)
    wait_for(durable)
    seen = []
    for _ in range(30):
        loaded = paramsurvey.load("dir")
        assert loaded.i.is_unique
        assert (loaded.twice == 2 * loaded.i).all()
        seen.append(len(loaded))
        time.sleep(0.05)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    run = json.loads(Path("dir/run.json").read_text())
    assert run["status"] == "running"
    assert run["pid"] == program.pid
    wait_for(lambda: json.loads(Path("dir/run.json").read_text())["counts"]["finished"] >= seen[-1], 3)


def test_a_second_driver_is_refused_while_the_first_one_lives(start: Start) -> None:
    first = start(0.1, 10_000)
    wait_for(durable)
    second = start(0.1, 10_000)
    _, said = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"in use by process {first.pid} on {os.uname().nodename}" in said
    assert first.poll() is None


def test_a_long_run_leaves_few_files(start: Start) -> None:
    program = start(0.05, 240)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 0, said
    assert len(list(Path("dir").rglob("*.parquet"))) <= 31


# ---- a full disk


@pytest.fixture
def small_disk(in_tmp: Path) -> Iterator[Path]:
    """A directory with 1 MB of room."""
    path = in_tmp / "small"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_disk_that_is_full_at_the_start_is_an_error_before_any_work(small_disk: Path) -> None:
    fill(small_disk)
    paramsurvey.init(backend="serial", verbose=0)
    with pytest.raises(paramsurvey.errors.CheckpointError, match=r"No space left.*with room"):
        paramsurvey.map(lambda *_: Path("ran").touch(), [{"a": 1}], checkpoint=small_disk / "dir")
    assert not Path("ran").exists()


def test_a_disk_that_runs_full_costs_no_results(small_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(backend="serial", verbose=1)
    psets = [{"a": a} for a in range(30)]
    checkpoint = small_disk / "dir"

    def work(pset: dict[str, int], *_: object) -> dict[str, str]:
        time.sleep(0.05)
        return {"text": f"{pset['a']}" * 50_000}

    results = paramsurvey.map(work, psets, checkpoint=checkpoint)
    assert results.a.tolist() == list(range(30))
    said = capfd.readouterr().err
    assert said.count("cannot be written") == 1
    assert "No space left" in said
    assert "could not be written to the checkpoint" in said
    held = paramsurvey.load(checkpoint)
    assert 0 < len(held) < 30
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    again = paramsurvey.map(work, psets, checkpoint=checkpoint)
    assert again.progress.resumed == len(held)
    assert again.text.tolist() == results.text.tolist()


def test_writing_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    filler = small_disk / "filler"

    def work(pset: dict[str, int], *_: object) -> dict[str, str]:
        if pset["a"] == 2:
            fill(small_disk)
            wait_for(lambda: "cannot be written" in logged())
            filler.unlink()
        if pset["a"] == 5:  # what came before it is written now
            wait_for(lambda: "can be written again" in logged())
        time.sleep(0.05)
        return {"text": "x" * 5000}

    results = paramsurvey.map(work, [{"a": a} for a in range(8)], checkpoint=small_disk / "dir")
    assert logged().count("cannot be written") == logged().count("can be written again") == 1
    assert len(results) == len(paramsurvey.load(small_disk / "dir")) == 8


def logged() -> str:
    """Return what the only log has so far."""
    (log,) = Path.cwd().glob(".paramsurvey-*.log")
    return log.read_text()


def fill(disk: Path) -> None:
    with suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
