"""Columns of psets as categoricals, which take little memory, and the dtypes that these have in results.

`product` and `add_column` make categoricals, and mark them. In tables of results, a marked categorical
becomes a column with the dtype that pandas gives to a list of its values, as in release 0.4, so that users
can compute with it. A categorical without the mark was made by the user, and stays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.axes import has_none
from paramsurvey.params.dataframes import as_series
from paramsurvey.params.row_math import blocks
from paramsurvey.transport.column_by_row import object_array
from paramsurvey.transport.packed_columns import to_python


class _Mark(str):
    """The name of the categories of a categorical that paramsurvey made.

    pandas keeps this name when a table is filtered, joined, concatenated, copied, grouped or pickled. The
    mark equals None, because pandas' assert_frame_equal compares these names, and a product must equal the
    same categoricals made by hand.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other is None or str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # so that a pickle of psets can be loaded without paramsurvey


MARK = _Mark("inferred by paramsurvey")


def is_inferred(dtype: object) -> bool:
    """Tell whether paramsurvey, not the user, made a categorical of the column with this dtype.

    Examples
    --------
    >>> is_inferred(column_of(["x", "y"], infer_category=True).dtype)
    True
    >>> is_inferred(pd.Series(["x", "y"], dtype="category").dtype)
    False
    """
    if not isinstance(dtype, pd.CategoricalDtype) or dtype.ordered or dtype.categories is None:
        return False  # only a user puts categories in an order
    name = dtype.categories.name
    return name is not None and bool(name == MARK)


def column_of(values: Any, infer_category: bool) -> pd.Series[Any]:
    """Return `values` as a column: a categorical if `infer_category`, else with the dtype that pandas infers.

    If that dtype would change values, such as None to nan, the column has the dtype object.
    """
    if _are_objects(values) and has_none(values):
        return _as_objects(values)
    try:
        return _marked(_as_category(values), values) if infer_category else pd.Series(values)
    except UnicodeEncodeError:
        return _as_objects(values)


def _marked(column: pd.Series[Any], values: Any) -> pd.Series[Any]:
    """Return `column`, marked if it is a categorical but `values`, from which it was made, were not."""
    was_categorical = isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)
    if was_categorical or not isinstance(column.dtype, pd.CategoricalDtype):
        return column
    marked = pd.CategoricalDtype(column.cat.categories.rename(MARK), ordered=False)
    codes = column.cat.codes.to_numpy()
    return pd.Series(
        pd.Categorical.from_codes(codes, dtype=marked, validate=False), index=column.index, name=column.name
    )


def _are_objects(values: Any) -> bool:
    return isinstance(values, list) or getattr(values, "dtype", None) == np.dtype(object)


def _as_objects(values: Any) -> pd.Series[Any]:
    return pd.Series(object_array(values, len(values)), dtype=object)


def _as_category(values: Any) -> pd.Series[Any]:
    """Return `values` as a categorical, or as a plain column if they are not hashable or would be changed."""
    try:
        if _are_objects(values) and _would_change(to_python(values)):
            return _as_objects(values)
        return pd.Series(values, dtype="category")
    except UnicodeEncodeError:  # half a surrogate pair, as in the name of a file that is not UTF-8
        return _as_objects(values)
    except TypeError:
        return pd.Series(values)


def _would_change(values: list[Any]) -> bool:
    """Tell whether a categorical would merge values that are equal but differ in type, or change a NaT."""
    kinds = set(map(type, values))
    if type(pd.NaT) in kinds:
        return True
    if len(kinds) < 2 and not any(issubclass(kind, (tuple, frozenset)) for kind in kinds):
        return False  # the usual case, decided without looking at each value
    return len(set(values)) < len(set(map(_typed, values)))


def _typed(value: Any) -> Any:
    """Return a key that is equal for equal values only if their types, and their items' types, are equal."""
    if isinstance(value, tuple):
        return type(value), tuple(map(_typed, value))
    return type(value), frozenset(map(_typed, value)) if isinstance(value, frozenset) else value


def as_category_if_smaller(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as a categorical if that takes less memory, else as it is."""
    if _are_objects(column) and has_none(column):
        return column
    category = _as_category(column)
    if not isinstance(category.dtype, pd.CategoricalDtype):
        return column
    return _marked(category, column) if _memory(category) < _memory(column) else column


def _memory(column: pd.Series[Any]) -> int:
    """Return the bytes of a column as release 0.4 counted them, to make the same columns categoricals."""
    return int(column.memory_usage(index=False, deep=True))


@dataclass(frozen=True)
class NativeValues:
    """The values that a marked categorical has in results, where it becomes a column of their dtype.

    Attributes
    ----------
    by_code : Series
        The value of each code, followed by the missing value, which is where the code -1 points.
    """

    by_code: pd.Series[Any]

    @classmethod
    def of(cls, column: pd.Series[Any]) -> NativeValues:
        """Return the values of a column of psets; categories that no row has do not affect the dtype."""
        codes, categories = column.cat.codes.to_numpy(), column.cat.categories.tolist()
        used = np.sort(pd.unique(codes))[::-1] if len(codes) else np.arange(len(categories))
        values = as_series([categories[code] if code >= 0 else np.nan for code in used.tolist()])
        places = np.zeros(len(categories) + 1, dtype=np.int64)
        places[used] = np.arange(len(used))
        return cls(values.take(places) if len(used) else values)

    @property
    def dtype(self) -> Any:
        """The column's dtype in results."""
        return self.by_code.dtype

    def column(self, codes: NDArray[Any]) -> pd.Series[Any]:
        """Return the column with these codes."""
        if not isinstance(self.dtype, np.dtype):
            return pd.Series(self.by_code.array.take(codes), copy=False)
        values, column = self.by_code.to_numpy(), np.empty(len(codes), dtype=self.dtype)
        for block in blocks(len(codes)):  # numpy turns each code into an int64: for all, 8 bytes per row
            column[block.start : block.stop] = values[codes[block.start : block.stop]]
        return pd.Series(column, dtype=self.dtype, copy=False)


def native_column(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a categorical as a column of its values, and any other column as it is."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column
    return NativeValues.of(column).column(column.cat.codes.to_numpy()).set_axis(column.index)


DTYPES = "paramsurvey_dtypes"  # in a table's attrs: the dtypes that its object columns have in results


def dtypes_of_objects(psets: pd.DataFrame) -> dict[str, str]:
    """Return, by object column, the dtype that pandas gives to a list of the values, unless it is object."""
    own = {name: as_series(psets[name].tolist()).dtype for name in psets.columns if _are_objects(psets[name])}
    return {str(name): str(dtype) for name, dtype in own.items() if str(dtype) != "object"}


def note_dtypes(psets: pd.DataFrame, dtypes: Mapping[str, str]) -> None:
    """Note in a table of psets which dtypes some of its columns will have in tables of results.

    In psets, such a column has the dtype object, so that workers get the values as they were given: an
    integer among floats stays an integer, and None stays None.
    """
    if dtypes:
        psets.attrs = {**psets.attrs, DTYPES: {**psets.attrs.get(DTYPES, {}), **dtypes}}


def noted_columns(psets: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Return the columns for which `note_dtypes` noted a dtype, with that dtype, if the values still fit."""
    noted = psets.attrs.get(DTYPES, {})
    columns = {name: _with_dtype(psets[name], noted[name]) for name in psets.columns if name in noted}
    return {name: column for name, column in columns.items() if column is not None}


def _with_dtype(column: pd.Series[Any], dtype: str) -> pd.Series[Any] | None:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    try:
        typed = column.astype(dtype)  # type: ignore[call-overload]  # pandas-stubs lists names of dtypes
    except Exception:  # the user's objects may raise any exception
        return None
    present = column.notna()
    if not typed.notna().equals(present):
        return None
    values = column[present].astype(object)
    # float64 may round large integers, as it does in every table of pandas
    numbers = typed.dtype == np.float64 and set(map(type, values)) <= {int, float}
    return typed if numbers or typed[present].astype(object).equals(values) else None
