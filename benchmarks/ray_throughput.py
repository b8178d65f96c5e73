"""A million tiny psets on a local Ray to a finished DataFrame: against Ray tasks with hand-made batches.

Usage: python benchmarks/ray_throughput.py [--psets N]
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

import pandas as pd
import ray
from common import HEAD, Row, in_turn, machine, median_ratio, ratio_row, seconds
from throughput import add, integers

import paramsurvey

COUNT = 1_000_000
BATCHES = (500, 5000, 50000)
TARGET = 1.2


@ray.remote
def run_batch(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run a batch as people write it: dicts in, dicts out."""
    return [{**pset, **add(pset)} for pset in batch]


def with_batches(size: int, psets: pd.DataFrame) -> pd.DataFrame:
    """Cut, send, collect."""
    rows = psets.to_dict("records")
    tasks = [run_batch.remote(rows[start : start + size]) for start in range(0, len(rows), size)]
    return pd.DataFrame([row for batch in ray.get(tasks) for row in batch])


def with_paramsurvey(psets: pd.DataFrame) -> pd.DataFrame:
    """The same, with all options at their defaults."""
    return paramsurvey.map(add, psets)


def rows(count: int = COUNT) -> list[Row]:
    """Measure everything."""
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, logging_level="error")
    paramsurvey.init(backend="ray", verbose=0)
    try:
        return [measure(integers(count))]
    finally:
        paramsurvey.finalize()
        ray.shutdown()


def measure(psets: pd.DataFrame) -> Row:
    """Measure in turn with the best batches."""
    pd.testing.assert_frame_equal(pd.DataFrame(with_paramsurvey(psets)), with_batches(BATCHES[-1], psets))
    size = min(BATCHES, key=lambda size: seconds(lambda: with_batches(size, psets)))
    times = in_turn({"ours": lambda: with_paramsurvey(psets), "batches": lambda: with_batches(size, psets)})
    ratio = median_ratio(times["batches"], times["ours"])
    return ratio_row(
        f"{len(psets):,} psets, two integers, on Ray",
        {f"Ray tasks with batches of {size}": (ratio, TARGET)},
        len(psets) / statistics.median(times["ours"]),
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--psets", type=int, default=COUNT)
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    for row in rows(arguments.psets):
        print(row)


if __name__ == "__main__":
    main()
