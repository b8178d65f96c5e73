"""Programs that have a Ray of their own, each in a process of its own: a process can have one Ray only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

HANG = 100.0  # seconds
SMALL = {"object_store_memory": 100_000_000, "include_dashboard": False}
UNDISTURBED = {  # what else runs here must neither end a worker nor go before it
    "memory_monitor_refresh_ms": 0,
    "worker_niceness": 0,
}
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}
# The agents of Ray, by the file that they run and, where setproctitle is installed, by their title.
AGENTS = ("/dashboard/agent.py", "/runtime_env/agent/main.py", "ray::DashboardAgent", "ray::RuntimeEnvAgent")

PREAMBLE = f"""
LOCAL = {{**{SMALL!r}, "_system_config": {UNDISTURBED!r}}}
HEAD = {{**{SMALL!r}, "num_cpus": 2, "num_gpus": 0, "_system_config": {UNDISTURBED | QUICK!r}}}


def say(*words):
    print("\\n>", *words, flush=True)
"""


@dataclass(frozen=True)
class Run:
    """What a program printed, and how it ended."""

    output: str
    code: int

    @property
    def said(self) -> list[str]:
        """What it said with ``say``, line by line; Ray talks, too."""
        return [line.removeprefix("> ") for line in self.output.splitlines() if line.startswith("> ")]


class Program:
    """Runs programs whose Rays know nothing of others on this machine.

    Parameters
    ----------
    directory : Path
        For Ray's own files. Sockets are in there, so its name must be short.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def run(self, code: str, **environment: str) -> Run:
        """Run it, with stdout and stderr in one; fail when it fails."""
        run = self.attempt(code, **environment)
        assert run.code == 0, f"the program ended with {run.code}:\n{run.output}"
        return run

    def attempt(self, code: str, **environment: str) -> Run:
        """Run it, however it ends."""
        program = self.start(code, **environment)
        try:
            output, _ = program.communicate(timeout=HANG)
        finally:
            program.kill()
        return Run(output, program.returncode)

    def start(self, code: str, **environment: str) -> subprocess.Popen[str]:
        """Start it, with stdout and stderr in one."""
        return subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self._environment(), **environment},
        )

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        own = {"RAY_TMPDIR": str(self._directory), "HOME": str(self._directory), "RAY_AUTH_MODE": "disabled"}
        return {**inherited, **own, "OMP_NUM_THREADS": "1"}

    def assert_nothing_left(self) -> None:
        """Fail if a process of one of its Rays is still there."""
        from conftest import wait_until

        wait_until(lambda: not self._names(), lambda: f"left: {self._names()}")

    def _names(self) -> list[str]:
        """Name the processes that are left, but for Ray's agents: they outlive a killed driver."""
        found = []
        for process in self._processes():
            with suppress(psutil.Error):  # it is gone
                if not any(word.endswith(AGENTS) for word in process.cmdline()):
                    found.append(f"{process.pid} {process.name()}")
        return found

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it is gone, or somebody else's
                if process.environ().get("RAY_TMPDIR") == str(self._directory):
                    yield process

    def end_what_is_left(self) -> None:
        """Kill what a program has left, or a test that failed."""
        for process in list(self._processes()):
            with suppress(psutil.Error):
                process.kill()


@contextmanager
def programs() -> Iterator[Program]:
    """Have a place for programs; what they leave in it, and what still runs, is removed."""
    directory = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    program = Program(directory)
    try:
        yield program
    finally:
        program.end_what_is_left()
        shutil.rmtree(directory, ignore_errors=True)
