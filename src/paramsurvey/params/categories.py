"""Columns of psets as categoricals, which take little memory, and what these become in results.

`product` and `add_column` make categoricals, and mark them. In tables of results a marked one becomes a
column of the dtype that pandas gives to a list of its values, as in release 0.4: so that one can compute with
it. A categorical without the mark is the user's own, and stays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.params.axes import has_none
from paramsurvey.params.dataframes import as_series
from paramsurvey.params.row_math import blocks
from paramsurvey.transport.columns import object_array
from paramsurvey.transport.packed_columns import to_python


class _Mark(str):
    """The name of the categories of an inferred categorical.

    A name belongs to the column, not to the table: it is still there when the table has been filtered,
    joined, concatenated, copied, grouped or pickled. It equals None, for pandas' assert_frame_equal compares
    these names, and a product must equal the same categoricals made by hand.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other is None or str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # a pickle of psets can be loaded without paramsurvey


MARK = _Mark("inferred by paramsurvey")


def is_inferred(dtype: object) -> bool:
    """Tell whether a column with this dtype was made a categorical here, not by the user.

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
    """Return `values` as a categorical or with the dtype that pandas infers, where that holds them."""
    if _are_objects(values) and has_none(values):
        return _as_objects(values)
    return _marked(_as_category(values), values) if infer_category else pd.Series(values)


def _marked(column: pd.Series[Any], values: Any) -> pd.Series[Any]:
    """Return a column that is marked when it has become a categorical here."""
    was_one = isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)
    if was_one or not isinstance(column.dtype, pd.CategoricalDtype):
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
    """Return `values` as a categorical, or as they are where that is not possible or would change them."""
    try:
        if _are_objects(values) and _would_change(to_python(values)):
            return _as_objects(values)
        return pd.Series(values, dtype="category")
    except TypeError:
        return pd.Series(values)


def _would_change(values: list[Any]) -> bool:
    """Tell whether a categorical would make one value of some that are equal, or nan of a NaT."""
    kinds = set(map(type, values))
    if type(pd.NaT) in kinds:
        return True
    if len(kinds) < 2 and not any(issubclass(kind, (tuple, frozenset)) for kind in kinds):
        return False  # quickly: nearly always
    return len(set(values)) < len(set(map(_typed, values)))


def _typed(value: Any) -> Any:
    """Return what is equal for values that are equal and of the same types, also inside of them."""
    if isinstance(value, tuple):
        return type(value), tuple(map(_typed, value))
    return type(value), frozenset(map(_typed, value)) if isinstance(value, frozenset) else value


def smaller(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as a categorical where that takes less memory, else as it is."""
    if _are_objects(column) and has_none(column):
        return column
    category = _as_category(column)
    if not isinstance(category.dtype, pd.CategoricalDtype):
        return column
    return _marked(category, column) if _memory(category) < _memory(column) else column


def _memory(column: pd.Series[Any]) -> int:
    """Return the bytes of a column as release 0.4 counted them, to decide as it did: pandas 2 counts more."""
    return int(column.memory_usage(index=False, deep=True))


@dataclass(frozen=True)
class NativeValues:
    """The different values of an inferred categorical, with the dtype that the column has in results.

    Attributes
    ----------
    by_code : Series
        The values at their codes; what is missing is last, where the code -1 finds it.
    """

    by_code: pd.Series[Any]

    @classmethod
    def of(cls, column: pd.Series[Any]) -> NativeValues:
        """Return those of a column of psets; its dtype is that of a list of what is in it."""
        codes, known = column.cat.codes.to_numpy(), column.cat.categories.tolist()
        used = np.sort(pd.unique(codes))[::-1] if len(codes) else np.arange(len(known))
        values = as_series([known[code] if code >= 0 else np.nan for code in used.tolist()])
        places = np.zeros(len(known) + 1, dtype=np.int64)
        places[used] = np.arange(len(used))
        return cls(values.take(places) if len(used) else values)

    @property
    def dtype(self) -> Any:
        """The dtype in results."""
        return self.by_code.dtype

    def column(self, codes: NDArray[Any]) -> pd.Series[Any]:
        """Return the column with these codes."""
        if not isinstance(self.dtype, np.dtype):
            return pd.Series(self.by_code.array.take(codes), copy=False)
        values, column = self.by_code.to_numpy(), np.empty(len(codes), dtype=self.dtype)
        for block in blocks(len(codes)):  # numpy makes 8 bytes of each code that it looks up
            column[block.start : block.stop] = values[codes[block.start : block.stop]]
        return pd.Series(column, dtype=self.dtype, copy=False)


def native_column(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a categorical as a column of its values, anything else as it is."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column
    return NativeValues.of(column).column(column.cat.codes.to_numpy()).set_axis(column.index)


DTYPES = "paramsurvey_dtypes"  # in the attrs of psets: the dtypes that columns of objects have in results


def dtypes_of_objects(psets: pd.DataFrame) -> dict[str, str]:
    """Return which dtypes pandas gives to lists of the values in columns of objects, where it has another."""
    own = {name: as_series(psets[name].tolist()).dtype for name in psets.columns if _are_objects(psets[name])}
    return {str(name): str(dtype) for name, dtype in own.items() if str(dtype) != "object"}


def note_dtypes(psets: pd.DataFrame, dtypes: Mapping[str, str]) -> None:
    """Note in a table of psets which dtypes some of its columns shall have in tables of results.

    A column of objects holds the very values that the workers shall get, an integer among floats or None.
    """
    if dtypes:
        psets.attrs = {**psets.attrs, DTYPES: {**psets.attrs.get(DTYPES, {}), **dtypes}}


def noted_columns(psets: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Return the columns whose dtypes are noted, with these, where the values still allow that."""
    noted = psets.attrs.get(DTYPES, {})
    found = {name: _with_dtype(psets[name], noted[name]) for name in psets.columns if name in noted}
    return {name: column for name, column in found.items() if column is not None}


def _with_dtype(column: pd.Series[Any], dtype: str) -> pd.Series[Any] | None:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    try:
        typed = column.astype(dtype)  # type: ignore[call-overload]  # any dtype's name
    except Exception:  # the user's objects may do anything here
        return None
    there = column.notna()
    if not typed.notna().equals(there):
        return None
    values = column[there].astype(object)
    numbers = typed.dtype == np.float64 and set(map(type, values)) <= {int, float}  # it may round them
    return typed if numbers or typed[there].astype(object).equals(values) else None
