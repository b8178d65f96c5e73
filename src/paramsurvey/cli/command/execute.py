"""The worker function of ``paramsurvey run -- command``: it runs one command."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import field
from typing import IO, TYPE_CHECKING, Any

from paramsurvey.cli.command.captured_output import CapturedOutput, size
from paramsurvey.cli.command.orphan_guard import GRACE_SECONDS
from paramsurvey.cli.command.process import RunningCommand
from paramsurvey.cli.command.template import Template
from paramsurvey.cli.control.gate import Control, Gate, gate_of
from paramsurvey.cli.control.joblog import NOT_STARTED, JobRecord, append_record
from paramsurvey.cli.failures import CommandFailed, CommandTimeout, exit_code_failure
from paramsurvey.cli.output.spool import Spool
from paramsurvey.cli.placeholders import NUMBER, fill, placeholder_values
from paramsurvey.cli.value_text import value_text
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.new_files import make_directory

if TYPE_CHECKING:
    from paramsurvey.cli.command.output_parsers import Parser

VARIABLE_PREFIX = "PARAMSURVEY_PSET_"  # of the environment variables that hold the parameters


@dataclass(frozen=True)
class Command:
    """What decides the results: if any of it changes, a checkpoint's earlier results are out of date.

    Parameters
    ----------
    template : Template
    ok_codes : collection of int
        The exit codes that mean success.
    parsers : tuple of Parser
        They make columns from stdout.
    environment : tuple of (str, str)
        Variables of the command, with placeholders in their values.
    """

    template: Template
    ok_codes: Collection[int] = (0,)
    parsers: tuple[Parser, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CommandSettings:
    """What may change between two runs without making a checkpoint's earlier results out of date.

    Parameters
    ----------
    output_dir : str
        The directory for outputs that are too long for the table, and for those of failed commands;
        it is made when there is one.
    control : Control
        When commands start and end.
    grace : float
        Seconds between SIGTERM and SIGKILL, after a timeout.
    names : mapping
        By column, names that were typed with dots.
    directory : str, optional
        Where a command runs, with placeholders; it is made. None: where the worker is.
    results : str, optional
        The directory of ``--results``.
    joblog : str, optional
        The file of ``--joblog``.
    spool : str, optional
        The directory in which the output of commands can be read while they run.
    is_shown : bool
        Whether the driver shows what is in the spool, and removes it.
    keeps_output : bool
        Whether the table has the columns stdout and stderr.
    command_text : str, optional
        What every row has in the column ``command``; None: there is no such column.
    """

    output_dir: str
    control: Control = Control()
    grace: float = GRACE_SECONDS
    names: Mapping[str, str] = field(default_factory=dict)
    directory: str | None = None
    results: str | None = None
    joblog: str | None = None
    spool: str | None = None
    is_shown: bool = False
    keeps_output: bool = True
    command_text: str | None = None


SETTINGS_KEY = "command_settings"  # of CommandSettings, in system_kwargs


def variable_name(parameter: str) -> str:
    """Return the environment variable in which a command finds the value of a parameter."""
    return f"{VARIABLE_PREFIX}{parameter.replace('.', '_').upper()}"


def run_command(pset: dict[str, Any], system_kwargs: dict[str, Any], command: Command) -> dict[str, Any]:
    """Run the command of one pset.

    Returns
    -------
    dict
        ``exit_code``, ``duration`` in seconds, ``stdout`` and ``stderr`` (the last 64 kB of each),
        ``stdout_file`` and ``stderr_file`` where there was more, and what the parsers found.

    Raises
    ------
    CommandFailed, CommandTimeout, NothingParsed
        The message has the exit code and the last lines of stderr. An exit code's exception is of
        a subclass that is named after it.
    """
    settings: CommandSettings = system_kwargs[SETTINGS_KEY]
    number = pset.pop(NUMBER, 0)
    named = {settings.names.get(name, name): value for name, value in pset.items()}
    run = CommandRun(command, settings, named, number, system_kwargs.get("worker_number", 1))
    return run.result()


class CommandRun:
    """One pset's command, from its turn to its result.

    Parameters
    ----------
    command : Command
    settings : CommandSettings
    pset : mapping
        By the names that the user typed.
    number : int
        The pset's, from 1.
    job : int
        The worker's, from 1.
    """

    def __init__(
        self, command: Command, settings: CommandSettings, pset: Mapping[str, Any], number: int, job: int
    ) -> None:
        self._command = command
        self._settings = settings
        self._pset = pset
        self._values = placeholder_values(pset, number, job)
        self._number = number
        self._arguments = command.template.fill(self._values)

    def result(self) -> dict[str, Any]:
        """Run it, and return its columns."""
        settings, command = self._settings, self._command
        with ExitStack() as stack:
            spool = Spool(settings.spool, self._number, keep=settings.is_shown)
            out, err = (stack.enter_context(spool.open(name)) for name in ("stdout", "stderr"))
            code, duration = self._run(out, err, gate_of(settings.control, os.getpid()))
            output = CapturedOutput(self._pset, settings.output_dir, out, err)
            if settings.results:
                from paramsurvey.cli.output.result_tree import save_in_tree

                save_in_tree(settings.results, self._pset, self._values, code, duration, out, err)
            if code is None:
                raise CommandTimeout(
                    f"{self._why_stopped(duration)} and was stopped{output.failure_details()}"
                )
            if code not in command.ok_codes:
                raise exit_code_failure(code, output.failure_details())
            parsed = output.parse(command.parsers)
            columns = output.columns() if settings.keeps_output else {}
            origin = {} if settings.command_text is None else {"command": settings.command_text}
            return {"exit_code": code, "duration": round(duration, 3), **columns, **parsed, **origin}

    def _why_stopped(self, duration: float) -> str:
        timeout = self._settings.control.timeout
        if timeout is not None and timeout.seconds is None:
            return f"it ran {duration:.3g} s, longer than {timeout} of the median"
        return f"it ran longer than the timeout of {timeout}"

    def _run(self, out: IO[bytes], err: IO[bytes], gate: Gate) -> tuple[int | None, float]:
        """Run it, again if it was stopped to make room; return its exit code (None: timeout) and time."""
        while True:
            gate.wait()
            started, begun = time.time(), time.perf_counter()
            with gate.running():
                stopped, code = self._run_once(out, err, gate, started, begun)
            duration = time.perf_counter() - begun
            self._log_job(started, duration, size(out), code)
            if stopped != "memory":
                break
            for file in (out, err):
                file.seek(0)
                file.truncate()
        if code is not None:
            gate.note_end(duration)
        return code, duration

    def _run_once(
        self, out: IO[bytes], err: IO[bytes], gate: Gate, started: float, begun: float
    ) -> tuple[str, int | None]:
        try:
            process = RunningCommand(self._arguments, out, err, self._directory(), self._environment())
        except CommandFailed:
            self._log_job(started, 0.0, 0, NOT_STARTED)
            raise
        try:
            stopped = _wait(process, gate, begun)
        except BaseException:  # Ctrl-C, where the serial backend runs commands in the driver itself
            process.end(self._settings.grace)
            raise
        code = process.end(self._settings.grace if stopped else 0.0)
        return stopped, None if stopped else code

    def _directory(self) -> str | None:
        """Return the directory of this pset, which is made; None: that of the worker."""
        if self._settings.directory is None:
            return None
        directory = fill(self._settings.directory, self._values)
        try:
            make_directory(directory)
        except OSError as error:
            raise CommandFailed(f"its directory {directory} cannot be made ({error.strerror})") from None
        return directory

    def _environment(self) -> dict[str, str]:
        """Return the variables of the command: the parameters, and those of --env."""
        own = {variable_name(name): value_text(value) for name, value in self._pset.items()}
        typed = {name: fill(text, self._values) for name, text in self._command.environment}
        return {**os.environ, **own, **typed}

    def _log_job(self, started: float, duration: float, received: int, code: int | None) -> None:
        if self._settings.joblog:
            shown = self._command.template.show(self._values)
            record = JobRecord.of(self._number, started, duration, received, code, shown)
            append_record(self._settings.joblog, record)


def _wait(process: RunningCommand, gate: Gate, begun: float) -> str:
    """Wait until a command ends, and return ""; or return why it must be stopped: "timeout" or "memory"."""
    while True:
        left = gate.seconds_left(time.perf_counter() - begun)
        if left is not None and left <= 0:
            return "timeout"
        waits = [seconds for seconds in (left, gate.check_every) if seconds is not None]
        if process.wait(min(waits, default=None)):
            return ""
        if gate.must_make_room():
            return "memory"
