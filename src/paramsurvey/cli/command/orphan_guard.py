"""A small process that ends a command whose worker has died, even by SIGKILL.

A worker starts its guard together with its first command. On the guard's stdin it writes the id of the
process group that runs, and 0 when none runs. When stdin ends, the worker has ended, and the guard ends the
group. A command that has just started, whose id has not been written yet, is found by the worker's session.

The guard is a program of its own, run without site-packages, and imports only what it always needs: it
starts in a few milliseconds.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

GRACE_SECONDS = 2.0  # between SIGTERM and SIGKILL
POLL_SECONDS = 0.02


def end_group(group: int, grace: float = GRACE_SECONDS) -> None:
    """End a process group: SIGTERM, then SIGKILL for processes that still run after `grace` seconds."""
    import signal

    deadline = time.monotonic() + grace
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)  # a stopped process would not notice SIGTERM
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


class OrphanGuard:
    """The guard process of this worker."""

    def __init__(self) -> None:
        import subprocess

        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, group: int) -> None:
        """Have this process group ended if this process dies; 0: no group runs."""
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError):  # somebody killed the guard: the command runs without protection
            pipe.write(b"%d\n" % group)
            pipe.flush()


def groups_in_session(leader: int) -> set[int]:
    """Return the process groups in the session that a process leads, or led, except its own.

    There are none if it leads no session, or if the system has no ``/proc``.
    """
    groups = set()
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with suppress(ValueError, ProcessLookupError, PermissionError):
            if os.getsid(int(name)) == leader:
                groups.add(os.getpgid(int(name)))
    return groups - {leader}


def _main(worker: int) -> None:
    group = 0
    for line in sys.stdin:
        group = int(line)
    for one in groups_in_session(worker) | ({group} if group else set()):
        end_group(one)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
