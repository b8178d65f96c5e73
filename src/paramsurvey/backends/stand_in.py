"""What stands in for our kind of worker processes where these cannot run, which is on Windows.

Our workers are given open files, and are ended together with all that they have started; both need Unix.
"""

from __future__ import annotations

import os

STANDS_IN_FOR = "multiprocessing"
WHAT_IS_LOST = (
    "this system cannot run our worker processes, so psets run on loky: a worker that dies ends the map, "
    "a pset that runs out of time keeps its worker, max_tasks_per_child and max_worker_memory do nothing"
)


def is_needed() -> bool:
    """Tell whether this system lacks what our own workers need."""
    try:
        import fcntl  # noqa: F401  (only to see whether it exists)
    except ImportError:
        return True
    return not hasattr(os, "killpg")


def notice(backend: object) -> str:
    """Return what is lost if the stand-in is used for this backend; empty if it is not used."""
    return WHAT_IS_LOST if backend == STANDS_IN_FOR and is_needed() else ""
