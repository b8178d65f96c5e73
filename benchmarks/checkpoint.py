"""What a checkpoint costs, and how fast a survey resumes that is finished already.

Usage: python benchmarks/checkpoint.py

Overhead: the same survey of tiny psets, with and without a checkpoint, by turns; the medians count.
Resume: a survey is run once with a checkpoint, and then again by a fresh process, which has nothing
left to do; its time and memory count, compared with a process that holds the same results only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import HEAD, Row, machine

import paramsurvey

COUNT = 1_000_000
ROUNDS = 9
MOST_OVERHEAD = 0.05
MOST_SECONDS = 10.0
MOST_BYTES = 1e9


def add(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    return {"c": pset["a"] + pset["b"]}


def psets_of(count: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(count), "b": np.arange(count) % 1000})


def timed(psets: pd.DataFrame, checkpoint: Path | None) -> float:
    begun = time.perf_counter()
    options = {} if checkpoint is None else {"checkpoint": checkpoint}
    results = paramsurvey.map(add, psets, **options)
    took = time.perf_counter() - begun
    assert (results.c == psets.a + psets.b).all()
    if checkpoint is not None:
        shutil.rmtree(checkpoint)
    return took


def overhead(directory: Path, count: int = COUNT, rounds: int = ROUNDS) -> Row:
    """Run the same survey without and with a checkpoint, by turns."""
    psets = psets_of(count)
    paramsurvey.init(verbose=0)
    timed(psets, directory / "warm-up")
    pairs = [(timed(psets, None), timed(psets, directory / f"run-{i}")) for i in range(rounds)]
    without, with_it = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(b / a for a, b in pairs) - 1
    return Row(
        f"a checkpoint of {count:,} tiny psets",
        f"{more:+.1%} ({without:.2f} s without, {with_it:.2f} s with one; {rounds} rounds)",
        f"≤ +{MOST_OVERHEAD:.0%}",
        more <= MOST_OVERHEAD,
    )


def resume(directory: Path, count: int = 10 * COUNT) -> Row:
    """Run a survey once, and then again when nothing is left to do."""
    checkpoint = directory / "run"
    measured("run", count, checkpoint)
    plain = measured("hold", count, checkpoint)
    again = measured("run", count, checkpoint)
    assert again["resumed"] == count
    more = again["peak"] - plain["peak"]
    return Row(
        f"resuming when {count:,} of {count:,} are done",
        f"{again['seconds']:.1f} s, {more / 1e6:.0f} MB above psets and results",
        f"< {MOST_SECONDS:.0f} s, < {MOST_BYTES / 1e9:.0f} GB",
        again["seconds"] < MOST_SECONDS and more < MOST_BYTES,
    )


def rows() -> list[Row]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as directory:
        return [overhead(Path(directory)), resume(Path(directory))]


def measured(what: str, count: int, checkpoint: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, what, "--psets", str(count), "--directory", str(checkpoint)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def one(what: str, count: int, checkpoint: Path) -> None:
    """Do one thing in this process, and print what it took."""
    psets = psets_of(count)
    begun, resumed = time.perf_counter(), 0
    if what == "hold":
        held = psets.copy(deep=True)
        held["c"] = held.a + held.b
    elif what == "load":
        assert len(paramsurvey.load(checkpoint)) == count
    else:
        paramsurvey.init(verbose=0)
        begun = time.perf_counter()
        results = paramsurvey.map(add, psets, checkpoint=checkpoint)
        resumed = results.progress.resumed
        assert len(results) == count
        assert int(results.c.sum()) == int(psets.a.sum() + psets.b.sum())
    took = time.perf_counter() - begun
    print(json.dumps({"seconds": took, "peak": paramsurvey.utils.vmem() * 1e9, "resumed": resumed}))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["run", "hold", "load"], help=argparse.SUPPRESS)
    parser.add_argument("--psets", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.what is not None:
        one(given.what, given.psets, given.directory)
        return
    print(machine())
    print(HEAD)
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
