"""Tables of psets in files: ``--psets``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.problems import BadUsage
from paramsurvey.cli.tables.axes_text import value_of
from paramsurvey.cli.tables.formats import is_missing

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.spaces import Space

UNICODE = "utf-8-sig"  # with the mark that Windows' programs put at the beginning, or without

Columns = Mapping[str, Any]


def read_table(path: str) -> Space:
    """Return the rows of a table as psets; JSON is a list of objects, or one in each line.

    A value keeps its type, whatever the other rows have there. What an object does not have is nan.

    Raises
    ------
    BadUsage
        It cannot be read, or has no rows.
    """
    from paramsurvey.params.spaces import Aligned

    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise BadUsage(f"--psets {path}: no such kind of table; give one that ends with {', '.join(READERS)}")
    try:
        columns = READERS[suffix](path)
    except ImportError as error:
        raise BadUsage(f"--psets {path} needs pyarrow: pip install 'paramsurvey[parquet]'") from error
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        raise BadUsage(
            f"--psets {path} cannot be read ({_reason(error)}): correct the file, or its name"
        ) from None
    if not columns or not len(next(iter(columns.values()))):
        raise BadUsage(
            f"--psets {path} has no rows: give a table with a line of names and a row for each pset"
        )
    return Aligned(columns)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is no UTF-8 text"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


# ---- text with separators


def _read_csv(path: str, separator: str = ",") -> Columns:
    """Read text with the rules of `value_of`, where pandas' would make 7 of 007 and nan of NA."""
    with open(path, encoding=UNICODE, newline="") as file:
        rows = list(_csv_rows(file, separator))
    if not rows:
        return {}
    names, *cells = rows
    names = [name.strip() for name in names]
    _check_csv_names(names, separator)
    for number, row in enumerate(cells, start=2):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} cells, the names are {len(names)}")
    return {name: [value_of(row[at]) for row in cells] for at, name in enumerate(names)}


def _csv_rows(file: Iterator[str], separator: str) -> Iterator[list[str]]:
    reader = csv.reader(file, delimiter=separator, strict=True)
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}; see to the quotes there") from None


def _check_csv_names(names: Sequence[str], separator: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f"the column {name!r} is there twice")
    for other, called in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if len(names) == 1 and other in names[0] and other != separator:
            wanted = "commas" if separator == "," else "tabs"
            raise ValueError(f"it seems to be separated by {called}; {wanted} are needed")


# ---- JSON


def _read_json(path: str) -> Columns:
    return _columns_of(json.loads(Path(path).read_text(encoding=UNICODE)))


def _read_json_lines(path: str) -> Columns:
    lines = enumerate(Path(path).read_text(encoding=UNICODE).split("\n"), start=1)
    return _columns_of([_object_in(number, line) for number, line in lines if line.strip()])


def _object_in(number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = getattr(error, "msg", error)
        raise ValueError(f"line {number} is no JSON: {message}") from None
    if not isinstance(found, dict):
        raise ValueError(f'line {number} is no object such as {{"a": 1}}')
    return found


def _columns_of(objects: Any) -> Columns:
    """Return the columns of a list of objects, as lists: in these, 5 next to nan stays 5."""
    if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
        raise ValueError("it is no list of objects")
    names = dict.fromkeys(name for one in objects for name in one)
    return {name: [one.get(name, float("nan")) for one in objects] for name in names}


# ---- Parquet and Feather


def _read_pandas(function: str) -> Callable[[str], Columns]:
    def read(path: str) -> Columns:
        import pandas as pd

        read_as = getattr(pd, function)
        frame = read_as(path)
        if not frame.isna().any(axis=None):
            return {str(name): frame[name] for name in frame.columns}
        exact = read_as(path, dtype_backend="numpy_nullable")
        return {str(name): _with_gaps(frame[name], exact[name]) for name in frame.columns}

    return read


def _with_gaps(column: pd.Series[Any], exact: pd.Series[Any]) -> Any:
    """Return a column with nan for what is missing, and without floats that pandas makes of integers."""
    if not column.hasnans or exact.dtype.kind == "f":
        return column
    return [float("nan") if is_missing(value) else value for value in exact]


READERS: dict[str, Callable[[str], Columns]] = {
    ".csv": _read_csv,
    ".tsv": lambda path: _read_csv(path, "\t"),
    ".parquet": _read_pandas("read_parquet"),
    ".feather": _read_pandas("read_feather"),
    ".json": _read_json,
    ".jsonl": _read_json_lines,
}
