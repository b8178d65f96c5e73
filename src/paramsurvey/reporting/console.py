"""What a run says to its user: everything in the log, what matters on stderr."""

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

SHOWN_FAILURES = 10  # different failures that are shown on stderr at verbose 1; the log has them all
LONGEST_SHOWN = 2_000  # characters of an exception or a pset on stderr
LONGEST_LOGGED = 20_000  # characters of an exception, a traceback or a pset in the log
MOST_LOGGED = 20_000_000  # characters that failures may take in a map's log: what else there is is counted
PASSED_BY = ("paramsurvey", "contextlib")  # modules whose lines no warning is about
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
    """Writes to the log, and to stderr where the verbosity asks for it.

    Parameters
    ----------
    log : Log
    verbose : int
        0: nothing on stderr.
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
        """Log a line; show it when verbose is `at` or more."""
        self._log.write(text)
        if self._verbose >= at:
            show(text)

    def failed(self, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Log a pset's failure with its traceback; show its line when it says something new."""
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
            told = shortened(failure.traceback, LONGEST_LOGGED) if new else ""
            show(indented(f"pset: {self._text_of(pset())}\n{told}".rstrip()))

    def end(self) -> None:
        """Say in the log how many failures it does not have."""
        if self._left_out:
            self._log.write(
                f"{self._left_out} more failures are not in this log, which has {MOST_LOGGED / 1e6:.0f} MB "
                "of them: results.missing has them all"
            )
            self._left_out = 0

    def complain(self, text: str, traceback: str) -> None:
        """Log an exception of the user's code in the driver; show its line."""
        self.say(safe_line(shortened(text, LONGEST_LOGGED)))
        if self._room > 0:
            self._keep_traceback(traceback)
        if self._verbose >= 1:
            show(self._where())

    def _keep_traceback(self, traceback: str) -> bool:
        """Log a traceback, once: a million equal ones would fill the disk. Tell whether it is new."""
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
    """Write a line to stderr, as it is now; a closed stderr is no error."""
    stream = sys.stderr
    if stream is not None:
        write(stream, text + "\n")


def write(stream: TextIO, text: str) -> None:
    """Write text that is safe for a terminal; a stream that nobody reads is no error.

    Whatever stands still, a terminal after Ctrl-S or a pipe that nobody reads, does not stop a survey: after
    `PATIENCE` seconds the rest of the text is dropped. The log has it.
    """
    with suppress(OSError, ValueError):
        write_patiently(stream, safe_block(text), PATIENCE)


def indented(text: str) -> str:
    """Return text whose lines, but the first, are indented: they cannot pass for lines of paramsurvey's."""
    return text.replace("\n", "\n  ")


def warn(text: str) -> None:
    """Warn the user once, with the line of the program that the warning is about."""
    warnings.warn(text, ParamsurveyWarning, stacklevel=_users_frame())


def _users_frame() -> int:
    """Return warn()'s stacklevel of the first frame outside this package, and outside what decorates it."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in PASSED_BY:
        level, frame = level + 1, frame.f_back
    return level
