"""The process that holds a checkpoint's lock, and whether it is alive, which no clock decides."""

from __future__ import annotations

import math
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

DEAD_SECONDS = 60.0  # a holder on another machine counts as dead when it has not touched its lock for so long
PROC = Path("/proc")
STATE, START = 0, 19  # fields of /proc/<pid>/stat behind the program's name, which may hold anything
ENDED = ("Z", "X")

_TOKEN = re.compile("[0-9a-f]{32}")  # it becomes part of a file's name


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process, with what distinguishes it from all others, and what a user wants to know of it."""

    host: str
    pid: int
    machine: str  # this boot of this machine, and its namespaces: there, pids and times mean the same
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
        """Return the holder that a lock names, None where it is not readable."""
        if not isinstance(content, dict) or not content.keys() >= {field.name for field in fields(cls)}:
            return None
        holder = cls(**{field.name: content[field.name] for field in fields(cls)})
        texts = (holder.host, holder.machine, holder.since, holder.token)
        if not all(type(text) is str for text in texts) or _TOKEN.fullmatch(holder.token) is None:
            return None
        if type(holder.pid) is not int or not 0 < holder.pid < 2**31:
            return None
        start = holder.process_start
        return holder if type(start) in (int, float) and math.isfinite(start) else None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    def is_alive(self, silent_for: Callable[[], float]) -> bool:
        """Tell whether it still runs: by looking, or from how long it has not touched its lock.

        A process is recognized by when the kernel says that it was started: in ticks since the machine
        was booted, which no change of a clock touches.
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
        times = os.readlink(PROC / "self/ns/time")  # it moves when processes were started; since Linux 5.6
    return " ".join(
        filter(None, (boot if boot and processes else f"{socket.gethostname()} {boot}", processes, times))
    )


def _process_start(pid: int) -> float | None:
    """Return when a process was started, by the kernel's own count; None where there is none (any more)."""
    if not (PROC / "self/stat").exists():
        return _process_start_elsewhere(pid)
    try:
        said = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(said) <= START or said[STATE].decode() in ENDED:
        return None
    return float(said[START])


def _process_start_elsewhere(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def _is_hidden(pid: int) -> bool:
    """Tell whether there is such a process, of a user whose processes we may not see."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        pass
    return False
