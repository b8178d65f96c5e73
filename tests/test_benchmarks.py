"""The benchmarks, as far as they can be tested: that they fit the engine, and that `make bench` finds all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCHMARKS, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def test_make_bench_finds_the_rows_of_every_benchmark() -> None:
    each = "print(one, callable(importlib.import_module(one).rows))"
    lines = run(f"import all, importlib\nfor one in all.NAMES: {each}").splitlines()
    assert lines
    assert all(line.endswith(" True") for line in lines)


def test_the_simulated_cluster_fits_the_engine() -> None:
    assert "100 workers, 100 groups" in run("import dispatch\nprint(*dispatch.rows(100, 10_000))")
