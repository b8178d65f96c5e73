"""Functions that take whole arrays, with `batch=True`: against numpy in one process and hand-made chunks.

Usage: python benchmarks/batch.py [--psets N] [--rounds N]

Dask and Ray Data take part where they are installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from common import HEAD, ROUNDS, Row, in_turn, machine, median_ratio, ratio_row, run_python, seconds
from numpy.typing import NDArray

import paramsurvey

COUNT = 5_000_000  # psets of the function with 20 transcendental operations
MANY = 100_000_000  # psets of `c = a + b`, of a space
TABLE = 10_000_000  # psets of `c = a + b`, from a DataFrame to a DataFrame
CHUNKS = (1 << 14, 1 << 16, 1 << 18, 1 << 20)
CORES = os.cpu_count() or 1

Floats = NDArray[np.float64]


def heavy(a: Floats, b: Floats) -> Floats:
    """Compute 20 transcendental operations for each value."""
    x = a
    for _ in range(5):
        x = np.sin(x) + np.exp(-np.cos(b)) + np.log1p(np.abs(x))
    return x


def heavy_batch(psets: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Floats]:
    """Do it for a batch."""
    return {"c": heavy(psets["a"], psets["b"])}


def add_batch(psets: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Add two columns."""
    return {"c": psets["a"] + psets["b"]}


def table(count: int) -> pd.DataFrame:
    """Return psets of two floats."""
    return pd.DataFrame({"a": np.linspace(0, 1, count), "b": np.linspace(1, 2, count)})


# ---- the peers


def pieces(psets: pd.DataFrame, chunk: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield the columns of each chunk."""
    a, b = psets["a"].to_numpy(), psets["b"].to_numpy()
    return ((a[start : start + chunk], b[start : start + chunk]) for start in range(0, len(a), chunk))


def with_numpy(psets: pd.DataFrame) -> pd.DataFrame:
    """Compute whole arrays in one process."""
    return psets.assign(c=heavy(psets["a"].to_numpy(), psets["b"].to_numpy()))


def with_executor(pool: ProcessPoolExecutor, chunk: int, psets: pd.DataFrame) -> pd.DataFrame:
    """Cut chunks by hand, for a pool."""
    return psets.assign(c=np.concatenate(list(pool.map(heavy, *zip(*pieces(psets, chunk), strict=True)))))


def with_joblib(chunk: int, psets: pd.DataFrame) -> pd.DataFrame:
    """Cut chunks by hand, for joblib."""
    from joblib import Parallel, delayed

    done = Parallel(n_jobs=CORES)(delayed(heavy)(a, b) for a, b in pieces(psets, chunk))
    return psets.assign(c=np.concatenate(done))


def with_dask(psets: pd.DataFrame) -> pd.DataFrame:
    """Have Dask map partitions."""
    import dask.dataframe as dd

    frame = dd.from_pandas(psets, npartitions=8 * CORES)
    meta = {"a": float, "b": float, "c": float}
    computed = frame.map_partitions(with_numpy, meta=meta)
    result: pd.DataFrame = computed.compute(scheduler="processes", num_workers=CORES)
    return result


def with_ray_data(psets: pd.DataFrame) -> pd.DataFrame:
    """Have Ray Data map batches."""
    import ray.data

    data = ray.data.from_pandas(psets).repartition(8 * CORES)
    done = data.map_batches(lambda batch: {**batch, "c": heavy(batch["a"], batch["b"])}, batch_size=1 << 16)
    result: pd.DataFrame = done.to_pandas().astype(float)  # of the types that the others have
    return result


def with_paramsurvey(psets: pd.DataFrame) -> pd.DataFrame:
    """Let paramsurvey choose the batches."""
    return paramsurvey.map(heavy_batch, psets, batch=True, verbose=0)


def installed_peers() -> dict[str, Callable[[pd.DataFrame], pd.DataFrame]]:
    """Return the peers that need no chunk size, as far as they are installed."""
    peers = {"Dask map_partitions": with_dask, "Ray Data map_batches": with_ray_data}
    needed = {"Dask map_partitions": "dask.dataframe", "Ray Data map_batches": "ray.data"}
    return {name: peer for name, peer in peers.items() if can_import(needed[name])}


def can_import(module: str) -> bool:
    """Tell whether a module, which may be heavy, can be imported by a process of its own."""
    code = f"try:\n import {module}; print('yes')\nexcept ImportError: print('no')"
    return run_python(code).endswith("yes")


# ---- the rows


def transcendental(count: int, rounds: int) -> Row:
    """Compare a function of 20 operations with all peers, to the same DataFrame."""
    psets = table(count)
    peers = installed_peers()
    paramsurvey.init(verbose=0)
    with ProcessPoolExecutor(CORES) as pool:
        own = min(CHUNKS, key=lambda chunk: seconds(lambda: with_executor(pool, chunk, psets)))
        joblibs = min(CHUNKS, key=lambda chunk: seconds(lambda: with_joblib(chunk, psets)))
        pd.testing.assert_frame_equal(pd.DataFrame(with_paramsurvey(psets)), with_numpy(psets))
        actions: dict[str, Callable[[], object]] = {
            "paramsurvey": lambda: with_paramsurvey(psets),
            "numpy in one process": lambda: with_numpy(psets),
            f"the executor (chunks of {own:,})": lambda: with_executor(pool, own, psets),
            f"joblib (chunks of {joblibs:,})": lambda: with_joblib(joblibs, psets),
            **{name: partial(peer, psets) for name, peer in peers.items()},
        }
        times = in_turn(actions, rounds)
    ours = times.pop("paramsurvey")
    targets = {"numpy in one process": 1.8}
    ratios = {name: (median_ratio(took, ours), targets.get(name, 1.5)) for name, took in times.items()}
    return ratio_row(
        f"{count:,} psets, 20 transcendental operations, `batch=True`",
        ratios,
        count / statistics.median(ours),
    )


def frame_to_frame(count: int, rounds: int) -> Row:
    """Add two columns, from a DataFrame to a DataFrame."""
    psets = table(count)
    paramsurvey.init(verbose=0)
    action = lambda: paramsurvey.map(add_batch, psets, batch=True, verbose=0)  # noqa: E731
    action()
    took = statistics.median(in_turn({"ours": action}, rounds)["ours"])
    speed = count / took / 1e6
    return Row(
        f"{count:,} psets, `c = a + b`, DataFrame in and out",
        f"{speed:.1f} million psets/s",
        "a figure",
        True,
    )


SPACE_CODE = """
import resource, sys, time
import paramsurvey
from batch import add_batch
count = int(sys.argv[1])
paramsurvey.init(verbose=0)
warm = paramsurvey.params.grid(a=range(1000), b=range(1000))
paramsurvey.map(add_batch, warm, batch=True, keep_results=False, verbose=0)
begun = time.perf_counter()
results = paramsurvey.map(
    add_batch, paramsurvey.params.grid(a=range(count // 1000), b=range(1000)), batch=True, keep_results=False
)
took = time.perf_counter() - begun
assert results.progress.finished == count
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def of_a_space(count: int, rounds: int) -> list[Row]:
    """Add two columns of a space, without keeping the results: the speed, and that the memory stays flat."""
    runs = [[float(one) for one in run_python(SPACE_CODE, str(count)).split()] for _ in range(rounds)]
    took, memory = (statistics.median(run[at] for run in runs) for at in (0, 1))
    few = float(run_python(SPACE_CODE, str(count // 10)).split()[1])
    speed = count / took / 1e6
    work = f"{count:,} psets of a space, `c = a + b`, `batch=True`, `keep_results=False`"
    return [
        Row(work, f"{speed:.1f} million psets/s", f"≥ {20 * CORES} million psets/s", speed >= 20 * CORES),
        Row(
            "the driver's memory at the end of that",
            f"{memory:.0f} MB, and {few:.0f} MB for a tenth of the psets",
            "≤ 1.15×",
            memory <= 1.15 * few,
        ),
    ]


def rows(count: int = COUNT, rounds: int = ROUNDS, many: int = MANY, in_table: int = TABLE) -> list[Row]:
    """Measure everything."""
    return [
        *of_a_space(many, rounds),
        frame_to_frame(in_table, rounds),
        transcendental(count, rounds),
    ]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--psets", type=int, default=COUNT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    scale = arguments.psets / COUNT
    for row in rows(arguments.psets, arguments.rounds, int(MANY * scale), int(TABLE * scale)):
        print(row)


if __name__ == "__main__":
    main()
