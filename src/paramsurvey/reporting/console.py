"""What a run says to its user: everything in the log, what matters on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from paramsurvey.errors import ParamsurveyWarning
from paramsurvey.transport.messages import Failure, Pset
from paramsurvey.transport.safe_repr import describe

SHOWN_FAILURES = 10  # different failures that are shown on stderr at verbose 1; the log has them all


class Log(Protocol):
    """Where lines are kept."""

    path: str | None

    def write(self, text: str) -> None:
        """Keep a line."""
        ...

    def traceback(self, text: str) -> None:
        """Keep a traceback."""
        ...


class Console:
    """Writes to the log, and to stderr where the verbosity asks for it.

    Parameters
    ----------
    log : Log
    verbose : int
        0: nothing on stderr.
    """

    def __init__(self, log: Log, verbose: int) -> None:
        self._log = log
        self._verbose = verbose
        self._shown: set[str] = set()
        self._logged: set[str] = set()

    def say(self, text: str, at: int = 1) -> None:
        """Log a line; show it when verbose is `at` or more."""
        self._log.write(text)
        if self._verbose >= at:
            show(text)

    def failed(self, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Log a pset's failure with its traceback; show its line when it says something new."""
        shown = describe(pset())
        self._log.write(f"pset without result: {failure.exception}\npset: {shown}\nattempts: {attempts}")
        new = self._keep_traceback(failure.traceback)
        if self._verbose >= 2 or self._is_news(failure.exception):
            self._show_failure(failure)
        if self._verbose >= 2:
            show(f"pset: {shown}\n{failure.traceback if new else ''}".rstrip())

    def complain(self, text: str, traceback: str) -> None:
        """Log an exception of the user's code in the driver; show its line."""
        self.say(text)
        self._keep_traceback(traceback)
        if self._verbose >= 1:
            show(self._where())

    def _keep_traceback(self, traceback: str) -> bool:
        """Log a traceback, once: a million equal ones would fill the disk. Tell whether it is new."""
        new = traceback not in self._logged
        if not new:
            self._log.write("traceback: the same as one above")
        elif traceback:
            self._logged.add(traceback)
            self._log.traceback(f"traceback:\n{traceback.rstrip()}")
        return new

    def _is_news(self, line: str) -> bool:
        if self._verbose < 1 or line in self._shown or len(self._shown) >= SHOWN_FAILURES:
            return False
        self._shown.add(line)
        return True

    def _show_failure(self, failure: Failure) -> None:
        show(f"a pset failed: {failure.exception}")
        if failure.traceback:
            show(self._where())

    def _where(self) -> str:
        return f"(traceback is in {self._log.path or 'no file: there is no log'})"


def show(text: str) -> None:
    """Write a line to stderr, as it is now; a closed stderr is no error."""
    stream = sys.stderr
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.write(text + "\n")
            stream.flush()


def warn(text: str) -> None:
    """Warn the user, who sees it once, with the line of the program that it is about."""
    warnings.warn(text, ParamsurveyWarning, stacklevel=_users_frame())


def _users_frame() -> int:
    """Return warn()'s stacklevel of the first frame outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("paramsurvey"):
        level, frame = level + 1, frame.f_back
    return level
