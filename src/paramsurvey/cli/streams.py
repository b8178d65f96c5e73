"""stdout and stderr that cannot be written: closed, without a reader, lacking disk space or a character."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Any, TextIO

from paramsurvey.errors import ParamsurveyWarning
from paramsurvey.transport.safe_text import safe_block


def open_closed_streams() -> None:
    """Discard what is written to a stream that was closed before the program started."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # which is what Python makes of a closed descriptor
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (it stays open while the program runs)


def show_warnings_as_messages() -> None:
    """Show our own warnings like our other messages: in a shell, there is no line of a program to show."""
    formatted = warnings.formatwarning

    def format_warning(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
        if issubclass(category, ParamsurveyWarning):
            return f"paramsurvey: {safe_block(str(message))}\n"
        return formatted(message, category, *place, **line)

    warnings.formatwarning = format_warning


def write_any_character() -> None:
    """Write a character that the terminal's encoding lacks as a backslash and its number, not as an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def lacking(stream: TextIO, text: str) -> str:
    """Return the characters of a text that a stream writes with a backslash, each as often as it occurs."""
    if stream.errors != "backslashreplace":
        return ""
    try:
        text.encode(stream.encoding)
    except UnicodeEncodeError:
        return "".join(
            c for c in text if c not in c.encode(stream.encoding, "ignore").decode(stream.encoding)
        )
    return ""


def is_writable(stream: TextIO) -> bool:
    """Write what a stream has buffered, and tell whether that succeeded."""
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def discard_unwritable_output() -> None:
    """Discard buffered output that cannot be written.

    Otherwise Python tries once more when it exits, and changes the exit code to 120. By then, the program
    has told the user, and has an exit code of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if not is_writable(stream):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
