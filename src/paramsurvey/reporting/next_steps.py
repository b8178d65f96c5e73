"""What a user can do next, in the terms of how the survey was started: in Python, or in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from paramsurvey.transport.messages import Pset, Rows


class NextSteps(Protocol):
    """Says what to do next, after ``next:`` or as a remedy; gives psets the user's names and numbers."""

    def pset(self, pset: Pset) -> Pset:
        """Return a pset with the names that its user has given to its keys, for messages."""
        ...

    def numbers(self, rows: Rows) -> list[int]:
        """Return the numbers by which the user knows the psets of some rows."""
        ...

    def threads(self, count: str) -> str:
        """Return the line about OMP_NUM_THREADS, which was not set, and is `count` in the workers."""
        ...

    def fewer_workers(self, most: int) -> str:
        """Return how to have at most `most` workers."""
        ...

    def fewer_threads(self, most: int) -> str:
        """Return how to have at most `most` threads in each worker."""
        ...

    def log_elsewhere(self) -> str:
        """Return how to have the log in another directory."""
        ...

    def keep_results(self) -> str:
        """Return the option that keeps what a changed program computed before."""
        ...

    def after_failures(self, first: int, checkpoint: str | None) -> str:
        """Return how to inspect the failures, of which `first` is an example, by its label in `missing`."""
        ...

    def go_on(self, checkpoint: str | None, interrupted: bool) -> str:
        """Return how to run what was not run; if `interrupted`, the caller has not been given any results."""
        ...


class PythonNextSteps:
    """Advice for a program that called `paramsurvey.map`."""

    def pset(self, pset: Pset) -> Pset:
        """Return it as it is."""
        return pset

    def numbers(self, rows: Rows) -> list[int]:
        """Return the rows: the labels of psets in the results and in `missing`."""
        return list(map(int, rows))

    def threads(self, count: str) -> str:
        """Name the option of `init`."""
        return (
            f"OMP_NUM_THREADS is not set: it is {count} in the workers, so that they do not compete; "
            "set it, or threads_per_worker=, to change that"
        )

    def fewer_workers(self, most: int) -> str:
        """Name the option of `init`."""
        return f"use at most ncores={most}"

    def fewer_threads(self, most: int) -> str:
        """Name the option of `init`."""
        return f"use at most threads_per_worker={most}"

    def log_elsewhere(self) -> str:
        """Name the option of `init`."""
        return "give pslogger_prefix= a directory that you may write to"

    def keep_results(self) -> str:
        """Name the option of `map`."""
        return "on_change='ignore'"

    def after_failures(self, first: int, checkpoint: str | None) -> str:
        """Name the methods of the results."""
        return f"results.missing.summary(), or results.missing.reproduce({first})"

    def go_on(self, checkpoint: str | None, interrupted: bool) -> str:
        """Say what to call."""
        if checkpoint:
            return "run the same program again, which goes on from the checkpoint"
        results = "paramsurvey.last_results()" if interrupted else "results"
        return f"paramsurvey.map(..., {results}.missing)"


class LoopNextSteps(PythonNextSteps):
    """For loops over `imap_unordered`, which keep nothing."""

    def after_failures(self, first: int, checkpoint: str | None) -> str:
        """Say where the failures are."""
        return "the rows that have an '_exception' are the failed psets"

    def go_on(self, checkpoint: str | None, interrupted: bool) -> str:
        """Say what to call."""
        if checkpoint:
            return super().go_on(checkpoint, interrupted)
        return "with checkpoint='DIR', the same program goes on from where it stopped"


IN_PYTHON = PythonNextSteps()
IN_A_LOOP = LoopNextSteps()

if TYPE_CHECKING:
    _: NextSteps = IN_PYTHON
    _loop: NextSteps = IN_A_LOOP
