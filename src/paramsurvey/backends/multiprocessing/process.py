"""One worker process, as the driver sees it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from paramsurvey.backends.multiprocessing import started_ahead
from paramsurvey.backends.multiprocessing.channel import DriverChannel
from paramsurvey.backends.multiprocessing.new_process import END_SECONDS, StartedProcess
from paramsurvey.backends.multiprocessing.output_relay import TAIL_LINES, OutputRelay
from paramsurvey.backends.multiprocessing.shared_mark import crash_report, shared_mark
from paramsurvey.transport import ended_children, kernel_files, output_store
from paramsurvey.transport.main_file import MainFile
from paramsurvey.transport.own_descriptors import OwnDescriptors

ABORT_SECONDS = 0.5  # how long a worker may take to write which line it is at, before it is killed
UNKNOWN_EXIT_CODE = 1 << 16  # of a process that other code in this program has waited for
LAST_WORDS_SECONDS = 0.3  # how long to wait for the last output of a worker that died


class WorkerProcess:
    """A process, the connection to it, and what it leaves behind when it ends.

    It leads a process group, so that whatever it starts ends with it, and so that Ctrl-C in the terminal
    reaches only the driver. It is not a daemon, in the sense of `multiprocessing`: it may start processes.

    Parameters
    ----------
    relay : OutputRelay
        Gets what it prints.
    main : MainFile, optional
        What it imports as soon as it starts.
    number : int
        Its number among the workers.
    gpu_ids : sequence
        What ``ray.get_gpu_ids()`` returns in it.

    Attributes
    ----------
    pid : int
    pidfd : int or None
        A file descriptor that becomes readable when the process ends, if the system has such descriptors.
    channel : DriverChannel
    mark : SharedMark
    printed : str
        After `end`: what the running pset had printed, if output is stored.
    """

    def __init__(
        self,
        relay: OutputRelay,
        main: MainFile | None = None,
        number: int = 1,
        gpu_ids: Sequence[int | str] | None = None,
    ) -> None:
        started = started_ahead.take() or StartedProcess()
        self._process, self._lifeline = started.process, started.lifeline
        self._mark_file, self._output_file = started.mark_file, started.output_file
        self.mark = shared_mark(self._mark_file.fileno())
        self.channel = DriverChannel(started.connection)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.pid = self._process.pid
        self._stdout = relay.add(os.dup(self._process.stdout.fileno()), "stdout", self.pid)
        self._stderr = relay.add(os.dup(self._process.stderr.fileno()), "stderr", self.pid)
        self._process.stdout.close()
        self._process.stderr.close()
        self.pidfd = kernel_files.process_descriptor(self.pid)
        files = (self._lifeline, self._mark_file, self._output_file)
        pidfds = () if self.pidfd is None else (self.pidfd,)
        self._own = OwnDescriptors(*(file.fileno() for file in files), *pidfds)
        self._own_connection = OwnDescriptors(self.channel.fileno())
        self._hung_up = False
        self._report = ""
        self._code_is_lost = False
        self.printed = ""
        with suppress(OSError):
            self.channel.send(pickle.dumps((sys.argv, main, number, gpu_ids)))

    def has_its_files(self) -> bool:
        """Tell whether the files that lead to it are still the driver's own. Not to be called after `end`."""
        streams = (self._stdout, self._stderr)
        return self._own.are_ours() and self.is_connected() and all(stream.is_ours() for stream in streams)

    def is_connected(self) -> bool:
        """Tell whether the connection is still the driver's own. Not to be called after `end`."""
        return self._hung_up or self._own_connection.are_ours()

    def has_exited(self) -> bool:
        """Tell whether the process has ended; it stays a zombie until `end`."""
        if self._process.returncode is not None:
            return True
        try:
            return ended_children.has_ended(self.pid)
        except ChildProcessError:  # other code in this program has waited for it
            self._code_is_lost = True
            return True

    def await_exit(self, seconds: float) -> None:
        """Wait for it to end by itself, but no longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while not self.has_exited() and time.monotonic() < deadline:
            time.sleep(0.001)

    def hang_up(self) -> None:
        """Ask it to end when it has nothing in hand."""
        self._hung_up = True
        self.channel.close()

    def end(self, stem: str = "", report_line: bool = False) -> int:
        """Kill it with all that it started, and return its exit code, or minus the signal's number.

        The group is killed before the process is waited for, because until then no other process can get its
        id.

        Parameters
        ----------
        stem : str
            What the name of a file begins with that gets the running pset's output, if that is long.
        report_line : bool
            Have it first write which line of code it is executing, for `last_words`.
        """
        code = self.kill(report_line)
        self.channel.close()
        self._lifeline.close()
        if not self._mark_file.closed:
            self._report = crash_report(self._mark_file)
            self._mark_file.close()
            self.mark = self.mark.copy()  # lets go of the memory that was shared
            self.printed = output_store.take_output(
                self._output_file.fileno(), f"{stem}worker-{self.pid}.txt"
            )
            self._output_file.close()
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None
        return code

    def kill(self, report_line: bool = False) -> int:
        """Do what `end` does without touching a file descriptor."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                if report_line:
                    os.kill(self.pid, signal.SIGABRT)  # on which faulthandler writes the line
                    self.await_exit(ABORT_SECONDS)
                os.killpg(self.pid, signal.SIGKILL)
        return self._exit_code()

    def _exit_code(self) -> int:
        try:
            code = self._process.wait(END_SECONDS)
            return UNKNOWN_EXIT_CODE if self._code_is_lost else code
        except subprocess.TimeoutExpired:  # it waits for a disk, and ends when that answers
            return -signal.SIGKILL

    def last_words(self) -> str:
        """Return the last lines that it wrote, and where it crashed. To be called only after `end`."""
        self._stderr.closed.wait(LAST_WORDS_SECONDS)
        stored = self.printed.splitlines(keepends=True)[-TAIL_LINES:]
        return self._stderr.lines() + "".join(stored) + self._report


def describe_exit(code: int) -> str:
    """Return what an exit code means, in words.

    Examples
    --------
    >>> describe_exit(-9)
    'was killed by SIGKILL (possibly out of memory)'
    """
    if code == UNKNOWN_EXIT_CODE:
        return "ended for an unknown reason (this program ignores SIGCHLD, or its handler waits for children)"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name: Any = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}{' (possibly out of memory)' if -code == signal.SIGKILL else ''}"
