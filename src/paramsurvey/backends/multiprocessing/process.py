"""One worker process, as the driver sees it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from paramsurvey.backends.multiprocessing.output import TAIL_LINES, OutputRelay
from paramsurvey.backends.multiprocessing.running_mark import crash_report, new_file, shared_mark
from paramsurvey.backends.multiprocessing.shared_job import SharedJob
from paramsurvey.transport import capture
from paramsurvey.transport.main_file import MainFile
from paramsurvey.transport.messages import Group, Ran
from paramsurvey.worker.machine import host_name
from paramsurvey.worker.runner import IDLE

ROOT = str(Path(__file__).resolve().parents[3])  # where this package lies
BOOT = (
    "import sys; sys.path[:] = {path!r}; from paramsurvey.backends.multiprocessing.child import main; "
    "main({socket}, {mark}, {output}, {lifeline}, {driver})"
)
LARGEST_MAIN = 50_000  # characters that fit into a pipe before anybody reads; a larger one comes with the job
LAST_WORDS_SECONDS = 0.3  # how long to wait for the last output of a worker that died


class WorkerProcess:
    """A process that runs one group at a time, on a pipe of its own.

    It leads a process group, so that whatever it starts ends with it, and so that Ctrl-C in the
    terminal reaches the driver alone. It is no daemon: it may start processes.

    Parameters
    ----------
    relay : OutputRelay
        Gets what it prints.
    tasks : int, optional
        How many psets it may run before it is to be replaced; None: any number.
    main : MainFile, optional
        What it imports as soon as it starts.
    number : int
        Its number among the workers.
    gpu_ids : sequence
        What ``ray.get_gpu_ids()`` returns in it.
    """

    def __init__(
        self,
        relay: OutputRelay,
        tasks: int | None = None,
        main: MainFile | None = None,
        number: int = 1,
        gpu_ids: Sequence[int | str] | None = None,
    ) -> None:
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = map(os.fdopen, os.pipe(), "rw")  # whose end here closes with this process
        self._mark_file = new_file()
        self._output_file = capture.new_file()
        self._mark = shared_mark(self._mark_file.fileno())
        with theirs, lifeline, ExitStack() as if_it_does_not_start:
            for opened in (ours, self._lifeline, self._mark_file, self._output_file):
                if_it_does_not_start.enter_context(opened)
            self._process = self._spawn(
                theirs.fileno(), self._mark_file.fileno(), self._output_file.fileno(), lifeline.fileno()
            )
            if_it_does_not_start.pop_all()
        self.connection = Connection(ours.detach())
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        pid = self._process.pid
        relay.add(os.dup(self._process.stdout.fileno()), "stdout", pid)
        self._stderr = relay.add(os.dup(self._process.stderr.fileno()), "stderr", pid)
        self._process.stdout.close()
        self._process.stderr.close()
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        self.number = number
        self.tasks_left = tasks
        self.outgrown = False
        self.ready = False  # it has said so
        self.begun = time.monotonic()
        self._report = ""
        self.printed = ""  # after `end`: what the pset that ran printed, where that is stored
        self.stem = ""
        self.group_id: int | None = None
        self._job_key: str | None = None
        with suppress(OSError):
            early = main is not None and len(main.text) < LARGEST_MAIN
            self.connection.send_bytes(pickle.dumps((sys.argv, main if early else None, number, gpu_ids)))

    @staticmethod
    def _spawn(socket_fd: int, mark_fd: int, output_fd: int, lifeline: int) -> subprocess.Popen[bytes]:
        boot = BOOT.format(
            path=_search_path(),
            socket=socket_fd,
            mark=mark_fd,
            output=output_fd,
            lifeline=lifeline,
            driver=os.getpid(),
        )
        return subprocess.Popen(
            [sys.executable, *(f"-W{option}" for option in sys.warnoptions), "-c", boot],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(socket_fd, mark_fd, output_fd, lifeline),
            start_new_session=True,
            env={**os.environ, "PARAMSURVEY_WORKER": "1"},
        )

    def give(self, group: Group, job: SharedJob) -> None:
        """Hand over a group, and the job before it where this worker does not have it yet."""
        self.group_id = group.id
        with suppress(OSError):  # it died: the end of its connection will say so
            if self._job_key != job.key:
                job.send(self.connection, self.pid)
                self._job_key = job.key
            self.connection.send_bytes(pickle.dumps(group, protocol=5))

    def running(self) -> tuple[int, float] | None:
        """Return the offset of the pset that it runs and for how many seconds, None between psets."""
        begun, offset = self._mark.begun[0], self._mark.offset[0]
        return None if offset == IDLE else (offset, time.perf_counter() - begun)

    def last_offset(self) -> int | None:
        """Return the offset of the pset that it ran when it died, None when it ran none."""
        return None if self._mark.offset[0] == IDLE else self._mark.offset[0]

    def last_run(self) -> Ran:
        """Return when and where the pset ran that it ran when it died."""
        running = self.running()
        if running is None:
            return Ran()
        return Ran(running[1], time.time() - running[1], self.number, host_name())

    def ever_ran(self) -> bool:
        """Tell whether it ever began a pset."""
        return self._mark.begun[0] > 0

    def has_exited(self) -> bool:
        """Tell whether the process has ended; it stays a zombie until `end`."""
        if self._process.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.pid, flags) is not None
        except ChildProcessError:  # somebody else has waited for it
            return True

    def await_exit(self, seconds: float) -> None:
        """Give it so much time to end by itself."""
        deadline = time.monotonic() + seconds
        while not self.has_exited() and time.monotonic() < deadline:
            time.sleep(0.001)

    def hang_up(self) -> None:
        """Ask it to end when it has nothing in hand."""
        self.connection.close()

    def end(self) -> int:
        """Kill it with all that it started, and return its exit code; negative: the signal's number.

        The group is killed before the process is waited for: until then nobody else can get its id.
        """
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        code = self._process.wait()
        self.connection.close()
        self._lifeline.close()
        if not self._mark_file.closed:
            self._report = crash_report(self._mark_file)
            self._mark_file.close()
            self._mark = self._mark.copy()  # lets go of the memory that was shared
            self.printed = capture.take_output(
                self._output_file.fileno(), f"{self.stem}worker-{self.pid}.txt"
            )
            self._output_file.close()
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None
        return code

    def last_words(self) -> str:
        """Return the last lines that it wrote, and where it crashed. Only after `end`."""
        self._stderr.closed.wait(LAST_WORDS_SECONDS)
        stored = self.printed.splitlines(keepends=True)[-TAIL_LINES:]
        return self._stderr.lines() + "".join(stored) + self._report


def _search_path() -> list[str]:
    """Return this process's own: a worker finds the very modules that are found here, and no others."""
    path = [os.path.abspath(entry) for entry in sys.path]
    return path if ROOT in path else [*path, ROOT]


def describe_exit(code: int) -> str:
    """Return what an exit code says, in words.

    Examples
    --------
    >>> describe_exit(-9)
    'was killed by SIGKILL (possibly out of memory)'
    """
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name: Any = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}{' (possibly out of memory)' if -code == signal.SIGKILL else ''}"
