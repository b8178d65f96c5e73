"""Makes `multiprocessing` report the name, number and parent that a worker of its own pools would have.

User code recognizes workers by the name of the process, logs that name, and chooses a GPU by the number.
`multiprocessing` is loaded only in workers, since the driver does not need it.
"""

from __future__ import annotations


def be_worker(number: int) -> None:
    """Take the name and number of a pool's worker."""
    from multiprocessing import current_process

    worker = current_process()
    worker.name = f"SpawnPoolWorker-{number}"
    worker._identity = (number,)


def be_child_of(driver: int, lifeline: int) -> None:
    """Make the driver the `multiprocessing.parent_process`, which counts as alive until the pipe breaks."""
    from multiprocessing import process

    # both names are private, so the type checker does not know them; multiprocessing's own workers use them
    parent = process._ParentProcess("MainProcess", driver, lifeline)  # type: ignore[attr-defined]
    process._parent_process = parent  # type: ignore[attr-defined]  # where parent_process() looks
