"""What a checkpoint costs, and how fast a survey resumes that is finished already.

    python benchmarks/checkpoint.py overhead [--psets 1000000] [--rounds 9]
    python benchmarks/checkpoint.py resume [--psets 10000000]

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

import paramsurvey

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
    assert results.c.tolist() == (psets.a + psets.b).tolist()
    if checkpoint is not None:
        shutil.rmtree(checkpoint)
    return took


def overhead(directory: Path, count: int, rounds: int) -> bool:
    psets = psets_of(count)
    paramsurvey.init(verbose=0)
    timed(psets, directory / "warm-up")
    pairs = [(timed(psets, None), timed(psets, directory / f"run-{i}")) for i in range(rounds)]
    without, with_it = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs) - 1
    print(f"{count:,} tiny psets, medians of {rounds} rounds")
    print(f"  {without:.3f} s without, {with_it:.3f} s with a checkpoint")
    print(f"the median of the pairs: {100 * ratio:+.1f} % (at most {100 * MOST_OVERHEAD:.0f} % is promised)")
    return ratio <= MOST_OVERHEAD


def resume(directory: Path, count: int) -> bool:
    checkpoint = directory / "run"
    first = measured("run", count, checkpoint)
    print(f"{count:,} psets run with a checkpoint: {first['seconds']:.1f} s")
    size = sum(path.stat().st_size for path in checkpoint.rglob("*.parquet"))
    print(f"  on disk: {size / 1e6:.0f} MB in {len(list(checkpoint.rglob('*.parquet')))} files")
    plain = measured("hold", count, checkpoint)
    again = measured("run", count, checkpoint)
    more = again["peak"] - plain["peak"]
    print(f"resumed when all are done: {again['seconds']:.1f} s (at most {MOST_SECONDS:.0f} s are promised)")
    print(
        f"  peak memory {again['peak'] / 1e6:.0f} MB, {more / 1e6:.0f} MB above psets and results themselves"
    )
    loaded = measured("load", count, checkpoint)
    print(f"paramsurvey.load(): {loaded['seconds']:.1f} s, peak memory {loaded['peak'] / 1e6:.0f} MB")
    return again["seconds"] < MOST_SECONDS and more < MOST_BYTES and again["resumed"] == count


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["overhead", "resume", "run", "hold", "load"])
    parser.add_argument("--psets", type=int)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--directory", type=Path, help="where to write; a temporary one by default")
    given = parser.parse_args()
    if given.what in ("run", "hold", "load"):
        one(given.what, given.psets, given.directory)
        return 0
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        if given.what == "overhead":
            fine = overhead(Path(directory), given.psets or 1_000_000, given.rounds)
        else:
            fine = resume(Path(directory), given.psets or 10_000_000)
    print("PASSED" if fine else "FAILED")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
