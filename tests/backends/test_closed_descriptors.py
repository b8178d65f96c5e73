"""A program that closes file descriptors which it has not opened: ``os.closerange(3, 256)``.

The map ends with the remedy, and with what had finished; the numbers may belong to other files by then, which
nothing of ours touches. Each case is a program, for pytest has descriptors of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COUNT = 30
START = """
import json, multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
import paramsurvey

def double(pset, system_kwargs, user_kwargs):
    if user_kwargs == pset["i"]:
        os.closerange(3, 256)
    return {"b": 2 * pset["i"]}

def close_at(number, close=lambda: os.closerange(3, 256)):
    def out_func(user_ret, system_kwargs, user_kwargs):
        if user_ret["pset"]["i"] == number:
            close()
    return out_func

def psets(close_before=None):
    for i in range(30):
        if i == close_before:
            os.closerange(3, 256)
        yield {"i": i}

def outcome(*arguments, **options):
    said = ""
    try:
        paramsurvey.map(double, *arguments, group_size=1, **options)
    except paramsurvey.errors.BackendLost as error:
        said = str(error)
    results = paramsurvey.last_results()
    assert results["b"].tolist() == [2 * i for i in results["i"]], results
    return {"said": said, "finished": len(results), "missing": len(results.missing)}

def init(**options):
    paramsurvey.init(**{"ncores": 2, "verbose": 0, **options})

"""
REMEDY = "close only what you have opened, and call map() again for what is missing"


def told_by(program: str, directory: Path) -> Any:
    """Run a program, and return what it prints as JSON."""
    path = directory / "program.py"
    path.write_text(START + program)
    out, err = directory / "out", directory / "err"  # no pipes: processes of an executor may hold them
    with out.open("w") as stdout, err.open("w") as stderr:
        done = subprocess.run([sys.executable, path], stdout=stdout, stderr=stderr, timeout=100, check=False)
    assert done.returncode == 0, err.read_text()
    return json.loads(out.read_text().splitlines()[-1]), err.read_text()


@pytest.mark.parametrize("way", ["list(psets()), out_func=close_at(4)", "psets(close_before=20)"])
def test_the_map_ends_with_the_remedy_and_keeps_what_had_finished(way: str, in_tmp: Path) -> None:
    (lost, stored, again), stderr = told_by(
        f"""
init()
lost = outcome({way}, checkpoint="checkpoint")
stored = len(paramsurvey.load("checkpoint"))
print(json.dumps([lost, stored, outcome(list(psets()))]))
""",
        in_tmp,
    )
    assert lost["said"].endswith(REMEDY)
    assert 0 < lost["finished"] == stored < COUNT
    assert lost["finished"] + lost["missing"] <= COUNT
    assert again == {"said": "", "finished": COUNT, "missing": 0}
    assert stderr == ""


def test_files_that_got_the_same_numbers_are_left_alone(in_tmp: Path) -> None:
    (lost, sizes), _ = told_by(
        """
files = []

def close():
    os.closerange(3, 256)
    files.extend(open(f"file-{number}", "w+b", buffering=0) for number in range(100))

init()
lost = outcome(list(psets()), out_func=close_at(4, close))
paramsurvey.finalize()
print(json.dumps([lost, [os.fstat(file.fileno()).st_size for file in files]]))
""",
        in_tmp,
    )
    assert lost["said"].endswith(REMEDY)
    assert sizes == [0] * 100


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="needs /dev/fd")
def test_whichever_one_is_closed_every_pset_is_accounted_for(in_tmp: Path) -> None:
    outcomes, _ = told_by(
        """
def fds():
    return {int(name) for name in os.listdir("/dev/fd")}

outcomes, at = [], 0
while True:
    before = fds()
    init()
    opened = sorted(fds() - before)
    if at >= len(opened):
        break
    close = lambda: os.close(opened[at])
    outcomes.append(outcome([{"i": i} for i in range(10)], out_func=close_at(4, close)))
    outcomes.append(outcome([{"i": i} for i in range(10)]))
    paramsurvey.finalize()
    at += 1
print(json.dumps(outcomes))
""",
        in_tmp,
    )
    assert len(outcomes) > 10
    for one in outcomes:
        assert one["finished"] + one["missing"] == 10
        assert one["said"].endswith(REMEDY) if one["missing"] else not one["said"]
    assert all(after["missing"] == 0 for after in outcomes[1::2])


@pytest.mark.parametrize("when", ["before a map", "at its very end"])
def test_where_nothing_is_lost_nothing_is_said(when: str, in_tmp: Path) -> None:
    at_last = "out_func=close_at(29)" if when == "at its very end" else ""
    outcomes, stderr = told_by(
        f"""
init()
first = outcome(list(psets()), {at_last})
os.closerange(3, 256)
print(json.dumps([first, outcome(list(psets()))]))
""",
        in_tmp,
    )
    assert outcomes[1] == {"said": "", "finished": COUNT, "missing": 0}
    assert outcomes[0]["finished"] + outcomes[0]["missing"] == COUNT
    assert stderr == ""


def test_a_loop_over_imap_unordered_ends_with_the_remedy(in_tmp: Path) -> None:
    said, _ = told_by(
        """
init()
try:
    for row in paramsurvey.imap_unordered(double, psets(), group_size=1):
        if row["i"] == 4:
            os.closerange(3, 256)
    said = ""
except paramsurvey.errors.BackendLost as error:
    said = str(error)
print(json.dumps(said))
""",
        in_tmp,
    )
    assert said.endswith(REMEDY)


@pytest.mark.parametrize("backend", ["serial", "threads"])
def test_where_there_are_no_connections_the_map_goes_on(backend: str, in_tmp: Path) -> None:
    done, _ = told_by(
        f"""
from concurrent.futures import ThreadPoolExecutor
init(backend="serial" if {backend!r} == "serial" else ThreadPoolExecutor(2))
print(json.dumps(outcome(list(psets()), out_func=close_at(4), checkpoint="checkpoint")))
""",
        in_tmp,
    )
    assert done == {"said": "", "finished": COUNT, "missing": 0}


@pytest.mark.parametrize("isolate", [True, False])
def test_an_executor_that_cannot_hear_its_processes_does_not_hold_up_the_map(
    isolate: bool, in_tmp: Path
) -> None:
    lost, _ = told_by(
        f"""
def program():
    init(backend=ProcessPoolExecutor(2), isolate={isolate})
    lost = outcome(list(psets()), out_func=close_at(4))
    print(json.dumps(lost), flush=True)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)  # the executor itself would wait for ever

program()
""",
        in_tmp,
    )
    assert lost["said"].endswith(
        "close only what you have opened, and make a new executor for what is missing"
    )
    assert 0 < lost["finished"] < COUNT


def test_a_function_that_closes_its_workers_connection_costs_its_pset_alone(in_tmp: Path) -> None:
    (done, why), _ = told_by(
        """
init()
done = outcome(list(psets()), user_kwargs=4)
print(json.dumps([done, paramsurvey.last_results().missing.to_df().to_dict("records")]))
""",
        in_tmp,
    )
    assert done == {"said": "", "finished": COUNT - 1, "missing": 1}
    assert why[0]["i"] == 4
    assert "close only what" in why[0]["_exception"] + why[0]["_traceback"]  # by the worker, or of a slow one


def test_a_worker_init_that_closes_it_ends_the_map_before_any_pset_begins(
    in_tmp: Path,
) -> None:
    said, _ = told_by(
        """
def begin(pset, system_kwargs, user_kwargs):
    open("begun", "w").close()

init(worker_init=lambda: os.closerange(3, 256))
try:
    paramsurvey.map(begin, list(psets()))
except paramsurvey.errors.WorkerStartError as error:
    print(json.dumps(str(error)))
""",
        in_tmp,
    )
    assert "3 workers in a row" in said
    assert "close only what it has opened" in said
    assert not (in_tmp / "begun").exists()
