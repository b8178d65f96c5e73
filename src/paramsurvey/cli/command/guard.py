"""A small process that ends a command when the worker that runs it is gone, even by SIGKILL.

A worker starts one with its first command, and tells it on stdin which process group runs, 0 for none.
The end of stdin is the end of the worker. It is a program of its own, run without site-packages,
so that it costs some milliseconds and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

GRACE_SECONDS = 2.0  # between SIGTERM and SIGKILL
LOOK_SECONDS = 0.02


def end_group(group: int, grace: float = GRACE_SECONDS) -> None:
    """End a process group that is not ours: SIGTERM, and SIGKILL for what is left after `grace` seconds."""
    deadline = time.monotonic() + grace
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)  # a stopped process would not notice
        while time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


class Guard:
    """The guard process of this worker."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, group: int) -> None:
        """End this process group if this process ends; 0: there is none any more."""
        pipe: IO[bytes] | None = self._process.stdin
        assert pipe is not None
        with suppress(OSError):  # the guard was killed: without it, the command is only less safe
            pipe.write(b"%d\n" % group)
            pipe.flush()


def _main() -> None:
    group = 0
    for line in sys.stdin:
        group = int(line)
    if group:
        end_group(group)


if __name__ == "__main__":
    _main()
