"""What this machine offers: the cores and the memory that this process may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def core_count() -> int:
    """Return how many cores this process may use: affinity and cgroup quota count, 1 at least."""
    return max(1, min(_affinity_cores(), _quota_cores()))


def _affinity_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_cores() -> int:
    """Return the cgroup's CPU quota in whole cores (version 2, else version 1; no quota: very many)."""
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota, period = _quota_version_1()
    if quota in ("max", "-1"):
        return sys.maxsize
    return max(1, int(quota) // int(period))


def _quota_version_1() -> tuple[str, str]:
    try:
        quota = (CGROUP / "cpu/cpu.cfs_quota_us").read_text().strip()
        period = (CGROUP / "cpu/cpu.cfs_period_us").read_text().strip()
    except OSError:
        return "max", "1"
    return quota, period


def wanted_cores(ncores: int | None) -> int:
    """Return how many cores `ncores` asks for: None or 0 all, negative all but that many."""
    available = core_count()
    if not ncores:
        return available
    return ncores if ncores > 0 else max(1, available + ncores)


def total_memory() -> int:
    """Return this machine's memory in bytes."""
    import psutil

    return int(psutil.virtual_memory().total)


def peak_memory() -> int:
    """Return the largest resident size that this process has had, in bytes; 0 where nobody knows."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
