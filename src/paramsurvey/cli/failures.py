"""Why a command failed, as exceptions, with a class for each exit code."""

from __future__ import annotations

import signal
from contextlib import suppress

from paramsurvey.transport.messages import PlainFailure


class CommandFailed(PlainFailure):
    """A command ended with an exit code that ``--ok-codes`` does not list, or could not be started."""


class NothingParsed(PlainFailure):
    """The program did not print what ``--parse`` looks for."""


class CommandTimeout(PlainFailure):
    """A command was stopped because it ran longer than ``--timeout``."""


def exit_code_failure(code: int, details: str) -> CommandFailed:
    """Return the exception of an exit code. Each has a class of its own: failures are counted by class.

    Examples
    --------
    >>> exit_code_failure(3, "")
    ExitCode3('exit code 3')
    """
    described = describe_exit_code(code)
    words = described.split()
    name = f"ExitCode{code}" if code >= 0 else "".join(word[0].upper() + word[1:] for word in words)
    failure: CommandFailed = type(name, (CommandFailed,), {})(described + details)
    return failure


def describe_exit_code(code: int) -> str:
    """Return an exit code in words.

    Examples
    --------
    >>> describe_exit_code(3), describe_exit_code(-11)
    ('exit code 3', 'killed by SIGSEGV')
    """
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
