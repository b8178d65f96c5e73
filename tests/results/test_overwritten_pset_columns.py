"""Where a worker function returns a key of the psets, its value stands; elsewhere the pset's own does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.results.overwritten_pset_columns import results_over_pset_column
from paramsurvey.transport.column_by_row import Column


@pytest.mark.parametrize(
    ("own", "returned", "dtype"),
    [
        ([1, 2, 3], [20, 30], "int64"),
        ([0.5, 1.5, 2.5], [20.5, 30.5], "float64"),
        ([True, False, True], [True, False], "bool"),
        ([1, 2, 3], [0.5, 1.5], "float64"),
        ([1, 2, 3], ["x", "y"], "object"),
    ],
    ids=str,
)
def test_a_results_value_stands_where_there_is_one(own: Any, returned: Any, dtype: str) -> None:
    column = Column()
    column.make_room(3)
    column.put(np.array([1, 2]), returned)
    found = results_over_pset_column(pd.Series(own), column, range(3))
    assert found.tolist() == [own[0], *returned]
    assert found.dtype == dtype


def test_results_that_all_psets_have_are_taken_as_they_are() -> None:
    column = Column()
    column.make_room(2)
    column.put(range(2), np.array([7, 8]))
    assert results_over_pset_column(pd.Series(["a", "b"]), column, range(2)).tolist() == [7, 8]
