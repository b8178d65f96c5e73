"""What stands in for worker processes of our own kind where these cannot be had: on Windows.

Our workers are given open files, and are ended with all that they have started: both need Unix.
"""

from __future__ import annotations

import os

STANDS_IN_FOR = "multiprocessing"
WHAT_IS_LOST = (
    "this system cannot have worker processes of our own, so psets run on loky: a worker that dies ends the "
    "map, a pset that runs out of time keeps its worker, max_tasks_per_child and max_worker_memory do nothing"
)


def is_needed() -> bool:
    """Tell whether this system lacks what our own workers need."""
    try:
        import fcntl  # noqa: F401  (to see whether it can be)
    except ImportError:
        return True
    return not hasattr(os, "killpg")


def notice(backend: object) -> str:
    """Return what is lost where the stand-in is used for this backend; empty where it is not."""
    return WHAT_IS_LOST if backend == STANDS_IN_FOR and is_needed() else ""
