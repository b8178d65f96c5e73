"""This machine's name, cores and memory, and how much of them this process may use."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath

CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
LINUX_STATUS = Path("/proc/self/status")


@cache
def host_name() -> str:
    """Return what this machine is called."""
    return socket.gethostname()


def core_count() -> int:
    """Return how many cores this process may use, at least 1, given its CPU affinity and cgroup quota."""
    return max(1, min(_affinity_cores(), _quota_cores()))


def _affinity_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_cores() -> int:
    """Return the CPU quota of this process in whole cores; a huge number if it has none."""
    return min(map(_quota_of, _cgroups()), default=sys.maxsize)


def _cgroups() -> Iterator[Path]:
    """Yield the directories of the cgroups that may have a quota: this process's own, and all above them.

    In a container, the directory at the top may be that of the container, whatever name its cgroup has.
    """
    own = {CGROUP: "", CGROUP / "cpu": ""}  # of version 2, and of version 1
    with suppress(OSError):  # only Linux has this file
        for line in os.fsdecode(OWN_CGROUPS.read_bytes()).splitlines():
            controllers, _, path = line.partition(":")[2].partition(":")
            if controllers == "":
                own[CGROUP] = path
            elif "cpu" in controllers.split(","):
                own[CGROUP / "cpu"] = path
    for top, path in own.items():
        below = PurePosixPath(path.strip("/"))
        yield from (top / part for part in (below, *below.parents))


def _quota_of(cgroup: Path) -> int:
    """Return the CPU quota of a cgroup of version 2 or 1 in whole cores; a huge number if it has none."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError):
            quota, period = " ".join((cgroup / name).read_text() for name in names).split()
            return sys.maxsize if quota in ("max", "-1") else max(1, int(quota) // int(period))
    return sys.maxsize


def wanted_workers(ncores: int | None, threads: int = 1) -> int:
    """Return how many workers to use.

    Parameters
    ----------
    ncores : int or None
        The user's option. None or 0: as many workers as there are cores for; negative: leave this many cores
        unused.
    threads : int
        How many threads each worker uses.
    """
    available = core_count()
    if not ncores:
        return max(1, available // threads)
    return ncores if ncores > 0 else max(1, available + ncores)


def allow_open_files(count: int) -> None:
    """Raise this process's limit on open files to `count`, or as far as permitted: the default is low."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            most = count if hard == resource.RLIM_INFINITY else min(count, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ImportError, OSError, ValueError):  # Windows has no limit; otherwise, opening too many will fail
        return


def total_memory() -> int:
    """Return this machine's memory in bytes."""
    import psutil

    return int(psutil.virtual_memory().total)


def available_memory() -> int:
    """Return the bytes of memory that processes can still get without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def has_gpu() -> bool:
    """Tell whether this machine has NVIDIA or AMD GPUs, among which programs can choose."""
    return os.path.exists("/dev/nvidia0") or os.path.exists("/dev/kfd")


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held so far."""
    return _peak_on_linux() or _peak_elsewhere()


def _peak_on_linux() -> int:
    """Return this process's peak; 0 on other systems. getrusage() would include that of the parent."""
    try:
        status = LINUX_STATUS.read_bytes()
    except OSError:
        return 0
    _, found, rest = status.partition(b"VmHWM:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0


def _peak_elsewhere() -> int:
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def used_memory(pid: int | None = None) -> int:
    """Return the bytes of memory that a process (default: this one) holds now; 0 if it has ended."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
