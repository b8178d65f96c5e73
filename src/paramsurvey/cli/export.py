"""Tables into files: CSV, Parquet, Feather, SQLite and netCDF, whole or not at all."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.problems import BadUsage, RunFailed, say
from paramsurvey.errors import suggestion

if TYPE_CHECKING:
    import pandas as pd

STDOUT = "-"
SHOWN_ROWS = 30  # on a terminal
SHOWN_WIDTH = 40  # of a cell on a terminal

Writer = Callable[["pd.DataFrame", str], None]


def check_target(path: str) -> None:
    """Refuse, before any work, a file that cannot be written at the end of it.

    Raises
    ------
    BadUsage
        The suffix is unknown, the directory is not there or may not be written, or a package is missing.
    """
    if path == STDOUT:
        return
    target = Path(path)
    suffix = target.suffix.lower()
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
    except (OSError, ValueError, TypeError, OverflowError) as error:
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
    target = Path(path)
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
    for directory in (tempfile.gettempdir(), os.getcwd(), os.path.expanduser("~")):
        rescue = os.path.join(directory, f"paramsurvey-{os.getpid()}-{Path(path).stem}.csv")
        with suppress(OSError, ValueError):
            _write_aside(frame, rescue, _csv)
            return f"{path} could not be written ({why}): the results are in {rescue}, move them from there"
    with suppress(OSError):  # the last place that there is
        sys.stdout.write(frame_to_csv(frame))
        sys.stdout.flush()
        return f"{path} could not be written ({why}), nor any other file: the results are on stdout"
    return f"{path} could not be written ({why}), nor any other place: free some space and run it again"


# ---- formats


def _csv(frame: pd.DataFrame, path: str) -> None:
    _texts(frame).to_csv(path, index=False)


def frame_to_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV text; objects are JSON."""
    return str(_texts(frame).to_csv(index=False))


def _arrow_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with JSON texts in place of the columns that Arrow has no one type for."""
    import pyarrow as pa

    plain = _named(frame)
    for name in _object_columns(plain):
        try:
            pa.Array.from_pandas(plain[name])
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            plain[name] = plain[name].map(_text)
    return plain


def _parquet(frame: pd.DataFrame, path: str) -> None:
    _arrow_table(frame).to_parquet(path, index=False)


def _feather(frame: pd.DataFrame, path: str) -> None:
    _arrow_table(frame).reset_index(drop=True).to_feather(path)


def _sqlite(frame: pd.DataFrame, path: str) -> None:
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            _texts(frame).to_sql("results", connection, index=False)
    except sqlite3.Error as error:
        raise OSError(None, str(error)) from error


def _netcdf(frame: pd.DataFrame, path: str) -> None:
    to_xarray: Any = frame.to_xarray  # that of MapResults: a grid becomes an array with named axes
    to_xarray().to_netcdf(path)


WRITERS: dict[str, Writer] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".feather": _feather,
    ".sqlite": _sqlite,
    ".nc": _netcdf,
}
NEEDED: dict[str, list[tuple[str, ...]]] = {  # of each, one
    ".parquet": [("pyarrow",)],
    ".feather": [("pyarrow",)],
    ".nc": [("xarray",), ("h5netcdf", "netCDF4", "scipy")],
}


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a plain copy whose columns are called by strings, as files want it."""
    import pandas as pd

    plain = pd.DataFrame(frame).copy()
    plain.columns = [str(name) for name in plain.columns]
    return plain


def _object_columns(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name, dtype in frame.dtypes.items() if str(dtype) == "object"]


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with JSON texts in place of lists, dicts and other objects."""
    plain = _named(frame)
    for name in _object_columns(plain):
        plain[name] = plain[name].map(_text_or_plain)
    return plain


def _text_or_plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float, bytes)) else _text(value)


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str) or value != value:
        return value
    try:
        return json.dumps(value, default=_listed)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _listed(value: Any) -> Any:
    """Return what JSON has for numpy's arrays and scalars, and a text for anything else."""
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) else str(value)


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
    shown = _texts(frame.head(SHOWN_ROWS))
    shown = shown.loc[:, [name for name in shown.columns if not _dull(frame[name], name)]]
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
    text = "" if value is None or value != value else str(value)
    lines = text.strip().splitlines()
    return f"{lines[0]} [{len(lines)} lines]" if len(lines) > 1 else "".join(lines)
