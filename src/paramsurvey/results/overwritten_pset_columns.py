"""Which value a row has if the worker function returns a key that is also a column of the psets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.params.dataframes import as_series
from paramsurvey.transport.column_by_row import Column
from paramsurvey.transport.messages import Rows


def results_over_pset_column(pset: pd.Series[Any], column: Column, rows: Rows) -> pd.Series[Any]:
    """Return the results' values, and the pset's own for results that have none."""
    data, there = column.get(rows)
    if there.all():
        return as_series(data)
    if pset.dtype == data.dtype and data.dtype.kind in "bif":
        return pd.Series(np.where(there, data, pset.to_numpy()))
    mixed = [new if has else own for own, new, has in zip(pset, data.tolist(), there, strict=True)]
    return as_series(mixed)
