"""How long `params.product` takes, and how much memory, beside repeated `DataFrame.merge`.

The peer is the obvious way with pandas, and that of paramsurvey 0.4: one cross merge after the other,
each column a categorical. The floor is to fill as many bytes as the result has, and to do nothing else.
Each run has a process of its own, the three take turns, and the first turn does not count: where a
virtual machine gets its memory from its host at the first touch, even the floor then takes 2 s.

Run it with ``python benchmarks/product.py [values per axis] [axes]``; the default is 100 million rows.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import reduce
from math import prod
from statistics import median

import numpy as np
import pandas as pd
from common import Row

from paramsurvey import params

REPEATS = 5


def by_product(axes: dict[str, range]) -> pd.DataFrame:
    return params.product(axes)


def by_merging(axes: dict[str, range]) -> pd.DataFrame:
    frames = [pd.DataFrame({name: pd.Series(values, dtype="category")}) for name, values in axes.items()]
    return reduce(lambda left, right: left.merge(right, how="cross"), frames)


def by_filling(axes: dict[str, range]) -> pd.DataFrame:
    rows = prod(map(len, axes.values()))
    return pd.DataFrame({name: np.full(rows, 1, dtype=np.int8) for name in axes}, copy=False)


MAKERS: dict[str, Callable[[dict[str, range]], pd.DataFrame]] = {
    "product": by_product,
    "merge": by_merging,
    "fill": by_filling,
}


def measure(maker: str, size: int, count: int) -> dict[str, float]:
    """Make it once, in this process, and return seconds, bytes of the result and bytes at the peak."""
    axes = {f"a{i}": range(size) for i in range(count)}
    MAKERS[maker]({name: range(2) for name in axes})  # loads what is loaded at the first call only
    before = peak_memory()
    start = time.perf_counter()
    df = MAKERS[maker](axes)
    seconds = time.perf_counter() - start
    assert len(df) == size**count
    return {"seconds": seconds, "result": int(df.memory_usage().sum()), "peak": peak_memory() - before}


def peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def in_a_process_of_its_own(maker: str, size: int, count: int) -> dict[str, float]:
    command = [sys.executable, __file__, str(size), str(count), maker]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return result


def medians(size: int, count: int) -> dict[str, dict[str, float]]:
    turns = [
        {maker: in_a_process_of_its_own(maker, size, count) for maker in MAKERS} for _ in range(REPEATS + 1)
    ]
    return {maker: medians_of([turn[maker] for turn in turns[1:]]) for maker in MAKERS}


def rows(size: int = 100, count: int = 4) -> list[Row]:
    found = medians(size, count)
    ours, merging = found["product"], found["merge"]
    share = ours["peak"] / ours["result"]
    return [
        Row(
            f"params.product of {count} axes of {size} ({size**count:,} rows)",
            f"{ours['seconds']:.2f} s, {share:.2f}× the memory of its result (repeated merging: "
            f"{merging['seconds']:.2f} s, {merging['peak'] / merging['result']:.2f}×)",
            "≤ 0.35 s, ≤ 1.3×",
            ours["seconds"] <= 0.35 and share <= 1.3,
        )
    ]


def report(size: int, count: int) -> None:
    print(f"{count} axes of {size}: {size**count:,} rows; median of {REPEATS}, each in a new process")
    print(f"Python {platform.python_version()}, pandas {pd.__version__}, numpy {np.__version__}")
    found = medians(size, count)
    for maker, run in found.items():
        print(line(maker, run))
    print(f"product is {found['merge']['seconds'] / found['product']['seconds']:.1f} times as fast as merge")


def medians_of(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(run[key] for run in runs) for key in runs[0]}


def line(maker: str, run: dict[str, float]) -> str:
    ratio = run["peak"] / run["result"]
    return f"{maker:8} {run['seconds']:7.3f} s  peak {run['peak'] / 1e6:6.0f} MB = {ratio:.2f} × the result"


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:3]] or [100, 4]
    if len(sys.argv) > 3:
        print(json.dumps(measure(sys.argv[3], *numbers)))
    else:
        report(*numbers)
