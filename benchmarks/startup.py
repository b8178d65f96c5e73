"""From the start of a program to its end: 20 psets of a microsecond, beside ``import pandas`` alone.

Usage: python benchmarks/startup.py
"""

from __future__ import annotations

import statistics

from common import HEAD, Row, in_turn, machine, run_python

PROGRAM = """
import paramsurvey
def worker(pset, system_kwargs, user_kwargs):
    return {"b": pset["a"] + 1}
paramsurvey.init(verbose=0)
results = paramsurvey.map(worker, [{"a": i} for i in range(20)])
assert results.b.tolist() == list(range(1, 21))
"""
TARGET = 0.15  # seconds more than pandas alone


def rows() -> list[Row]:
    """Measure in turn, after one round that warms the disk's cache."""
    actions = {
        "program": lambda: run_python(PROGRAM),
        "pandas": lambda: run_python("import pandas"),
    }
    in_turn(actions, rounds=1)
    times = in_turn(actions, rounds=11)
    more = statistics.median(a - b for a, b in zip(times["program"], times["pandas"], strict=True))
    pandas = statistics.median(times["pandas"])
    return [
        Row(
            "20 psets of 1 µs, program start to end",
            f"import pandas ({pandas:.2f} s) + {more:.2f} s",
            f"≤ + {TARGET} s",
            more <= TARGET,
        )
    ]


if __name__ == "__main__":
    print(machine())
    print(HEAD)
    for row in rows():
        print(row)
