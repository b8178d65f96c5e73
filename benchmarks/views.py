"""All views of a survey: time and peak memory, of a grid and of a sample, in Parquet and in memory.

Each case runs in a process of its own. The survey has nine columns: five keys, three results and the
seconds; one pset in two hundred has failed. DataFrames are in memory before the first view, both runs' as a
session has them: what they are themselves is told, and is not what the views need.

Usage: python benchmarks/views.py [--psets N] [--each]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from common import HEAD, Row, machine, run_python

SECONDS, MEMORY = 15.0, 1.5e9
MB = 1e6

MAKE = """
import sys
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq
count, kind, directory, seed = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
random = np.random.default_rng(7)
side = round((count / 100) ** (1 / 3))
shape = (side, side, side, 25, 4)
rows = int(np.prod(shape))
if kind == "grid":
    places = np.unravel_index(np.arange(rows), shape)
    a, b, c = (place * 0.25 for place in places[:3])
    d = places[3].astype(np.int64)
    k = places[4]
else:
    a, b, c = random.uniform(0, 10, rows), random.lognormal(size=rows), random.normal(size=rows)
    d, k = random.integers(0, 25, rows), random.integers(0, 4, rows)
noise = np.random.default_rng(seed)
y = np.sin(a) + b * c + noise.normal(size=rows)
z = d * 2.0 + k
w = np.round(a + d).astype(np.int64)
seconds = (0.01 * (1 + d) * noise.lognormal(size=rows)).astype(np.float32)
failed = (k == 2) & (d > 20) & (noise.uniform(size=rows) < 0.125)
text = pd.Categorical.from_codes(k, ["rbf", "linear", "poly", "sigmoid"])
frame = pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "k": text, "y": y, "z": z, "w": w, "_seconds": seconds})
frame["k"] = frame["k"].astype(str)
lost = frame.loc[failed, ["a", "b", "c", "d", "k", "_seconds"]]
lost["_position"] = np.flatnonzero(failed)
lost["_kind"] = "raised"
lost["_exception"] = [f"ValueError('{x:.3f}')" for x in lost["a"]]
lost["_traceback"] = 'File "fit.py", line 3, in worker'
pq.write_table(pa.Table.from_pandas(frame[~failed], preserve_index=False), directory + "/results.parquet")
pq.write_table(pa.Table.from_pandas(lost, preserve_index=False), directory + "/failures.parquet")
"""

LOOK = """
import gc, json, resource, sys, time
from contextlib import suppress
import numpy as np, pyarrow
from paramsurvey.worker.machine import peak_memory
from paramsurvey.views import *
from paramsurvey.views.columns.arrow import ArrowColumns
from paramsurvey.views.columns.frame import FrameColumns
source = sys.argv[1]
keys, times, frames = ("a", "b", "c", "d", "k"), {}, []
def columns(path):
    if source == "Parquet":
        return ArrowColumns(path)
    import pandas as pd
    frames.append(pd.read_parquet(path))
    return FrameColumns(frames[-1])
def data_in(path):
    return SurveyData(columns(path + "/results.parquet"), columns(path + "/failures.parquet"), keys)
def timed(name, look):
    begun = time.perf_counter()
    look()
    times[name] = times.get(name, 0.0) + time.perf_counter() - begun
data, *others = map(data_in, sys.argv[2:])
gc.collect()
pyarrow.default_memory_pool().release_unused()
with suppress(OSError), open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # forget the peak: reading a file into a DataFrame takes more than the DataFrame
timed("axes", data.varying)
for value in ("y", "z", "w"):
    timed("distribution", lambda: distribution_of(data, value))
    timed("importance", lambda: importance_of(data, value))
    timed("slice, mean", lambda: slice_of(data, "a", "k", value))
timed("slice, median", lambda: slice_of(data, "b", "d", "y", "median"))
timed("importance", lambda: importance_of(data, SECONDS))
timed("importance", lambda: importance_of(data, FAILING))
timed("cost", lambda: cost_of(data))
timed("slowest", lambda: slowest(data))
timed("failures", lambda: failures_of(data))
timed("parallel", lambda: parallel_of(data, [*keys, "y"], "y"))
def timeline():
    seconds = np.concatenate([chunk.values[SECONDS] for chunk in data.chunks([], [SECONDS])])
    worker = np.arange(len(seconds)) % 64
    timeline_of(worker, np.arange(len(seconds)) * 0.01, seconds)
timed("timeline", timeline)
for other in others:
    timed("comparison", lambda: compare(data, other))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "psets": len(data), "seconds": times, "peak": peak_memory(),
    "frames": int(sum(frame.memory_usage(deep=True).sum() for frame in frames)),
    "cpu": used.ru_utime + used.ru_stime, "main thread": time.thread_time(),
}))
"""


def case(kind: str, source: str, count: int) -> dict[str, Any]:
    """Look at one survey, and at how another run of it differs."""
    with tempfile.TemporaryDirectory() as directory:
        runs = [Path(directory, run) for run in ("before", "after")]
        for seed, run in enumerate(runs):
            run.mkdir()
            run_python(MAKE, str(count), kind, str(run), str(seed))
        found: dict[str, Any] = json.loads(run_python(LOOK, source, *map(str, runs)).splitlines()[-1])
        return found


def row(kind: str, source: str, count: int, each: bool = False) -> Row:
    """Measure one case."""
    found = case(kind, source, count)
    seconds = sum(found["seconds"].values())
    frames = found["frames"]
    of_it = f", {frames / MB:.0f} MB of it the DataFrames" if frames else ""
    if each:
        for name, one in found["seconds"].items():
            print(f"    {name:20}{one:8.2f} s", flush=True)
        print({k: v for k, v in found.items() if k != "seconds"})
    return Row(
        f"all views of {found['psets']:,} psets, 9 columns, a {kind} in {source}; compared with another run",
        f"{seconds:.1f} s, peak {found['peak'] / MB:.0f} MB{of_it}",
        f"≤ {SECONDS:g} s, ≤ {MEMORY / MB:.0f} MB" + " beside the DataFrames" * bool(frames),
        seconds <= SECONDS and found["peak"] - frames <= MEMORY,
    )


def rows(count: int = 10_000_000, each: bool = False) -> list[Row]:
    """Measure everything."""
    cases = (("grid", "Parquet"), ("sample", "Parquet"), ("grid", "a DataFrame"))
    return [row(kind, source, count, each) for kind, source in cases]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--psets", type=int, default=10_000_000)
    parser.add_argument("--each", action="store_true", help="show the time of each view, too")
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    for line in rows(arguments.psets, arguments.each):
        print(line)


if __name__ == "__main__":
    main()
