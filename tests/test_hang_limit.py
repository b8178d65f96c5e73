"""A test that hangs is ended with the stacks of all threads, in one process and in several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROGRAM = """
import threading
import pytest


@pytest.mark.limit(1)
def test_that_hangs():
    threading.Event().wait()


def test_that_passes():
    pass
"""


def run_pytest(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a file with a test that hangs, under the rules of this suite."""
    (directory / "test_two.py").write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", *options],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
    )


def test_in_one_process_it_ends_the_run(in_tmp: Path) -> None:
    done = run_pytest(in_tmp)
    assert done.returncode == 1
    assert 'test_two.py", line 8 in test_that_hangs' in done.stderr
    assert "1 passed" not in done.stdout


def test_in_several_processes_the_others_run_on_and_the_summary_names_it(in_tmp: Path) -> None:
    pytest.importorskip("xdist")
    done = run_pytest(in_tmp, "-n", "1", "--dist", "worksteal")
    assert done.returncode == 1
    assert 'test_two.py", line 8 in test_that_hangs' in done.stderr
    *_, failure, last = done.stdout.splitlines()
    assert failure.startswith("FAILED test_two.py::test_that_hangs")
    assert "1 failed, 1 passed" in last
