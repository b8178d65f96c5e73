"""Clusters run kernels that are ten years old, and sandboxes refuse what they do not know: all works there.

The system refuses real calls to all processes of a test: either all calls that Linux has got since 3.10, the
kernel of CentOS 7, or a single one, as old versions of Docker do.
"""

from __future__ import annotations

import errno
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[1] / "older_kernel.py"
FIRST_SINCE_3_10 = {"x86_64": 314, "aarch64": 274}.get(platform.machine(), 0)
MEMFD_CREATE = {"x86_64": 319, "aarch64": 279}.get(platform.machine(), 0)
PIDFD_OPEN = 434
FLOCK = {"x86_64": 73, "aarch64": 32}.get(platform.machine(), 0)
FSYNC = {"x86_64": 74, "aarch64": 82}.get(platform.machine(), 0)
FCHMODAT = {"x86_64": 268, "aarch64": 53}.get(platform.machine(), 0)
CHMOD = {"x86_64": 90}.get(platform.machine(), FCHMODAT)
REFUSALS = {
    "the calls of Linux 3.10": (errno.ENOSYS, FIRST_SINCE_3_10, 10_000),
    "no files in memory allowed": (errno.EPERM, MEMFD_CREATE, MEMFD_CREATE),
    "no descriptors of processes allowed": (errno.EPERM, PIDFD_OPEN, PIDFD_OPEN),
}
Run = Callable[..., subprocess.CompletedProcess[str]]
SURVEY = """
import os, signal, sys
import numpy as np
import paramsurvey

def work(pset, system_kwargs, user_kwargs):
    if pset["i"] == 7:
        if os.fork() == 0:
            signal.pause()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"sum": user_kwargs["array"].sum() + pset["i"]}

paramsurvey.init(ncores=2, verbose=0)
array = np.ones(1_000_000)
results = paramsurvey.map(work, [{"i": i} for i in range(20)], user_kwargs={"array": array}, checkpoint="out")
print(len(results), results["sum"].sum(), [text.split("(")[0] for text in results.missing["_exception"]])
"""

pytestmark = pytest.mark.skipif(
    not FIRST_SINCE_3_10, reason="the numbers of this processor's system calls are not known"
)


@pytest.fixture(params=REFUSALS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Return a function that runs Python where the system refuses some calls."""

    return partial(run_refused, tmp_path, REFUSALS[request.param])


def run_refused(
    directory: Path, refusal: tuple[int, int, int], *arguments: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LAUNCHER), *map(str, refusal), sys.executable, *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if "this system takes no filter" in done.stderr:
        pytest.skip("this system lets nobody filter system calls")
    return done


def test_a_survey_with_a_shared_array_a_crash_and_a_checkpoint(run: Run) -> None:
    done = run("-c", SURVEY)
    assert done.stderr == ""
    total = 19 * 1_000_000 + sum(range(20)) - 7
    assert done.stdout == f"19 {float(total)} ['WorkerDied']\n"


def test_a_command_that_takes_too_long_is_stopped(run: Run) -> None:
    words = ["run", "--verbose=0", "--timeout=3s", "-p", "seconds=0,1000", "--", "sleep", "{seconds}"]
    done = run("-m", "paramsurvey", *words)
    assert [line.split(",")[:2] for line in done.stdout.splitlines()] == [
        ["seconds", "exit_code"],
        ["0", "0"],
    ]
    assert done.returncode == 1


def test_where_files_cannot_be_locked_a_delay_says_what_to_do(tmp_path: Path) -> None:
    words = ["run", "--verbose=1", "--delay=0.01", "-p", "i=1", "--", "echo", "{i}"]
    done = run_refused(tmp_path, (errno.ENOSYS, FLOCK, FLOCK), "-m", "paramsurvey", *words)
    assert "cannot be locked (Function not implemented)" in done.stderr
    assert "set TMPDIR to a directory on a local disk" in done.stderr


@pytest.mark.parametrize(
    ("error", "call"), [(errno.EINVAL, FSYNC), (errno.EPERM, CHMOD)], ids=["no sync", "no permissions"]
)
def test_checkpoints_and_tables_are_written_where_the_file_system_refuses_a_call(
    error: int, call: int, tmp_path: Path
) -> None:
    words = ["run", "--verbose=1", "--checkpoint=out", "-o", "r.csv", "-p", "i=1", "--", "echo", "{i}"]
    done = run_refused(tmp_path, (error, call, call), "-m", "paramsurvey", *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.csv").read_text().splitlines()[1].startswith("1,0,")
