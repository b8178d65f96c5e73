"""``--joblog``: a line for each time that a command ran, in the columns of GNU parallel.

Each worker appends its own lines. A line is written at once, at the end of the file, so that lines of
several workers do not mix. Workers load this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from socket import gethostname

from paramsurvey.cli.errors import say
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.safe_text import safe_line

COLUMNS = ("Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command")
HEADER = "\t".join(COLUMNS) + "\n"
NOT_STARTED = 127  # a shell's exit code for a program that it does not find
STOPPED = -1  # after a timeout, as GNU parallel writes it


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One run of a command.

    Attributes
    ----------
    number : int
        The pset's.
    host : str
    start : float
        Seconds since 1970.
    seconds : float
    received : int
        Bytes on stdout.
    exit_code, signal : int
        At least one of them is 0.
    command : str
    """

    number: int
    host: str
    start: float
    seconds: float
    received: int
    exit_code: int
    signal: int
    command: str

    @classmethod
    def of(
        cls, number: int, start: float, seconds: float, received: int, code: int | None, command: str
    ) -> JobRecord:
        """Return the record of a command; None is the exit code after a timeout."""
        if code is None:
            exit_code, signal = STOPPED, 15
        else:
            exit_code, signal = max(code, 0), max(-code, 0)
        return cls(number, gethostname(), start, seconds, received, exit_code, signal, command)

    def line(self) -> str:
        """Return the line of the file; characters of the command that a terminal would obey are escaped."""
        command = safe_line(self.command.replace("\\", "\\\\"))
        return (
            f"{self.number}\t{self.host}\t{self.start:.3f}\t{self.seconds:10.3f}\t0\t{self.received}\t"
            f"{self.exit_code}\t{self.signal}\t{command}\n"
        )


def start_joblog(path: str, go_on: bool) -> None:
    """Make the file, with its line of names; `go_on`: leave what an earlier run wrote.

    Raises
    ------
    OSError
        It cannot be written.
    """
    with open(path, "a" if go_on else "w", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(HEADER)


def append_record(path: str, record: JobRecord) -> None:
    """Append a line at once; if it cannot be written, the command counts all the same."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
        try:
            os.write(descriptor, record.line().encode(errors="backslashreplace"))
        finally:
            os.close(descriptor)
    except OSError as error:
        _tell_once(path, error.strerror)


@cache
def _tell_once(path: str, reason: str) -> None:
    say(f"paramsurvey: {path} cannot be written ({reason}), so it lacks some lines: make room there")


def read_records(path: str) -> Iterator[JobRecord]:
    """Yield what a file holds; lines that were cut off, or are not records, are left out."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        return
    for line in lines:
        cells = line.split("\t", len(COLUMNS) - 1)
        if len(cells) == len(COLUMNS):
            with suppress(ValueError):
                yield _record(*cells)


def _record(
    number: str,
    host: str,
    start: str,
    seconds: str,
    sent: str,
    received: str,
    code: str,
    signal: str,
    command: str,
) -> JobRecord:
    """Return what the cells of a line say; raise ValueError if they are not numbers."""
    return JobRecord(
        int(number), host, float(start), float(seconds), int(received), int(code), int(signal), command
    )
