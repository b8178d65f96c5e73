"""The worker function of ``paramsurvey run -- command``: it runs one command."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from paramsurvey.cli.command.captured_output import CapturedOutput
from paramsurvey.cli.command.orphan_guard import GRACE_SECONDS, OrphanGuard
from paramsurvey.cli.command.output_parsers import Parser
from paramsurvey.cli.command.template import Template
from paramsurvey.transport.messages import PlainFailure

POLL_SECONDS = 0.005  # between two looks at a process, where the system cannot wake us at its end


class CommandFailed(PlainFailure):
    """A command ended with an exit code that ``--ok-codes`` does not list, or could not be started."""


class CommandTimeout(PlainFailure):
    """A command was stopped because it ran longer than ``--timeout``."""


@dataclass(frozen=True)
class Command:
    """What decides the results: if any of it changes, a checkpoint's earlier results are out of date.

    Parameters
    ----------
    template : Template
    ok_codes : collection of int
        The exit codes that mean success.
    parsers : tuple of Parser
        They make columns of stdout.
    """

    template: Template
    ok_codes: Collection[int] = (0,)
    parsers: tuple[Parser, ...] = ()


@dataclass(frozen=True)
class CommandSettings:
    """What may change between two runs without making a checkpoint's earlier results out of date.

    Parameters
    ----------
    output_dir : str
        The directory for outputs that are too long for the table, and for those of failed commands;
        it is made when there is one.
    timeout : float, optional
        Seconds that a command may run.
    grace : float
        Seconds between SIGTERM and SIGKILL, after a timeout.
    """

    output_dir: str
    timeout: float | None = None
    grace: float = GRACE_SECONDS


SETTINGS_KEY = "command_settings"  # of CommandSettings, in system_kwargs


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
    arguments = command.template.fill(pset)
    with ExitStack() as stack:
        out, err = (stack.enter_context(_open_unnamed_file()) for _ in range(2))
        started = time.perf_counter()
        code = _run(arguments, out, err, settings)
        duration = time.perf_counter() - started
        output = CapturedOutput(pset, settings.output_dir, out, err)
        if code is None:
            reason = f"it ran longer than the timeout of {settings.timeout:g} s and was stopped"
            raise CommandTimeout(reason + output.failure_details())
        if code not in command.ok_codes:
            raise exit_code_failure(code, output.failure_details())
        parsed = output.parse(command.parsers)
        return {"exit_code": code, "duration": duration, **output.columns(), **parsed}


def _open_unnamed_file() -> Any:
    """Return a file for the output of a running command.

    It is in the temporary directory. The directory in which outputs are saved may be on a full disk,
    and a command must not fail because of that.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise CommandFailed(
            f"there is no room for its output ({error.strerror}): set TMPDIR to a directory with room"
        ) from None


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


# ---- the process


def _run(arguments: list[str], out: IO[bytes], err: IO[bytes], settings: CommandSettings) -> int | None:
    """Run a program to its end and return its exit code, None after a timeout.

    The program writes straight into files: however much it writes, it never waits for a reader, and
    none of it is held in memory.
    """
    guard = _guard(os.getpid())
    try:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, process_group=0
        )
    except (OSError, ValueError) as error:
        raise CommandFailed(_why_not_started(arguments[0], error)) from None
    guard.watch(process.pid)
    try:
        in_time = _wait_for_end(process, settings.timeout)
    except BaseException:  # Ctrl-C, where the serial backend runs commands in the driver itself
        _end_group(process, settings.grace)
        raise
    finally:
        guard.watch(0)
    _end_group(process, 0.0 if in_time else settings.grace)
    return process.returncode if in_time else None


@cache
def _guard(pid: int) -> OrphanGuard:
    """Return the guard of this process. It is cached by process id: a fork needs a guard of its own."""
    return OrphanGuard()


def _why_not_started(program: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no program {program!r}: correct its name, or give its full path"
    if isinstance(error, PermissionError):
        return f"{program!r} is not executable: make it so with chmod +x"
    return f"{program!r} cannot be started: {error}"


def _wait_for_end(process: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Wait until a process has ended, and tell whether it did in time. The process remains a zombie."""
    if timeout is None:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return True
    if not hasattr(os, "pidfd_open"):
        return _poll_for_end(process, time.monotonic() + timeout)
    descriptor = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            return bool(selector.select(timeout))
    finally:
        os.close(descriptor)


def _poll_for_end(process: subprocess.Popen[bytes], deadline: float) -> bool:
    flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
    while os.waitid(os.P_PID, process.pid, flags) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _end_group(process: subprocess.Popen[bytes], grace: float) -> None:
    """End everything that still runs in a command's process group, and reap the command.

    The order matters: while the command is a zombie, the system gives its process id, which is also the
    id of the group, to no other process.
    """
    if grace:
        _terminate(process, grace)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _terminate(process: subprocess.Popen[bytes], grace: float) -> None:
    """Send SIGTERM to a process group, and wait up to `grace` seconds for its first process to end."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGCONT)  # a stopped process would not notice SIGTERM
    _wait_for_end(process, grace)
