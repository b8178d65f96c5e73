"""What workers cost now: the cores that they keep busy, and the memory that they hold."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.worker.machine import host_name

MOST_CHILDREN = 20  # processes that one worker has started, and that are looked at
CHILDREN = "/proc/{pid}/task/{pid}/children"  # of Linux; elsewhere all processes would have to be looked at
TICKS, PAGES = slice(11, 15), 21  # in /proc/PID/stat: time of its own and of ended children; memory
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class WorkerUsage:
    """Measures workers of this machine, one call after the other.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.

    Examples
    --------
    >>> import os
    >>> here = WorkerPlace(1, os.getpid(), host_name())
    >>> [(cpu, memory)] = WorkerUsage().measure([here])
    >>> cpu is None, memory > 0  # how busy it is can be told from the second time on
    (True, True)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: dict[int, tuple[float, float]] = {}  # when it was measured, and the seconds of CPU

    def measure(self, places: Sequence[WorkerPlace]) -> list[tuple[float | None, int | None]]:
        """Return for each worker the cores that it keeps busy, and its bytes; None where it is not known."""
        here = [place.pid if place.host == host_name() else None for place in places]
        found = [(None, None) if pid is None else self._measured(pid) for pid in here]
        for pid in self._before.keys() - set(here):
            del self._before[pid]
        return found

    def _measured(self, pid: int) -> tuple[float | None, int | None]:
        looks = [look for one in _family(pid) if (look := _look(one)) is not None]
        if not looks:
            return None, None
        now, seconds = self._clock(), sum(look[0] for look in looks)
        before = self._before.get(pid)
        self._before[pid] = now, seconds
        memory = sum(look[1] for look in looks)
        if before is None or now <= before[0]:
            return None, memory
        return max(0.0, (seconds - before[1]) / (now - before[0])), memory


def _look(pid: int) -> tuple[float, int] | None:
    """Return the seconds of CPU that a process and its ended children had, and the bytes that it holds."""
    return _look_on_linux(pid) if sys.platform == "linux" else _look_elsewhere(pid)


def _look_on_linux(pid: int) -> tuple[float, int] | None:
    """Read one file, which takes a tenth of the time that psutil needs; there may be a hundred workers."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:  # it has ended
        return None
    words = text.rpartition(b")")[2].split()  # before it, the program's name, which may hold anything
    return sum(map(int, words[TICKS])) / TICKS_PER_SECOND, int(words[PAGES]) * PAGE


def _look_elsewhere(pid: int) -> tuple[float, int] | None:
    import psutil  # here, because a program on Linux starts 10 ms sooner without it

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times, memory = process.cpu_times(), int(process.memory_info().rss)
    except psutil.Error:  # it has ended
        return None
    return times.user + times.system, memory


def _family(pid: int) -> list[int]:
    """Return a process and those that it started, as far as the system tells."""
    family, at = [pid], 0
    while at < len(family) and len(family) <= MOST_CHILDREN:
        try:
            with open(CHILDREN.format(pid=family[at]), "rb") as file:
                family += map(int, file.read().split())
        except OSError:  # it has ended, or the system does not tell
            pass
        at += 1
    return family
