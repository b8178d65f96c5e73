"""Processes that are started before a worker is needed, while the program still loads what it needs.

The next workers are made from them, unless a process that is started only then would be different.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress

from paramsurvey.backends.multiprocessing.new_process import StartedProcess
from paramsurvey.errors import WorkerStartError

MODULES = (  # that every worker imports
    "paramsurvey.backends.multiprocessing.served_job",
    "paramsurvey.worker.keywords",
)

# Of the whole process, as are the environment and the search path that workers inherit.
_waiting: list[tuple[StartedProcess, object]] = []


def start(modules: Sequence[str] = ()) -> None:
    """Start a process which, while it waits, imports what every worker does, and these modules.

    If none can be started, nothing is said here: the pool will say why, as it cannot start one either.
    """
    with suppress(WorkerStartError, OSError):
        inherited = _inherited()
        _waiting.append((StartedProcess((*MODULES, *modules)), inherited))


def take() -> StartedProcess | None:
    """Return a waiting process that is just like one started now; None if there is none."""
    while _waiting:
        started, inherited = _waiting.pop(0)
        with suppress(OSError):  # the current directory was removed
            if inherited == _inherited() and started.process.poll() is None:
                return started
        started.end()
    return None


def end() -> None:
    """End the processes that have not become workers."""
    while _waiting:
        _waiting.pop()[0].end()


def _inherited() -> tuple[object, ...]:
    """Return what a new process inherits from this one and what may change while this one runs."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)  # which the pool raises for many workers
    return os.getpid(), os.getcwd(), dict(os.environ), list(sys.path), sys.executable, files
