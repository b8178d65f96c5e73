"""Tables into files and onto stdout: whole, or not at all, or somewhere else."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.problems import BadUsage, RunFailed, say
from paramsurvey.cli.tables.formats import (
    NEEDED,
    WRITERS,
    Writer,
    frame_to_csv,
    is_missing,
    plain,
    texts,
    write_csv,
)
from paramsurvey.errors import suggestion

if TYPE_CHECKING:
    import pandas as pd

STDOUT = "-"
SHOWN_ROWS = 30  # on a terminal
SHOWN_WIDTH = 40  # of a cell on a terminal


def check_target(path: str) -> None:
    """Refuse, before any work, a file that cannot be written at the end of it.

    Raises
    ------
    BadUsage
        The suffix is unknown, the directory is not there or may not be written, or a package is missing.
    """
    if path == STDOUT:
        return
    target = _behind_links(path)
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise BadUsage(f"{path}: there is no format {suffix or '(no suffix)'!r}{suggestion(suffix, WRITERS)}")
    if not target.parent.is_dir():
        raise BadUsage(f"{path}: there is no directory {target.parent}: make it first")
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        raise BadUsage(f"{path} cannot be written: choose another file")
    _import_needed(suffix, path)


def _import_needed(suffix: str, path: str) -> None:
    from importlib.util import find_spec

    for packages in NEEDED.get(suffix, ()):
        if not any(map(find_spec, packages)):
            raise BadUsage(f"{path} needs {packages[0]}, which is not installed: pip install {packages[0]}")


def _behind_links(path: str) -> Path:
    """Return what is written: behind a symbolic link it is the file, and the link stays."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)


def deliver(frame: pd.DataFrame, path: str) -> None:
    """Write a table to a file, or to stdout for ``-``; the file appears when it is complete.

    Raises
    ------
    RunFailed
        The file could not be written. The message says where the table is instead.
    """
    if path == STDOUT:
        _deliver_on_stdout(frame)
        return
    writer = WRITERS[Path(path).suffix.lower()]
    try:
        _write_aside(frame, path, writer)
    except Exception as error:  # whatever a library raises: the results are worth more
        raise RunFailed(_rescued(frame, path, error)) from error
    say(f"{path}: {len(frame):,} row{'' if len(frame) == 1 else 's'}")


def _deliver_on_stdout(frame: pd.DataFrame) -> None:
    try:
        print_table(frame)
    except BrokenPipeError:  # who reads has seen enough
        raise
    except OSError as error:  # it goes into a file, on a disk that is full
        raise RunFailed(_rescued(frame, "stdout", error)) from error


def _write_aside(frame: pd.DataFrame, path: str, writer: Writer) -> None:
    """Write next to the target, and rename: a reader never sees half a file, an old one stays until then."""
    target = _behind_links(path)
    descriptor, aside = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(descriptor)
    try:
        writer(frame, aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _rescued(frame: pd.DataFrame, path: str, error: Exception) -> str:
    """Keep the table somewhere else, and return the sentence that says so."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{path} could not be written ({why}): {rescue(frame, path)}"


def rescue(frame: pd.DataFrame, path: str) -> str:
    """Keep a table as CSV where there is room, and return where it is.

    Parameters
    ----------
    frame : DataFrame
    path : str
        Where it should have gone, after which it is called.
    """
    for directory in (tempfile.gettempdir(), os.getcwd(), os.path.expanduser("~")):
        with suppress(Exception):  # the next place is as good
            return f"the results are in {_write_new(frame, directory, Path(path).stem)}, move them from there"
    with suppress(OSError):  # the last place that there is
        sys.stdout.write(frame_to_csv(frame))
        sys.stdout.flush()
        return "no other file either, so the results are on stdout"
    return "nor could any other place: free some space and run it again"


def _write_new(frame: pd.DataFrame, directory: str, stem: str) -> str:
    """Write a table to a new file, in a directory where others may write, too, and return its path."""
    descriptor, place = tempfile.mkstemp(prefix="paramsurvey-", suffix=f"-{stem}.csv", dir=directory)
    os.close(descriptor)  # it is ours now, and no link to somebody's file
    try:
        _write_aside(frame, place, write_csv)
    except BaseException:
        os.unlink(place)
        raise
    return place


# ---- on stdout


def print_table(frame: pd.DataFrame) -> None:
    """Write a table to stdout: CSV for programs, the first rows of it for a person."""
    if sys.stdout.isatty():
        print(readable(frame), flush=True)
    else:
        sys.stdout.write(frame_to_csv(frame))
        sys.stdout.flush()


def readable(frame: pd.DataFrame) -> str:
    """Return the first rows of a table for a person, each cell on one line."""
    if frame.empty:
        return "(no rows)"
    shown = texts(plain(frame.head(SHOWN_ROWS)))
    shown = shown.loc[:, [name for name in shown.columns if not _dull(shown[name], name)]]
    for name in shown.columns[shown.dtypes.map(lambda dtype: dtype.kind not in "iufb")]:
        shown[name] = shown[name].map(_one_line)
    text = shown.to_string(index=False, max_colwidth=SHOWN_WIDTH, na_rep="")
    rest = len(frame) - len(shown)
    return f"{text}\n... and {rest:,} more: write them all into a file with -o FILE" if rest else text


def _dull(column: Any, name: object) -> bool:
    """Tell whether a person learns nothing from a column: no text was captured, no exit code is special."""
    return (name in ("stdout", "stderr") and (column == "").all()) or (
        name == "exit_code" and (column == 0).all()
    )


def _one_line(value: Any) -> str:
    text = "" if is_missing(value) else str(value)
    lines = text.strip().splitlines()
    return f"{lines[0]} [{len(lines)} lines]" if len(lines) > 1 else "".join(lines)
