"""`add_column`: a column that is computed from each pset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from paramsurvey.params.categories import as_category_if_smaller
from paramsurvey.params.dataframes import as_series, native_frame
from paramsurvey.params.row_math import blocks
from paramsurvey.transport.messages import Pset


def add_column(
    df: pd.DataFrame, name: str, func: Callable[[Pset], Any], infer_category: bool = True
) -> pd.DataFrame:
    """Return a copy of `df` with one more column, whose values are computed from the rows.

    Parameters
    ----------
    df : DataFrame
        The psets; they are not changed.
    name : str
        The new column's name. A column that already has this name is replaced.
    func : callable
        ``func(row) -> value``; the row is a dict of native Python values, as a worker sees them.
    infer_category : bool
        Make the column a categorical when that takes less memory.

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        `df` is no DataFrame.
    Exception
        Whatever `func` raises.

    Examples
    --------
    >>> from paramsurvey.params import product
    >>> add_column(product({"a": [1, 2], "b": [10, 20]}), "total", lambda row: row["a"] + row["b"])
       a   b  total
    0  1  10     11
    1  1  20     21
    2  2  10     12
    3  2  20     22
    """
    if not isinstance(df, pd.DataFrame):
        raise ValueError(
            f"add_column() takes a DataFrame, not {type(df).__name__}: "
            f"give {'psets.to_df()' if hasattr(df, 'to_df') else 'pd.DataFrame(psets)'}"
        )
    column = as_series([func(row) for row in rows_of(df)])
    result = native_frame(df.copy())
    result[name] = (as_category_if_smaller(column) if infer_category else column).set_axis(result.index)
    return result


def rows_of(df: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    """Yield each row as a dict of native Python values; rows are converted a block at a time."""
    plain = pd.DataFrame(df)
    for block in blocks(len(plain)):
        part = plain.iloc[block.start : block.stop]
        yield from part.to_dict("records") if len(part.columns) else ({} for _ in block)
