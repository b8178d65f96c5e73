"""What our own worker processes do beyond the contract: they end with what they started, and grow no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from paramsurvey import Session
from paramsurvey.testing.contract.faults import (
    COUNT,
    PSETS,
    faulty_at_one_pset,
    only_the_faulty_pset_is_missing,
)
from paramsurvey.testing.waiting import runs, wait_until


@pytest.fixture
def pool(in_tmp: Path) -> Iterator[Session]:
    with Session(backend="multiprocessing", ncores=2, verbose=0) as session:
        yield session


# faults


def test_what_a_worker_that_dies_had_started_ends_with_it(pool: Session, in_tmp: Path) -> None:
    pid_file = in_tmp / "pid"

    def fork_and_leave() -> None:
        child = subprocess.Popen(["sleep", "1000"])
        pid_file.write_text(str(child.pid))
        os._exit(1)

    only_the_faulty_pset_is_missing(pool.map(faulty_at_one_pset(fork_and_leave), PSETS))
    child = int(pid_file.read_text())
    wait_until(lambda: not runs(child), "the grandchild lives on")


def test_a_forked_grandchild_that_holds_the_pipe_does_not_hide_the_death(pool: Session) -> None:
    def fork_and_leave() -> None:
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(5)

    row = only_the_faulty_pset_is_missing(pool.map(faulty_at_one_pset(fork_and_leave), PSETS))
    assert "exit code 5" in row["_exception"]


def test_a_worker_that_can_receive_no_more_costs_no_other_pset(pool: Session) -> None:
    def spoil_the_thread_that_receives() -> None:
        import struct

        from paramsurvey.backends.multiprocessing import inbox

        inbox.HEADER = struct.Struct(">Q")  # in a worker: nothing that arrives can be understood

    results = pool.map(faulty_at_one_pset(spoil_the_thread_that_receives), PSETS, group_size=1)
    assert len(results) == COUNT


@pytest.mark.parametrize("clock", [lambda: 1.0, lambda: "noon"], ids=["frozen", "broken"])
def test_a_pset_that_changes_the_clock_costs_nothing(pool: Session, clock: Any) -> None:
    def change_the_clock() -> None:
        time.perf_counter = time.monotonic = time.time = clock

    results = pool.map(faulty_at_one_pset(change_the_clock), PSETS, group_size=1)
    assert len(results) == COUNT


# memory


def test_a_worker_that_grows_is_replaced(pool: Session) -> None:
    def leak(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        import builtins

        vars(builtins).setdefault("leak", []).append(os.urandom(30_000_000))
        return {"pid": os.getpid()}

    results = pool.map(leak, PSETS, max_worker_memory="250MB")
    assert results.progress.finished == COUNT
    assert results["pid"].nunique() > 2
    assert 30_000_000 < results.stats.peak_memory < 500_000_000


def test_a_pset_that_needs_too_much_memory_is_stopped(pool: Session) -> None:
    def devour() -> None:
        held = os.urandom(500_000_000)
        time.sleep(1000)
        del held

    results = pool.map(faulty_at_one_pset(devour), PSETS, max_worker_memory=300_000_000)
    assert "max_worker_memory" in only_the_faulty_pset_is_missing(results)["_exception"]


# signals to the driver

INTERRUPTED = """
import os, sys, time
import paramsurvey

def worker(pset, system_kwargs, user_kwargs):
    if pset["i"] >= 20:
        print("here we are", os.getpid(), flush=True)
        time.sleep(1000)
    return {"square": pset["i"] ** 2}

paramsurvey.init(ncores=2, verbose=1)
try:
    paramsurvey.map(worker, [{"i": i} for i in range(100)], group_size=1)
except KeyboardInterrupt:
    results = paramsurvey.last_results()
    print("kept", len(results), "not run", len(results.missing), flush=True)
    raise
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_signal_ends_the_map_and_all_that_it_started(
    number: signal.Signals, code: int, in_tmp: Path
) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    workers = [int(driver.stdout.readline().split()[-1]) for _ in range(2)]
    driver.send_signal(number)
    output, errors = driver.communicate(timeout=30)
    assert driver.returncode == code
    if number == signal.SIGINT:
        assert "kept 20 not run 80" in output
    assert errors.count("Traceback (most recent call last)") <= 1, "the driver's own, and no worker's"
    for pid in workers:
        wait_until(lambda pid=pid: not runs(pid), "a worker lives on")


def test_workers_end_by_themselves_when_the_driver_is_killed(in_tmp: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert driver.stdout is not None
    workers = [int(driver.stdout.readline().split()[-1]) for _ in range(2)]
    driver.kill()
    driver.wait()
    for pid in workers:
        wait_until(lambda pid=pid: not runs(pid), "a worker lives on")
    driver.stdout.close()


STOPPED_AT_ONCE = """
import sys, time
from paramsurvey.backends.multiprocessing.new_process import StartedProcess

sys.executable = "./stops-first"
started = StartedProcess()
print(started.process.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process that is stopped")
def test_a_worker_that_is_stopped_before_it_does_anything_ends_with_the_driver(in_tmp: Path) -> None:
    script = in_tmp / "stops-first"
    script.write_text("#!/bin/sh\nkill -STOP $$\n")
    script.chmod(0o755)
    driver = subprocess.Popen([sys.executable, "-c", STOPPED_AT_ONCE], stdout=subprocess.PIPE, text=True)
    try:
        assert driver.stdout is not None
        worker = int(driver.stdout.readline())
        wait_until(lambda: psutil.Process(worker).status() == psutil.STATUS_STOPPED, "it does not stop")
    finally:
        driver.kill()
        driver.communicate()
    wait_until(lambda: not runs(worker), "the worker lives on")


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no files in memory here")
def test_where_no_directory_takes_temporary_files_what_psets_print_is_kept_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def print_and_return(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        print("pset", pset["i"])
        return {"b": 1}

    monkeypatch.setattr(tempfile, "tempdir", "/there/is/none")
    with Session(backend="multiprocessing", ncores=2, verbose=0) as session:
        results = session.map(print_and_return, PSETS, capture_output="store")
    assert [results.output_of(i) for i in range(COUNT)] == [f"pset {i}\n" for i in range(COUNT)]
