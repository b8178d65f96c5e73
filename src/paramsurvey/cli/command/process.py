"""A command's process: started in a group of its own, waited for, and ended with all that it has started."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import IO

from paramsurvey.cli.command.orphan_guard import OrphanGuard
from paramsurvey.cli.failures import CommandFailed
from paramsurvey.transport.ended_children import wait_until_ended
from paramsurvey.transport.kernel_files import process_descriptor

BUILTINS = frozenset(  # of a shell, without a program of the same name
    {
        *(".", ":", "[[", "alias", "bg", "cd", "command", "eval", "exec", "exit", "export", "fg", "for"),
        *("if", "read", "return", "set", "shift", "source", "trap", "type", "ulimit", "umask", "unset"),
        *("wait", "while"),
    }
)


class RunningCommand:
    """A program that runs.

    It writes straight into files: however much it writes, it never waits for a reader, and none of it is
    held in memory.

    Parameters
    ----------
    arguments : list of str
    out, err : binary file
    directory : str, optional
    environment : mapping, optional
        Of the program; None: this process's own.

    Raises
    ------
    CommandFailed
        It cannot be started.
    """

    def __init__(
        self,
        arguments: list[str],
        out: IO[bytes],
        err: IO[bytes],
        directory: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if not arguments:
            raise CommandFailed(
                "there is nothing to run: the list that is the command is empty; put a program before it"
            )
        self._guard = _guard(os.getpid())
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=directory,
                env=environment,
                process_group=0,
            )
        except (OSError, ValueError) as error:
            raise CommandFailed(_why_not_started(arguments[0], error)) from None
        self._guard.watch(self._process.pid)

    def wait(self, seconds: float | None) -> bool:
        """Wait until it has ended, at most these seconds, and tell whether it has."""
        return _wait_for_end(self._process, seconds)

    def end(self, grace: float) -> int:
        """End what still runs in its process group, and return the exit code of the program.

        `grace` is the time between SIGTERM and SIGKILL; 0: the program itself has ended.
        """
        self._guard.watch(0)
        _end_group(self._process, grace)
        return self._process.returncode


@cache
def _guard(pid: int) -> OrphanGuard:
    """Return the guard of this process. It is cached by process id: a fork needs a guard of its own."""
    return OrphanGuard()


def no_program(program: str) -> str:
    """Return a sentence that says there is no such program, and how to start what was meant."""
    if f"BASH_FUNC_{program}%%" in os.environ:
        call = f"bash -c '{program} \"$@\"' bash {{NAME}}"
        return f"{program!r} is a function of bash, not a program: write {call}"
    if program in BUILTINS:
        return f"{program!r} is a command of the shell itself, not a program: add --shell"
    remedy = "for a whole command line, write sh -c before it" if " " in program else "correct its name"
    return f"there is no program {program!r}: {remedy}, or give its full path"


def _why_not_started(program: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return no_program(program)
    if isinstance(error, PermissionError):
        return f"{program!r} is not executable: make it so with chmod +x"
    return f"{program!r} cannot be started: {error}"


def _wait_for_end(process: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Wait until a process has ended, and tell whether it did in time. The process remains a zombie."""
    if timeout is None or (descriptor := process_descriptor(process.pid)) is None:
        return wait_until_ended(process.pid, timeout)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            return bool(selector.select(timeout))
    finally:
        os.close(descriptor)


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
