"""Processes that are started before anybody needs a worker, while the program still loads what it needs.

The next workers are made of them, unless a process that is started only then would be different.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress

from paramsurvey.backends.multiprocessing.new_process import StartedProcess
from paramsurvey.errors import WorkerStartError

MODULES = (  # which every worker imports
    "paramsurvey.backends.multiprocessing.served_job",
    "paramsurvey.worker.keywords",
)

# Of the whole process, as are the environment and the search path that workers inherit.
_waiting: list[tuple[StartedProcess, object]] = []


def start(modules: Sequence[str] = ()) -> None:
    """Start a process, which imports what every worker does, and these modules, while it waits.

    Where none can be started, the pool says why, for it cannot start one either.
    """
    with suppress(WorkerStartError, OSError):
        inherited = _inherited()
        _waiting.append((StartedProcess((*MODULES, *modules)), inherited))


def take() -> StartedProcess | None:
    """Return a waiting process that is like one that is started now; None where there is none."""
    while _waiting:
        started, inherited = _waiting.pop(0)
        with suppress(OSError):  # the current directory was removed
            if inherited == _inherited() and started.process.poll() is None:
                return started
        started.end()
    return None


def end() -> None:
    """End the processes that no worker was made of."""
    while _waiting:
        _waiting.pop()[0].end()


def _inherited() -> tuple[object, ...]:
    """Return what a new process has from this one, and what may change while this one runs."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)  # which the pool raises for many workers
    return os.getpid(), os.getcwd(), dict(os.environ), list(sys.path), sys.executable, files
