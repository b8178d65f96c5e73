"""What a user of the command line can type next, who need not know any Python."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from paramsurvey.session.session import Session

if TYPE_CHECKING:
    from paramsurvey.reporting.next_steps import Advice


class InShell:
    """Advice for who typed ``paramsurvey run``."""

    def threads(self, count: str) -> str:
        """Name the option: a program that uses OpenMP is slower without it than when run by hand."""
        return (
            f"OMP_NUM_THREADS is not set: it is {count} for what is run, lest they compete; "
            "set it, or --threads-per-worker, to change that"
        )

    def fewer_workers(self, most: int) -> str:
        """Name the option."""
        return f"use at most --ncores {most}"

    def fewer_threads(self, most: int) -> str:
        """Name the option."""
        return f"use at most --threads-per-worker {most}"

    def after_failures(self, first: int, checkpoint: str | None) -> str:
        """Name the command; there is one only where something was kept."""
        if checkpoint:
            return f"paramsurvey missing {shlex.quote(checkpoint)}"
        return "all reasons are in the log; with --checkpoint DIR, paramsurvey missing DIR shows them"

    def go_on(self, checkpoint: str | None, interrupted: bool) -> str:
        """Name the command."""
        if checkpoint:
            return f"paramsurvey resume {shlex.quote(checkpoint)}"
        return "the same command again; with --checkpoint DIR, it goes on where it stopped"


class ShellSession(Session):
    """A session whose user typed a command."""

    advice: Advice = InShell()
