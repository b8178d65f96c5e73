"""``run.json`` and ``live.json`` of the survey that is running, kept up to date."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.atomic_files import replace_json
from paramsurvey.checkpoint.run_json.live_file import remove_live, write_live
from paramsurvey.checkpoint.run_json.run_file import (
    FORMAT,
    NAME,
    git_state,
    history,
    now,
    surroundings,
    versions,
)
from paramsurvey.checkpoint.same_program import Program
from paramsurvey.engine.checkpoint import Status
from paramsurvey.engine.collecting.collector import FailedPset
from paramsurvey.engine.progress import MapProgress, Outlook
from paramsurvey.transport.messages import FailureKind


class RunRecord:
    """What ``run.json`` says about a survey. The first `write` creates the file.

    Parameters
    ----------
    directory : Path
    program : Program
    progress : MapProgress
        The survey's counters.
    before : dict, optional
        The ``run.json`` of the last run, which becomes the history of this one.
    began : float
        When the survey began, on the monotonic clock.
    """

    def __init__(
        self,
        directory: Path,
        program: Program,
        progress: MapProgress,
        before: Mapping[str, Any] | None,
        began: float,
    ) -> None:
        self._path = directory / NAME
        self._outlook: Outlook | None = None  # the one that is in live.json
        self._progress = progress
        self._began = began
        self._run = {
            "format": FORMAT,
            "name": progress.name,
            "status": Status.RUNNING,
            **program.to_json(),
            **surroundings(),
            "versions": {},
            "git": None,
            "started": now(),
            "ended": None,
            "history": history(before),
        }
        self._git_directory = str(Path(program.file).parent) if program.file else str(Path.cwd())

    @property
    def started(self) -> str:
        """When the run began."""
        return str(self._run["started"])

    def note_versions(self) -> None:
        """Note the versions and the commit of the program: only once, and not in the survey's own thread."""
        if self._git_directory:
            self._run["versions"] = versions()
            self._run["git"], self._git_directory = git_state(self._git_directory), ""

    def note_end(self, status: Status) -> None:
        """Note how the survey has ended, and that it has ended now."""
        self._run["status"], self._run["ended"] = status, now()

    def write(self, stored: Mapping[str, int], first_position: int, failed: Iterable[FailedPset]) -> None:
        """Replace the file.

        Parameters
        ----------
        stored : dict
            How many rows the parts hold, by kind.
        first_position : int
            The position at which the survey's row 0 is stored.
        failed : iterable of FailedPset
            The failures among which to count psets that never ran; empty before the end.
        """
        current = {
            "updated": now(),
            "elapsed": round(time.monotonic() - self._began, 3),
            "counts": self._counts(failed),
            "stored": stored,
            "first_position": first_position,
        }
        replace_json(self._path, {**self._run, **current})

    def write_live(self) -> None:
        """Replace ``live.json`` if there is anything new; never raise."""
        outlook = self._progress.outlook
        if outlook is not self._outlook and outlook != Outlook():
            self._outlook = outlook
            write_live(self._path.parent, {"written": now(), "started": self._run["started"]}, outlook)

    def remove_live(self) -> None:
        """Remove ``live.json``; never raise."""
        remove_live(self._path.parent)

    def _counts(self, failed: Iterable[FailedPset]) -> dict[str, int]:
        progress = self._progress
        return {
            "total": progress.total,
            "active": progress.active,
            "finished": progress.finished,
            "failures": progress.failures,
            "not_run": sum(pset.failure.kind is FailureKind.NOT_RUN for pset in failed),
            "exceptions": progress.exceptions,
            "retried": progress.retried,
            "resumed": progress.resumed,
        }
