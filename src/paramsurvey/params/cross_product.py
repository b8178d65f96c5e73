"""Making parameter sets: `product` for a DataFrame of them, and spaces for more than fit into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.errors import PsetError
from paramsurvey.params.axes import as_list, check_values, native_order, several
from paramsurvey.params.categories import (
    DTYPES,
    column_of,
    dtypes_of_objects,
    native_column,
    note_dtypes,
    smaller,
)
from paramsurvey.params.column_names import refuse_duplicates, without_reasons
from paramsurvey.params.dataframes import frame_of, native_frame
from paramsurvey.params.row_math import RepeatedRows, blocks, check_seed, strides
from paramsurvey.params.sources.pset_table import check_pset
from paramsurvey.params.spaces.algebra import Aligned, Grid, Space
from paramsurvey.params.value_hash import content_key
from paramsurvey.transport.columns import numpy_index
from paramsurvey.transport.messages import Pset

__all__ = [
    "Space",
    "add_column",
    "add_seed",
    "aligned",
    "grid",
    "product",
]


def product(
    *args: Mapping[Any, Any] | pd.Series[Any] | pd.DataFrame | Sequence[Mapping[Any, Any]],
    infer_category: bool = True,
) -> pd.DataFrame:
    """Return every combination of the arguments' rows; the last argument varies fastest.

    Parameters
    ----------
    *args : dict, Series, DataFrame or list of dicts
        A dict of name -> values: each of its keys is crossed with all others; a value that is no list (a
        number, a string) is the same in all rows. A Series: its name and its values. A DataFrame, for
        example the results of an earlier map, or a list of dicts: its rows stay together. Where two
        arguments have a column in common, rows go together only where that is the same in both: an outer
        join, so that a row without a partner is there, with nan, and in the order of these columns.
    infer_category : bool
        The values of dicts, Series and DataFrames of one column become categoricals where they can be
        hashed: that takes 1 byte per row where there are up to 127 of them; in results they are columns of
        their values again. False: they keep their dtypes. DataFrames of several columns keep theirs
        always. In both cases, values that would not stay what they are (None; and in a categorical equal
        ones of different types, such as True and 1) make a column of objects, so that a worker gets the
        very values.

    Returns
    -------
    DataFrame
        The columns in the order of the arguments, with a RangeIndex. It is the caller's own.

    Raises
    ------
    ValueError
        An argument is none of these, a Series has no name, values are no list of them, one table has a
        name twice, or columns in common cannot be compared.

    See Also
    --------
    grid : the same psets, without memory.

    Examples
    --------
    >>> product({"a": [1, 2], "b": ["x", "y"]}, {"c": 0.5})
       a  b    c
    0  1  x  0.5
    1  1  y  0.5
    2  2  x  0.5
    3  2  y  0.5
    >>> stars = pd.DataFrame({"name": ["Sirius", "Vega"], "parsec": [2.64, 7.68]})
    >>> product(stars, {"band": ["B", "V"]})
         name  parsec band
    0  Sirius    2.64    B
    1  Sirius    2.64    V
    2    Vega    7.68    B
    3    Vega    7.68    V
    """
    factors = [factor for arg in args for factor in _factors(arg, infer_category)]
    if not factors:
        return pd.DataFrame(index=pd.RangeIndex(0))
    try:
        return _crossed(_joined(factors))
    except MemoryError as error:
        raise MemoryError(f"{error}: use params.grid(), which needs no memory") from error


def _joined(factors: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return factors of which no two have a column in common: those that do are made one."""
    found: list[pd.DataFrame] = []
    for factor in factors:
        refuse_duplicates(factor.columns)
        shared = [name for other in found for name in other.columns if name in factor.columns]
        found = [_outer_join(_crossed(found), factor, shared)] if shared else [*found, factor]
    return found


def _outer_join(left: pd.DataFrame, right: pd.DataFrame, shared: list[Any]) -> pd.DataFrame:
    for name in shared:
        if left[name].dtype != right[name].dtype:  # pandas compares no categoricals of different categories
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
    spreads = [
        RepeatedRows.over(rows, size, stride) for size, stride in zip(sizes, strides(sizes), strict=True)
    ]
    columns = {
        name: _spread(column, spread)
        for factor, spread in zip(factors, spreads, strict=True)
        for name, column in factor.items()
    }
    # without a copy: these arrays belong to nobody else
    crossed = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)
    for factor in factors:
        note_dtypes(crossed, factor.attrs.get(DTYPES, {}))
    return crossed


def _spread(column: pd.Series[Any], spread: RepeatedRows) -> Any:
    """Return the column of a product, as an array that shares nothing with `column`."""
    chosen = column.iloc[numpy_index(spread.rows)]
    if isinstance(chosen.dtype, pd.CategoricalDtype):
        codes = spread.apply(chosen.cat.codes.to_numpy(copy=True))
        return pd.Categorical.from_codes(codes, dtype=chosen.dtype, validate=False)
    if isinstance(chosen.dtype, np.dtype):
        # a Series, because a DataFrame makes strings of bare objects that are strings
        return pd.Series(spread.apply(chosen.to_numpy(copy=True)), dtype=chosen.dtype, copy=False)
    return chosen.array.take(spread.apply(np.arange(len(chosen))))


def _factors(arg: object, infer_category: bool) -> list[pd.DataFrame]:
    """Return what an argument contributes: DataFrames whose rows stay together."""
    if isinstance(arg, pd.DataFrame):
        if len(arg.columns) == 1:
            return [_factor(arg.columns[0], arg.iloc[:, 0], infer_category)]
        return [_rows_together(arg)]
    if isinstance(arg, pd.Series):
        if arg.name is None:
            raise ValueError("a Series in a product has no name: give it one with .rename('a')")
        return [_factor(arg.name, arg, infer_category)]
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
    factor.attrs = {}  # of the caller's own, a product of several tables has none
    note_dtypes(factor, frame.attrs.get(DTYPES, {}))
    return factor


def _factor(name: Hashable, values: object, infer_category: bool) -> pd.DataFrame:
    checked = native_order(check_values(name, several(values)))
    if not isinstance(checked, (range, np.ndarray, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        checked = as_list(checked)
    factor = pd.DataFrame({name: column_of(checked, infer_category)}, copy=False)
    if infer_category or isinstance(checked, list):  # else the dtype is the caller's own
        note_dtypes(factor, dtypes_of_objects(factor))
    return factor


def add_column(
    df: pd.DataFrame, name: str, func: Callable[[Pset], Any], infer_category: bool = True
) -> pd.DataFrame:
    """Return a copy of `df` with one more column, computed from each row.

    Parameters
    ----------
    df : DataFrame
        It is not changed.
    name : str
        The new column. A column that has this name already is replaced.
    func : callable
        ``func(row) -> value``; the row is a dict of native Python values, as a worker sees them.
    infer_category : bool
        Make the column a categorical when that takes less memory.

    Returns
    -------
    DataFrame

    Raises
    ------
    Exception
        Whatever `func` raises.

    Examples
    --------
    >>> add_column(product({"a": [1, 2], "b": [10, 20]}), "total", lambda row: row["a"] + row["b"])
       a   b  total
    0  1  10     11
    1  1  20     21
    2  2  10     12
    3  2  20     22
    """
    column = pd.Series([func(row) for row in _rows(df)])
    result = native_frame(df.copy())
    result[name] = (smaller(column) if infer_category else column).array
    return result


def _rows(df: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    """Yield each row as a dict of native Python values, without making all of them at once."""
    plain = pd.DataFrame(df)
    for block in blocks(len(plain)):
        part = plain.iloc[block.start : block.stop]
        yield from part.to_dict("records") if len(part.columns) else ({} for _ in block)


def grid(**axes: Iterable[Any]) -> Grid:
    """Return every value of each axis with every value of the others, as a space that costs no memory.

    Parameters
    ----------
    **axes : values
        A list, a range, an array, a Series, an iterator. The last axis varies fastest. At least one.

    Returns
    -------
    Space
        `paramsurvey.map` takes it in place of a DataFrame. It has a ``len``; ``space[i]`` is a dict,
        ``space[i:j]`` a DataFrame, ``.to_df()`` all of it; ``a * b`` is each row of a with each row of b
        and ``a + b`` one after the other; ``.where(func)`` chooses and ``.shuffle(seed)`` shuffles.

    Raises
    ------
    ValueError
        There is no axis, a name cannot be a column's, or values are no list of them.

    Examples
    --------
    >>> space = grid(x=range(100_000), y=range(100_000))
    >>> len(space)
    10000000000
    >>> space[123_456_789]
    {'x': 1234, 'y': 56789}
    """
    return Grid(axes)


def aligned(**axes: Iterable[Any]) -> Aligned:
    """Return values side by side: the first of each, the second of each, and so on.

    Parameters
    ----------
    **axes : values
        All of the same length.

    Returns
    -------
    Space
        Like that of `grid`.

    Raises
    ------
    ValueError
        The lengths differ, a name cannot be a column's, or values are no list of them.

    Examples
    --------
    >>> (aligned(city=["Rome", "Oslo"], degrees=[30.5, 12.0]) * grid(year=[2020, 2021]))[2]
    {'city': 'Oslo', 'degrees': 12.0, 'year': 2020}
    """
    return Aligned(axes)


def add_seed(psets: pd.DataFrame | Space | Iterable[Mapping[str, Any]] | Any, root: int) -> pd.DataFrame:
    """Return the psets with a column ``seed``, for random numbers that can be had again.

    A pset's seed depends on `root` and on the pset's content, and on nothing else: neither on its row or
    the order of its columns, nor on dtypes (an int8, a float without fraction and a categorical of the
    same value are the same). So all psets keep their seeds when the survey gets more psets; and also when
    it gets a column, where that is missing (nan) in the old psets. If a pset is there several times, each
    of them gets a seed of its own.

    Parameters
    ----------
    psets : DataFrame, Space, iterable of dicts, polars or Arrow table, or path of a Parquet file
        They are not changed.
    root : int
        What the seeds are derived from, for example the number of the experiment; 0 or more.

    Returns
    -------
    DataFrame
        The seeds are from 0 to 2**63 - 1. The seed is the first 63 bits of
        ``numpy.random.SeedSequence(root, spawn_key=(*content, occurrence))``, where content is a 128-bit
        hash of the pset.

    Raises
    ------
    ValueError
        There is a column ``seed`` already, or a value has no content that can be told (it cannot be
        pickled).

    Examples
    --------
    >>> first = add_seed(product({"a": [1, 2]}), root=7)
    >>> extended = add_seed(product({"a": [0, 1, 2]}), root=7)
    >>> first["seed"].tolist() == extended["seed"].tolist()[1:]
    True
    """
    check_seed(root)
    frame, rows = _frame_and_rows(psets)
    if "seed" in frame.columns:
        raise PsetError("the psets have a column 'seed' already: drop or rename it before add_seed()")
    frame["seed"] = _seeds(map(content_key, rows), root, len(frame))
    return frame


def _frame_and_rows(psets: object) -> tuple[pd.DataFrame, Iterable[Mapping[Any, Any]]]:
    if isinstance(psets, Space):
        return psets.to_df(), psets
    table = frame_of(psets)
    if table is not None:
        return pd.DataFrame(table).copy(), _rows(table)
    if isinstance(psets, (bytes, Mapping)) or not isinstance(psets, Iterable):
        raise PsetError(f"psets cannot be a {type(psets).__name__}: give a DataFrame or a list of dicts")
    rows = as_list(psets)
    for i, pset in enumerate(rows):
        check_pset(i, pset)
    rows = [without_reasons(pset) for pset in rows]
    return pd.DataFrame(rows), rows


def _seeds(keys: Iterable[bytes], root: int, count: int) -> NDArray[np.int64]:
    seen: Counter[bytes] = Counter()
    seeds = np.empty(count, dtype=np.int64)
    for row, key in enumerate(keys):
        seeds[row] = _seed(root, key, occurrence=seen[key])
        seen[key] += 1
    return seeds


def _seed(root: int, key: bytes, occurrence: int) -> int:
    content = np.frombuffer(key, dtype="<u4").tolist()
    state = np.random.SeedSequence(root, spawn_key=(*content, occurrence)).generate_state(1, np.uint64)
    return int(state[0]) >> 1  # fits into the int64 of a column
