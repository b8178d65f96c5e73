"""The spool: a directory in which output can be read while commands run. Workers load this module."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname
from typing import Any

from paramsurvey.cli.failures import CommandFailed
from paramsurvey.transport.new_files import make_new

POINTER = ".spool.json"  # in a checkpoint: where the output of its commands is while they run
STREAMS = ("stdout", "stderr")


def spool_path(directory: str, number: int, stream: str) -> Path:
    """Return the file of a pset's output."""
    return Path(directory) / f"{number}.{stream}"


class Spool:
    """The files of one command's output.

    Parameters
    ----------
    directory : str, optional
        None: nobody reads them meanwhile, and the files have no names.
    number : int
        The pset's.
    keep : bool
        Whether to leave the files, because the driver shows and removes them.
    """

    def __init__(self, directory: str | None, number: int, keep: bool = False) -> None:
        self._directory = directory
        self._number = number
        self._keep = keep

    @contextmanager
    def open(self, stream: str) -> Iterator[Any]:
        """Open a file for the output of a running command.

        If its directory is full, the file is in the temporary directory: a command must not fail just because
        nobody can read its output meanwhile.

        Raises
        ------
        CommandFailed
            There is no room anywhere.
        """
        path = spool_path(self._directory, self._number, stream) if self._directory else None
        file = _open_named(path) if path else None
        with file or _open_unnamed() as opened:
            try:
                yield opened
            finally:
                if path and file and not self._keep:
                    with suppress(OSError):
                        path.unlink()


def _open_named(path: Path) -> Any:
    """Make the file anew, as a retry writes it from the beginning. None if it cannot be made."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        return open(path, "wb+", opener=make_new)
    return None


def _open_unnamed() -> Any:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise CommandFailed(
            f"there is no room for its output ({error.strerror}): set TMPDIR to a directory with room"
        ) from None


def announce_spool(checkpoint: str, directory: str) -> None:
    """Write into a checkpoint where the spool of its run is, if that can be written."""
    from json import dumps

    with suppress(OSError):
        path = Path(checkpoint) / POINTER
        path.unlink(missing_ok=True)
        with open(path, "w", encoding="utf-8", opener=make_new) as file:
            file.write(dumps({"host": gethostname(), "directory": directory}))


def forget_spool(checkpoint: str, directory: str) -> None:
    """Remove what `announce_spool` wrote, as the run has ended, unless another run has rewritten it."""
    found = find_spool(checkpoint)
    if found is not None and found[1] == directory:
        with suppress(OSError):
            (Path(checkpoint) / POINTER).unlink()


def find_spool(checkpoint: str) -> tuple[str, str] | None:
    """Return the host and the directory of the spool of a run, None if no run has one."""
    from paramsurvey.checkpoint.atomic_files import read_json

    try:
        pointer = read_json(Path(checkpoint) / POINTER) or {}
        return str(pointer["host"]), str(pointer["directory"])
    except (OSError, KeyError):
        return None


def numbers_in_spool(directory: str) -> list[int]:
    """Return the numbers of the psets whose output is in the spool."""
    with suppress(OSError):
        names = [name.partition(".") for name in os.listdir(directory)]
        return sorted({int(number) for number, _, stream in names if number.isdigit() and stream in STREAMS})
    return []
