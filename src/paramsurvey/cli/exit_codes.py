"""The exit codes of ``paramsurvey``, and which of them a survey or an error has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.cli.errors import BadUsage, CommandLineError
from paramsurvey.cli.interrupts import INTERRUPTED
from paramsurvey.errors import CheckpointChanged, CheckpointInUse
from paramsurvey.transport.messages import FailureKind

if TYPE_CHECKING:
    from paramsurvey.cli.control.halt import Halting
    from paramsurvey.engine.survey import Survey

ALL_FINISHED = 0
SOME_FAILED = 1
BAD_USAGE = 2  # also: the checkpoint has results of another command
IN_USE = 3  # another run holds the checkpoint
RUN_DIED = 4  # the driver of the run that was asked about was killed


def of_survey(survey: Survey, halting: Halting | None) -> int:
    """Return the exit code of a survey that was not interrupted.

    It is 0 if all psets have finished, or if `halting` has ended it because enough have. If it
    waited for a success, what failed before that does not matter, as in GNU parallel.
    """
    failures = [one.failure.kind for one in survey.collector.failed.values()]
    event = halting.event if halting is not None and halting.is_over else "fail"
    if event == "done":
        failures = [kind for kind in failures if kind is not FailureKind.NOT_RUN]
    return SOME_FAILED if failures and event != "success" else ALL_FINISHED


def of_error(error: BaseException) -> int:
    """Return the exit code of an error that ended the program."""
    if isinstance(error, SystemExit):  # a signal, from a batch system for example
        return int(str(error.code))
    if isinstance(error, CheckpointInUse):
        return IN_USE
    if isinstance(error, CommandLineError):
        return BAD_USAGE if isinstance(error, BadUsage) else SOME_FAILED
    if isinstance(error, (ValueError, ImportError, CheckpointChanged)):  # nothing has run
        return BAD_USAGE
    return _of_click_error(error)


def _of_click_error(error: BaseException) -> int:
    import click

    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED
    return error.exit_code if isinstance(error, click.ClickException) else SOME_FAILED
