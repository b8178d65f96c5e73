"""Psets by row number: items, slices, DataFrames, and the values that they have."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.params import aligned, grid

# ---- rows by number


def test_an_index_counts_from_either_end() -> None:
    space = grid(x=range(5))
    assert [space[0], space[-1], space[np.int64(2)]] == [{"x": 0}, {"x": 4}, {"x": 2}]


@pytest.mark.parametrize("row", [5, -6])
def test_a_row_outside_of_the_space_is_refused(row: int) -> None:
    with pytest.raises(IndexError, match=f"row {row} is not in the space, which has 5"):
        grid(x=range(5))[row]


def test_something_else_is_no_index() -> None:
    with pytest.raises(TypeError):
        grid(x=range(5))["x"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "at", [slice(2, 5), slice(-2, None), slice(None, None, 3), slice(7, 1, -2), slice(5, 2)]
)
def test_a_slice_is_that_slice_of_the_dataframe(at: slice) -> None:
    space = grid(x=range(4), y=[0.5, 1.5])
    pd.testing.assert_frame_equal(space[at], space.to_df()[at])


def test_a_dataframe_of_a_space_belongs_to_the_caller() -> None:
    space = aligned(x=np.array([1, 2]), y=[0.5, 1.5])
    frame = space[0:2]
    frame.loc[0, "x"] = 77
    frame["z"] = range(2)
    assert space[0] == {"x": 1, "y": 0.5}


def test_columns_belong_to_the_caller() -> None:
    space = aligned(x=np.array([1, 2]), y=["a", "b"])
    columns = space.columns(range(2))
    columns["x"][0], columns["y"][0] = 77, "z"
    assert space[0] == {"x": 1, "y": "a"}


# ---- values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1, 2], dtype=np.int8), [1, 2]),
        (np.array([0.5], dtype=np.float32), [0.5]),
        (np.array([True, False]), [True, False]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([2**64 - 1], dtype=np.uint64), [2**64 - 1]),
        ([np.int64(1), np.float64(0.5), np.str_("a")], [1, 0.5, "a"]),
        ([1, 2.5], [1, 2.5]),
        ([1, True], [1, True]),
        ([2**100, 1], [2**100, 1]),
        ([None, "a"], [None, "a"]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([(1, 2), (3, 4)], [(1, 2), (3, 4)]),
        (range(5, -5, -5), [5, 0]),
        (range(2**70, 2**70 + 2), [2**70, 2**70 + 1]),
        ((i for i in (3, 1)), [3, 1]),
        (iter("ab"), ["a", "b"]),
        ({"a": 1, "b": 2}.values(), [1, 2]),
        (pd.Series([1, 2], index=[7, 7]), [1, 2]),
        (pd.Series(["b", "a"], dtype="category"), ["b", "a"]),
        (pd.Series([3, 4], dtype="Int64"), [3, 4]),
        (pd.Index([1.5]), [1.5]),
        (pd.to_datetime(["2020-01-01"]), [pd.Timestamp("2020-01-01")]),
        (np.array(["2020-01-01"], dtype="datetime64[ns]"), [pd.Timestamp("2020-01-01")]),
        (np.array([5], dtype="timedelta64[s]"), [pd.Timedelta(seconds=5)]),
        ([datetime.date(2020, 1, 1)], [datetime.date(2020, 1, 1)]),
    ],
)
def test_psets_have_native_values(values: Any, expected: list[Any]) -> None:
    psets = list(grid(x=values))
    assert [pset["x"] for pset in psets] == expected
    assert [type(pset["x"]) for pset in psets] == [type(value) for value in expected]


def test_polars_and_arrow_columns_are_values() -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    space = aligned(x=polars.Series([1, 2]), y=arrow.array(["a", "b"]), z=arrow.chunked_array([[0.5], [1.5]]))
    assert list(space) == [{"x": 1, "y": "a", "z": 0.5}, {"x": 2, "y": "b", "z": 1.5}]


def test_values_are_taken_as_they_were_given() -> None:
    values, array = ["a"], np.array([1])
    space = aligned(x=values, y=array)
    values[0], array[0] = "changed", 77
    assert space[0] == {"x": "a", "y": 1}


def test_a_pset_that_is_changed_in_place_changes_no_other() -> None:
    space = grid(layers=[[1, 2]], array=[np.array([1])], repeat=range(2))
    for pset in space:
        assert pset["layers"] == [1, 2]
        assert pset["array"].tolist() == [1]
        pset["layers"].append(3)
        pset["array"][0] = 5


class Options:
    level = 0


def test_an_object_of_any_class_is_private_to_its_pset() -> None:
    for pset in grid(options=[Options()], repeat=range(2)):
        assert pset["options"].level == 0
        pset["options"].level = 1


def test_an_object_that_cannot_be_copied_is_shared() -> None:
    assert [pset["x"] for pset in grid(x=[copy])] == [copy]


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (3, r"write \[3\]"),
        (None, r"write \[None\]"),
        ("abc", r"write \['abc'\]"),
        (b"abc", r"write \[b'abc'\]"),
        (np.float64(0.5), r"write \[0.5\]"),
        ({"a": 1}, r"list\(...\)"),
        ({"a", "b"}, r"sorted\(...\)"),
        (np.ones((2, 2)), "2 dimensions"),
        (pd.DataFrame({"a": [1]}), "2 dimensions"),
        (range(10**30), "too many to be numbered: take fewer"),
        (range(0, -(10**30), -1), "too many to be numbered: take fewer"),
    ],
)
def test_what_is_no_list_of_values_is_refused(values: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=f"'x' needs a list of values .*{remedy}"):
        grid(y=[1], x=values)
