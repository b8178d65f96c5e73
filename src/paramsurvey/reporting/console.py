"""What a run says to its user: everything goes to the log, and what matters to stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TextIO

from paramsurvey.errors import ParamsurveyWarning
from paramsurvey.reporting.next_steps import IN_PYTHON
from paramsurvey.transport.messages import Failure, Pset
from paramsurvey.transport.patient_writing import write_patiently
from paramsurvey.transport.safe_repr import describe
from paramsurvey.transport.safe_text import safe_block, safe_line, shortened

SHOWN_FAILURES = 10  # different failures that are shown on stderr at verbose 1; the log has all of them
LONGEST_SHOWN = 2_000  # characters of an exception or a pset on stderr
LONGEST_LOGGED = 20_000  # characters of an exception, a traceback or a pset in the log
MOST_LOGGED = 20_000_000  # characters that failures may take in a map's log; more of them are only counted
NEVER_BLAMED = ("paramsurvey", "contextlib")  # modules to whose lines no warning should point
PATIENCE = 0.25  # seconds that a line waits for a terminal or pipe that takes nothing


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
    """Writes to the log, and to stderr if the verbosity asks for it.

    Parameters
    ----------
    log : Log
    verbose : int
        If it is 0, nothing goes to stderr.
    shown : callable
        Returns a pset with the names that the user knows.
    """

    def __init__(self, log: Log, verbose: int, shown: Callable[[Pset], Pset] = IN_PYTHON.pset) -> None:
        self._log = log
        self._shown_pset = shown
        self._verbose = verbose
        self._shown: set[str] = set()
        self._logged: set[int] = set()  # hashes of tracebacks
        self._room = MOST_LOGGED
        self._left_out = 0

    def say(self, text: str, at: int = 1) -> None:
        """Log a line, and show it if verbose is `at` or more."""
        self._log.write(text)
        if self._verbose >= at:
            show(text)

    def failed(self, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Log a pset's failure with its traceback, and show its line if that says something new."""
        line = safe_line(failure.exception)
        new = False
        if self._room > 0:
            logged = self._text_of(pset())
            reason = shortened(line, LONGEST_LOGGED)
            text = f"pset without result: {reason}\npset: {logged}\nattempts: {attempts}"
            self._room -= len(text)
            self._log.write(text)
            new = self._keep_traceback(failure.traceback)
        else:
            self._left_out += 1
        if self._verbose >= 2 or self._is_news(shortened(line, LONGEST_SHOWN)):
            self._show_failure(line, failure.traceback)
        if self._verbose >= 2:
            traceback = shortened(failure.traceback, LONGEST_LOGGED) if new else ""
            show(indented(f"pset: {self._text_of(pset())}\n{traceback}".rstrip()))

    def end(self) -> None:
        """Say in the log how many failures were left out of it."""
        if self._left_out:
            self._log.write(
                f"{self._left_out} more failures are not in this log, which has {MOST_LOGGED / 1e6:.0f} MB "
                "of them: results.missing has them all"
            )
            self._left_out = 0

    def complain(self, text: str, traceback: str) -> None:
        """Log an exception of the user's code in the driver, and show its line."""
        self.say(safe_line(shortened(text, LONGEST_LOGGED)))
        if self._room > 0:
            self._keep_traceback(traceback)
        if self._verbose >= 1:
            show(self._where())

    def _keep_traceback(self, traceback: str) -> bool:
        """Log a traceback, but only once, or a million equal ones would fill the disk; tell if it is new."""
        new = hash(traceback) not in self._logged
        if not new:
            self._log.write("traceback: the same as one above")
        elif traceback:
            self._logged.add(hash(traceback))
            text = shortened(traceback.rstrip(), LONGEST_LOGGED)
            self._room -= len(text)
            self._log.traceback(indented(f"traceback:\n{text}"))
        return new

    def _is_news(self, line: str) -> bool:
        if self._verbose < 1 or line in self._shown or len(self._shown) >= SHOWN_FAILURES:
            return False
        self._shown.add(line)
        return True

    def _text_of(self, pset: Pset) -> str:
        return safe_line(shortened(describe(self._shown_pset(pset)), LONGEST_LOGGED))

    def _show_failure(self, line: str, traceback: str) -> None:
        show(f"a pset failed: {shortened(line, LONGEST_SHOWN)}")
        if traceback:
            show(self._where())

    def _where(self) -> str:
        return f"(traceback is in {safe_line(self._log.path or 'no file: there is no log')})"


def show(text: str) -> None:
    """Write a line to the current `sys.stderr`; it is not an error if that is closed."""
    stream = sys.stderr
    if stream is not None:
        write(stream, text + "\n")


def write(stream: TextIO, text: str) -> None:
    """Write text, made safe for a terminal; it is not an error if nobody reads the stream.

    A terminal after Ctrl-S, or a pipe that nobody reads, does not hold up a survey: after `PATIENCE` seconds,
    the rest of the text is dropped. The log has it.
    """
    with suppress(OSError, ValueError):
        write_patiently(stream, safe_block(text), PATIENCE)


def indented(text: str) -> str:
    """Return text with all lines but the first indented, so that they do not look like paramsurvey's own."""
    return text.replace("\n", "\n  ")


def warn(text: str) -> None:
    """Warn the user once, pointing to the line of the program that the warning is about."""
    warnings.warn(text, ParamsurveyWarning, stacklevel=_users_frame())


def _users_frame() -> int:
    """Return warn()'s stacklevel of the first frame that belongs to the user's code."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in NEVER_BLAMED:
        level, frame = level + 1, frame.f_back
    return level
