"""The formats of tables in files; here, those that need pandas: Parquet, Feather, SQLite and netCDF.

A value that a format cannot hold is written as a text, if possible as JSON, so that no result is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.tables.cells import as_text, is_missing, native_or_text
from paramsurvey.cli.tables.table import Table, tell_renamed, unique_names
from paramsurvey.cli.tables.text_formats import write_csv, write_json, write_jsonl, write_tsv
from paramsurvey.params.column_names import escape_surrogates

if TYPE_CHECKING:
    import pandas as pd

Writer = Callable[[Table, str], None]

MAX_SQLITE_INTEGER = 2**63 - 1
MAX_SCIPY_NETCDF_INTEGER = 2**31 - 1  # where scipy writes the file, for lack of netCDF4 and h5netcdf
# Compiled only when they are used, since that takes milliseconds.
NETCDF_TYPES = r"byte|char|short|ushort|int|uint|int64|uint64|float|real|double|bool|string"
NETCDF_FORBIDDEN = r"[/'\x00-\x1f\x7f]|^[^A-Za-z0-9_\x80-\U0010ffff]|\s$"


# ---- columns


def with_json_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with JSON texts in place of lists, dicts and other objects."""
    import pandas as pd

    columns = {name: _map_objects(frame[name], native_or_text) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index, copy=False)


def _map_objects(column: pd.Series[Any], change: Callable[[Any], Any]) -> pd.Series[Any]:
    """Return a column with `change` applied to its objects; numbers, times and strings stay as they are."""
    import pandas as pd

    if column.dtype.kind in "biufM" or isinstance(column.dtype, pd.StringDtype):
        return column
    return pd.Series([change(value) for value in column], index=column.index, dtype=object)


def with_unique_names(
    frame: pd.DataFrame, comparable: Callable[[str], str] = str, format_name: str = "the table"
) -> pd.DataFrame:
    """Return a copy as a plain DataFrame, whose columns have strings as names, no two of them equal.

    Parameters
    ----------
    frame : DataFrame
    comparable : callable
        Returns what must differ between two names: `str.casefold` if the format ignores case.
    format_name : str
        For the message about a column that had to be renamed.
    """
    import pandas as pd

    copy = pd.DataFrame(frame).copy()
    copy.columns = pd.Index(unique_names(copy.columns, comparable, format_name), dtype=object)
    return copy


# ---- Parquet and Feather


def _arrow_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with JSON texts in place of the columns that have no single type in Arrow."""
    table = with_unique_names(frame)
    for name in table.columns:
        column = table[name]
        if column.dtype.kind == "c" or not _fits_arrow(column):
            table[name] = _map_objects(column, as_text)
    return table


def _fits_arrow(column: pd.Series[Any]) -> bool:
    import pyarrow as pa

    if column.dtype.kind in "biufM":
        return True
    try:
        return not _has_empty_struct(pa.array(column, from_pandas=True).type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return False


def _has_empty_struct(kind: Any) -> bool:
    """Tell whether a type contains a dict without keys, which Parquet cannot hold."""
    if str(kind) == "struct<>":
        return True
    return any(_has_empty_struct(kind.field(at).type) for at in range(kind.num_fields))


def _write_parquet(table: Table, path: str) -> None:
    _arrow_table(table.frame()).to_parquet(path, index=False)


def _write_feather(table: Table, path: str) -> None:
    _arrow_table(table.frame()).reset_index(drop=True).to_feather(path)


# ---- SQLite


def _write_sqlite(written: Table, path: str) -> None:
    import sqlite3
    from contextlib import closing

    table = with_json_texts(with_unique_names(written.frame(), str.casefold, "SQLite"))
    for name in table.columns:
        if _has_large_integers(table[name]):
            table[name] = table[name].astype(object).map(as_text)
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            table.to_sql("results", connection, index=False)
    except sqlite3.Error as error:
        raise OSError(None, str(error)) from error


def _has_large_integers(column: pd.Series[Any]) -> bool:
    if column.dtype.kind == "u":
        return bool((column > MAX_SQLITE_INTEGER).any())
    return column.dtype == object and any(
        isinstance(v, int) and not -MAX_SQLITE_INTEGER <= v <= MAX_SQLITE_INTEGER for v in column
    )


# ---- netCDF


def _write_netcdf(table: Table, path: str) -> None:
    to_xarray: Any = table.frame().to_xarray  # of MapResults: it makes a grid an array with named axes
    dataset = to_xarray()
    names = [*dataset.variables, *(name for name in dataset.dims if name not in dataset.variables)]
    dataset = dataset.rename(_netcdf_names(names))
    changed = {
        name: (variable.dims, _netcdf_values(variable.values)) for name, variable in dataset.variables.items()
    }
    coordinates = {name: changed.pop(name) for name in dataset.coords}
    dataset.assign_coords(coordinates).assign(changed).to_netcdf(path)


def _netcdf_names(names: Iterable[Any]) -> Mapping[Any, str]:
    names = list(names)
    wanted = [_netcdf_name(escape_surrogates(str(name))) for name in names]
    for name, other in zip(names, wanted, strict=True):
        if name and str(name) != other:
            tell_renamed(name, other, "netCDF")
    found = unique_names(wanted, str, "netCDF")
    return {name: other for name, other in zip(names, found, strict=True) if name != other}


def _netcdf_name(name: str) -> str:
    """Return a name without characters that netCDF forbids, and unlike the names of its types."""
    return re.sub(NETCDF_FORBIDDEN, "_", name) + ("_" if re.fullmatch(NETCDF_TYPES, name) else "")


def _netcdf_values(values: Any) -> Any:
    """Return an array of a type that netCDF can hold: numbers, times or texts."""
    if values.dtype.kind in "OcT":
        return _floats_or_texts(values)
    return _as_int32(values) if values.dtype.kind in "iu" and _only_scipy() else values


def _floats_or_texts(values: Any) -> Any:
    """Return floats if all objects are numbers that a float can hold, else bytes or texts."""
    import numpy as np

    known = [value for value in values.flat if not is_missing(value)]
    if all(map(_fits_float, known)):
        numbers = [np.nan if is_missing(value) else float(value) for value in values.flat]
        return np.array(numbers, dtype=np.float64).reshape(values.shape)
    if all(isinstance(value, bytes) for value in known):
        return values
    found = np.empty(values.size, dtype=object)
    found[:] = [as_text(value) or "" for value in values.flat]
    return found.reshape(values.shape)


def _fits_float(value: Any) -> bool:
    """Tell whether a float can hold a value exactly."""
    import numpy as np

    from paramsurvey.transport.column_by_row import fits_float

    return isinstance(value, (int, float, np.integer, np.floating, np.bool_)) and fits_float(value)


def _only_scipy() -> bool:
    """Tell whether netCDF is written by scipy, which only has its old format, without 64-bit integers."""
    from importlib.util import find_spec

    return not any(map(find_spec, ("netCDF4", "h5netcdf")))


def _as_int32(values: Any) -> Any:
    """Return 32-bit integers if they are large enough for all values, else floats or texts."""
    if not values.size or max(abs(int(values.min())), abs(int(values.max()))) <= MAX_SCIPY_NETCDF_INTEGER:
        return values.astype("int32")
    return _floats_or_texts(values.astype(object))


WRITERS: dict[str, Writer] = {
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".json": write_json,
    ".jsonl": write_jsonl,
    ".parquet": _write_parquet,
    ".feather": _write_feather,
    ".sqlite": _write_sqlite,
    ".nc": _write_netcdf,
}
REQUIRED_PACKAGES: dict[str, list[tuple[str, ...]]] = {  # one package of each tuple
    ".parquet": [("pyarrow",)],
    ".feather": [("pyarrow",)],
    ".nc": [("xarray",), ("h5netcdf", "netCDF4", "scipy")],
}
