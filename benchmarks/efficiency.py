"""How near to the bound: psets of equal and of very different times, an order, and workers that die.

The bound is the time it takes when the next pset, in the order given, always begins on the first core that is
free. It is computed from what the psets of the same run took, so that a slow minute of the machine is not
counted. A pool of processes does the same work by turns, with the best chunk size of `CHUNKS`.

Usage: python benchmarks/efficiency.py [--rounds N] [WORK ...]     words of the works' names: these alone
"""

from __future__ import annotations

import argparse
import heapq
import os
import statistics
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from common import HEAD, ROUNDS, Row, machine, run_python, seconds

import paramsurvey

CHUNKS = (1, 2, 4, 8, 16)
GOAL = 0.985
CORES = os.cpu_count() or 1

Seconds = np.ndarray[Any, Any]


def burn(pset: dict[str, Any], system_kwargs: Any = None, user_kwargs: Any = None) -> dict[str, Any]:
    """Keep a core busy for so many seconds, and tell how long it took."""
    begun = perf_counter()
    while perf_counter() - begun < pset["seconds"]:
        pass
    return {"took": perf_counter() - begun}


# ---- the works


def lognormal(seed: int) -> Seconds:
    """800 psets: median 5 ms, sigma 1.2, cut at 0.5 s."""
    return np.minimum(np.random.default_rng(seed).lognormal(np.log(0.005), 1.2, 800), 0.5)


def bimodal() -> Seconds:
    """800 psets of 2 ms, of which 8 take 250 times longer."""
    times = np.full(800, 0.002)
    times[np.random.default_rng(1).choice(800, 8, replace=False)] *= 250
    return times


WORKS: dict[str, Callable[[], Seconds]] = {
    "5,000 psets of 1 ms": lambda: np.full(5000, 0.001),
    "600 psets of 10 ms": lambda: np.full(600, 0.01),
    "60 psets of 100 ms": lambda: np.full(60, 0.1),
    "800 psets, log-normal times, seed 1": lambda: lognormal(1),
    "800 psets, log-normal times, seed 2": lambda: lognormal(2),
    "800 psets, log-normal times, seed 3": lambda: lognormal(3),
    "800 psets, bimodal: 1 % take 250 times longer": bimodal,
    "600 psets, ascending from 1 to 20 ms": lambda: np.linspace(0.001, 0.02, 600),
    "600 psets, descending from 20 to 1 ms": lambda: np.linspace(0.02, 0.001, 600),
    "40 psets of 50 ms to 2 s": lambda: np.random.default_rng(1).permutation(np.geomspace(0.05, 2, 40)),
}


def bound(times: Iterable[float], cores: int = CORES) -> float:
    """Return the makespan when the next pset, in order, always begins on the first core that is free."""
    free = [0.0] * cores
    for one in times:
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def ours(psets: list[dict[str, float]]) -> float:
    """Return which share of the bound a map reaches."""
    found: list[Any] = []
    makespan = seconds(lambda: found.append(paramsurvey.map(burn, psets)))
    return bound(found[0]["took"]) / makespan


def theirs(pool: ProcessPoolExecutor, chunk: int, psets: list[dict[str, float]]) -> float:
    """Return which share of the bound a pool of processes reaches."""
    found: list[Any] = []
    makespan = seconds(lambda: found.extend(pool.map(burn, psets, chunksize=chunk)))
    return bound(result["took"] for result in found) / makespan


def work_row(work: str, pool: ProcessPoolExecutor, rounds: int) -> Row:
    """Measure one work, ours and the pool's by turns."""
    psets = [{"seconds": float(one)} for one in WORKS[work]()]
    chunk = max(CHUNKS, key=lambda chunk: theirs(pool, chunk, psets))
    pairs = [(ours(psets), theirs(pool, chunk, psets)) for _ in range(rounds)]
    share, peer = (statistics.median(values) for values in zip(*pairs, strict=True))
    return Row(
        work,
        f"{share:.1%} of the bound (ProcessPoolExecutor, chunks of {chunk}: {peer:.1%})",
        f"≥ {GOAL:.1%}, and not below the pool",
        bool(share >= max(GOAL, peer)),
    )


# ---- order='longest'


def longest_row(rounds: int) -> Row:
    """Measure a grid of 20 by 20 whose cost depends on both axes, a hundredfold."""
    grid = paramsurvey.params.grid(x=np.geomspace(1, 10, 20), y=np.geomspace(1, 10, 20))
    shares = []
    for _ in range(rounds):
        begun = perf_counter()
        results = paramsurvey.map(burn_product, grid, order="longest")
        shares.append(results["took"].sum() / CORES / (perf_counter() - begun))
    share = statistics.median(shares)
    return Row(
        "400 psets of a grid, 1 to 100 ms by two axes, order='longest'",
        f"{share:.1%} of all seconds over the cores",
        "≥ 98%",
        bool(share >= 0.98),
    )


def burn_product(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Burn a millisecond for each x and y."""
    return burn({"seconds": 0.001 * pset["x"] * pset["y"]})


# ---- workers that die

FAULTY = """
    import os, time

    time.sleep(3)  # an import that takes its time

    def work(pset, system_kwargs, user_kwargs):
        begun = time.perf_counter()
        while time.perf_counter() - begun < (1e9 if pset["i"] % 18 == 5 else 0.5):
            pass
        if pset["i"] % 66 == 40:
            os._exit(1)
"""
FAULTY_PROGRAM = """
    import time

    import numpy as np
    import paramsurvey
    import slow_import

    begun = time.perf_counter()
    results = paramsurvey.map(slow_import.work, [{"i": i} for i in range(200)], timeout=1)
    makespan = time.perf_counter() - begun
    kinds = results.missing["_kind"].value_counts().to_dict() if "_kind" in results.missing else {}
    busy = np.nansum(results.timeline()["seconds"])
    print(busy / paramsurvey.current_core_count() / makespan, len(results.missing), kinds)
"""


def faulty_row(rounds: int) -> Row:
    """Measure 200 psets of 0.5 s: 11 run out of time, 3 kill their worker, and the import takes 3 s."""
    shares = []
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "slow_import.py").write_text(textwrap.dedent(FAULTY), encoding="utf-8")
        program = f"import sys; sys.path.insert(0, {directory!r})\n" + textwrap.dedent(FAULTY_PROGRAM)
        for _ in range(rounds):
            shares.append(float(run_python(program).split()[0]))
    share = statistics.median(shares)
    return Row(
        "200 psets of 0.5 s, 11 of them out of time after 1 s, 3 that kill their worker, an import of 3 s",
        f"{share:.1%} of two cores' time was spent on psets",
        "≥ 90%",
        bool(share >= 0.9),
    )


def rows(words: tuple[str, ...] = (), rounds: int = ROUNDS) -> list[Row]:
    """Measure everything; the workers run before the clock does."""

    def wanted(work: str) -> bool:
        return not words or any(word in work for word in words)

    measured = []
    with open(os.devnull, "w") as nothing, redirect_stderr(nothing), ProcessPoolExecutor(CORES) as pool:
        paramsurvey.init()
        warm = [{"seconds": 0.0}] * 20
        paramsurvey.map(burn, warm)
        list(pool.map(burn, warm))
        for work in WORKS:
            if wanted(work):
                measured.append(work_row(work, pool, rounds))
                print(measured[-1], file=sys.__stderr__, flush=True)
        if wanted("longest"):
            measured.append(longest_row(rounds))
        paramsurvey.finalize()
        if wanted("faults"):
            measured.append(faulty_row(rounds))
    return measured


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(machine(), f"{arguments.rounds} rounds")
    print(HEAD)
    for row in rows(tuple(arguments.works), arguments.rounds):
        print(row)
