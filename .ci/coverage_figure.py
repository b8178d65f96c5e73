"""Writes what `coverage` has measured into the README, between two comments: `make coverage` runs it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- begin coverage -->", "<!-- end coverage -->"


def measured() -> dict[str, int]:
    """Return the totals of the last `coverage combine`."""
    command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"]
    report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    totals: dict[str, int] = report["totals"]
    return totals


def sentence(totals: dict[str, int], system: str, day: str) -> str:
    """Return what the README says.

    Examples
    --------
    >>> totals = {"covered_branches": 8, "num_branches": 10, "covered_lines": 190, "num_statements": 200}
    >>> sentence(totals, "Linux, Python 3.11", "2026-11-28")
    'The tests run 95.0 % of the lines and 80.0 % of the branches of `src` (Linux, Python 3.11; 2026-11-28).'
    """
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    share = f"{lines:.1f} % of the lines and {branches:.1f} % of the branches"
    return f"The tests run {share} of `src` ({system}; {day})."


def with_figure(readme: str, text: str) -> str:
    """Return the README with another sentence between the comments.

    Examples
    --------
    >>> with_figure(f"before {BEGIN}old{END} after", "new")
    'before <!-- begin coverage -->new<!-- end coverage --> after'
    """
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"README.md has lost the comments {BEGIN} and {END}: put them where the figure shall stand")
    return f"{head}{begin}{text}{end}{tail}"


if __name__ == "__main__":
    system = f"{platform.system()}, Python {platform.python_version().rpartition('.')[0]}"
    text = sentence(measured(), system, f"{datetime.now(UTC):%Y-%m-%d}")
    README.write_text(with_figure(README.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)
