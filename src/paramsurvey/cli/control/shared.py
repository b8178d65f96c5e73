"""A directory in which the workers of one machine share what they do: starts, durations, what runs."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paramsurvey.cli.failures import CommandFailed

DOUBLE = struct.Struct("d")
MOST_DURATIONS = 1000  # from which the median is computed, since that is done for each command


class SharedDirectory:
    """What the workers of one machine know of each other.

    Parameters
    ----------
    path : str
        It is made if there is none, on each machine separately.
    """

    def __init__(self, path: str) -> None:
        os.makedirs(path, mode=0o700, exist_ok=True)
        self._path = Path(path)

    @contextmanager
    def lock(self, name: str) -> Iterator[int]:
        """Hold a lock, and yield the descriptor of its file; a worker that dies releases it.

        Raises
        ------
        CommandFailed
            The file system has no locks.
        """
        import fcntl  # Windows lacks it, and never gets here

        descriptor = os.open(self._path / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise CommandFailed(
                    f"files in {self._path.parent} cannot be locked ({error.strerror}), "
                    "so commands cannot wait for each other: set TMPDIR to a directory on a local disk"
                ) from None
            yield descriptor
        finally:
            os.close(descriptor)

    def add_duration(self, seconds: float) -> None:
        """Note how long a finished command took."""
        with open(self._path / "durations", "ab", buffering=0) as file:
            file.write(DOUBLE.pack(seconds))

    def median_duration(self, at_least: int) -> float | None:
        """Return the median of the seconds that the last commands took; None for fewer than `at_least`."""
        from statistics import median  # here, because few runs need it

        try:
            with open(self._path / "durations", "rb") as file:
                count = file.seek(0, os.SEEK_END) // DOUBLE.size
                most = min(count, MOST_DURATIONS)
                file.seek((count - most) * DOUBLE.size)
                known = [seconds for (seconds,) in DOUBLE.iter_unpack(file.read(most * DOUBLE.size))]
        except FileNotFoundError:
            return None
        return median(known) if len(known) >= at_least else None

    @contextmanager
    def listed(self, begun: float) -> Iterator[None]:
        """List this worker, as long as a command runs, with the time at which that began."""
        path = self._path / f"runs-{os.getpid()}"
        path.write_bytes(DOUBLE.pack(begun))
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def begun(self) -> list[float]:
        """Return when the running commands began; those of workers that have died are left out."""
        found = []
        for path in self._path.glob("runs-*"):
            with suppress(OSError, struct.error, ValueError):
                os.kill(int(path.name.partition("-")[2]), 0)
                found.append(DOUBLE.unpack(path.read_bytes())[0])
        return found
