"""What holds a command back, and what stops it while it runs: the options of control, in a worker."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache

from paramsurvey.cli.control.limits import Timeout
from paramsurvey.cli.control.shared import DOUBLE, SharedDirectory
from paramsurvey.cli.failures import CommandFailed
from paramsurvey.fast_dataclass import dataclass

CHECK_SECONDS = 0.25  # between two looks at the load, the memory, or the median
MEDIAN_NEEDS = 3  # commands that must have finished before there is a median


@dataclass(frozen=True)
class Control:
    """The options that say when commands start and end.

    Parameters
    ----------
    timeout : Timeout, optional
    delay : float
        Seconds between two starts.
    load : float, optional
        The load average above which nothing starts.
    memfree : int, optional
        The bytes of free memory below which nothing starts; below half of it, the youngest command is
        stopped, and waits to be run again.
    nice : int, optional
    directory : str
        Where the workers of a machine tell each other what they do.
    """

    timeout: Timeout | None = None
    delay: float = 0.0
    load: float | None = None
    memfree: int | None = None
    nice: int | None = None
    directory: str = ""

    @property
    def needs_directory(self) -> bool:
        """Whether workers must know of each other."""
        by_median = self.timeout is not None and self.timeout.median_share is not None
        return bool(self.delay or self.load is not None or self.memfree is not None or by_median)


class Gate:
    """Decides, in a worker, when its commands may start, and when they must stop."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._shared = SharedDirectory(control.directory) if control.needs_directory else None
        if control.nice is not None:
            _be_nice(control.nice)

    def wait(self) -> None:
        """Return when a command may start."""
        control, shared = self._control, self._shared
        if shared is None or not (control.delay or control.load is not None or control.memfree is not None):
            return
        with shared.lock("start") as descriptor:  # the others wait for their turn
            last = os.read(descriptor, DOUBLE.size)
            if control.delay and len(last) == DOUBLE.size:
                time.sleep(
                    max(0.0, min(control.delay, DOUBLE.unpack(last)[0] + control.delay - time.monotonic()))
                )
            while self._is_crowded():
                time.sleep(CHECK_SECONDS)
            os.pwrite(descriptor, DOUBLE.pack(time.monotonic()), 0)

    def _is_crowded(self) -> bool:
        control = self._control
        if control.load is not None and os.getloadavg()[0] > control.load:
            return True
        return control.memfree is not None and free_memory() < control.memfree

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the other workers know that a command runs."""
        listed = self._control.memfree is not None and self._shared is not None
        begun = time.monotonic()
        with self._shared.listed(begun) if listed and self._shared else nullcontext():
            self._begun = begun
            yield

    def must_make_room(self) -> bool:
        """Tell whether the command that runs here is the youngest of several, and memory is short."""
        memfree = self._control.memfree
        if memfree is None or self._shared is None or free_memory() >= memfree / 2:
            return False
        begun = self._shared.begun()
        return len(begun) > 1 and self._begun >= max(begun)

    def seconds_left(self, elapsed: float) -> float | None:
        """Return how much longer a command may run, after `elapsed` seconds; None: without limit."""
        timeout = self._control.timeout
        if timeout is None:
            return None
        if timeout.seconds is not None:
            return timeout.seconds - elapsed
        median = self._shared.median_duration(MEDIAN_NEEDS) if self._shared else None
        return None if median is None else median * (timeout.median_share or 0.0) - elapsed

    def note_end(self, seconds: float) -> None:
        """Note how long a finished command took."""
        timeout = self._control.timeout
        if timeout is not None and timeout.median_share is not None and self._shared is not None:
            self._shared.add_duration(seconds)

    @property
    def check_every(self) -> float | None:
        """Seconds between two checks on a running command; None if there is nothing to check."""
        return CHECK_SECONDS if self._shared is not None else None


def _be_nice(niceness: int) -> None:
    """Set the niceness of this process, which its commands inherit."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except PermissionError:
        raise CommandFailed(
            f"--nice {niceness} needs the rights of an administrator, as it is less than this process has: "
            "give a higher one, up to 19"
        ) from None


@cache
def gate_of(control: Control, pid: int) -> Gate:
    """Return the gate for these options. It is cached by process id: a fork is a worker of its own."""
    return Gate(control)


def free_memory() -> int:
    """Return how many bytes are free on this machine, or can be made so at once."""
    import psutil

    return int(psutil.virtual_memory().available)
