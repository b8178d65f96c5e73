"""`product`: a DataFrame of every combination of values."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.params.axes import as_list, check_values, is_distribution, native_order, wrap_single
from paramsurvey.params.categories import (
    DTYPES,
    column_of,
    dtypes_of_objects,
    native_column,
    note_dtypes,
)
from paramsurvey.params.column_names import refuse_duplicates
from paramsurvey.params.dataframes import native_frame
from paramsurvey.params.row_math import RepeatedRows, strides
from paramsurvey.transport.column_by_row import numpy_index


def product(
    *args: Mapping[Any, Any] | pd.Series[Any] | pd.DataFrame | Sequence[Mapping[Any, Any]],
    infer_category: bool = True,
    **axes: Iterable[Any],
) -> pd.DataFrame:
    """Return every combination of the arguments' rows; the last argument varies fastest.

    Parameters
    ----------
    *args : dict, Series, DataFrame or list of dicts
        A dict of name -> values: each name is an axis of its own; a value that is not a list (a number, a
        string) is the same in all rows. A Series: an axis with its name and values; without a name, its
        column is called 0, as in pandas, and needs another name before a map. A DataFrame, for example the
        results of an earlier map, or a list of dicts: its rows stay together. If two arguments have a column
        in common, they are joined on it: rows with the same value go together, a row without a partner is
        kept, with nan, and the result is sorted by that column (an outer join).
    **axes : values
        Axes as in a dict, after those of all other arguments.
    infer_category : bool
        True: hashable values of dicts, of Series and of DataFrames with one column become categoricals,
        which take 1 byte per row for up to 127 different values. In results, these columns have the dtype
        of their values again. False: values keep their dtypes. DataFrames with several columns keep their
        dtypes in both cases. In both cases, the column gets the dtype object if another would change
        values: None would become nan, and a categorical makes one value of those that are equal but of
        different types, such as True and 1.

    Returns
    -------
    DataFrame
        The columns in the order of the arguments, with a RangeIndex. It shares no memory with the arguments.

    Raises
    ------
    ValueError
        An argument is of another type, two Series have no name, an axis is not a list of values, a table has
        two columns of one name, or columns that arguments have in common cannot be compared.

    See Also
    --------
    grid : the same psets as a space, which takes no memory.

    Examples
    --------
    >>> product({"c": 0.5}, a=[1, 2], b=["x", "y"])
         c  a  b
    0  0.5  1  x
    1  0.5  1  y
    2  0.5  2  x
    3  0.5  2  y
    >>> stars = pd.DataFrame({"name": ["Sirius", "Vega"], "parsec": [2.64, 7.68]})
    >>> product(stars, {"band": ["B", "V"]})
         name  parsec band
    0  Sirius    2.64    B
    1  Sirius    2.64    V
    2    Vega    7.68    B
    3    Vega    7.68    V
    """
    _refuse_misspelled(axes)
    _refuse_nameless(args)
    given = (*args, axes) if axes else args
    factors = [factor for arg in given for factor in _factors(arg, infer_category)]
    if not factors:
        return pd.DataFrame(index=pd.RangeIndex(0))
    try:
        return _crossed(_joined(factors))
    except MemoryError as error:
        raise MemoryError(f"{error}: use params.grid(), which takes no memory") from error


def _refuse_misspelled(axes: Mapping[str, Any]) -> None:
    """Refuse a misspelled option such as ``infer_categories=False``, which would become an axis."""
    for name, values in axes.items():
        if isinstance(values, bool) and get_close_matches(name, ["infer_category"]):
            raise TypeError(f"product() has no option {name!r}; did you mean 'infer_category'?")


def _refuse_nameless(args: Sequence[object]) -> None:
    """Refuse two Series without a name, which would be joined as one column."""
    if sum(isinstance(arg, pd.Series) and arg.name is None for arg in args) > 1:
        raise ValueError("two Series in a product have no name: give each one, with .rename('a')")


def _joined(factors: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Join factors that have a column in common, so that no two of those returned do."""
    found: list[pd.DataFrame] = []
    for factor in factors:
        refuse_duplicates(factor.columns)
        shared = [name for other in found for name in other.columns if name in factor.columns]
        found = [_outer_join(_crossed(found), factor, shared)] if shared else [*found, factor]
    return found


def _outer_join(left: pd.DataFrame, right: pd.DataFrame, shared: list[Any]) -> pd.DataFrame:
    for name in shared:
        if left[name].dtype != right[name].dtype:  # pandas does not compare categoricals of other categories
            left, right = (side.assign(**{str(name): native_column(side[name])}) for side in (left, right))
    try:
        joined = left.merge(right, how="outer", on=shared)
    except (TypeError, ValueError) as error:
        names = ", ".join(map(repr, shared))
        raise ValueError(
            f"two arguments of a product have {names} in common, and the values cannot be compared "
            f"({error}): give them the same type, or another name"
        ) from error
    for side in (left, right):
        note_dtypes(joined, side.attrs.get(DTYPES, {}))
    return joined


def _crossed(factors: Sequence[pd.DataFrame]) -> pd.DataFrame:
    sizes = [len(factor) for factor in factors]
    rows = range(prod(sizes))
    repetitions = [
        RepeatedRows.over(rows, size, stride) for size, stride in zip(sizes, strides(sizes), strict=True)
    ]
    columns = {
        name: _repeated(column, repetition)
        for factor, repetition in zip(factors, repetitions, strict=True)
        for name, column in factor.items()
    }
    # not copied, since nothing else refers to these arrays
    crossed = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)
    for factor in factors:
        note_dtypes(crossed, factor.attrs.get(DTYPES, {}))
    return crossed


def _repeated(column: pd.Series[Any], repetition: RepeatedRows) -> Any:
    """Return the column of a product, as an array that shares no memory with `column`."""
    chosen = column.iloc[numpy_index(repetition.rows)]
    if isinstance(chosen.dtype, pd.CategoricalDtype):
        codes = repetition.apply(chosen.cat.codes.to_numpy(copy=True))
        return pd.Categorical.from_codes(codes, dtype=chosen.dtype, validate=False)
    if isinstance(chosen.dtype, np.dtype):
        # as a Series, because a DataFrame would turn an object array that holds strings into a string column
        return pd.Series(repetition.apply(chosen.to_numpy(copy=True)), dtype=chosen.dtype, copy=False)
    return chosen.array.take(repetition.apply(np.arange(len(chosen))))


def _factors(arg: object, infer_category: bool) -> list[pd.DataFrame]:
    """Return what an argument contributes: DataFrames whose rows stay together."""
    if isinstance(arg, pd.DataFrame):
        if len(arg.columns) == 1:
            return [_factor(arg.columns[0], arg.iloc[:, 0], infer_category)]
        return [_rows_together(arg)]
    if isinstance(arg, pd.Series):
        return [_factor(0 if arg.name is None else arg.name, arg, infer_category)]
    if isinstance(arg, Mapping):
        return [_factor(name, values, infer_category) for name, values in arg.items()]
    if isinstance(arg, (list, tuple)) and arg and all(isinstance(row, Mapping) for row in arg):
        return [_records(arg, infer_category)]
    raise ValueError(
        f"a product cannot be made with {arg!r:.50}: "
        "give a dict of lists, a Series or a DataFrame, or a list of dicts"
    )


def _records(rows: Sequence[Mapping[Any, Any]], infer_category: bool) -> pd.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name, np.nan) for row in rows] for name in names}
    if len(columns) == 1:
        return _factor(names[0], columns[names[0]], infer_category)
    factor = pd.DataFrame(
        {name: column_of(values, infer_category=False) for name, values in columns.items()},
        index=pd.RangeIndex(len(rows)),
    )
    note_dtypes(factor, dtypes_of_objects(factor))
    return factor


def _rows_together(frame: pd.DataFrame) -> pd.DataFrame:
    factor = native_frame(pd.DataFrame(frame))
    factor.attrs = {}  # the caller's attrs describe that table, not a product of it with others
    note_dtypes(factor, frame.attrs.get(DTYPES, {}))
    return factor


def _factor(name: Hashable, values: object, infer_category: bool) -> pd.DataFrame:
    checked = native_order(check_values(name, values if is_distribution(values) else wrap_single(values)))
    if not isinstance(checked, (range, np.ndarray, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        checked = as_list(checked)
    factor = pd.DataFrame({name: column_of(checked, infer_category)}, copy=False)
    if infer_category or isinstance(checked, list):  # otherwise the caller has chosen the dtype
        note_dtypes(factor, dtypes_of_objects(factor))
    return factor
