"""Writes tables to files: complete, or not at all; and if one cannot be written, to another."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from paramsurvey.cli.errors import BadUsage, RunFailed, say
from paramsurvey.cli.tables.formats import REQUIRED_PACKAGES, WRITERS, Writer
from paramsurvey.cli.tables.stdout import STDOUT, print_table
from paramsurvey.cli.tables.table import Table
from paramsurvey.cli.tables.text_formats import csv_text, write_csv
from paramsurvey.errors import suggestion
from paramsurvey.plurals import counted
from paramsurvey.transport.new_files import resolve_links


def check_output(path: str) -> None:
    """Refuse, before anything runs, a file that could not be written at the end.

    Raises
    ------
    BadUsage
        The suffix is unknown, the directory does not exist or is read-only, or a package is missing.
    """
    if path == STDOUT:
        return
    try:
        target = _resolve_link(path)
    except PermissionError as error:
        raise BadUsage(f"{path} cannot be written: {error.strerror}") from error
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise BadUsage(f"{path}: there is no format {suffix or '(no suffix)'!r}{suggestion(suffix, WRITERS)}")
    if not target.parent.is_dir():
        raise BadUsage(f"{path}: there is no directory {target.parent}: create it first")
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        raise BadUsage(f"{path} cannot be written: choose another file")
    _check_packages(suffix, path)


def _check_packages(suffix: str, path: str) -> None:
    from importlib.util import find_spec

    for packages in REQUIRED_PACKAGES.get(suffix, ()):
        if not any(map(find_spec, packages)):
            raise BadUsage(f"{path} needs {packages[0]}, which is not installed: pip install {packages[0]}")


def _resolve_link(path: str) -> Path:
    """Return the file that is replaced: if a path is a symbolic link, the file that it leads to."""
    return Path(resolve_links(path)) if os.path.islink(path) else Path(path)


def write_table(table: Table, path: str, announce: bool = True) -> None:
    """Write a table to a file, or to stdout for ``-``; the file appears when it is complete.

    Parameters
    ----------
    table : Table
    path : str
    announce : bool
        Whether to say on stderr that the file has been written.

    Raises
    ------
    RunFailed
        The file could not be written. The message says where the table is instead.
    """
    if path == STDOUT:
        _write_to_stdout(table)
        return
    writer = WRITERS[Path(path).suffix.lower()]
    try:
        _replace_file(table, path, writer)
    except Exception as error:  # whatever a library raises, the results must not be lost
        raise RunFailed(_rescue_from(error, table, path)) from error
    if announce:
        say(f"{path}: {counted(len(table), 'row')}")


def _write_to_stdout(table: Table) -> None:
    try:
        print_table(table)
    except BrokenPipeError:  # the reader, such as head, has all that it wants
        raise
    except OSError as error:  # stdout is a file on a full disk
        raise RunFailed(_rescue_from(error, table, "stdout")) from error


def _replace_file(table: Table, path: str, writer: Writer) -> None:
    """Write a temporary file in the same directory, and rename it.

    This way, nobody ever reads half a file, and an old file stays until the new one is complete.
    """
    from paramsurvey.checkpoint.atomic_files import sync_file

    target = _resolve_link(path)
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
    )
    os.close(descriptor)
    try:
        writer(table, temporary)
        with open(temporary, "rb+") as file:
            sync_file(file.fileno())
        _let_others_read(temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _let_others_read(path: str) -> None:
    """Give a file the permissions of a new one, if its file system has permissions: FAT has none."""
    try:
        os.chmod(path, 0o666 & ~_umask())
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP):
            raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


# ---- when a table cannot be written where it should be


def _rescue_from(error: Exception, table: Table, path: str) -> str:
    """Save the table somewhere else, and return the sentence that says so."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{path} could not be written ({reason}): {rescue(table, path)}"


def rescue(table: Table, path: str) -> str:
    """Save a table as CSV where there is room, and return the words that say where.

    Parameters
    ----------
    table : Table
    path : str
        The file or directory where it should be, which gives the new file its name.
    """
    for directory in (tempfile.gettempdir(), os.getcwd(), os.path.expanduser("~")):
        with suppress(Exception):  # try the next directory
            new_file = _write_new_file(table, directory, Path(path).stem)
            return f"the results are in {new_file}, move them from there"
    with suppress(OSError):  # stdout is the last resort
        sys.stdout.write(csv_text(table))
        sys.stdout.flush()
        return "no other file could be written either, so the results are on stdout"
    return "no other place could be written either: free some space and run the command again"


def _write_new_file(table: Table, directory: str, stem: str) -> str:
    """Write a table to a new file, in a directory where others may write, too, and return its path."""
    descriptor, path = tempfile.mkstemp(prefix="paramsurvey-", suffix=f"-{stem}.csv", dir=directory)
    os.close(descriptor)  # mkstemp created the file, so it is not a link that somebody else has put there
    try:
        _replace_file(table, path, write_csv)
    except BaseException:
        os.unlink(path)
        raise
    return path
