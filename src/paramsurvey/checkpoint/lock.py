"""One driver at a time on a checkpoint, also where the file system has no locks.

The lock is a file that says who holds it. It is written aside and linked into its place, which
fails where there is one; file systems without links get a file that is created exclusively. Its
holder touches it now and then, so that others, on whatever machine, can see that it is alive.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.atomic_files import read_json, write_aside
from paramsurvey.errors import CheckpointInUse

NAME = "lock.json"
BEAT_SECONDS = 5.0  # how often the holder touches it
DEAD_SECONDS = 60.0  # who has not touched it for so long is dead, where nobody can look


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that no other one is confused with, and what a user wants to know of it."""

    host: str
    pid: int
    machine: str  # this boot of this machine, and its namespace of processes: where pids mean the same
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
    def from_json(cls, content: dict[str, Any] | None) -> LockHolder | None:
        """Return the holder that a lock names, None where it is not readable."""
        try:
            holder = cls(**{field.name: (content or {})[field.name] for field in fields(cls)})
        except KeyError:
            return None
        return holder if type(holder.pid) is int and type(holder.process_start) is float else None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    def is_alive(self, silent_for: float) -> bool:
        """Tell whether it still runs: by looking, or from how long it has not touched its lock."""
        if self.machine == _machine():
            start = _process_start(self.pid)
            return start is not None and abs(start - self.process_start) < 1.0
        return silent_for < DEAD_SECONDS


def _machine() -> str:
    def text(path: str) -> str:
        with suppress(OSError):
            return Path(path).read_text().strip()
        return ""

    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    boot = text("/proc/sys/kernel/random/boot_id")
    return " ".join((socket.gethostname(), boot, namespace))


def _process_start(pid: int) -> float | None:
    """Return when a process was started, None where there is none (any more)."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.AccessDenied:
        return 0.0
    except psutil.Error:
        return None


def holder_of(directory: Path) -> tuple[LockHolder, bool] | None:
    """Return who holds a directory's lock and whether it is alive, None where nobody does."""
    path = directory / NAME
    holder = LockHolder.from_json(read_json(path))
    if holder is None:
        return None
    try:
        return holder, holder.is_alive(time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return None


class Lock:
    """Holds a directory from its making until `release`.

    Parameters
    ----------
    directory : Path

    Raises
    ------
    CheckpointInUse
        With the host and the process that holds it, which is alive.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._me = LockHolder.me()
        self._beaten = time.monotonic()
        for _ in range(10):  # others may come and go while we look
            if self._take():
                return
            self._remove_if_dead(directory)
        raise CheckpointInUse(self._why_not(directory))

    def _why_not(self, directory: Path) -> str:
        silent_for = self._silent_for(directory)
        if silent_for is None or LockHolder.from_json(read_json(self._path)) is not None:
            return f"the lock {self._path} changes hands again and again: try again later"
        return (
            f"the lock {self._path} does not say who holds it: its writer was cut off, or it is no lock; "
            f"it counts no more when nobody has touched it for {DEAD_SECONDS:.0f} seconds: try again then, "
            "or remove it, if no other program uses the checkpoint"
        )

    def _take(self) -> bool:
        text = json.dumps(asdict(self._me), indent=2) + "\n"
        aside = write_aside(self._path, text.encode())
        try:
            os.link(aside, self._path)
        except FileExistsError:
            return False
        except OSError:  # no links here
            return self._create(text)
        finally:
            aside.unlink(missing_ok=True)
        return True

    def _create(self, text: str) -> bool:
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        return True

    def _remove_if_dead(self, directory: Path) -> None:
        holder, silent_for = LockHolder.from_json(read_json(self._path)), self._silent_for(directory)
        if silent_for is None:
            return
        if holder is None and silent_for < DEAD_SECONDS:
            time.sleep(0.1)  # somebody may be writing it just now
        elif holder is not None and holder.is_alive(silent_for):
            raise CheckpointInUse(
                f"the checkpoint {str(directory)!r} is in use by {holder}: wait for its end, "
                "or give another directory"
            )
        else:
            self._remove(holder)

    def _silent_for(self, directory: Path) -> float | None:
        """Return how long ago the lock was touched, by the file system's own clock."""
        probe = directory / f".{NAME}.{uuid.uuid4().hex}.tmp"
        probe.touch()
        try:
            return probe.stat().st_mtime - self._path.stat().st_mtime
        except FileNotFoundError:
            return None
        finally:
            probe.unlink(missing_ok=True)

    def _remove(self, dead: LockHolder | None) -> None:
        """Take a dead one's lock away, and put it back when it was somebody else's by then."""
        aside = self._path.with_name(f".{NAME}.{uuid.uuid4().hex}.tmp")
        try:
            os.rename(self._path, aside)
        except FileNotFoundError:
            return
        if LockHolder.from_json(read_json(aside)) != dead:
            with suppress(OSError):
                os.link(aside, self._path)
        aside.unlink(missing_ok=True)

    def beat(self) -> bool:
        """Show from time to time that we are alive; return whether the lock is still ours."""
        if time.monotonic() - self._beaten < BEAT_SECONDS:
            return True
        self._beaten = time.monotonic()
        if not self._is_mine():
            return False
        with suppress(OSError):
            os.utime(self._path)
        return True

    def _is_mine(self) -> bool:
        try:
            return LockHolder.from_json(read_json(self._path)) == self._me
        except OSError:  # for the moment nobody can tell
            return True

    def release(self) -> None:
        """Let others have the directory."""
        with suppress(OSError):
            if self._is_mine():
                self._path.unlink(missing_ok=True)
