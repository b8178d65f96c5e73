"""Executors of processes: a worker of ours beside each of their own runs the psets, unless isolate=False."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import loky
import psutil
import pytest

from conftest import wait_until
from paramsurvey import Session
from paramsurvey.backends.answer_deadline import LEAST_SECONDS, START_SECONDS, AnswerDeadline
from paramsurvey.backends.futures import map_lock
from paramsurvey.backends.futures.map_lock import LockFile, MapLock, MapLockView, home_of
from paramsurvey.backends.nested_worker import NestedWorker
from paramsurvey.backends.nested_worker_setup import NestedWorkerSetup
from paramsurvey.backends.nested_workers import NestedWorkers
from paramsurvey.errors import BackendLost, JobRefused, OptionError
from paramsurvey.testing.contract.faults import PSETS, faulty_at_one_pset, only_the_faulty_pset_is_missing
from paramsurvey.testing.waiting import runs
from paramsurvey.transport.messages import Answer, Group, Job, LostGroup

NEEDS_BOOT_IDS = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has boot ids")
HANG = 60.0  # seconds that something which ends by itself may take on a slow machine
POOLS: dict[str, Callable[[], Executor]] = {
    "spawn": partial(ProcessPoolExecutor, 2, multiprocessing.get_context("spawn")),
    "fork": partial(ProcessPoolExecutor, 2, multiprocessing.get_context("fork")),
    "loky": partial(loky.ProcessPoolExecutor, 2),
}


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Every kind of process pool in turn."""
    with POOLS[request.param]() as executor:
        yield executor


@pytest.fixture
def forked() -> Iterator[Executor]:
    with POOLS["fork"]() as executor:
        yield executor


def whose(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
    return {"pid": os.getpid(), "parent": os.getppid()}


# isolated


def test_where_no_worker_can_be_started_the_map_ends_with_the_remedy(
    forked: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", None)
    with (
        Session(backend=forked, verbose=0) as session,
        pytest.raises(JobRefused, match=r"set sys\.executable"),
    ):
        session.map(whose, PSETS)


def test_the_executor_outlives_a_pset_that_kills_its_process(pool: Executor) -> None:
    theirs = {pool.submit(os.getpid).result() for _ in range(20)}

    def kill_me() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with Session(backend=pool, verbose=0) as session:
        row = only_the_faulty_pset_is_missing(session.map(faulty_at_one_pset(kill_me), PSETS))
        assert "SIGKILL" in row["_exception"]
        results = session.map(whose, PSETS)
        assert not theirs & set(results["pid"])
        assert theirs & set(results["parent"])


def test_a_worker_runs_as_many_psets_as_it_may(forked: Executor) -> None:
    with Session(backend=forked, verbose=0, max_tasks_per_child=5) as session:
        results = session.map(whose, PSETS)
    assert results.groupby("pid").size().max() <= 5


def test_a_worker_that_needs_too_much_memory_is_stopped(forked: Executor) -> None:
    def devour() -> None:
        held = os.urandom(500_000_000)
        time.sleep(1000)
        del held

    with Session(backend=forked, verbose=0) as session:
        results = session.map(faulty_at_one_pset(devour), PSETS, max_worker_memory=300_000_000)
    assert "max_worker_memory" in only_the_faulty_pset_is_missing(results)["_exception"]


def test_what_psets_print_can_be_stored(forked: Executor) -> None:
    with Session(backend=forked, verbose=0) as session:
        results = session.map(lambda pset, s, u: print("this is", pset["i"]), PSETS, capture_output="store")
        assert results.output_of(3) == "this is 3\n"


def test_output_of_threads_that_the_executor_hides_is_not_promised() -> None:
    class Hidden(Executor):
        def __init__(self) -> None:
            self._pool = ThreadPoolExecutor(1)

        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            return self._pool.submit(function, *args, **kwargs)

    with (
        Session(backend=Hidden(), verbose=0, ncores=1) as session,
        pytest.raises(JobRefused, match="threads of this process"),
    ):
        session.map(whose, PSETS, capture_output="store")


def test_threads_that_the_executor_hides_are_timed() -> None:
    gate = threading.Event()

    class Hidden(Executor):
        def __init__(self) -> None:
            self._pool = ThreadPoolExecutor(2)

        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            return self._pool.submit(function, *args, **kwargs)

    GATES["hidden"] = gate

    def late() -> None:
        import test_executor_isolation

        test_executor_isolation.GATES["hidden"].wait(HANG)

    with Session(backend=Hidden(), verbose=0, ncores=2) as session:
        results = session.map(faulty_at_one_pset(late), PSETS, timeout=0.2)
        gate.set()
    assert "timeout=0.2" in only_the_faulty_pset_is_missing(results)["_exception"]


GATES: dict[str, threading.Event] = {}

INTERRUPTED = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
import paramsurvey

def worker(pset, system_kwargs, user_kwargs):
    if pset["i"] >= 20:
        with open("pids", "a") as file:
            print(os.getpid(), file=file, flush=True)
        time.sleep(1000)
    return {"square": pset["i"] ** 2}

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        paramsurvey.init(backend=executor, verbose=0)
        try:
            paramsurvey.map(worker, [{"i": i} for i in range(100)], group_size=1)
        except KeyboardInterrupt:
            print("kept", len(paramsurvey.last_results()))
"""


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_runs_stops_when_its_map_is_interrupted(number: signal.Signals, in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(INTERRUPTED)
    driver = subprocess.Popen([sys.executable, "program.py"], stdout=subprocess.PIPE, text=True)
    pids = in_tmp / "pids"
    wait_until(lambda: len(pids_in(pids)) >= 2, "no pset has begun")
    time.sleep(0.5)  # SIGKILL: so that the lock was seen held; else there is nothing to wait for
    pool = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(number)
    if number == signal.SIGINT:
        assert driver.communicate(timeout=HANG)[0].startswith("kept 20"), "the pool waited for no pset"
    driver.wait(HANG)
    for pid in pids_in(pids):
        wait_until(lambda pid=pid: not runs(pid), "a pset runs on")
    if driver.stdout is not None:
        driver.stdout.close()
    for process in pool:  # a ProcessPoolExecutor's own processes wait for a killed driver for ever
        with suppress(psutil.NoSuchProcess):
            process.kill()


# not isolated


def test_without_isolation_psets_run_in_the_executors_own_processes(pool: Executor) -> None:
    theirs = {pool.submit(os.getpid).result() for _ in range(50)}
    with Session(backend=pool, verbose=0, isolate=False) as session:
        assert theirs & set(session.map(whose, PSETS)["pid"])
        with pytest.raises(OptionError, match="capture_output='store'"):
            session.map(whose, PSETS, capture_output="store")


def test_without_isolation_a_pool_that_breaks_ends_the_map_and_keeps_what_had_finished(
    pool: Executor,
) -> None:
    def die(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        if pset["a"] == 30:
            os._exit(3)
        if pset["a"] > 30:
            time.sleep(HANG)  # a pool looks for deaths when it has no news, and then ends its processes
        return {"b": pset["a"]}

    with Session(backend=pool, verbose=0, futures={"isolate": False}) as session:
        with pytest.raises(BackendLost, match=r"(?s)broken.* make a new executor"):
            session.map(die, [{"a": i} for i in range(100)], group_size=1)
        results = session.last_results()
    assert results is not None
    assert results["b"].tolist() == results["a"].tolist()
    assert 0 < len(results) < 100
    assert results.progress.finished + results.progress.failures == 100
    reasons = dict(zip(results.missing["a"], results.missing["_exception"], strict=True))
    assert reasons[30].startswith("WorkerDied")


def test_without_isolation_a_pset_that_takes_too_long_costs_only_itself(
    forked: Executor, in_tmp: Path
) -> None:
    gate = in_tmp / "go"

    def late() -> None:
        wait_until(gate.exists, "nobody let the pset go")

    with Session(backend=forked, verbose=0, isolate=False) as session:
        results = session.map(faulty_at_one_pset(late), PSETS, timeout=2.0)
        gate.touch()
    assert "timeout=2" in only_the_faulty_pset_is_missing(results)["_exception"]


# lost from outside


def test_a_pool_whose_process_is_killed_from_outside_ends_the_map_and_blames_no_pset(
    forked: Executor,
) -> None:
    def kill_the_executors_process() -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(HANG)

    with Session(backend=forked, verbose=0) as session:
        with pytest.raises(BackendLost, match="make a new executor"):
            session.map(faulty_at_one_pset(kill_the_executors_process), PSETS, group_size=1)
        results = session.last_results()
    assert results is not None
    assert results["square"].tolist() == [i**2 for i in results["i"]]
    assert set(results.missing.kinds()) == {"not run"}


def test_a_process_that_is_stopped_costs_nothing_but_time(forked: Executor, in_tmp: Path) -> None:
    """The executor does not notice; with a timeout, the driver's own deadline does."""
    pid_file = in_tmp / "stopped"

    def stop_the_executors_process_once(pset: dict[str, Any], system_kwargs: Any, pid_file: Path) -> Any:
        if pset["i"] == 7 and not pid_file.exists():
            pid_file.write_text(str(os.getppid()))
            os.kill(os.getppid(), signal.SIGSTOP)
        return {"square": pset["i"] ** 2}

    with Session(backend=forked, verbose=0) as session:
        try:
            results = session.map(
                stop_the_executors_process_once, PSETS, user_kwargs=pid_file, timeout=1.0, group_size=2
            )
        finally:
            os.kill(int(pid_file.read_text()), signal.SIGCONT)  # else the pool never ends
    assert results["square"].tolist() == [pset["i"] ** 2 for pset in PSETS]
    assert results.progress.retried == 0


# the pieces


def test_a_map_is_over_when_its_lock_is_free(forked: Executor) -> None:
    lock = MapLock()
    seen = Path(f"{lock.file.path}.seen")
    answers = forked.submit(_watch, lock.file)
    wait_until(seen.exists, "the process does not look")
    lock.release()
    lock.release()
    assert answers.result(timeout=HANG) == [True, False]
    assert not Path(lock.file.path).exists()
    seen.unlink()


def _watch(file: LockFile) -> list[bool]:
    view = MapLockView(file)
    first = view.map_runs()
    Path(f"{file.path}.seen").touch()
    deadline = time.monotonic() + HANG
    while view.map_runs() and time.monotonic() < deadline:
        time.sleep(0.01)
    return [first, view.map_runs()]


@NEEDS_BOOT_IDS
def test_a_process_that_starts_after_the_map_was_over_knows_it() -> None:
    """An engine may start one for each group, also for those that wait in its queue."""
    lock = MapLock()
    lock.release()
    assert not MapLockView(lock.file).map_runs()
    Path(lock.file.path).touch()  # as a driver that was killed leaves it
    assert not MapLockView(lock.file).map_runs()
    Path(lock.file.path).unlink()


def test_where_files_cannot_be_locked_nobody_concludes_that_the_map_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(fd: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch:
        patch.setattr(map_lock, "lock", refuse)
        unlocked = MapLock()
    assert MapLockView(unlocked.file).map_runs()
    unlocked.release()


@NEEDS_BOOT_IDS
@pytest.mark.parametrize("home", ["", "another machine", "another directory"])
def test_where_the_lock_was_never_seen_a_map_is_not_known_to_be_over(home: str, in_tmp: Path) -> None:
    lock = MapLock()
    lock.release()
    boot, *directory = lock.file.home.split()
    homes = {
        "": "",
        "another machine": " ".join(["0" * len(boot), *directory]),
        "another directory": home_of(str(in_tmp / "file")),
    }
    assert MapLockView(replace(lock.file, home=homes[home])).map_runs()
    assert MapLockView(LockFile()).map_runs()


def test_a_lock_in_use_is_not_old_enough_to_be_cleaned_away(forked: Executor) -> None:
    """Systems remove files from /tmp that nobody has touched for ten days."""
    lock = MapLock()
    os.utime(lock.file.path, (0, 0))
    assert forked.submit(_runs, lock.file).result(timeout=HANG)
    assert Path(lock.file.path).stat().st_mtime > 0
    lock.release()


def test_a_lock_that_no_process_here_looks_at_is_touched_by_the_driver() -> None:
    """Such processes are on other machines, and one that starts here after days must see the lock."""
    now = 0.0
    lock = MapLock(lambda: now)
    os.utime(lock.file.path, (0, 0))
    now = 2 * map_lock.TOUCH_SECONDS
    assert lock.is_kept()
    assert Path(lock.file.path).stat().st_mtime > 0
    lock.release()


def _runs(file: LockFile) -> bool:
    return MapLockView(file).map_runs()


def test_a_group_is_overdue_when_all_its_psets_should_have_been_stopped() -> None:
    now = 0.0
    deadline = AnswerDeadline(timeout=1.0, keep_groups=True, clock=lambda: now)
    now = START_SECONDS
    assert not deadline.is_over(5, since=0.0), "the engine still starts"
    now = 1.0
    deadline.answered()
    assert not deadline.is_over(5, since=None), "it may wait for its turn"
    now = 1.0 + 5 * 1.0 + LEAST_SECONDS + 1.0
    assert deadline.is_over(5, since=0.5)
    assert not deadline.is_over(6, since=0.5)
    assert not AnswerDeadline(None, False).is_over(1, since=-1e9)


def test_nested_workers_are_lent_to_one_at_a_time_and_used_again() -> None:
    workers, setup = NestedWorkers(), NestedWorkerSetup(pool=f"test {os.getpid()}")
    with workers.lent(setup) as first, workers.lent(setup) as second:
        assert first is not second
    with workers.lent(setup) as again:
        assert again in (first, second)
    with pytest.raises(ZeroDivisionError), workers.lent(setup) as broken:
        raise ZeroDivisionError
    with workers.lent(setup) as other:
        assert other is not broken
    for one in (first, second):
        one.close()


class SlowPool:
    """A pool whose worker never ends its pset, and whose time passes only while somebody waits for it."""

    def __init__(self) -> None:
        self.now, self.aborted = 0.0, list[int]()

    def capacity(self) -> int:
        return 1

    def largest_group(self) -> int | None:
        return None

    def poll(self, timeout: float) -> list[Answer]:
        self.now += timeout
        return []

    def running(self, group_id: int) -> tuple[int, float]:
        return 0, self.now

    def abort(self, group_id: int) -> str | None:
        self.aborted.append(group_id)
        return None

    def submit(self, group: Group) -> None: ...

    def open(self, job: Job, options: Any) -> None: ...

    def end_job(self) -> None: ...


@pytest.mark.parametrize("timeout", [0.2, 1.0, 3600.0])
def test_beside_an_executors_process_a_pset_is_stopped_a_quarter_of_a_second_late_at_most(
    monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    pool = SlowPool()
    monkeypatch.setattr(NestedWorker, "_new_pool", lambda self: pool)
    worker = NestedWorker(number=1)
    worker.take_up(SimpleNamespace(key="job", timeout=timeout))  # type: ignore[arg-type]
    (answer,) = worker.run(Group(7, range(1), None))
    assert isinstance(answer, LostGroup)
    assert pool.aborted == [7]
    assert timeout < answer.failure.ran.seconds <= timeout + min(0.25, timeout / 10) + 1e-6
