"""Failures by cause: what went wrong, where, how often, and one example of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache

from paramsurvey.transport.messages import FailureKind

FRAME = re.compile(r'^[ |+-]*File "(.+)", line (\d+), in (.+)$', re.MULTILINE)
CRASH_FRAME = re.compile(r'^Current thread .*\n  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
TYPE_NAME = re.compile(r"[\w.]+(?=\()")
NUMBERS = re.compile(r"(?<!exit code )\b\d+(?:\.\d+)?")  # of processes, bytes, seconds


@dataclass(frozen=True, slots=True)
class Cause:
    """What failures have in common.

    Attributes
    ----------
    kind : str
        One of `FailureKind`.
    exception : str
        The exception's type; its text, with # for numbers, where no line is known to tell causes apart.
    line : str
        ``file:number in function`` of the line that raised it; empty where nobody knows.
    """

    kind: str
    exception: str
    line: str


@dataclass(slots=True)
class Case:
    """The failures of one cause: how many, and the first and the last of them."""

    cause: Cause
    example: str  # the first one's exception, in one line
    number: int  # of the first, as the caller counts
    count: int = 0
    latest: str = ""  # the last one's exception


class Causes:
    """Counts failures by cause, in the order in which the causes appeared."""

    def __init__(self) -> None:
        self._cases: dict[Cause, Case] = {}

    def add(self, number: int, kind: str, exception: str, traceback: str) -> Case:
        """Count one failure; return its case."""
        cause = cause_of(kind, exception, traceback)
        case = self._cases.get(cause)
        if case is None:
            case = self._cases[cause] = Case(cause, exception, number)
        case.count += 1
        case.latest = exception
        return case

    def most_frequent(self) -> list[Case]:
        """Return all cases, the most frequent first."""
        return sorted(self._cases.values(), key=lambda case: -case.count)


def cause_of(kind: str, exception: str, traceback: str) -> Cause:
    """Return the cause of one failure.

    Parameters
    ----------
    kind : str
    exception, traceback : str
        As in a `Failure`.

    Examples
    --------
    >>> cause_of("raised", "ValueError('17')", 'File "fit.py", line 3, in worker')
    Cause(kind='raised', exception='ValueError', line='fit.py:3 in worker')
    """
    line = raising_line(traceback)
    name = TYPE_NAME.match(exception)
    told_by_type = line or kind in (FailureKind.RAISED, FailureKind.UNSENDABLE)
    if told_by_type and name is not None:
        return Cause(str(kind), name.group(), line)
    return Cause(str(kind), NUMBERS.sub("#", exception), line)


@lru_cache(maxsize=1000)  # a million failures have few different tracebacks
def raising_line(traceback: str) -> str:
    """Return ``file:number in function`` of the line that raised, empty where the text has none.

    Both Python's tracebacks and what faulthandler writes when a process crashes are understood.
    """
    frames = FRAME.findall(traceback) or CRASH_FRAME.findall(traceback)
    if not frames:
        return ""
    file, number, function = frames[-1]
    return f"{file}:{number} in {function}"


def readable_path(line: str) -> str:
    """Return a line with its file as seen from the current directory, where that is shorter."""
    if not line:
        return ""
    try:
        relative = os.path.relpath(line)
    except (OSError, ValueError):  # the directory was removed; another drive
        return line
    return min(relative, line, key=len)
