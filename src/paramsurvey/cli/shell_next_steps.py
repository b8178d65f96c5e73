"""What messages tell the user to type next if the survey was started from a shell, not from Python."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from paramsurvey.cli.placeholders import NUMBER
from paramsurvey.transport.messages import Pset, Rows


class ShellNextSteps:
    """Next steps for a user who typed ``paramsurvey run`` and may not know any Python.

    Parameters
    ----------
    dotted : mapping of str to str, optional
        By column, the names that were typed with dots.
    numbers : callable, optional
        Returns the numbers of the psets of some rows, as ``{#}``, ``--only`` and ``tail`` have them; by
        default, psets are numbered from 1.
    """

    def __init__(
        self, dotted: Mapping[str, str] | None = None, numbers: Callable[[Rows], list[int]] | None = None
    ) -> None:
        self._dotted = dotted or {}
        self._numbers = numbers

    def pset(self, pset: Pset) -> Pset:
        """Return it with names as they were typed, and without its number, which is no parameter."""
        return {self._dotted.get(name, name): value for name, value in pset.items() if name != NUMBER}

    def numbers(self, rows: Rows) -> list[int]:
        """Return their numbers, from 1."""
        return [int(row) + 1 for row in rows] if self._numbers is None else self._numbers(rows)

    def threads(self, count: str) -> str:
        """Say what limits the threads: a program that uses OpenMP is slower here than when run by hand."""
        return (
            f"OMP_NUM_THREADS is not set: it is {count} for each command, so that they share the cores; "
            "set it, or --threads-per-worker, to change that"
        )

    def fewer_workers(self, most: int) -> str:
        """Name the option."""
        return f"use at most --ncores {most}"

    def fewer_threads(self, most: int) -> str:
        """Name the option."""
        return f"use at most --threads-per-worker {most}"

    def log_elsewhere(self) -> str:
        """Say where to start the run: the log is made in the current directory."""
        return "start the run in a directory that you may write to"

    def keep_results(self) -> str:
        """Name the option."""
        return "--on-change keep"

    def after_failures(self, first: int, checkpoint: str | None) -> str:
        """Name the subcommand that shows failures; it needs a checkpoint."""
        if checkpoint:
            return f"paramsurvey missing {shlex.quote(checkpoint)}"
        return "all reasons are in the log; with --checkpoint DIR, paramsurvey missing DIR shows them"

    def go_on(self, checkpoint: str | None, interrupted: bool) -> str:
        """Name the subcommand that resumes; it needs a checkpoint."""
        if checkpoint:
            return f"paramsurvey resume {shlex.quote(checkpoint)}"
        return "run the same command again; with --checkpoint DIR, it would resume where it stopped"
