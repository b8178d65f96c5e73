"""Tiny psets from dicts, small maps, and how near to a bare loop they come.

Usage: python benchmarks/tiny_psets.py [--psets N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from time import perf_counter
from typing import Any

import pandas as pd
import psutil
from common import HEAD, ROUNDS, Row, in_turn, machine, median_ratio, ratio_row, seconds
from throughput import CHUNKS, COUNT, add, check, integers

import paramsurvey

Dicts = Iterable[dict[str, int]]

CORES = os.cpu_count() or 1
SMALL = 20
SMALL_ROUNDS = 200
MAPS = 1000
MOST_GROWTH = 5e6  # bytes


def dicts(count: int) -> Iterator[dict[str, int]]:
    """Yield psets of two integers."""
    return ({"a": i, "b": count - i} for i in range(count))


def with_loop(psets: Dicts) -> pd.DataFrame:
    """What people write first."""
    return pd.DataFrame([{**pset, **add(pset)} for pset in psets])


def with_executor(pool: ProcessPoolExecutor, chunk: int, psets: list[dict[str, int]]) -> pd.DataFrame:
    """What people write next, with a chunk size that they found by trying."""
    results = pool.map(add, psets, chunksize=chunk)
    return pd.DataFrame([{**pset, **result} for pset, result in zip(psets, results, strict=True)])


def bare_share(columns: dict[str, list[int]]) -> float:
    """Do one core's share of the bare loop, and return the seconds: where all do, each is slower."""
    own = {name: values[::CORES] for name, values in columns.items()}
    return seconds(lambda: bare_loop(own))


def bare_loop(columns: dict[str, list[int]]) -> tuple[list[Any], list[float]]:
    """Do for each pset what cannot be left out: a dict, the call, a clock, and what is raised."""
    results, walls = [], []
    begun = perf_counter()
    for a, b in zip(columns["a"], columns["b"], strict=True):
        pset = {"a": a, "b": b}
        try:
            results.append(add(pset))
        except Exception as error:
            results.append(error)
        now = perf_counter()
        walls.append(now - begun)
        begun = now
    return results, walls


def throughput_rows(count: int) -> list[Row]:
    """Measure a million psets from a list, a generator and a DataFrame, all by turns."""
    psets, frame = list(dicts(count)), integers(count)
    columns = {str(name): frame[name].tolist() for name in frame}
    check(paramsurvey.map(add, psets), with_loop(psets))
    with ProcessPoolExecutor(CORES) as pool:
        chunk = min(CHUNKS, key=lambda chunk: seconds(lambda: with_executor(pool, chunk, psets)))
        times = in_turn(
            {
                "list": lambda: paramsurvey.map(add, psets),
                "generator": lambda: paramsurvey.map(add, dicts(count)),
                "DataFrame": lambda: paramsurvey.map(add, frame),
                "loop": lambda: with_loop(psets),
                "loop, generator": lambda: with_loop(dicts(count)),
                "executor": lambda: with_executor(pool, chunk, psets),
                "bare loop": lambda: bare_loop(columns),
            }
        )
        shares = [max(pool.map(bare_share, [columns] * CORES)) for _ in range(ROUNDS)]
    of_list = {
        f"ProcessPoolExecutor (chunks of {chunk})": (median_ratio(times["executor"], times["list"]), 4.0),
        "a serial loop": (median_ratio(times["loop"], times["list"]), 2.0),
    }
    of_generator = {"a serial loop": (median_ratio(times["loop, generator"], times["generator"]), 1.5)}
    floor = median_ratio(times["bare loop"], times["DataFrame"]) / CORES
    all_busy = statistics.median(shares) / statistics.median(times["DataFrame"])
    work = f"{count:,} psets of two integers"
    return [
        ratio_row(f"{work}, a list of dicts", of_list, count / statistics.median(times["list"])),
        ratio_row(
            f"{work}, a generator of dicts", of_generator, count / statistics.median(times["generator"])
        ),
        Row(
            f"{work}, a DataFrame, against a bare loop in one process",
            f"{floor:.0%} of its speed times cores; {all_busy:.0%} of what {CORES} such loops do at once",
            "≥ 60%",
            floor >= 0.6,
        ),
    ]


def small_rows() -> list[Row]:
    """Measure maps of 20 psets, when the workers are there, and what many of them leave behind."""
    psets = list(dicts(SMALL))
    ours: Callable[[], object] = lambda: paramsurvey.map(add, psets)  # noqa: E731
    with ProcessPoolExecutor(CORES) as pool:
        theirs: Callable[[], object] = lambda: with_executor(pool, 1, psets)  # noqa: E731
        in_turn({"ours": ours, "theirs": theirs}, rounds=SMALL)
        times = in_turn({"ours": ours, "theirs": theirs}, rounds=SMALL_ROUNDS)
    ratio = statistics.median(times["ours"]) / statistics.median(times["theirs"])
    milliseconds = 1e3 * statistics.median(times["ours"])
    return [
        Row(
            f"{SMALL} psets, when the workers are already running",
            f"{ratio:.2f}× the time of ProcessPoolExecutor ({milliseconds:.1f} ms)",
            "≤ 1.5×",
            ratio <= 1.5,
        ),
        leak_row(ours),
    ]


def leak_row(one_map: Callable[[], object]) -> Row:
    """Measure what a thousand maps leave in the driver and in its workers, after a thousand others.

    The first ones make the heap as large as it then stays.
    """
    for _ in range(MAPS):
        one_map()
    before = held()
    for _ in range(MAPS):
        one_map()
    more = [after - was for after, was in zip(held(), before, strict=True)]
    return Row(
        f"what another {MAPS:,} maps of {SMALL} psets leave behind, after {MAPS:,} of them",
        f"{more[0] / 1e6:.1f} MB in the driver, {more[1] / 1e6:.1f} MB in all workers, {more[2]} threads, "
        f"{more[3]} open files, {more[4]} processes",
        f"≤ {MOST_GROWTH / 1e6:g} MB each, and nothing else",
        max(more[:2]) <= MOST_GROWTH and max(more[2:]) <= 0,
    )


def held() -> tuple[int, int, int, int, int]:
    """Return what there is: memory of driver and workers, threads, open files, processes."""
    here = psutil.Process()
    workers = here.children(recursive=True)
    memory = sum(worker.memory_info().rss for worker in workers)
    return here.memory_info().rss, memory, threading.active_count(), here.num_fds(), len(workers)


def rows(count: int = COUNT) -> list[Row]:
    """Measure everything."""
    with open(os.devnull, "w") as nothing, redirect_stderr(nothing):
        paramsurvey.init()
        small = small_rows()  # first, because a million psets leave holes in the driver's memory
        measured = [*throughput_rows(count), *small]
        paramsurvey.finalize()
    return measured


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--psets", type=int, default=COUNT)
    print(machine(), f"{ROUNDS} rounds")
    print(HEAD)
    for row in rows(parser.parse_args().psets):
        print(row)


if __name__ == "__main__":
    main()
