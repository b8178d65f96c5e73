"""Starts a Python process that will become a worker: with which program, and with which files."""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import IO, cast

from paramsurvey.backends.multiprocessing.shared_mark import new_file
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport import child_startup, output_store

ROOT = str(Path(__file__).resolve().parents[3])  # the directory that this package is in
END_SECONDS = 5.0  # how long the system may take to end a process, which may be waiting for a disk
BOOT = (
    "import sys; sys.path[:] = {path!r}; from paramsurvey.backends.multiprocessing.child import main; "
    "main({socket}, {mark}, {output}, {lifeline}, {driver}, {modules!r})"
)


class StartedProcess:
    """A process that waits to be told which worker it is, and the files that lead to it.

    Parameters
    ----------
    modules : sequence of str
        The modules that it imports while it waits.

    Raises
    ------
    WorkerStartError
        There is no Python at ``sys.executable``.
    OSError
        The system lets no more processes start.

    Attributes
    ----------
    process : Popen
    connection : socket
    lifeline : file
        Our end of a pipe that breaks when this process ends.
    mark_file, output_file : file
        The files of the running mark, and of what psets print.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self._driver = os.getpid()
        self.connection, theirs = socket.socketpair()
        lifeline, self.lifeline = map(os.fdopen, os.pipe(), "rw")
        self.mark_file = new_file()
        self.output_file = output_store.new_file()
        with theirs, lifeline, ExitStack() as cleanup:
            for opened in self._files():
                cleanup.enter_context(opened)
            fds = [file.fileno() for file in (theirs, self.mark_file, self.output_file, lifeline)]
            self.process = _spawn(fds, modules)
            _end_at_once_with(lifeline, self.process.pid)
            cleanup.pop_all()

    def _files(self) -> tuple[AbstractContextManager[object], ...]:
        return self.connection, self.lifeline, self.mark_file, self.output_file

    def end(self) -> None:
        """End it, if it has not become a worker."""
        if self.process.returncode is None and os.getpid() == self._driver:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        with ExitStack() as files, suppress(subprocess.TimeoutExpired):
            for opened in (*self._files(), self.process.stdout, self.process.stderr):
                files.enter_context(cast("AbstractContextManager[object]", opened))
            self.process.wait(END_SECONDS)


def _spawn(fds: Sequence[int], modules: Sequence[str]) -> subprocess.Popen[bytes]:
    socket_fd, mark_fd, output_fd, lifeline = fds
    boot = BOOT.format(
        path=_search_path(),
        socket=socket_fd,
        mark=mark_fd,
        output=output_fd,
        lifeline=lifeline,
        driver=os.getpid(),
        modules=tuple(modules),
    )
    program = interpreter()
    try:
        return subprocess.Popen(
            [program, *interpreter_options(), "-c", boot],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(fds),
            start_new_session=True,
            env=child_startup.starting_environment(),
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise WorkerStartError(
            f"no worker can be started, because sys.executable={program!r} cannot be run ({error.strerror}): "
            "set sys.executable to your Python, or use backend='serial'"
        ) from error


def _end_at_once_with(lifeline: IO[str], group: int) -> None:
    """Have the system end a group of processes when the pipe breaks, if it can (Linux).

    Neither C code that holds the interpreter's lock can delay that, nor that the process was stopped.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -group)
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)


def _search_path() -> list[str]:
    """Return the search path for modules: a worker finds the same modules as this process, and no others."""
    path = [os.path.abspath(entry) for entry in sys.path]
    return path if ROOT in path else [*path, ROOT]


def interpreter() -> str:
    """Return the program that workers run.

    Raises
    ------
    WorkerStartError
        Python does not know its own program, or that program is not Python: it would run this program again,
        which would start workers again, without end.
    """
    if not sys.executable:
        raise WorkerStartError(
            "Python does not know its own program (sys.executable is empty), so no worker can be started: "
            "set sys.executable, or use backend='serial'"
        )
    is_python = os.path.basename(sys.executable).lower().startswith(("python", "pypy"))
    if getattr(sys, "frozen", False) and not is_python:
        raise WorkerStartError(
            "this program was made by PyInstaller or the like, so there is no Python that could run workers: "
            "use backend='serial', or set sys.executable to a Python that has the same packages"
        )
    if child_startup.runs_another_program():
        raise WorkerStartError(
            f"sys.executable={sys.executable!r} is not Python: it runs this program again instead of "
            "a worker; set sys.executable to your Python, or use backend='serial'"
        )
    return sys.executable


def interpreter_options() -> list[str]:
    """Return the options that this interpreter was started with and that affect Python code.

    They are those that `multiprocessing` passes on, and all of ``-X``.
    """
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    known = {words for flag, words in itertools.pairwise(options) if flag == "-X"}
    for name, value in sys._xoptions.items():
        words = name if value is True else f"{name}={value}"
        if words not in known:
            options += ["-X", words]
    return list(options)
