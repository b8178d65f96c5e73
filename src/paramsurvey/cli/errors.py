"""What went wrong: as one line on stderr, and as an exit code.

Workers load this module, so it loads click only where an error is click's own.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from paramsurvey.cli.streams import is_writable
from paramsurvey.transport.safe_text import safe_block

if TYPE_CHECKING:
    import click

ALL_FINISHED = 0
SOME_FAILED = 1
BAD_USAGE = 2  # also: the checkpoint has results of another command
IN_USE = 3  # another run holds the checkpoint
RUN_DIED = 4  # the driver of the run that was asked about was killed
INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended

DEBUG = "PARAMSURVEY_DEBUG"


class CommandLineError(Exception):
    """An error that its message explains, and that has an exit code."""

    exit_code = SOME_FAILED


class BadUsage(CommandLineError):
    """The arguments ask for something impossible; nothing has run."""

    exit_code = BAD_USAGE


class RunFailed(CommandLineError):
    """The program could not do all that it was asked for."""


def say(text: str) -> None:
    """Write a line to stderr, if stderr can be written."""
    with suppress(OSError, ValueError):  # the exit code tells it, too
        print(safe_block(text), file=sys.stderr, flush=True)


def report_error(error: BaseException) -> int:
    """Tell the user what went wrong, without a traceback, and return the exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, CommandLineError):
        say(f"paramsurvey: {error}")
        return error.exit_code
    import click

    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        say("paramsurvey: interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        return _report_click_error(error)
    return _report_other_error(error)


def _report_click_error(error: click.ClickException) -> int:
    import click

    text = error.format_message()
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "paramsurvey"
        text = f"{text} (see {path} --help)"
    say(f"paramsurvey: {text}")
    return error.exit_code


def _report_other_error(error: BaseException) -> int:
    from paramsurvey.errors import CheckpointChanged, CheckpointInUse, SurveyError

    if isinstance(error, CheckpointInUse):
        say(f"paramsurvey: {error}")
        return IN_USE
    if isinstance(
        error, (ValueError, ImportError, CheckpointChanged)
    ):  # paramsurvey raises these with a remedy in the message
        say(f"paramsurvey: {error}")
        return BAD_USAGE
    if isinstance(error, SurveyError):
        say(f"paramsurvey: {error}")
        return SOME_FAILED
    if isinstance(error, OSError) and error.strerror:
        say(f"paramsurvey: {_describe_os_error(error)}")
        return SOME_FAILED
    say(f"paramsurvey: {type(error).__name__}: {error} (unexpected: {DEBUG}=1 shows where it came from)")
    return SOME_FAILED


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
