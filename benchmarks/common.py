"""What the benchmarks share: rows of the table in docs/performance.md, medians, and the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One line of the table: what was run, what came out, and what it should be."""

    work: str
    measured: str
    target: str
    reached: bool

    def __str__(self) -> str:
        return f"| {self.work} | {self.measured} | {self.target} | {'yes' if self.reached else '**no**'} |"


HEAD = "| work | measured | target | reached |\n|---|---|---|---|"


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def in_turn(actions: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Time the actions one after the other, round by round, so that a slow minute hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(seconds(action))
    return times


def median_ratio(slow: list[float], fast: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def ratio_row(work: str, ratios: dict[str, tuple[float, float]], psets_per_second: float) -> Row:
    """Return the row of a work with several peers: name -> (ratio, target)."""
    measured = ", ".join(f"{ratio:.2f}× {name}" for name, (ratio, _) in ratios.items())
    target = ", ".join(f"≥ {target:g}× {name}" for name, (_, target) in ratios.items())
    reached = all(ratio >= target for ratio, target in ratios.values())
    return Row(work, f"{measured} ({psets_per_second / 1e6:.2f} million psets/s)", target, reached)


def machine() -> str:
    """Describe where and with what this was measured."""
    import psutil

    packages = ", ".join(f"{name} {version(name)}" for name in ("paramsurvey", "numpy", "pandas"))
    return (
        f"{time.strftime('%Y-%m-%d')}, {psutil.cpu_count()} cores ({_processor()}), "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def run_python(code: str, *arguments: str, python: str = sys.executable) -> str:
    """Run Python code in a process of its own, which may keep what it compiles, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [python, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    return done.stdout.strip()
