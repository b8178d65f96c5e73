"""`add_seed`: a seed for each pset, which depends on the pset alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any, overload

import pandas as pd

from paramsurvey.errors import PsetError, with_article
from paramsurvey.params.axes import as_list
from paramsurvey.params.column_names import without_reasons
from paramsurvey.params.computed_column import rows_of
from paramsurvey.params.dataframes import frame_of, table_of
from paramsurvey.params.row_math import check_seed
from paramsurvey.params.sources.named_rows import dicts_of
from paramsurvey.params.spaces.grids_and_products import Space
from paramsurvey.params.spaces.seeded import COLUMN, Seeded, seeds_of
from paramsurvey.params.value_hash import value_hash

MOST_BITS = 63  # a column of seeds has the dtype int64


@overload
def add_seed(psets: Space, root: int, bits: int = 32) -> Space: ...


@overload
def add_seed(psets: Any, root: int, bits: int = 32) -> pd.DataFrame: ...


def add_seed(
    psets: pd.DataFrame | Space | Iterable[Mapping[str, Any]] | Any, root: int, bits: int = 32
) -> pd.DataFrame | Space:
    """Return the psets with a column ``seed``, for random numbers that are the same in every run.

    A pset's seed depends on `root` and on the pset's values, and on nothing else: not on its row, the order
    of the columns, or dtypes (1 in an int8 column, 1.0, and 1 in a categorical get the same seed). So the
    psets keep their seeds when psets are added to the survey, and when a column is added that is missing
    (nan) in the old psets. Equal psets get different seeds.

    Parameters
    ----------
    psets : DataFrame, Space, iterable of dicts, polars or Arrow table, or path of a Parquet file
        The psets; they are not changed.
    root : int
        0 or more. Another root gives other seeds: use, for example, the number of the experiment.
    bits : int
        Seeds are from 0 to 2**bits - 1; at most 63. scikit-learn, ``numpy.random.seed`` and most libraries
        in C take 32. Among a million seeds of 32 bits, about 116 pairs are equal by chance; among as many of
        63 bits, none. Seeds of fewer bits are the first bits of longer ones.

    Returns
    -------
    DataFrame, or of a space a Space
        A space stays a space: each seed is computed when it is needed. The seed is the first `bits` bits of
        ``numpy.random.SeedSequence(root, spawn_key=(*content, occurrence))``, where content is a 128-bit
        hash of the pset, and occurrence is the number of equal psets before this one.

    Raises
    ------
    ValueError
        There is a column ``seed`` already, `bits` is not from 1 to 63, or a value cannot be pickled, so that
        there is nothing to hash.

    Examples
    --------
    >>> from paramsurvey.params import grid, product
    >>> first = add_seed(product({"a": [1, 2]}), root=7)
    >>> extended = add_seed(product({"a": [0, 1, 2]}), root=7)
    >>> first["seed"].tolist() == extended["seed"].tolist()[1:]
    True
    >>> add_seed(grid(a=range(10**12)), root=7)[1]["seed"] == int(first["seed"][0])
    True
    """
    check_seed(root)
    if not 1 <= index(bits) <= MOST_BITS:
        raise ValueError(f"seeds of {bits} bits do not fit into a column of int64: give bits from 1 to 63")
    if isinstance(psets, Space):
        return Seeded(psets, root, bits)
    frame, rows = _frame_and_rows(psets)
    if COLUMN in frame.columns:
        raise PsetError("the psets have a column 'seed' already: drop or rename it before add_seed()")
    keys = [value_hash(row) for row in rows]
    frame[COLUMN] = seeds_of(keys, _occurrences(keys), root, bits)
    return frame


def _frame_and_rows(psets: object) -> tuple[pd.DataFrame, Iterable[Mapping[Any, Any]]]:
    table = frame_of(psets)
    if table is not None:
        return pd.DataFrame(table).copy(), rows_of(table)
    if isinstance(psets, (bytes, Mapping)) or not isinstance(psets, Iterable):
        raise PsetError(
            f"psets cannot be {with_article(type(psets).__name__)}: give a DataFrame or a list of dicts"
        )
    rows = [without_reasons(pset) for pset in dicts_of(as_list(psets))]
    return table_of(rows), rows


def _occurrences(keys: Iterable[bytes]) -> Iterator[int]:
    """Yield, for each key, how many equal keys precede it."""
    seen: Counter[bytes] = Counter()
    for key in keys:
        yield seen[key]
        seen[key] += 1
