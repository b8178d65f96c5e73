"""Numbers in the other byte order, that of netCDF and FITS files, become those of this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame as Frame
from pandas.testing import assert_frame_equal

from paramsurvey.params import add_column, add_seed, grid, product
from paramsurvey.params.axes import native_order

in_the_other_byte_order = pytest.mark.parametrize(
    "values",
    [
        np.array([2, 1], dtype=np.dtype(kind).newbyteorder("S"))
        for kind in ("f8", "f4", "i4", "u2", "c16", "M8[ns]")
    ],
    ids=lambda values: str(values.dtype),
)


@in_the_other_byte_order
@pytest.mark.parametrize("infer_category", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda values: {"a": values},
        lambda values: {"a": pd.Series(values)},
        lambda values: {"a": pd.Index(values)},
        lambda values: pd.Series(values, name="a"),
        lambda values: Frame({"a": values}),
        lambda values: Frame({"a": values, "b": 1}),
    ],
)
def test_a_product_of_the_other_byte_order_is_that_of_this_one(
    values: Any, infer_category: bool, wrap: Callable[[Any], Any]
) -> None:
    assert not values.dtype.isnative
    expected = product(wrap(native_order(values)), {"c": [3, 4]}, infer_category=infer_category)
    found = product(wrap(values), {"c": [3, 4]}, infer_category=infer_category)
    assert_frame_equal(found, expected)
    assert found.iloc[[]].dtypes.equals(expected.dtypes)
    assert not values.dtype.isnative, "the caller's own"


@in_the_other_byte_order
def test_a_grid_and_new_columns_of_the_other_byte_order_are_those_of_this_one(values: Any) -> None:
    native = native_order(values)
    assert_frame_equal(grid(a=values).to_df(), grid(a=native).to_df())
    assert_frame_equal(grid(a=pd.Series(values)).to_df(), grid(a=native).to_df())
    given = Frame({"a": values})
    assert_frame_equal(
        add_column(given, "b", lambda row: row["a"]),
        add_column(Frame({"a": native}), "b", lambda row: row["a"]),
    )
    assert_frame_equal(add_seed(given, 1), add_seed(Frame({"a": native}), 1))
    assert given["a"].dtype == Frame({"a": values})["a"].dtype, "the caller's own"
