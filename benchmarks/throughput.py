"""A million tiny psets to a finished DataFrame: against a hand-chunked pool, a serial loop, and release 0.4.

Usage: python benchmarks/throughput.py [--psets N] [--without-0.4]

Release 0.4.21 is installed into a temporary virtual environment for this. It needs half a minute for
a million psets, so it runs a tenth of them, once per round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from common import HEAD, Row, in_turn, machine, median_ratio, ratio_row, seconds

import paramsurvey

COUNT = 1_000_000
CHUNKS = (100, 1000, 10000)
OLD_SHARE = 10  # release 0.4 gets so many times fewer psets
KINDS = ("low", "middle", "high")

TARGETS = {"two integers": (4.0, 2.0, 30.0), "mixed columns": (2.5, 1.5, 20.0)}


def add(pset: dict[str, Any], system_kwargs: Any = None, user_kwargs: Any = None) -> dict[str, Any]:
    """Add two integers."""
    return {"c": pset["a"] + pset["b"]}


def mix(pset: dict[str, Any], system_kwargs: Any = None, user_kwargs: Any = None) -> dict[str, Any]:
    """Return an integer, a float and a string."""
    return {"c": pset["a"] + pset["b"], "d": pset["x"] * 2.0, "e": pset["name"]}


def integers(count: int) -> pd.DataFrame:
    """Return psets of two integers."""
    return pd.DataFrame({"a": range(count), "b": range(count, 0, -1)})


def mixed(count: int) -> pd.DataFrame:
    """Return psets of two integers, a string, a float and a categorical."""
    frame = integers(count)
    frame["name"] = [f"pset-{i % 1000}" for i in range(count)]
    frame["x"] = frame["a"] / 7
    frame["kind"] = pd.Categorical.from_codes([i % 3 for i in range(count)], categories=list(KINDS))
    return frame


WORKS: dict[str, tuple[Callable[..., Any], Callable[[int], pd.DataFrame]]] = {
    "two integers": (add, integers),
    "mixed columns": (mix, mixed),
}


def with_loop(worker: Callable[..., Any], psets: pd.DataFrame) -> pd.DataFrame:
    """What people write first: a loop over dicts, and a DataFrame of what it gives."""
    return pd.DataFrame([{**pset, **worker(pset)} for pset in psets.to_dict("records")])


def with_executor(
    pool: ProcessPoolExecutor, chunk: int, worker: Callable[..., Any], psets: pd.DataFrame
) -> pd.DataFrame:
    """What people write next: a pool, with a chunk size that they found by trying."""
    rows = psets.to_dict("records")
    results = pool.map(worker, rows, chunksize=chunk)
    return pd.DataFrame([{**pset, **result} for pset, result in zip(rows, results, strict=True)])


def with_paramsurvey(worker: Callable[..., Any], psets: pd.DataFrame) -> pd.DataFrame:
    """What they can write instead, with all options at their defaults."""
    return paramsurvey.map(worker, psets)


def measure(work: str, count: int, old_python: str | None) -> Row:
    """Measure one work in turn with all peers, and return its row."""
    worker, make = WORKS[work]
    psets = make(count)
    paramsurvey.init()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        chunk = min(CHUNKS, key=lambda chunk: seconds(lambda: with_executor(pool, chunk, worker, psets)))
        check(with_paramsurvey(worker, psets), with_loop(worker, psets))
        times = in_turn(
            {
                "paramsurvey": lambda: with_paramsurvey(worker, psets),
                "ProcessPoolExecutor": lambda: with_executor(pool, chunk, worker, psets),
                "a serial loop": lambda: with_loop(worker, psets),
            }
        )
    ours = times["paramsurvey"]
    names = (f"ProcessPoolExecutor (chunks of {chunk})", "a serial loop")
    ratios = {
        name: (median_ratio(times[name.split(" (")[0]], ours), target)
        for name, target in zip(names, TARGETS[work], strict=False)
    }
    if old_python is not None:
        ratios["release 0.4.21"] = (old_ratio(old_python, work, count, ours), TARGETS[work][2])
    return ratio_row(f"{count:,} psets, {work}", ratios, count / statistics.median(ours))


def check(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Fail when the results are not the same."""
    pd.testing.assert_frame_equal(pd.DataFrame(ours), theirs, check_dtype=False, check_categorical=False)


OLD_CODE = """
import sys, time
sys.path.insert(0, sys.argv[1])
import old_work
if __name__ == "__main__":
    old_work.main(sys.argv[2], int(sys.argv[3]))
"""

OLD_WORK = """
import os, sys, time
import pandas as pd
import paramsurvey

def add(pset, system_kwargs, user_kwargs):
    return {"c": pset["a"] + pset["b"]}

def mix(pset, system_kwargs, user_kwargs):
    return {"c": pset["a"] + pset["b"], "d": pset["x"] * 2.0, "e": pset["name"]}

def main(path, rounds):
    psets = pd.read_pickle(path)
    os.environ["OMP_NUM_THREADS"] = "1"
    paramsurvey.init(backend="multiprocessing", verbose=0, vstats=0)
    worker = mix if "x" in psets else add
    paramsurvey.map(worker, psets[:100], verbose=0, vstats=0)
    for _ in range(rounds):
        begun = time.perf_counter()
        results = paramsurvey.map(worker, psets, verbose=0, vstats=0)
        assert len(results) == len(psets)
        print(time.perf_counter() - begun, flush=True)
"""


def old_ratio(python: str, work: str, count: int, ours: list[float], rounds: int = 3) -> float:
    """Return how many times longer release 0.4.21 takes for each pset."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "old_work.py").write_text(OLD_WORK)
        Path(directory, "run.py").write_text(OLD_CODE)
        psets = WORKS[work][1](count // OLD_SHARE)
        if "name" in psets:
            psets["name"] = psets["name"].astype(object)
        psets.to_pickle(f"{directory}/psets.pickle")
        output = subprocess.run(
            [python, f"{directory}/run.py", directory, f"{directory}/psets.pickle", str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
            cwd=directory,
        ).stdout
    old = statistics.median(float(line) for line in output.split())
    return old * OLD_SHARE / statistics.median(ours)


def install_old(directory: str) -> str:
    """Install release 0.4.21, and pyarrow for our pickles, into a virtual environment; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    python = f"{directory}/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "paramsurvey==0.4.21", "pyarrow"], check=True)
    return python


def rows(count: int = COUNT, with_old: bool = True) -> list[Row]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as directory:
        python = install_old(directory) if with_old else None
        return [measure(work, count, python) for work in WORKS]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--psets", type=int, default=COUNT)
    parser.add_argument("--without-0.4", action="store_true", dest="without_old")
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    for row in rows(arguments.psets, not arguments.without_old):
        print(row)


if __name__ == "__main__":
    main()
