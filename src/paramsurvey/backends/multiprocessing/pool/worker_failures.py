"""Why a worker was lost, in words: the failures of its psets, and the errors that end the map."""

from __future__ import annotations

from paramsurvey.backends.multiprocessing.process import WorkerProcess, describe_exit
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport.main_file import MainFile
from paramsurvey.transport.messages import Failure, FailureKind


def crash_failure(process: WorkerProcess, code: int) -> Failure:
    """Return the failure of the pset that a worker ran when it died."""
    words = process.last_words()
    return Failure(
        FailureKind.CRASHED,
        f"WorkerDied('the worker process {process.pid} {describe_exit(code)}')",
        output=process.printed,
        traceback=f"the last lines that the worker wrote on stderr:\n{words}" if words else "",
    )


def hung_up_failure(process: WorkerProcess) -> Failure:
    """Return the failure of the pset that a worker ran when its connection was closed but it lived on."""
    return Failure(
        FailureKind.CRASHED,
        f"WorkerDied('the worker process {process.pid} was stopped: something has closed its connection, "
        "as os.closerange does; close only what the function has opened')",
        output=process.printed,
    )


def over_memory_failure(held: int, limit: int) -> Failure:
    """Return the failure of a pset that made its worker hold more memory than it may."""
    sizes = f"{held / 1e9:.3g} GB, more than max_worker_memory={limit / 1e9:.3g} GB"
    what = f"its worker held {sizes}, and was stopped"
    return Failure(FailureKind.OUT_OF_MEMORY, f"MemoryError({what!r})")


def garbled_failure() -> Failure:
    """Return the failure of a pset that ran when something else than a message came from its worker."""
    return Failure(
        FailureKind.CRASHED,
        "WorkerDied('something was written into the connection of its worker, which was stopped: "
        "the function must not write to file descriptors that it has not opened')",
    )


def stalled_failure(process: WorkerProcess, seconds: float) -> Failure:
    """Return the failure of psets whose worker began none of them, as if it had died."""
    return Failure(
        FailureKind.CRASHED,
        f"WorkerDied('the worker process {process.pid} began no pset within {seconds:g} seconds, "
        "and was stopped')",
    )


def never_started(count: int, process: WorkerProcess, code: int) -> WorkerStartError:
    """Return the error for several workers in a row that ended before their first pset."""
    return WorkerStartError(
        f"{count} workers in a row ended before their first pset; the last one {describe_exit(code)}, "
        f"and wrote:\n{process.last_words() or '(nothing)'}\nFix what it reports, and try again."
    )


def main_file_blocks(main: MainFile, process: WorkerProcess, seconds: float) -> WorkerStartError:
    """Return the error for a worker that takes too long to import the main file."""
    return WorkerStartError(
        f"a worker has not imported the main file {main.path} within start_timeout={seconds:g} seconds; "
        f"it wrote:\n{process.last_words() or '(nothing)'}\n"
        "Put what must not run in a worker below its `if __name__ == '__main__':`, "
        "or allow more time: init(start_timeout=...)."
    )


def loading_blocks(process: WorkerProcess, seconds: float) -> WorkerStartError:
    """Return the error for a worker that takes too long to load the function."""
    return WorkerStartError(
        f"a worker has not finished loading the function, the modules that it imports, and worker_init "
        f"within start_timeout={seconds:g} seconds; it wrote:\n{process.last_words() or '(nothing)'}\n"
        "Fix what blocks, or allow more time: init(start_timeout=...)."
    )
