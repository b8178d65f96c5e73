"""A process that the user's code forks in the driver, and that comes back into the map, ends there.

Else two drivers would hear the same workers, and write the same checkpoint. Each case is a program.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = 12
PROGRAM = """
import json, os, sys
import paramsurvey

DRIVER, backend, way = os.getpid(), *sys.argv[1:]

class Forks:  # when it is pickled for the workers, or when a result with it is unpickled here
    def __init__(self, when):
        self.when = when
    def __reduce__(self):
        if self.when == "pickled" and os.getpid() == DRIVER:
            fork()
        return Forks, (self.when,), {"driver": os.getppid()}  # a worker's parent is the driver
    def __setstate__(self, state):
        if self.when == "unpickled" and os.getpid() == state["driver"]:
            fork()

def fork():
    with open("children", "a") as file:
        pid = os.fork()
        if pid:
            print(pid, file=file)

def square(pset, system_kwargs, user_kwargs):
    forks = user_kwargs == "unpickled" and pset["i"] == 5
    return {"y": pset["i"] ** 2, "z": Forks("unpickled") if forks else 0}

if __name__ == "__main__":
    paramsurvey.init(backend=backend, ncores=2, verbose=0)
    psets = [{"i": i} for i in range(12)]
    if way == "loop":
        found = []
        for row in paramsurvey.imap_unordered(square, psets, group_size=1):
            found.append(row["y"])
            if len(found) == 5:
                fork()
    else:
        given = Forks("pickled") if way == "pickled" else way
        found = list(paramsurvey.map(square, psets, user_kwargs=given, group_size=2)["y"])
    with open("came-back", "a") as file:
        print(os.getpid() == DRIVER, file=file)
    if os.getpid() == DRIVER:
        for line in open("children"):
            os.waitpid(int(line), 0)
        print(json.dumps(sorted(map(int, found))))
"""


@pytest.mark.parametrize(
    ("backend", "way"),
    [
        ("serial", "pickled"),
        ("serial", "loop"),
        ("multiprocessing", "pickled"),
        ("multiprocessing", "unpickled"),
        ("multiprocessing", "loop"),
    ],
)
def test_a_child_that_comes_back_into_a_map_ends_there(backend: str, way: str, in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py", backend, way], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [i**2 for i in range(COUNT)]
    assert (in_tmp / "came-back").read_text() == "True\n", "a child ran the map, too"


LEAVES = """
import os, sys
import paramsurvey

DRIVER, backend = os.getpid(), sys.argv[1]

def square(pset, system_kwargs, user_kwargs):
    return {"y": pset["i"] ** 2}

def leave():
    for number, row in enumerate(paramsurvey.imap_unordered(
        square, ({"i": i} for i in range(40)), checkpoint="checkpoint", group_size=1
    )):
        if number == 5:
            child = os.fork()
            if child == 0:
                return
            os.waitpid(child, 0)

if __name__ == "__main__":
    paramsurvey.init(backend=backend, ncores=2, verbose=0)
    leave()
    if os.getpid() == DRIVER:
        print(len(paramsurvey.load("checkpoint")))
"""


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_a_child_that_leaves_a_loop_ends_nothing_of_its_parents(backend: str, in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(LEAVES)
    done = subprocess.run(
        [sys.executable, "program.py", backend], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "40\n", "")


USES_THE_SESSION = """
import os
from paramsurvey import Session

def square(pset, system_kwargs, user_kwargs):
    return {"y": pset["i"] ** 2, "parent": os.getppid()}

def say(session, who):
    results = session.map(square, [{"i": i} for i in range(40)], group_size=1)
    print(who, sum(results.y), set(results.parent) == {os.getpid()}, flush=True)

if __name__ == "__main__":
    with Session(ncores=2, verbose=0) as session:
        say(session, "parent")
        child = os.fork()
        if child == 0:
            say(session, "child")
        else:
            os.waitpid(child, 0)
            say(session, "parent")
"""


def test_a_child_that_uses_its_parents_session_gets_workers_of_its_own(in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(USES_THE_SESSION)
    done = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, timeout=100, check=False
    )
    square_sum = sum(i**2 for i in range(40))
    lines = [f"{who} {square_sum} True" for who in ("parent", "child", "parent")]
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, lines, "")


USES_THE_EXECUTOR = """
import os
from concurrent.futures import ThreadPoolExecutor
from paramsurvey import Session
from paramsurvey.errors import BackendLost

def square(pset, system_kwargs, user_kwargs):
    return {"y": pset["i"] ** 2}

if __name__ == "__main__":
    with ThreadPoolExecutor(2) as executor, Session(backend=executor, verbose=0) as session:
        psets = [{"i": i} for i in range(40)]
        session.map(square, psets)
        child = os.fork()
        if child == 0:
            try:
                session.map(square, psets)
            except BackendLost as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(len(session.map(square, psets)))
"""


def test_a_child_that_uses_its_parents_executor_is_told_that_it_cannot(in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(USES_THE_EXECUTOR)
    done = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, timeout=100, check=False
    )
    told = (
        "this process was forked from the one that uses this executor, and cannot use it: "
        "call init() or make a Session in this process"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{told}\n40\n", "")
