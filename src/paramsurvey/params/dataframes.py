"""From the tables that users give as psets (pandas, polars, Arrow, Parquet files) to DataFrames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paramsurvey.errors import PsetError, PsetTypeError
from paramsurvey.params.axes import is_single_value
from paramsurvey.params.column_names import reasons_among, refuse_duplicates
from paramsurvey.transport.safe_repr import str_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


READERS = {".feather": "read_feather", ".json": "read_json", ".xlsx": "read_excel"}


def frame_of(psets: object) -> pd.DataFrame | None:
    """Return the psets of a table as a DataFrame; None if `psets` is not a table.

    Numbers are in this machine's byte order. Integers stay integers: a column of polars or Arrow that has
    nulls gets one of pandas' nullable integer dtypes.

    Parameters
    ----------
    psets : DataFrame, polars or Arrow table, xarray Dataset, structured array, dict of columns, or path
        A Dataset has a pset for each of its cells, with the coordinates as columns. A path is that of a
        Parquet file, or of a directory of them. Units that the columns of an Arrow table or a Dataset have
        among their metadata are in ``attrs["units"]`` afterwards, where a DataFrame may have them, too.
        If it is `missing`, the columns with the reasons are left out.

    Returns
    -------
    DataFrame or None
        It may be the DataFrame that was given, or share its values.

    Raises
    ------
    PsetError
        A ValueError: there is no Parquet file, two columns of a table have the same name, the columns
        of a dict are not equally long, or an array has more than one dimension, masked or nested values.
    """
    import pandas as pd

    to_psets = getattr(psets, "to_psets", None)
    if callable(to_psets):  # `missing` has it: the reasons in its other columns are not part of the psets
        psets = to_psets()
    if type(psets).__module__.partition(".")[0] == "xarray":
        # before dicts, because a Dataset is a Mapping
        return native_frame(_with_units(_of_xarray(psets), _units_in_xarray(psets)))
    if isinstance(psets, Mapping):
        return _of_columns(psets)
    if isinstance(psets, (str, os.PathLike)):
        psets = _read_parquet(psets)
    if isinstance(psets, np.ndarray) and psets.dtype.names is not None:
        return _of_records(psets)
    frame = psets if isinstance(psets, pd.DataFrame) else _as_frame(psets)
    if not isinstance(frame, pd.DataFrame):
        return None
    return native_frame(_without_reasons(_with_units(frame, _units_in_arrow(psets))))


def _with_units(frame: pd.DataFrame, units: Mapping[str, str]) -> pd.DataFrame:
    if units:
        own = frame.attrs.get("units")
        frame.attrs["units"] = {**units, **own} if isinstance(own, Mapping) else dict(units)
    return frame


def units_of_psets(frame: pd.DataFrame) -> dict[str, str]:
    """Return the units that psets have brought, as texts: files can hold them."""
    units = frame.attrs.get("units")
    return texts_of_units(units) if isinstance(units, Mapping) else {}


def texts_of_units(units: Mapping[Any, Any]) -> dict[str, str]:
    """Return names and units as texts; of an object whose ``__str__`` raises, the name of its class."""
    return {str_of(name): str_of(unit) for name, unit in units.items()}


def _units_in_arrow(table: Any) -> dict[str, str]:
    is_arrow = type(table).__module__.partition(".")[0] == "pyarrow" and hasattr(table, "schema")
    return units_of_fields(table.schema) if is_arrow else {}


def units_of_fields(schema: Any) -> dict[str, str]:
    """Return the units that an Arrow schema's fields have in their metadata, as ``unit`` or ``units``."""
    known = ((field.name, field.metadata or {}) for field in schema)
    found = ((name, metadata.get(b"units", metadata.get(b"unit"))) for name, metadata in known)
    return {name: unit.decode(errors="replace") for name, unit in found if unit}


def _units_in_xarray(table: Any) -> dict[str, str]:
    """Return the units that coordinates and variables have in their attributes."""
    variables = {**table.coords, **getattr(table, "data_vars", {})}
    given = {name: variable.attrs.get("units") for name, variable in variables.items()}
    units = texts_of_units({name: unit for name, unit in given.items() if unit is not None})
    return {name: unit for name, unit in units.items() if unit}


def _of_columns(columns: Mapping[Any, Any]) -> pd.DataFrame | None:
    """Return a dict of columns as a table; None if no value is a list, because then it is a single pset."""
    cells = columns.values()
    if columns and all(is_single_value(cell) or isinstance(cell, (Mapping, Set)) for cell in cells):
        return None
    try:
        known = {name: list(cell) if isinstance(cell, Iterator) else cell for name, cell in columns.items()}
        return native_frame(table_of(known))
    except (TypeError, ValueError) as error:
        raise PsetError(
            f"psets is a dict of columns that do not make a table ({error}): give lists of equal length, or "
            "params.grid(psets), or params.product(psets), to combine each value with all the others"
        ) from error


def _of_records(records: NDArray[Any]) -> pd.DataFrame:
    """Return a structured array as a table; refuse one that would need more than one value per cell."""
    if records.ndim != 1:
        raise PsetError(
            f"psets is a structured array with {records.ndim} dimensions: give one with 1, psets.reshape(-1)"
        )
    for name in records.dtype.names or ():
        field = records.dtype[name]
        if field.shape or field.names:
            kind = f"the shape {field.shape}" if field.shape else "fields of its own"
            raise PsetError(
                f"field {name!r} of the structured array has {kind}: give each number a field of its own, "
                "or a list of dicts"
            )
    if np.ma.isMaskedArray(records):
        if any(np.ma.is_masked(records[name]) for name in records.dtype.names or ()):
            raise PsetError("the structured array has masked values: fill them, with psets.filled(...)")
        records = np.ma.getdata(records)
    columns = {name: np.asarray(records[name]) for name in records.dtype.names or ()}
    return _without_reasons(native_frame(table_of(columns)))


def as_series(values: Sequence[Any] | NDArray[Any]) -> pd.Series[Any]:
    """Return `values` with the dtype that pandas gives to a list of them."""
    import pandas as pd

    if isinstance(values, np.ndarray) and values.dtype.kind not in "OU":
        return pd.Series(values)
    natives = values.tolist() if isinstance(values, np.ndarray) else list(values)
    try:
        return pd.Series(natives)
    except Exception:  # the user's objects may look like arrays to pandas, and raise any exception
        return pd.Series(np.fromiter(natives, dtype=object, count=len(natives)), dtype=object)


def table_of(data: Any, index: pd.Index[Any] | None = None, copy: bool | None = None) -> pd.DataFrame:
    """Return what `pandas.DataFrame` makes of columns or rows, even if pandas' strings cannot hold a text.

    A file name that is not UTF-8 contains halves of surrogate pairs: its column gets the dtype object.
    """
    import pandas as pd

    try:
        return pd.DataFrame(data, index=index, copy=copy)
    except UnicodeEncodeError:
        objects = pd.DataFrame(data, index=index, dtype=object)
        given = data if isinstance(data, Mapping) else {}
        columns = {
            name: given[name]
            if _has_own_dtype(given.get(name))
            else as_series(column.tolist()).set_axis(objects.index)
            for name, column in objects.items()
        }
        return pd.DataFrame(columns, index=objects.index)


def _has_own_dtype(column: object) -> bool:
    """Tell whether pandas takes the dtype of a column as it is, instead of looking at the values."""
    import pandas as pd

    dtype = getattr(column, "dtype", None)
    is_open = dtype is None or str(dtype) == "object" or getattr(dtype, "kind", "") == "U"
    return isinstance(column, (pd.Series, pd.Index)) or not is_open


def _without_reasons(frame: pd.DataFrame) -> pd.DataFrame:
    names = list(frame.columns)
    reasons = reasons_among(names, with_counts=bool(names) and frame.dtypes.iloc[-1].kind in "iu")
    return frame.drop(columns=list(reasons)) if reasons else frame


def native_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with all numbers in this machine's byte order, which may be `frame` itself.

    Arrays from netCDF and FITS files may have the other byte order, which many functions of pandas reject.
    """
    foreign = {
        name: dtype.newbyteorder("=")
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, np.dtype) and not dtype.isnative
    }
    return frame.astype(foreign) if foreign else frame


def _as_frame(table: Any) -> Any:
    """Return another library's table as its `to_pandas` converts it, but with exact integers."""
    to_pandas = getattr(table, "to_pandas", None)
    if not callable(to_pandas):
        return None
    package = type(table).__module__.partition(".")[0]
    if package not in ("polars", "pyarrow") or not hasattr(table, "schema"):
        return to_pandas()
    with_nulls, nested = _of_polars(table) if package == "polars" else _of_arrow(table)
    # in lists and structs, only Python's integers stay exact beside a null
    frame = to_pandas(integer_object_nulls=True) if nested else to_pandas()
    for name, column in with_nulls.items():
        if name in frame.columns and isinstance(frame[name].dtype, np.dtype):
            frame[name] = _nullable(column)
    return frame


def _of_xarray(table: Any) -> Any:
    """Return a Dataset or DataArray with a row for each cell, and the coordinates as columns."""
    try:
        return table.to_dataframe().reset_index()
    except ValueError as error:
        raise PsetError(
            f"psets is an xarray {type(table).__name__} that does not make a table ({error}): "
            "give a Dataset with at least one dimension, or a DataFrame"
        ) from error


def _of_polars(table: Any) -> tuple[dict[str, Any], bool]:
    """Return the integer columns that have nulls, as Arrow arrays, and whether there are lists or structs."""
    kinds = table.schema.items()
    with_nulls = [name for name, kind in kinds if kind.is_integer() and table[name].null_count()]
    return {name: table[name].to_arrow() for name in with_nulls}, any(kind.is_nested() for _, kind in kinds)


def _of_arrow(table: Any) -> tuple[dict[str, Any], bool]:
    """Return what `_of_polars` does, for an Arrow table."""
    from pyarrow import types

    refuse_duplicates(table.schema.names)
    columns = zip(table.schema.names, table.columns, strict=True)
    with_nulls = {
        name: column for name, column in columns if types.is_integer(column.type) and column.null_count
    }
    return with_nulls, any(map(types.is_nested, table.schema.types))


def _nullable(column: Any) -> Any:
    """Return an Arrow column of integers as pandas' nullable integers, which never become floats."""
    import pandas as pd
    from pyarrow import types

    sign = "U" if types.is_unsigned_integer(column.type) else ""
    dtype: Any = pd.api.types.pandas_dtype(f"{sign}Int{column.type.bit_width}")
    return dtype.__from_arrow__(column)


def _read_parquet(path: str | os.PathLike[str]) -> Any:
    """Return the contents of a Parquet file, or of a directory of them, as an Arrow table."""
    shown = repr(os.fspath(path))
    if not os.path.exists(path):
        raise PsetTypeError(f"psets is a path, {shown}, that does not exist: give that of a Parquet file")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"psets is a path, {shown}, but Parquet files need pyarrow: pip install 'paramsurvey[parquet]'"
        ) from error
    try:
        return pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        reader = READERS.get(Path(os.fspath(path)).suffix.lower(), "read_csv")
        raise PsetTypeError(
            f"psets is a path, {shown}, that cannot be read as Parquet ({error}): "
            f"read it yourself, for example with pd.{reader}({shown}), and give that"
        ) from error
