"""What went wrong, as one line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import traceback

import click

ALL_FINISHED = 0
SOME_FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130

DEBUG = "PARAMSURVEY_DEBUG"


class BadUsage(click.ClickException):
    """The program was asked for something that cannot be; nothing has been done."""

    exit_code = BAD_USAGE


class RunFailed(click.ClickException):
    """The program could not do what it was asked for."""

    exit_code = SOME_FAILED


def say(text: str) -> None:
    """Write a line to stderr."""
    click.echo(text, err=True)


def exit_code_of(error: BaseException) -> int:
    """Tell the user what went wrong, without a traceback, and return the exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        say("paramsurvey: interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        return _usage(error)
    return _other(error)


def _usage(error: click.ClickException) -> int:
    text = error.format_message()
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "paramsurvey"
        text = f"{text} (see {path} --help)"
    say(f"paramsurvey: {text}")
    return error.exit_code


def _other(error: BaseException) -> int:
    from paramsurvey.errors import SurveyError

    if isinstance(error, (ValueError, ImportError)):  # paramsurvey's own: sentences with the remedy
        say(f"paramsurvey: {error}")
        return BAD_USAGE
    if isinstance(error, SurveyError):
        say(f"paramsurvey: {error}")
        return SOME_FAILED
    if isinstance(error, OSError) and error.strerror:
        say(f"paramsurvey: {_of_the_system(error)}")
        return SOME_FAILED
    say(f"paramsurvey: {type(error).__name__}: {error} (unexpected: {DEBUG}=1 shows where it came from)")
    return SOME_FAILED


def _of_the_system(error: OSError) -> str:
    """Return the sentence for what the system refuses, with the file where it names one."""
    where = f"{error.filename}: " if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room on that disk" if full else "see to that"
    return f"{where}{error.strerror}: {remedy}, and run it again ({DEBUG}=1 shows where it came from)"
