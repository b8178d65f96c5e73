"""Tables of psets in files: ``--psets FILE``."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.parameter_names import encoded
from paramsurvey.cli.psets.inputs import STDIN, UTF_8, Inputs
from paramsurvey.cli.psets.values import NUMBER as NUMBER_PATTERN
from paramsurvey.cli.psets.values import check_text, value_of
from paramsurvey.cli.tables.cells import is_missing

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.spaces import Space

Columns = Mapping[str, Any]
NUMBER = re.compile(NUMBER_PATTERN)


class NoNames(Exception):
    """The first line of a table has numbers, which cannot be the names of parameters.

    Parameters
    ----------
    count : int
        How many numbers there are.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def read_psets(path: str, inputs: Inputs | None = None) -> Space:
    """Return the rows of a table as psets; JSON is a list of objects, JSON Lines an object in each line.

    ``-`` is standard input, whose first character tells whether it is JSON, JSON Lines, or a table. A value
    keeps its type, whatever the other rows have in that column. A key that an object lacks is nan.

    Raises
    ------
    BadUsage
        The file cannot be read, or has no rows.
    """
    from paramsurvey.params.spaces import Aligned

    inputs = inputs or Inputs()
    suffix = Path(path).suffix.lower()
    if suffix not in READERS and path != STDIN and inputs.colsep is None:
        raise BadUsage(
            f"--psets {path}: this format cannot be read: give a file that ends with {', '.join(READERS)}"
        )
    try:
        columns = _read(path, suffix, inputs)
    except ImportError as error:
        raise BadUsage(f"--psets {path} needs pyarrow: pip install 'paramsurvey[parquet]'") from error
    except NoNames as error:
        raise BadUsage(
            f"--psets {path}: its first line, which must have names, has numbers: if it has no names, "
            f"write -p {','.join(_new_names(error.count))}=@{path} instead; "
            "if they are names, write a letter before each"
        ) from None
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        raise BadUsage(
            f"--psets {path} cannot be read ({_reason(error)}): correct the file, or its name"
        ) from None
    if not columns or not len(next(iter(columns.values()))):
        raise BadUsage(f"--psets {path} has no rows: give it a line of names, and a row for each pset")
    for name, values in columns.items():
        check_text(name, values)
    return Aligned({encoded(name): values for name, values in columns.items()})


def _new_names(count: int) -> list[str]:
    """Return names that columns without names can be given: a, b, c; or x1, x2 where there are many."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return list(letters[:count]) if count <= len(letters) else [f"x{number + 1}" for number in range(count)]


def _read(path: str, suffix: str, inputs: Inputs) -> Columns:
    if path == STDIN or (inputs.colsep is not None and suffix not in (".json", ".jsonl")):
        return _read_text(inputs.text(path, f"--psets {path}"), inputs)
    return READERS[suffix](path)


def _read_text(text: str, inputs: Inputs) -> Columns:
    """Read what standard input has: JSON, JSON Lines, or a table whose first line has the names."""
    begin = text.lstrip()[:1]
    if begin == "[":
        return _columns_of(json.loads(text))
    if begin == "{":
        return _columns_of(_objects(text))
    separator = "\0" if inputs.null else "\n"
    if inputs.colsep is None and not inputs.null:
        first = text.partition("\n")[0]
        return _parse_csv(io.StringIO(text, newline=""), "\t" if "\t" in first else ",")
    lines = [line.rstrip("\r") for line in text.split(separator) if line.strip()]
    return _parse_rows([inputs.split(line, "--psets") for line in lines], ",")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


# ---- CSV and TSV


def _read_csv(path: str, separator: str = ",") -> Columns:
    """Read cells as `value_of` does. pandas would read 007 as 7, and NA as nan."""
    with open(path, encoding=UTF_8, newline="") as file:
        return _parse_csv(file, separator)


def _parse_csv(file: Iterator[str], separator: str) -> Columns:
    return _parse_rows(list(_csv_rows(file, separator)), separator)


def _parse_rows(rows: Sequence[Sequence[str]], separator: str) -> Columns:
    if not rows:
        return {}
    names, *cells = rows
    names = [name.strip() for name in names]
    _check_csv_names(names, separator)
    if all(NUMBER.fullmatch(name) for name in names):
        raise NoNames(len(names))
    for number, row in enumerate(cells, start=2):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} cells, but there are {len(names)} names")
    return {name: [value_of(row[at]) for row in cells] for at, name in enumerate(names)}


def _csv_rows(file: Iterator[str], separator: str) -> Iterator[list[str]]:
    reader = csv.reader(file, delimiter=separator, strict=True)
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}; check the quotes there") from None


def _check_csv_names(names: Sequence[str], separator: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f"there are two columns {name!r}")
    for other, called in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if len(names) == 1 and other in names[0] and other != separator:
            wanted = "commas" if separator == "," else "tabs"
            shown = "\\t" if other == "\t" else other
            raise ValueError(
                f"it seems to be separated by {called}; {wanted} are needed, or --colsep '{shown}'"
            )


# ---- JSON


def _read_json(path: str) -> Columns:
    return _columns_of(json.loads(Path(path).read_text(encoding=UTF_8)))


def _read_json_lines(path: str) -> Columns:
    return _columns_of(_objects(Path(path).read_text(encoding=UTF_8)))


def _objects(text: str) -> list[dict[str, Any]]:
    lines = enumerate(text.split("\n"), start=1)
    return [_parse_line(number, line) for number, line in lines if line.strip()]


def _parse_line(number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = getattr(error, "msg", error)
        raise ValueError(f"line {number} is not JSON: {message}") from None
    if not isinstance(found, dict):
        raise ValueError(f'line {number} is not an object such as {{"a": 1}}')
    return found


def _columns_of(objects: Any) -> Columns:
    """Return the columns of a list of objects. They are lists: next to nan, 5 stays an integer."""
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        raise ValueError("it is not a list of objects")
    names = dict.fromkeys(name for item in objects for name in item)
    return {name: [item.get(name, float("nan")) for item in objects] for name in names}


# ---- Parquet and Feather


def _pandas_reader(function: str) -> Callable[[str], Columns]:
    def read(path: str) -> Columns:
        import pandas as pd

        read_as = getattr(pd, function)
        frame = read_as(path)
        if not frame.isna().any(axis=None):
            return {str(name): frame[name] for name in frame.columns}
        exact = read_as(path, dtype_backend="numpy_nullable")
        return {str(name): _nan_for_missing(frame[name], exact[name]) for name in frame.columns}

    return read


def _nan_for_missing(column: pd.Series[Any], exact: pd.Series[Any]) -> Any:
    """Return a column with nan for missing values, whose integers are still integers."""
    if not column.hasnans or exact.dtype.kind == "f":
        return column
    return [float("nan") if is_missing(value) else value for value in exact]


READERS: dict[str, Callable[[str], Columns]] = {
    ".csv": _read_csv,
    ".tsv": lambda path: _read_csv(path, "\t"),
    ".parquet": _pandas_reader("read_parquet"),
    ".feather": _pandas_reader("read_feather"),
    ".json": _read_json,
    ".jsonl": _read_json_lines,
}
