"""What `multiprocessing` says of a worker: name, number and parent are those of a worker of its pools.

Programs tell the program from its workers by the name of the process, log that name, and choose a GPU by the
number. `multiprocessing` is loaded in workers alone: the driver does not need it.
"""

from __future__ import annotations


def be_worker(number: int) -> None:
    """Have the name and the number of a pool's worker."""
    from multiprocessing import current_process

    worker = current_process()
    worker.name = f"SpawnPoolWorker-{number}"
    worker._identity = (number,)


def be_child_of(driver: int, lifeline: int) -> None:
    """Have the driver as `multiprocessing.parent_process`, which is alive until the pipe breaks."""
    from multiprocessing import process

    # both names are private, so the type checker does not know them; multiprocessing's own workers use them
    parent = process._ParentProcess("MainProcess", driver, lifeline)  # type: ignore[attr-defined]
    process._parent_process = parent  # type: ignore[attr-defined]  # where parent_process() looks
