"""Many real processes that want one lock, with a pause of random length around each system call.

Usage: python lock_contention.py DIRECTORY SEED TRIES [NO_LINKS]

Each try is a process of its own. It notes in the file ``violations`` when another process is inside
while it is, and ends by releasing the lock, or without, as one that was killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.locking.lock import Lock
from paramsurvey.errors import CheckpointInUse

PAUSED = ("open", "link", "unlink", "replace", "rename", "stat", "write", "fsync", "close")
LONGEST_PAUSE = 0.01


def pause_around_system_calls(chance: random.Random) -> None:
    """Let other processes come in between before and after each of the system calls."""

    def paused(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            rest()
            try:
                return call(*arguments, **keywords)
            finally:
                rest()

        return wrapper

    def rest() -> None:
        if chance.random() < 0.3:
            time.sleep(chance.random() * LONGEST_PAUSE)

    for name in PAUSED:
        setattr(os, name, paused(getattr(os, name)))


def forbid_links() -> None:
    """Be a file system without hard links."""

    def link(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    os.link = link


def try_once(directory: Path, chance: random.Random) -> None:
    """Take the lock as soon as it is free, look whether we are alone, and end in some way."""
    lock = None
    while lock is None:
        with contextlib.suppress(CheckpointInUse):
            lock = Lock(directory)
    inside = directory.parent / "inside"
    try:
        os.mkdir(inside)
    except FileExistsError:
        note(directory, "two are inside")
    if lock.check() is not None:
        note(directory, "the holder does not hold it")
    note(directory, "inside", "entries")
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(inside)
    if chance.random() < 0.5:
        lock.release()
    os._exit(0)


def note(directory: Path, text: str, file: str = "violations") -> None:
    """Add a line to a file beside the directory."""
    with open(directory.parent / file, "a") as stream:
        stream.write(f"{os.getpid()}: {text}\n")


def main(directory: Path, seed: int, tries: int, without_links: bool) -> None:
    """Try again and again, each time as another process."""
    for number in range(tries):
        child = os.fork()
        if child == 0:
            try:
                chance = random.Random(f"{seed} {number}")
                if without_links:
                    forbid_links()
                pause_around_system_calls(chance)
                try_once(directory, chance)
                os._exit(0)
            except BaseException as error:  # it must not go on in the parent's loop
                note(directory, f"unexpected: {error!r}")
                os._exit(1)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), "NO_LINKS" in sys.argv[4:])
