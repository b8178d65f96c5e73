"""Workers that are replaced: by a spare one, and without too many that still end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import paramsurvey
from paramsurvey.backends.multiprocessing.output_relay import OutputRelay
from paramsurvey.backends.multiprocessing.pool import worker_set
from paramsurvey.backends.multiprocessing.pool.worker_set import WorkerSet
from paramsurvey.errors import WorkerStartError
from paramsurvey.testing.waiting import wait_until

REPORT = """
import sys
import paramsurvey


def flags(pset, system_kwargs, user_kwargs):
    import sys
    return {"flags": repr(sys.flags), "digits": sys.get_int_max_str_digits(), "warns": sys.warnoptions}


paramsurvey.init(ncores=1, verbose=0)
row = paramsurvey.map(flags, [{"a": 1}]).iloc[0]
assert row["digits"] == sys.get_int_max_str_digits(), row["digits"]
assert row["warns"] == sys.warnoptions, row["warns"]
print(row["flags"] == repr(sys.flags), row["flags"], sys.flags)
"""


@pytest.mark.parametrize(
    "options",
    [
        ["-O"],
        ["-bb"],
        ["-s", "-E"],
        ["-X", "utf8"],
        ["-X", "dev"],
        ["-X", "int_max_str_digits=5000"],
        ["-W", "error::UnicodeWarning"],
    ],
    ids=" ".join,
)
def test_workers_get_the_options_of_the_interpreter(in_tmp: Path, options: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *options, "-c", REPORT], capture_output=True, text=True, timeout=100
    )
    assert ended.stdout.startswith("True "), ended.stdout + ended.stderr


def leave_a_trace() -> None:
    Path(f"started-{os.getpid()}").touch()


def count_workers() -> int:
    return len(list(Path().glob("started-*")))


def dies_twice(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    """Kill the worker at pset 1, which is tried again at the end; pset 2 waits for the spare worker."""
    if pset["a"] == 1:
        os._exit(1)
    if pset["a"] == 2:
        wait_until(lambda: count_workers() == 3, "there is no spare worker", seconds=60)
    return {"number": system_kwargs["worker_number"], "pid": os.getpid()}


def test_after_a_loss_a_spare_worker_is_ready_with_the_number_of_the_one_it_replaces(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0, worker_init=leave_a_trace)
    results = paramsurvey.map(dies_twice, [{"a": a} for a in (0, 1, 2)], group_size=1)
    assert results.a.tolist() == [0, 2]
    assert results.number.tolist() == [1, 1]
    assert results.missing.a.tolist() == [1]


def test_without_a_loss_there_is_no_spare_worker(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0, worker_init=leave_a_trace)
    paramsurvey.map(lambda p, s, u: time.sleep(0.4), [{"a": a} for a in range(3)])
    assert count_workers() == 1


def slow_to_end(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    import atexit

    atexit.register(time.sleep, 600)
    return {"workers": len(psutil.Process(os.getppid()).children())}


def test_workers_that_do_not_end_are_few_and_are_killed(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_set, "RETIRED_SECONDS", 0.5)
    paramsurvey.init(ncores=2, verbose=0, max_tasks_per_child=1)
    before = len(psutil.Process().children())
    results = paramsurvey.map(slow_to_end, [{"a": a} for a in range(12)])
    assert len(results) == 12
    assert results.workers.max() <= before + 2 + 3  # two that run, three that end


def test_places_stay_empty_while_more_workers_than_places_are_still_ending(in_tmp: Path) -> None:
    relay = OutputRelay()
    workers = WorkerSet(2, relay, max_tasks=None, first_number=1, gpu_ids=None)
    try:
        for ending in range(1, 4):
            workers.fill_up()
            workers.retire(next(iter(workers)))
            assert len(list(workers)) == 1, f"{ending} are still ending"
        workers.fill_up()
        assert len(list(workers)) == 1, "three are still ending: there is no place for another"
        wait_until(lambda: workers.end_retired() or len(workers._retired) < 3, "they do not end")
        workers.fill_up()
        assert len(list(workers)) == 2
    finally:
        workers.close()
        relay.close()


def forks(user_ret: Any, system_kwargs: Any, user_kwargs: Any) -> None:
    """Fork; the child comes back from here, or ends the program."""
    if user_ret["pset"]["a"] != 3:
        return
    child = os.fork()
    if child == 0:
        if user_kwargs["ends"] is not None:
            sys.exit(user_kwargs["ends"])
        return
    user_kwargs["codes"].append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@pytest.mark.parametrize(("ends", "code"), [(None, 0), (7, 7)])
def test_a_child_that_out_func_forks_ends_there_and_costs_no_worker(
    in_tmp: Path, ends: int | None, code: int
) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    ours = {"codes": list[int](), "ends": ends}
    results = paramsurvey.map(
        lambda p, s, u: {"pid": os.getpid()}, [{"a": a} for a in range(40)], forks, user_kwargs=ours
    )
    assert len(results) == 40
    assert ours["codes"] == [code]
    assert all(psutil.pid_exists(pid) for pid in set(results.pid))


BLOCKED = """
import sys, threading
import paramsurvey


def psets():
    yield {"a": 1}
    print("blocked", flush=True)
    threading.Event().wait()


paramsurvey.init(backend=sys.argv[1], verbose=0)
try:
    paramsurvey.map(lambda p, s, u: {"b": 2}, psets())
except KeyboardInterrupt:
    print("ended", flush=True)
"""


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_one_ctrl_c_ends_a_map_whose_iterator_blocks(in_tmp: Path, backend: str) -> None:
    program = subprocess.Popen([sys.executable, "-c", BLOCKED, backend], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "blocked\n"
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=60)[0] == "ended\n"


def no_more(*arguments: Any) -> Any:
    raise OSError(24, "Too many open files")


def test_where_no_worker_can_be_started_the_error_says_what_to_do(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_set, "WorkerProcess", no_more)
    with pytest.raises(WorkerStartError, match=r"Too many open files.*ulimit -n"):
        paramsurvey.init(ncores=2, verbose=0)


def test_where_no_more_workers_can_be_started_the_others_go_on(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paramsurvey.Session(ncores=4, verbose=0) as session:
        backend: Any = session.backend
        wait_until(lambda: backend.poll(0.1) == [] and backend.capacity() == 4, "not all are ready")
        monkeypatch.setattr(worker_set, "WorkerProcess", no_more)
        psets = [{"a": a} for a in range(20)]
        results = session.map(lambda p, s, u: os._exit(3) if p["a"] == 5 else None, psets)
    assert results.missing.a.tolist() == [5]


REAPED = """
import os, signal
import paramsurvey

{handler}
paramsurvey.init(ncores=1, verbose=0)
missing = paramsurvey.map(lambda p, s, u: os._exit(7), [{{"a": 1}}]).missing
print(missing._exception.iloc[0])
"""
HANDLERS = {
    "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "somebody waits": """
def wait_for_all(number, frame):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass

signal.signal(signal.SIGCHLD, wait_for_all)
""",
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_exit_code_that_somebody_else_has_taken_is_not_made_up(in_tmp: Path, handler: str) -> None:
    program = REAPED.format(handler=HANDLERS[handler])
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "ended with exit code 0" not in ended.stdout
    assert "SIGCHLD" in ended.stdout or "exit code 7" in ended.stdout, ended.stdout + ended.stderr


CODES = """
import os, signal, subprocess
import paramsurvey

{ignore}

def work(pset, system_kwargs, user_kwargs):
    return {{"code": subprocess.run(["sh", "-c", f"exit {{pset['code']}}"]).returncode}}

paramsurvey.init(ncores=1, verbose=0)
print(paramsurvey.map(work, [{{"code": code}} for code in (0, 3)])["code"].tolist())
"""


def test_a_worker_learns_how_its_own_processes_end_even_if_the_program_does_not_care(in_tmp: Path) -> None:
    program = CODES.format(ignore=HANDLERS["ignored"])
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("[0, 3]\n", "")
