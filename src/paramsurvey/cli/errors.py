"""What went wrong, as one line on stderr.

Workers load this module, so it loads click only where an error is click's own.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from contextlib import suppress

from paramsurvey.cli.streams import is_writable
from paramsurvey.transport.patient_writing import write_patiently
from paramsurvey.transport.safe_text import safe_block

DEBUG = "PARAMSURVEY_DEBUG"
PATIENCE = 1.0  # seconds that a line waits for a terminal or a pipe that takes nothing


class CommandLineError(Exception):
    """An error whose message explains it."""


class BadUsage(CommandLineError):
    """The arguments ask for something impossible; nothing has run."""


class RunFailed(CommandLineError):
    """The program could not do everything that it was asked to do."""


def say(text: str) -> None:
    """Write a line to stderr, if that can be written; wait at most `PATIENCE` if nobody reads it."""
    if sys.stderr is None:  # which is what Python makes of a closed descriptor
        return
    with suppress(OSError, ValueError):  # the exit code tells the same
        write_patiently(sys.stderr, f"{safe_block(text)}\n", PATIENCE)


def report_error(error: BaseException) -> None:
    """Tell the user what went wrong, without a traceback."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    say(f"paramsurvey: {_message(error)}")


def _message(error: BaseException) -> str:
    if isinstance(error, CommandLineError):
        return str(error)
    import click

    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted"
    if isinstance(error, click.UsageError):
        return (
            f"{error.format_message()} (see {error.ctx.command_path if error.ctx else 'paramsurvey'} --help)"
        )
    if isinstance(error, click.ClickException):
        return error.format_message()
    return _message_of_other_error(error)


def _message_of_other_error(error: BaseException) -> str:
    from paramsurvey.errors import SurveyError

    if isinstance(error, (ValueError, ImportError, SurveyError)):  # raised with a remedy in the message
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return _describe_os_error(error)
    return f"{type(error).__name__}: {error} (unexpected: {DEBUG}=1 shows where it came from)"


def _current_directory_is_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _describe_os_error(error: OSError) -> str:
    """Return a sentence for what the operating system refuses, with the file, or stdout, that it is about."""
    if not error.filename and _current_directory_is_gone():
        return "the current directory was removed: change into one that exists, and run the command again"
    stream = "" if is_writable(sys.stdout) else "stdout: "
    where = f"{error.filename}: " if error.filename else stream
    disk_is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room on that disk" if disk_is_full else "correct that"
    return (
        f"{where}{error.strerror}: {remedy}, and run the command again ({DEBUG}=1 shows where it came from)"
    )
