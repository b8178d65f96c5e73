"""`add_column`: a column computed from the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame as Frame
from pandas.testing import assert_series_equal

from paramsurvey.params import add_column, grid, product


def test_a_column_is_computed_from_rows_of_native_values() -> None:
    seen: list[dict[str, Any]] = []
    df = product({"a": [1, 2]}, Frame({"b": np.array([3], dtype=np.int8), "c": pd.Timestamp("2020-01-01")}))
    result = add_column(df, "total", lambda row: seen.append(row) or row["a"] + row["b"])  # type: ignore[func-returns-value]
    assert result["total"].tolist() == [4, 5]
    assert [type(value) for value in seen[0].values()] == [int, int, pd.Timestamp]


def test_add_column_returns_a_copy() -> None:
    df = Frame({"a": [1, 2]}, index=[7, 7])
    result = add_column(df, "b", lambda row: -row["a"])
    assert list(df.columns) == ["a"]
    result.loc[7, "a"] = 0
    assert df["a"].tolist() == [1, 2]
    assert result.index.tolist() == [7, 7]
    assert result["b"].tolist() == [-1, -2]


def test_a_column_becomes_a_categorical_only_where_that_is_smaller() -> None:
    df = Frame({"a": range(1000)})
    assert add_column(df, "b", lambda row: row["a"] % 3)["b"].dtype == "category"
    assert add_column(df, "b", lambda row: row["a"])["b"].dtype == np.int64
    assert add_column(df, "b", lambda row: row["a"] % 3 == 0)["b"].dtype == np.bool_


@pytest.mark.parametrize("count", [1, 4, 10, 30, 100, 1000])
@pytest.mark.parametrize("different", [1, 7, 1000])
@pytest.mark.parametrize("make", [int, float, str])
def test_what_is_smaller_is_counted_as_release_0_4_counts_it(
    count: int, different: int, make: Callable[[int], Any]
) -> None:
    values = [make(i % different) for i in range(count)]
    plain, category = pd.Series(values), pd.Series(values, dtype="category")
    sizes = [column.memory_usage(index=False, deep=True) for column in (category, plain)]
    expected = category if sizes[0] < sizes[1] else plain  # pandas 2 counts more for a small categorical
    found = add_column(Frame({"i": range(count)}), "b", lambda row: values[row["i"]])
    assert_series_equal(found["b"], expected.rename("b"))


def test_a_column_becomes_no_categorical_that_would_change_its_values() -> None:
    values = [True, 1, "auto", 1.0, None] * 1000
    found = add_column(Frame({"i": range(len(values))}), "b", lambda row: values[row["i"]])["b"]
    assert repr(found.tolist()) == repr(values), "values and types"


def test_a_column_keeps_its_dtype_when_asked_to() -> None:
    df = Frame({"a": range(1000)})
    assert add_column(df, "b", lambda row: 0, infer_category=False)["b"].dtype == np.int64


def test_a_column_of_unhashable_values_is_one_of_objects() -> None:
    result = add_column(Frame({"a": range(1000)}), "b", lambda row: [row["a"]])
    assert result["b"].dtype == object
    assert result["b"][999] == [999]


def test_a_column_of_that_name_is_replaced() -> None:
    assert add_column(Frame({"a": [1, 2]}), "a", lambda row: row["a"] * 10)["a"].tolist() == [10, 20]


@pytest.mark.parametrize("df", [Frame({"a": []}), Frame(index=range(3))])
def test_a_column_can_be_added_to_nearly_nothing(df: Frame) -> None:
    assert add_column(df, "b", lambda row: 1)["b"].tolist() == [1] * len(df)


@pytest.mark.parametrize(
    ("psets", "remedy"),
    [
        (grid(x=[1]), r"not Grid: give psets\.to_df\(\)"),
        ([{"x": 1}], r"not list: give pd\.DataFrame\(psets\)"),
    ],
)
def test_what_is_no_dataframe_is_told_how_it_becomes_one(psets: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        add_column(psets, "y", lambda row: row["x"])
