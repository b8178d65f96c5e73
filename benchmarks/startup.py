"""From start to end: 20 psets of a microsecond, beside ``import pandas``; and three commands.

Usage: python benchmarks/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

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
COMMANDS = ["run", "-p", "i=1,2,3", "--", "echo", "{i}"]
COMMANDS_TARGET = 0.25  # seconds


def rows() -> list[Row]:
    """Measure in turn, after one round that warms the disk's cache."""
    with TemporaryDirectory() as directory:
        actions = {
            "program": lambda: run_python(PROGRAM),
            "pandas": lambda: run_python("import pandas"),
            "commands": lambda: run_commands(directory),
            "python": lambda: run_python("pass"),
        }
        in_turn(actions, rounds=1)
        times = in_turn(actions, rounds=11)
    more = statistics.median(a - b for a, b in zip(times["program"], times["pandas"], strict=True))
    pandas, commands, python = (statistics.median(times[name]) for name in ("pandas", "commands", "python"))
    return [
        Row(
            "20 psets of 1 µs, program start to end",
            f"import pandas ({pandas:.2f} s) + {more:.2f} s",
            f"≤ + {TARGET} s",
            more <= TARGET,
        ),
        Row(
            "`paramsurvey run` of three times `echo`, start to end",
            f"{commands:.2f} s (Python alone: {python:.2f} s)",
            f"≤ {COMMANDS_TARGET} s",
            commands <= COMMANDS_TARGET,
        ),
    ]


def run_commands(directory: str) -> None:
    """Run the program as a shell does, in an empty directory, with all that it prints thrown away."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = str(Path(sys.executable).with_name("paramsurvey"))
    subprocess.run(
        [program, *COMMANDS],
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    print(machine())
    print(HEAD)
    for row in rows():
        print(row)
