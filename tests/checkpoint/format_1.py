"""The survey whose checkpoints are the directories ``fixtures/format-1`` and ``-2``, and how that came.

It was written by the revision 723e815, the last one before the files moved into packages::

    python format_1.py

Format 2 was written by the same program; it has tokens in the names of parts, and checksums.

Never write them again: they stand for the checkpoints that users have. What is new in a later format gets
a directory of its own.
"""

from __future__ import annotations

import sys
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

COUNT = 24
SINGLY = 17  # psets that were run by a program of their own each: more parts than stay unmerged
FAILED = (5, 12, 22)
USER_KWARGS = {"scale": 2, "names": ["a", "b"]}


def psets() -> pd.DataFrame:
    """Return psets with a column of each kind that a checkpoint can hold."""
    numbers = range(COUNT)
    return pd.DataFrame(
        {
            "i": numbers,
            "small": np.arange(COUNT, dtype=np.int8),
            "x": [n / 3 for n in numbers],
            "s": [f"text {n} é" for n in numbers],
            "flag": [n % 2 == 0 for n in numbers],
            "gap": [float("nan") if n % 5 == 1 else n / 2 for n in numbers],
            "maybe": pd.Series([None if n % 3 == 1 else n for n in numbers], dtype=object),
            "mixed": pd.Series([(n, n / 2, str(n), None, n > 9)[n % 5] for n in numbers], dtype=object),
            "when": pd.to_datetime("2024-02-28 12:00") + pd.to_timedelta(range(COUNT), unit="h"),
            "stamp": pd.Series([datetime(2024, 1, 1) + timedelta(n) for n in numbers], dtype=object),
            "day": [date(2024, 1, 1) + timedelta(n) for n in numbers],
            "kind": pd.Categorical(["xyz"[n % 3] for n in numbers], categories=["z", "y", "x"], ordered=True),
            "step": pd.Categorical([10 * (n % 2) for n in numbers]),
            "thing": [(n, {"half": Fraction(n, 2)}, {n}) for n in numbers],
        }
    )


# fmt: off
# The checkpoint has the text of this function, and resuming asks whether it has changed.
def worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[Any, Any]:
    """Return a value of each kind; fail for some psets."""
    i = pset["i"]
    print(f"pset {i} says hello")
    if i in FAILED:
        raise ValueError(f"no result for {i}")
    result = {
        "whole": user_kwargs["scale"] * i,
        "real": i / 7,
        "either": i if i % 2 else i / 4,
        "text": "ß" * (i % 4),
        "yes": i > 9,
        "nothing": None if i % 2 else "something",
        "huge": 2**70 + i,
        "moment": datetime(2024, 3, 31, 1, 30) + timedelta(minutes=i),
        "date": date(2024, 2, 29),
        "bytes": bytes([i]),
        "numbers": [i, i + 1],
        "array": np.arange(i % 3, dtype=np.float64),
        "object": {"price": Decimal(i) / 4, "set": {i}, "nested": [(i, None)]},
        7: i,
        "_hidden": -i,
        "i": i + 1000,
    }
    return result | ({"sometimes": i} if i % 2 else {})
# fmt: on


def write(directory: Path) -> None:
    """Write the checkpoint, in as many runs as it takes for its parts to be merged."""
    import paramsurvey

    def wait_for_merge(*arguments: Any) -> None:
        while not merged(directory / "results"):
            time.sleep(0.01)

    paramsurvey.init(backend="serial", verbose=0)
    options: dict[str, Any] = {
        "checkpoint": str(directory),
        "user_kwargs": USER_KWARGS,
        "capture_output": "store",
    }
    for limit in (*range(1, SINGLY + 1), COUNT):
        last = wait_for_merge if limit > SINGLY else None
        paramsurvey.map(
            worker, psets(), limit=limit, retry_failed=False, out_func=last, name="format 1", **options
        )


def merged(directory: Path) -> list[Path]:
    """Return the parts that several were merged into."""
    return [path for path in directory.glob("*.parquet") if path.name[:8] != path.name[9:17]]


if __name__ == "__main__":
    if Path("format-1").exists():
        sys.exit("format-1 is there already, and is never written again")
    write(Path("format-1"))
