"""`add_seed`: a seed for each pset, which depends on the pset alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.errors import PsetError
from paramsurvey.params.axes import as_list
from paramsurvey.params.column_names import without_reasons
from paramsurvey.params.computed_column import rows_of
from paramsurvey.params.dataframes import frame_of
from paramsurvey.params.row_math import check_seed
from paramsurvey.params.sources.refusals import check_psets
from paramsurvey.params.spaces.algebra import Space
from paramsurvey.params.value_hash import value_hash


def add_seed(psets: pd.DataFrame | Space | Iterable[Mapping[str, Any]] | Any, root: int) -> pd.DataFrame:
    """Return the psets with a column ``seed``, for random numbers that are the same in every run.

    A pset's seed depends on `root` and on the pset's values, and on nothing else: not on its row, the order
    of the columns, or dtypes (1 in an int8 column, 1.0, and 1 in a categorical get the same seed). So the
    psets keep their seeds when psets are added to the survey, and when a column is added that is missing
    (nan) in the old psets. Psets that are equal get different seeds.

    Parameters
    ----------
    psets : DataFrame, Space, iterable of dicts, polars or Arrow table, or path of a Parquet file
        The psets; they are not changed.
    root : int
        Another root gives other seeds: use for example the number of the experiment. 0 or more.

    Returns
    -------
    DataFrame
        The seeds are from 0 to 2**63 - 1. The seed is the first 63 bits of
        ``numpy.random.SeedSequence(root, spawn_key=(*content, occurrence))``, where content is a 128-bit
        hash of the pset, and occurrence is the number of equal psets before this one.

    Raises
    ------
    ValueError
        There is a column ``seed`` already, or a value cannot be pickled, so that there is nothing to hash.

    Examples
    --------
    >>> from paramsurvey.params import product
    >>> first = add_seed(product({"a": [1, 2]}), root=7)
    >>> extended = add_seed(product({"a": [0, 1, 2]}), root=7)
    >>> first["seed"].tolist() == extended["seed"].tolist()[1:]
    True
    """
    check_seed(root)
    frame, rows = _frame_and_rows(psets)
    if "seed" in frame.columns:
        raise PsetError("the psets have a column 'seed' already: drop or rename it before add_seed()")
    frame["seed"] = _seeds(map(value_hash, rows), root, len(frame))
    return frame


def _frame_and_rows(psets: object) -> tuple[pd.DataFrame, Iterable[Mapping[Any, Any]]]:
    if isinstance(psets, Space):
        return psets.to_df(), psets
    table = frame_of(psets)
    if table is not None:
        return pd.DataFrame(table).copy(), rows_of(table)
    if isinstance(psets, (bytes, Mapping)) or not isinstance(psets, Iterable):
        raise PsetError(f"psets cannot be a {type(psets).__name__}: give a DataFrame or a list of dicts")
    rows = as_list(psets)
    check_psets(rows)
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
    return int(state[0]) >> 1  # 63 bits, because columns hold int64
