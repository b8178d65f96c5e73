"""How close to ideal: psets of 10 ms, and psets whose times differ a hundredfold, in random order.

Ideal is the sum of the CPU time that the psets ask for, divided by the cores.

Usage: python benchmarks/efficiency.py
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from common import HEAD, Row, in_turn, machine

import paramsurvey


def burn(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Use so many seconds of CPU time."""
    end = time.process_time() + pset["seconds"]
    while time.process_time() < end:
        pass
    return {"burned": pset["seconds"]}


def burn_all(times: list[float]) -> None:
    """Do the work of many psets, without anybody between them."""
    for one in times:
        burn({"seconds": one}, None, None)


def equal_times() -> np.ndarray[Any, Any]:
    """600 psets of 10 ms."""
    return np.full(600, 0.01)


def uneven_times() -> np.ndarray[Any, Any]:
    """800 psets: log-normal, median 7 ms, sigma 1.2, cut at 0.5 s."""
    return np.minimum(np.random.default_rng(1).lognormal(np.log(0.007), 1.2, 800), 0.5)


WORKS = {
    "600 psets that burn 10 ms": (equal_times, 0.985),
    "800 psets, log-normal times in random order": (uneven_times, 0.97),
}


def measure(work: str) -> Row:
    """Return the median efficiency of one work."""
    make, target = WORKS[work]
    times = make()
    psets = [{"seconds": float(one)} for one in times]
    cores = paramsurvey.current_core_count()
    ideal = float(times.sum()) / cores
    equal = [[0.01] * round(ideal / 0.01)] * cores  # the same work, halved by hand with all times known
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(burn_all, [[0.01]] * cores))
        found = in_turn(
            {
                "paramsurvey": lambda: paramsurvey.map(burn, psets),
                "by hand": lambda: list(pool.map(burn_all, equal)),
            },
        )
    share, by_hand = (ideal / statistics.median(times) for times in found.values())
    return Row(
        work,
        f"{share:.1%} of ideal (halved by hand, with all times known: {by_hand:.1%})",
        f"≥ {target:.1%}",
        share >= target,
    )


def rows() -> list[Row]:
    """Measure everything; the workers run before the clock does."""
    paramsurvey.init()
    paramsurvey.map(burn, [{"seconds": 0.0}] * 20)
    return [measure(work) for work in WORKS]


if __name__ == "__main__":
    print(machine())
    print(HEAD)
    for row in rows():
        print(row)
