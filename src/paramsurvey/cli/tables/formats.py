"""The formats of tables in files: CSV, Parquet, Feather, SQLite and netCDF.

What a format has nothing for becomes a text, JSON where that is possible: no result gets lost of it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.problems import say
from paramsurvey.transport.safe_repr import describe

if TYPE_CHECKING:
    import pandas as pd

Writer = Callable[["pd.DataFrame", str], None]

LARGEST = 2**63 - 1  # of SQLite's integers
LARGEST_EXACT = 2**53  # of the integers that a float has
LARGEST_SHORT = 2**31 - 1  # of netCDF's integers, where only scipy writes it
RESERVED = re.compile(r"byte|char|short|ushort|int|uint|int64|uint64|float|real|double|bool|string")
SPECIAL = re.compile(r"[/'\x00-\x1f\x7f]|^[^A-Za-z0-9_\x80-\U0010ffff]|\s$")


def write_csv(frame: pd.DataFrame, path: str) -> None:
    """Write CSV; objects are JSON."""
    texts(plain(frame)).to_csv(path, index=False)


def frame_to_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV text; objects are JSON."""
    return str(texts(plain(frame)).to_csv(index=False))


# ---- cells


def is_missing(value: Any) -> bool:
    """Tell whether there is nothing in a cell: None, nan, NaT, NA."""
    import pandas as pd

    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def as_text(value: Any) -> str | None:
    """Return a cell as text: JSON for lists, dicts and arrays; None where nothing is.

    Examples
    --------
    >>> as_text([1, {"k": None}]), as_text("x"), as_text(1 + 2j)
    ('[1, {"k": null}]', 'x', '(1+2j)')
    """
    if isinstance(value, str):
        return value
    if is_missing(value):
        return None
    try:
        if not isinstance(value, (bool, int, float, list, tuple, dict)):
            value = _listed(value)
        return value if isinstance(value, str) else json.dumps(value, default=_listed)
    except Exception:  # an object of somebody else's may raise anything
        return describe(value, sys.maxsize)


def _listed(value: Any) -> Any:
    """Return what JSON has for numpy's arrays and scalars, and a text for anything else."""
    to_list = getattr(value, "tolist", None)
    listed = to_list() if callable(to_list) else value
    return str(value) if listed is value or isinstance(listed, complex) else listed


def _text_or_plain(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, int, float, bytes)) else as_text(value)


# ---- columns


def texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with JSON texts in place of lists, dicts and other objects."""
    import pandas as pd

    columns = {name: _mapped(frame[name], _text_or_plain) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index, copy=False)


def _mapped(column: pd.Series[Any], change: Callable[[Any], Any]) -> pd.Series[Any]:
    """Return a column with every object in it changed; numbers, times and strings are none."""
    import pandas as pd

    if column.dtype.kind in "biufM" or isinstance(column.dtype, pd.StringDtype):
        return column
    return pd.Series([change(value) for value in column], index=column.index, dtype=object)


def plain(frame: pd.DataFrame, same: Callable[[str], str] = str, where: str = "the table") -> pd.DataFrame:
    """Return a plain copy whose columns are called by different strings, as files want it."""
    import pandas as pd

    copy = pd.DataFrame(frame).copy()
    copy.columns = pd.Index(_names(copy.columns, same, where), dtype=object)
    return copy


def _names(given: Iterable[Any], same: Callable[[str], str], where: str) -> list[str]:
    """Return a name for each column, and say where that is not its own."""
    taken: set[str] = set()
    names = []
    for name in given:
        wanted = str(name) or "unnamed"
        candidates = (wanted if number == 1 else f"{wanted}_{number}" for number in range(1, 1 << 30))
        found = next(candidate for candidate in candidates if same(candidate) not in taken)
        taken.add(same(found))
        names.append(found)
        if found != str(name):
            say(f"the column {name!r} is called {found!r} in {where}, where its own name cannot be")
    return names


# ---- Parquet and Feather


def _arrow_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with JSON texts in place of the columns that Arrow has no one type for."""
    table = plain(frame)
    for name in table.columns:
        column = table[name]
        if column.dtype.kind == "c" or not _fits_arrow(column):
            table[name] = _mapped(column, as_text)
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
    """Tell whether somewhere in a type is a dict without keys, which Parquet does not have."""
    if str(kind) == "struct<>":
        return True
    return any(_has_empty_struct(kind.field(at).type) for at in range(kind.num_fields))


def _write_parquet(frame: pd.DataFrame, path: str) -> None:
    _arrow_table(frame).to_parquet(path, index=False)


def _write_feather(frame: pd.DataFrame, path: str) -> None:
    _arrow_table(frame).reset_index(drop=True).to_feather(path)


# ---- SQLite


def _write_sqlite(frame: pd.DataFrame, path: str) -> None:
    import sqlite3
    from contextlib import closing

    table = texts(plain(frame, str.casefold, "SQLite"))
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
        return bool((column > LARGEST).any())
    return column.dtype == object and any(isinstance(v, int) and not -LARGEST <= v <= LARGEST for v in column)


# ---- netCDF


def _write_netcdf(frame: pd.DataFrame, path: str) -> None:
    to_xarray: Any = frame.to_xarray  # that of MapResults: a grid becomes an array with named axes
    dataset = to_xarray()
    names = [*dataset.variables, *(name for name in dataset.dims if name not in dataset.variables)]
    dataset = dataset.rename(_netcdf_names(names))
    changed = {name: (one.dims, _netcdf_values(one.values)) for name, one in dataset.variables.items()}
    coordinates = {name: changed.pop(name) for name in dataset.coords}
    dataset.assign_coords(coordinates).assign(changed).to_netcdf(path)


def _netcdf_names(names: Iterable[Any]) -> Mapping[Any, str]:
    names = list(names)
    wanted = [SPECIAL.sub("_", str(name)) + ("_" if RESERVED.fullmatch(str(name)) else "") for name in names]
    for name, other in zip(names, wanted, strict=True):
        if name and str(name) != other:
            say(f"the column {name!r} is called {other!r} in netCDF, where its own name cannot be")
    found = _names(wanted, str, "netCDF")
    return {name: other for name, other in zip(names, found, strict=True) if name != other}


def _netcdf_values(values: Any) -> Any:
    """Return an array of a type that netCDF has: numbers, times or texts."""
    if values.dtype.kind in "OcT":
        return _of_one_kind(values)
    return _short_enough(values) if values.dtype.kind in "iu" and _only_scipy() else values


def _of_one_kind(values: Any) -> Any:
    """Return numbers where all objects are numbers, else texts."""
    import numpy as np

    known = [value for value in values.flat if not is_missing(value)]
    if all(map(_is_exact, known)):
        numbers = [np.nan if is_missing(value) else float(value) for value in values.flat]
        return np.array(numbers, dtype=np.float64).reshape(values.shape)
    if all(isinstance(value, bytes) for value in known):
        return values
    found = np.empty(values.size, dtype=object)
    found[:] = [as_text(value) or "" for value in values.flat]
    return found.reshape(values.shape)


def _is_exact(value: Any) -> bool:
    """Tell whether a float can stand for a value."""
    import numpy as np

    if isinstance(value, (int, np.integer)):
        return bool(-LARGEST_EXACT <= value <= LARGEST_EXACT)
    return isinstance(value, (float, np.floating, np.bool_))


def _only_scipy() -> bool:
    """Tell whether only scipy writes netCDF here: an old format, without large integers."""
    from importlib.util import find_spec

    return not any(map(find_spec, ("netCDF4", "h5netcdf")))


def _short_enough(values: Any) -> Any:
    if not values.size or max(abs(int(values.min())), abs(int(values.max()))) <= LARGEST_SHORT:
        return values.astype("int32")
    return _of_one_kind(values.astype(object))


WRITERS: dict[str, Writer] = {
    ".csv": write_csv,
    ".parquet": _write_parquet,
    ".feather": _write_feather,
    ".sqlite": _write_sqlite,
    ".nc": _write_netcdf,
}
NEEDED: dict[str, list[tuple[str, ...]]] = {  # of each, one
    ".parquet": [("pyarrow",)],
    ".feather": [("pyarrow",)],
    ".nc": [("xarray",), ("h5netcdf", "netCDF4", "scipy")],
}
