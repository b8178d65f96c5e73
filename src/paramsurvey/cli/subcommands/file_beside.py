"""The file that a subcommand makes of a checkpoint: where the user says, or beside the checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paramsurvey.cli.errors import BadUsage, RunFailed


def file_beside(directory: str, output: str | None, suffix: str) -> str:
    """Return the path of the file.

    Parameters
    ----------
    directory : str
        The checkpoint's.
    output : str, optional
        What the user named. None: a file beside the checkpoint, with its name and the suffix.
    suffix : str

    Raises
    ------
    BadUsage
        The file would be in a directory that does not exist.
    """
    path = output or f"{os.path.normpath(directory)}{suffix}"
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise BadUsage(f"{path}: there is no directory {folder}: create it first")
    return path


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Raise `RunFailed`, with the remedy, if the file cannot be written."""
    try:
        yield
    except OSError as error:
        raise RunFailed(f"{path} cannot be written ({error}): choose another file") from error
