"""The driver's peak memory: ten million psets, a hundred million in a lazy space, a large argument.

Each case runs in a process of its own.

Usage: python benchmarks/memory.py [--space PSETS]
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from common import HEAD, Row, machine, run_python

MB = 1e6

FRAME = """
import json, sys, time
import numpy as np, pandas as pd
import paramsurvey
from paramsurvey.worker.machine import peak_memory
count = int(sys.argv[1])
paramsurvey.init(verbose=0)
def worker(pset, system_kwargs, user_kwargs):
    return {"c": pset["a"] + pset["b"]}
psets = pd.DataFrame({"a": np.arange(count), "b": np.arange(count, 0, -1)})
begun = time.perf_counter()
results = paramsurvey.map(worker, psets)
seconds = time.perf_counter() - begun
assert len(results) == count
frame = int(results.memory_usage().sum())
print(json.dumps({"peak": peak_memory(), "frame": frame, "psets": count, "seconds": seconds}))
"""

SPACE = """
import json, sys, tempfile, time
import paramsurvey
from paramsurvey.worker.machine import peak_memory
side = round(int(sys.argv[1]) ** 0.25)
paramsurvey.init(verbose=0)
def worker(pset, system_kwargs, user_kwargs):
    return {"s": pset["x"] + pset["y"]}
axes = {name: range(side) for name in "xyzw"}
space = paramsurvey.params.grid(**axes)
begun = time.perf_counter()
with tempfile.TemporaryDirectory() as directory:
    results = paramsurvey.map(worker, space, checkpoint=directory + "/run", keep_results=False)
    seconds = time.perf_counter() - begun
    assert results.progress.finished == len(space)
print(json.dumps({"peak": peak_memory(), "psets": len(space), "seconds": seconds}))
"""

LARGE = """
import json, os, sys
import numpy as np, psutil
import paramsurvey
paramsurvey.init(verbose=0)
def worker(pset, system_kwargs, user_kwargs):
    return {"pid": os.getpid(), "sum": float(user_kwargs["array"][:10].sum())}
array = np.ones(int(sys.argv[1]) // 8)
def held(pset, system_kwargs, user_kwargs):
    from paramsurvey.worker.machine import peak_memory
    return {"pid": os.getpid(), "peak": peak_memory(), "first": float(user_kwargs["array"][0])}
before = paramsurvey.map(
    lambda pset, system_kwargs, user_kwargs: __import__("time").sleep(0.01),
    [{"i": i} for i in range(20)],
).stats.peak_memory
results = paramsurvey.map(held, [{"i": i} for i in range(100)], user_kwargs={"array": array})
print(json.dumps({"more": results.stats.peak_memory - before, "array": array.nbytes}))
"""


def case(code: str, *arguments: object) -> dict[str, Any]:
    """Run one case, and return what it measured."""
    found: dict[str, Any] = json.loads(run_python(code, *map(str, arguments)).splitlines()[-1])
    return found


def frame_row(count: int = 10_000_000) -> Row:
    """Measure a DataFrame of psets."""
    found = case(FRAME, count)
    limit = 1.5 * found["frame"] + 150 * MB
    return Row(
        f"driver's peak memory, {count:,} psets, two integer columns and one result",
        f"{found['peak'] / MB:.0f} MB for a DataFrame of {found['frame'] / MB:.0f} MB",
        f"≤ 1.5 × the DataFrame + 150 MB = {limit / MB:.0f} MB",
        found["peak"] <= limit,
    )


def space_row(count: int = 100_000_000) -> Row:
    """Measure a lazy space with results that go to a checkpoint; flat from a tenth of it on."""
    tenth, whole = case(SPACE, count // 10), case(SPACE, count)
    return Row(
        f"driver's peak memory, {whole['psets']:,} psets of a lazy space to a checkpoint",
        f"{whole['peak'] / MB:.0f} MB ({tenth['peak'] / MB:.0f} MB for {tenth['psets']:,})",
        "≤ 500 MB, flat from 10 million on",
        whole["peak"] <= 500 * MB and whole["peak"] <= 1.25 * tenth["peak"],
    )


def argument_row(size: int = 200_000_000) -> Row:
    """Measure what a worker holds of a large array in user_kwargs."""
    found = case(LARGE, size)
    return Row(
        "100 psets with a 200 MB array in user_kwargs: a worker's peak memory grows by",
        f"{found['more'] / MB:.0f} MB",
        "≤ one copy (+ 10 %)",
        found["more"] <= 1.1 * found["array"],
    )


def rows(count: int = 100_000_000) -> list[Row]:
    """Measure everything."""
    return [frame_row(), space_row(count), argument_row()]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--space", type=int, default=100_000_000, help="psets of the lazy space")
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    for row in rows(arguments.space):
        print(row)


if __name__ == "__main__":
    main()
