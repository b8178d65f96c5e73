"""Measure everything, and write docs/performance.md: the table, with the machine, the versions and the date.

Usage: python benchmarks/all.py [NAME ...]     names of benchmarks: measure and print these alone
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from common import HEAD, Row, machine

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NAMES = (
    "throughput",
    "tiny_psets",
    "batch",
    "ray_throughput",
    "efficiency",
    "startup",
    "memory",
    "product",
    "dispatch",
    "checkpoint",
    "printing",
    "eta",
)


def measured(name: str) -> list[Row]:
    """Run one benchmark in a process of its own, so that none inherits the memory or the Ray of another."""
    code = f"import {name}\nfor row in {name}.rows(): print('ROW', repr(row))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE, text=True, check=False
    )
    found = [line.removeprefix("ROW ") for line in done.stdout.splitlines() if line.startswith("ROW ")]
    if done.returncode != 0 or not found:
        return [Row(f"benchmarks/{name}.py", f"failed with exit code {done.returncode}", "a figure", False)]
    return [eval(line, {"Row": Row}) for line in found]


def all_rows(names: tuple[str, ...]) -> Iterator[Row]:
    """Measure one after the other, and show each row when it is there."""
    for name in names:
        importlib.invalidate_caches()
        for row in measured(name):
            print(row, flush=True)
            yield row


def write(rows: list[Row]) -> None:
    """Put the table into its place in the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join([machine(), "", HEAD, *map(str, rows)])
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}")
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    rows = list(all_rows(tuple(arguments.names) or NAMES))
    if not arguments.names:
        write(rows)
        print(f"written to {PAGE}")


if __name__ == "__main__":
    main()
