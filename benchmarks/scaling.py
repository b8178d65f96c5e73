"""How the cost of a survey grows: with the psets, measured; with the cores, on a cluster that is simulated.

Usage: python benchmarks/scaling.py
"""

from __future__ import annotations

from common import machine
from dispatch import simulate
from memory import FRAME, MB, SPACE, case

PSETS = (10_000, 100_000, 1_000_000, 10_000_000)
SPACES = (1_000_000, 10_000_000, 100_000_000)
WORKERS = (100, 1000, 10_000)
GROUPS = 50_000


def psets_table() -> None:
    """Print time and the driver's peak memory by number of psets."""
    print("| psets of two integers and one result | time | psets/s | driver's peak memory |")
    print("|---|---|---|---|")
    for kind, code, counts in (
        ("DataFrame", FRAME, PSETS),
        ("space, to a checkpoint, keep_results=False", SPACE, SPACES),
    ):
        for count in counts:
            found = case(code, count)
            speed = found["psets"] / found["seconds"]
            print(
                f"| {found['psets']:,}, {kind} | {found['seconds']:.2f} s | {speed:,.0f} "
                f"| {found['peak'] / MB:.0f} MB |",
                flush=True,
            )


def cores_table() -> None:
    """Print the driver's CPU time per group by number of workers and psets per group."""
    print("| simulated workers | psets in a group | driver's CPU time per group | per pset |")
    print("|---|---|---|---|")
    for workers in WORKERS:
        for per_group in (1, 1000):
            spent, groups, _ = simulate(workers, GROUPS * per_group, per_group)
            each = spent / groups
            print(
                f"| {workers:,} | {per_group:,} | {each * 1e6:.0f} µs | {each / per_group * 1e6:.2f} µs |",
                flush=True,
            )


def main() -> None:
    """Measure, and print both tables."""
    print(machine())
    print()
    psets_table()
    print()
    cores_table()


if __name__ == "__main__":
    main()
