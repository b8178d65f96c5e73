"""What messages tell the user to type next, if the survey was started from a shell instead of from Python."""

from __future__ import annotations

import shlex


class ShellNextSteps:
    """Next steps for a user who typed ``paramsurvey run`` and may not know any Python."""

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
