"""Batches in programs that are interrupted, killed, and run again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import paramsurvey

PROGRAM = """
import sys, time
import numpy as np
import paramsurvey
from paramsurvey import params

def square(psets, system_kwargs, user_kwargs):
    if psets["i"].max() >= 64 and user_kwargs == "stuck":
        print("here we are", flush=True)
        time.sleep(1000)
    with open("runs", "a") as file:
        print(*psets["i"], file=file)
    return {"square": psets["i"] ** 2}

paramsurvey.init(ncores=1, verbose=0, backend=sys.argv[2])
options = {"batch": 16, "checkpoint": "stored", "user_kwargs": sys.argv[1], "on_change": "ignore"}
try:
    results = paramsurvey.map(square, params.grid(i=range(100)), **options)
except KeyboardInterrupt:
    results = paramsurvey.last_results()
    print("kept", len(results), "not run", len(results.missing), flush=True)
    raise
print(len(results), (results["square"] == results["i"] ** 2).all(), results.progress.resumed)
"""


def program(mode: str, backend: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, mode, backend]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def first_line(driver: subprocess.Popen[str]) -> str:
    assert driver.stdout is not None
    return driver.stdout.readline()


@pytest.mark.parametrize("backend", ["multiprocessing", "serial"])
def test_after_ctrl_c_the_batches_that_finished_are_kept_and_a_checkpoint_goes_on(
    backend: str, in_tmp: Path
) -> None:
    driver = program("stuck", backend)
    assert first_line(driver) == "here we are\n"
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == -signal.SIGINT
    assert output.startswith("kept 64 not run 36")
    output, _ = program("goes on", backend).communicate(timeout=60)
    assert output == "100 True 64\n"
    runs = [int(i) for i in Path("runs").read_text().split()]
    assert sorted(runs) == list(range(100)), "nothing ran twice"


def test_after_kill_9_what_was_durable_is_not_run_again(in_tmp: Path) -> None:
    driver = program("stuck", "multiprocessing")
    assert first_line(driver) == "here we are\n"
    driver.kill()
    driver.communicate()
    durable = len(paramsurvey.load("stored"))
    output, _ = program("goes on", "multiprocessing").communicate(timeout=60)
    assert output == f"100 True {durable}\n"
