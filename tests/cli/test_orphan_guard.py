"""What ends commands whose worker was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import runs, wait_until

WORKER = """
import os, signal, subprocess
from paramsurvey.cli.command.orphan_guard import OrphanGuard

guard = OrphanGuard()
print(subprocess.Popen(["sleep", "600"], process_group=0, stdout=subprocess.DEVNULL).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is nothing to find the command by")
def test_a_command_ends_also_if_its_worker_is_killed_before_it_can_tell_of_it() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", WORKER], start_new_session=True, stdout=subprocess.PIPE, text=True, timeout=100
    )
    wait_until(lambda: not runs(int(killed.stdout)), "the command still runs")
