"""What workers use at the moment: the cores that they keep busy, and the memory that they hold."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.worker.machine import host_name

MOST_CHILDREN = 20  # processes started by one worker that are measured
CHILDREN = "/proc/{pid}/task/{pid}/children"  # only on Linux; elsewhere, all processes would have to be read
TICKS, PAGES = slice(11, 15), 21  # in /proc/PID/stat: CPU time, also of ended children; and memory
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class WorkerUsage:
    """Measures the workers on this machine, comparing each call with the one before.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.

    Examples
    --------
    >>> import os
    >>> here = WorkerPlace(1, os.getpid(), host_name())
    >>> [(cpu, memory)] = WorkerUsage().measure([here])
    >>> cpu is None, memory > 0  # how busy it is only becomes known with the second call
    (True, True)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: dict[int, tuple[float, float]] = {}  # by process: when measured, and its CPU seconds

    def measure(self, places: Sequence[WorkerPlace]) -> list[tuple[float | None, int | None]]:
        """Return for each worker the cores that it keeps busy, and its bytes; None if they are not known."""
        here = [place.pid if place.host == host_name() else None for place in places]
        found = [(None, None) if pid is None else self._measure_family(pid) for pid in here]
        for pid in self._before.keys() - set(here):
            del self._before[pid]
        return found

    def _measure_family(self, pid: int) -> tuple[float | None, int | None]:
        readings = [reading for member in _family(pid) if (reading := _read_usage(member)) is not None]
        if not readings:
            return None, None
        now, seconds = self._clock(), sum(reading[0] for reading in readings)
        before = self._before.get(pid)
        self._before[pid] = now, seconds
        memory = sum(reading[1] for reading in readings)
        if before is None or now <= before[0]:
            return None, memory
        return max(0.0, (seconds - before[1]) / (now - before[0])), memory


def _read_usage(pid: int) -> tuple[float, int] | None:
    """Return the CPU seconds of a process and its ended children, and the bytes that it holds."""
    return _read_proc(pid) if sys.platform == "linux" else _read_psutil(pid)


def _read_proc(pid: int) -> tuple[float, int] | None:
    """Read one file, in a tenth of the time that psutil takes, because there may be a hundred workers."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:  # it has ended
        return None
    words = text.rpartition(b")")[2].split()  # what comes before is the program's name, which may be anything
    return sum(map(int, words[TICKS])) / TICKS_PER_SECOND, int(words[PAGES]) * PAGE


def _read_psutil(pid: int) -> tuple[float, int] | None:
    import psutil  # only here, because programs on Linux start 10 ms sooner without it

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times, memory = process.cpu_times(), int(process.memory_info().rss)
    except psutil.Error:  # it has ended
        return None
    return times.user + times.system, memory


def _family(pid: int) -> list[int]:
    """Return a process and those that it has started, as far as the system knows."""
    family, at = [pid], 0
    while at < len(family) and len(family) <= MOST_CHILDREN:
        try:
            with open(CHILDREN.format(pid=family[at]), "rb") as file:
                family += map(int, file.read().split())
        except OSError:  # it has ended, or the system has no such file
            pass
        at += 1
    return family
