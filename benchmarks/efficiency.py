"""How close to ideal: psets of 10 ms, and psets whose times differ a hundredfold, in random order.

Ideal is the sum of the CPU time that the psets ask for, divided by the cores.

Usage: python benchmarks/efficiency.py
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from common import HEAD, ROUNDS, Row, machine, seconds

import paramsurvey


def burn(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Use so many seconds of CPU time."""
    end = time.process_time() + pset["seconds"]
    while time.process_time() < end:
        pass
    return {"burned": pset["seconds"]}


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
    ideal = float(times.sum()) / paramsurvey.current_core_count()
    shares = [ideal / seconds(lambda: paramsurvey.map(burn, psets)) for _ in range(ROUNDS)]
    share = statistics.median(shares)
    return Row(work, f"{share:.1%} of ideal", f"≥ {target:.1%}", share >= target)


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
