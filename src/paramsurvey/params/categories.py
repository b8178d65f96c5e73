"""One column of psets: a categorical, which takes little memory, where that holds the very values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.params.axes import has_none
from paramsurvey.transport.columns import objects
from paramsurvey.transport.packed_columns import native


def column_of(values: Any, infer_category: bool) -> pd.Series[Any]:
    """Return `values` as a categorical or with the dtype that pandas infers, where that holds them."""
    if _are_objects(values) and has_none(values):
        return _as_objects(values)
    return _as_category(values) if infer_category else pd.Series(values)


def _are_objects(values: Any) -> bool:
    return isinstance(values, list) or getattr(values, "dtype", None) == np.dtype(object)


def _as_objects(values: Any) -> pd.Series[Any]:
    return pd.Series(objects(values, len(values)), dtype=object)


def _as_category(values: Any) -> pd.Series[Any]:
    """Return `values` as a categorical, or as they are where that is not possible or would change them."""
    try:
        if _are_objects(values) and _would_change(native(values)):
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
    category = column_of(column, infer_category=True)
    if not isinstance(category.dtype, pd.CategoricalDtype):
        return column
    return (
        category
        if _memory(category.cat.codes) + _memory(category.cat.categories) < _memory(column)
        else column
    )


def _memory(values: Any) -> int:
    """Return the bytes of the values alone: an Index may have a hash table as well."""
    return int(pd.Series(values).memory_usage(index=False, deep=True))
