"""Grouping failures by cause: the exception and the line that raised it, with a count and an example."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import FailureKind

FRAME = re.compile(r'^[ |+-]*File "(.+)", line (\d+), in (.+)$', re.MULTILINE)
CRASH_FRAME = re.compile(r'^Current thread .*\n  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
PACKAGE = os.path.dirname(os.path.dirname(__file__))
INTERNAL_CODE = tuple(os.path.join(PACKAGE, name, "") for name in ("worker", "transport"))
"""The code of ours that calls the user's function and takes what it returns: never the cause of a failure."""

TYPE_NAME = re.compile(r"[\w.]+(?=\()")
# Process ids, bytes, seconds: they differ between failures of one cause.
NUMBERS = re.compile(r"(?<!exit code )\b\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Cause:
    """What failures that are counted together have in common.

    Attributes
    ----------
    kind : str
        One of `FailureKind`.
    exception : str
        The exception's type. Where that is not enough to tell causes apart (a crash whose line is not known),
        the exception's text with # in place of numbers.
    line : str
        ``file:number in function`` of the line that raised it; empty if it is not known.
    """

    kind: str
    exception: str
    line: str


@dataclass(slots=True)
class Case:
    """The failures of one cause.

    Attributes
    ----------
    cause : Cause
    example : str
        The exception of the first failure, in one line.
    number : int
        The number of the first failure, in whatever numbering the caller uses.
    count : int
        How many failures there are.
    latest : str
        The exception of the last failure.
    """

    cause: Cause
    example: str
    number: int
    count: int = 0
    latest: str = ""


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
    type_is_enough = line or kind in (FailureKind.RAISED, FailureKind.UNSENDABLE)
    if type_is_enough and name is not None:
        return Cause(str(kind), name.group(), line)
    return Cause(str(kind), NUMBERS.sub("#", exception), line)


@lru_cache(maxsize=1000)  # cached, because a million failures have few different tracebacks
def raising_line(traceback: str) -> str:
    """Return ``file:number in function`` of the user's line that raised; empty if the text names none.

    Reads Python's tracebacks, and what faulthandler writes when a process crashes.
    """
    frames = FRAME.findall(traceback) or CRASH_FRAME.findall(traceback)
    frames = [frame for frame in frames if not frame[0].startswith(INTERNAL_CODE)]
    if not frames:
        return ""
    file, number, function = frames[-1]
    return f"{file}:{number} in {function}"


def readable_path(line: str) -> str:
    """Return ``file:number ...`` with the path relative to the current directory, if that is shorter."""
    if not line:
        return ""
    try:
        relative = os.path.relpath(line)
    except (OSError, ValueError):  # the current directory was removed, or the file is on another drive
        return line
    return min(relative, line, key=len)
