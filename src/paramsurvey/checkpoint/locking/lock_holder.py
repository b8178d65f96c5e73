"""The process that holds a checkpoint's lock, and whether it is alive, whatever the clock says."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from paramsurvey.fast_dataclass import dataclass

DEAD_SECONDS = 60.0  # a holder on another machine that has not touched its lock for this long counts as dead
PROC = Path("/proc")
STATE, START = 0, 19  # fields of /proc/<pid>/stat after the program's name, which may contain anything
ENDED = ("Z", "X")
LARGEST_START = 2**64  # which the kernel counts its ticks to

_TOKEN = re.compile("[0-9a-f]{32}")  # it becomes part of a file's name


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process: what distinguishes it from all others, and what a user wants to know about it."""

    host: str
    pid: int
    machine: str  # a boot of a machine and its namespaces, within which pids and times can be compared
    process_start: float
    since: str
    token: str

    @classmethod
    def me(cls) -> LockHolder:
        """Return this process."""
        return cls(
            socket.gethostname(),
            os.getpid(),
            _machine(),
            _process_start(os.getpid()) or 0.0,
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            uuid.uuid4().hex,
        )

    @classmethod
    def from_json(cls, content: Any) -> LockHolder | None:
        """Return the holder that a lock names; None if the lock is not readable."""
        if not isinstance(content, dict) or not content.keys() >= {field.name for field in fields(cls)}:
            return None
        holder = cls(**{field.name: content[field.name] for field in fields(cls)})
        texts = (holder.host, holder.machine, holder.since, holder.token)
        if not all(type(text) is str for text in texts) or _TOKEN.fullmatch(holder.token) is None:
            return None
        if type(holder.pid) is not int or not 0 < holder.pid < 2**31:
            return None
        start = holder.process_start
        return holder if type(start) in (int, float) and 0 <= start <= LARGEST_START else None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    def is_alive(self, silent_for: Callable[[], float]) -> bool:
        """Tell whether it is still running, by looking, or by how long it has not touched its lock.

        A process is recognized by its start time, which the kernel counts in ticks since the machine was
        booted, so that setting the clock does not change it.
        """
        if self.machine == _machine():
            start = _process_start(self.pid)
            if start is not None:
                return abs(start - self.process_start) < 1.0
            if not _is_hidden(self.pid):
                return False
        return silent_for() < DEAD_SECONDS


def _machine() -> str:
    boot, processes, times = "", "", ""
    with suppress(OSError):
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        processes = os.readlink(PROC / "self/ns/pid")
        times = os.readlink(PROC / "self/ns/time")  # shifts the start times of processes; since Linux 5.6
    return " ".join(
        filter(None, (boot if boot and processes else f"{socket.gethostname()} {boot}", processes, times))
    )


def _process_start(pid: int) -> float | None:
    """Return when a process was started, by the kernel's own count; None if there is no such process."""
    if not (PROC / "self/stat").exists():
        return _process_start_without_proc(pid)
    try:
        values = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(values) <= START or values[STATE].decode() in ENDED:
        return None
    return float(values[START])


def _process_start_without_proc(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def _is_hidden(pid: int) -> bool:
    """Tell whether the process exists, but belongs to a user whose processes we may not see."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        pass
    return False
