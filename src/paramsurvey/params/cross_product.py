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
from paramsurvey.params.axes import check_values, listed, native_order
from paramsurvey.params.categories import DTYPES, column_of, dtypes_of_objects, note_dtypes, smaller
from paramsurvey.params.column_names import refuse_duplicates, without_reasons
from paramsurvey.params.dataframes import frame_of, native_frame
from paramsurvey.params.row_math import Spread, blocks, check_seed, strides
from paramsurvey.params.sources import check_pset
from paramsurvey.params.spaces import Aligned, Grid, Space
from paramsurvey.params.value_hash import content_key
from paramsurvey.transport.columns import where
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
    *args: Mapping[Any, Any] | pd.Series[Any] | pd.DataFrame, infer_category: bool = True
) -> pd.DataFrame:
    """Return every combination of the arguments' rows; the last argument varies fastest.

    Parameters
    ----------
    *args : dict, Series or DataFrame
        A dict of name -> values: each of its keys is crossed with all others. A Series: its name and its
        values. A DataFrame, for example the results of an earlier map: its rows stay together.
    infer_category : bool
        The values of dicts, Series and DataFrames of one column become categoricals where they can be
        hashed: that takes 1 byte per row where there are up to 127 of them. False: they keep their
        dtypes. DataFrames of several columns keep theirs always. In both cases, values that would not stay
        what they are (None; and in a categorical equal ones of different types, such as True and 1) make a
        column of objects, so that a worker gets the very values.

    Returns
    -------
    DataFrame
        The columns in the order of the arguments, with a RangeIndex. It is the caller's own.

    Raises
    ------
    ValueError
        An argument is none of these, a Series has no name, values are no list of them, or a name is
        there twice.

    See Also
    --------
    grid : the same psets, without memory.

    Examples
    --------
    >>> product({"a": [1, 2], "b": ["x", "y"]})
       a  b
    0  1  x
    1  1  y
    2  2  x
    3  2  y
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
    refuse_duplicates(name for factor in factors for name in factor.columns)
    try:
        return _crossed(factors)
    except MemoryError as error:
        raise MemoryError(f"{error}: use params.grid(), which needs no memory") from error


def _crossed(factors: Sequence[pd.DataFrame]) -> pd.DataFrame:
    sizes = [len(factor) for factor in factors]
    rows = range(prod(sizes))
    spreads = [Spread.over(rows, size, stride) for size, stride in zip(sizes, strides(sizes), strict=True)]
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


def _spread(column: pd.Series[Any], spread: Spread) -> Any:
    """Return the column of a product, as an array that shares nothing with `column`."""
    chosen = column.iloc[where(spread.rows)]
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
    raise ValueError(
        f"a product cannot be made with {arg!r:.50}: give a dict of lists, a Series or a DataFrame"
    )


def _rows_together(frame: pd.DataFrame) -> pd.DataFrame:
    factor = native_frame(pd.DataFrame(frame))
    factor.attrs = {}  # of the caller's own, a product of several tables has none
    note_dtypes(factor, frame.attrs.get(DTYPES, {}))
    return factor


def _factor(name: Hashable, values: object, infer_category: bool) -> pd.DataFrame:
    checked = native_order(check_values(name, values))
    if not isinstance(checked, (range, np.ndarray, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        checked = listed(checked)
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
    rows = listed(psets)
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
