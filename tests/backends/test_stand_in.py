"""Where worker processes of our own cannot be had, as on Windows, a pool of loky's stands in for them.

No Windows is at hand: the tests run in an interpreter from which the modules and calls that only Unix has are
hidden from paramsurvey (`tests/without_unix/`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import paramsurvey
from paramsurvey.backends import stand_in

HIDING = Path(__file__).parents[1] / "without_unix"
HANGS = 540  # seconds
PROGRAM = """
import paramsurvey

def double(pset, system_kwargs, user_kwargs):
    return {"b": pset["a"] * 2}

if __name__ == "__main__":
    paramsurvey.init(ncores=2)
    print(paramsurvey.backend(), paramsurvey.current_core_count())
    print(paramsurvey.map(double, [{"a": 1}, {"a": 2}]).b.tolist())
    paramsurvey.init(backend="serial")
    print(paramsurvey.backend())
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python where Unix is hidden."""
    environment = {**os.environ, "PYTHONPATH": str(HIDING)}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=HANGS
    )


def test_init_works_and_one_line_says_what_is_lost(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = run(str(program))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["futures 2", "[2, 4]", "serial"]
    assert done.stderr.splitlines().count(stand_in.WHAT_IS_LOST) == 1


def test_without_loky_the_error_says_what_to_do(tmp_path: Path) -> None:
    code = "import sys; sys.modules['loky'] = None; import paramsurvey; paramsurvey.init()"
    done = run("-c", code)
    assert "pip install loky, or use init(backend='serial')" in done.stderr


def test_here_our_own_workers_run() -> None:
    paramsurvey.init(ncores=1, verbose=0)
    assert paramsurvey.backend() == "multiprocessing"
    assert stand_in.notice("multiprocessing") == ""


@pytest.mark.limit(HANGS + 10)
def test_the_stand_in_keeps_the_contract_of_all_backends(tmp_path: Path) -> None:
    numbers = "not test_each_process_has_a_number_of_its_own"  # which takes sockets that Unix alone has
    suite = str(HIDING / "contract_of_the_default.py")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", numbers, suite)
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
