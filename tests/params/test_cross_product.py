"""`product`: a DataFrame of every combination of values."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from paramsurvey.params import grid, product
from paramsurvey.params.sources import as_source, make_psets
from paramsurvey.transport.column_by_row import object_array

Frame = pd.DataFrame


def cells(df: Frame) -> list[tuple[Any, ...]]:
    return list(df.itertuples(index=False, name=None))


def kinds(df: Frame) -> list[str]:
    return [str(dtype) for dtype in df.dtypes]


# ---- product: which rows


def test_the_last_argument_varies_fastest() -> None:
    df = product({"a": [1, 2]}, {"b": [3, 4]}, {"c": [5, 6]})
    assert cells(df) == list(itertools.product([1, 2], [3, 4], [5, 6]))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=4), st.booleans())
def test_a_product_is_that_of_itertools(axes: list[list[int]], infer_category: bool) -> None:
    df = product({f"a{i}": axis for i, axis in enumerate(axes)}, infer_category=infer_category)
    assert cells(df) == list(itertools.product(*axes))


@pytest.mark.parametrize(
    "arguments",
    [
        [{"a": [1, 2]}, {"b": [3, 4]}, {"c": [5, 6]}],
        [{"a": [1, 2], "b": [3, 4], "c": [5, 6]}],
        [{"a": [1, 2]}, {"b": [3, 4], "c": [5, 6]}],
        [pd.Series([1, 2], name="a"), pd.Series([3, 4], name="b"), pd.Series([5, 6], name="c")],
        [Frame({"a": [1, 2]}), Frame({"b": [3, 4]}), Frame({"c": [5, 6]})],
        [product({"a": [1, 2]}, {"b": [3, 4]}), {"c": [5, 6]}],
        [Frame({"a": [1, 2]}, index=[9, 9]), {"b": (3, 4)}, pd.Series([5, 6], name="c", index=["x", "y"])],
        [{"a": range(1, 3), "b": np.array([3, 4]), "c": (i for i in (5, 6))}],
    ],
)
def test_every_form_of_an_argument_makes_the_same_product(arguments: list[Any]) -> None:
    expected = Frame(itertools.product([1, 2], [3, 4], [5, 6]), columns=list("abc")).astype("category")
    assert_frame_equal(product(*arguments), expected)


def test_the_rows_of_a_dataframe_stay_together() -> None:
    stars = Frame({"name": ["Sirius", "Vega"], "parsec": [2.64, 7.68]})
    assert cells(product({"year": [1, 2]}, stars)) == [
        (1, "Sirius", 2.64),
        (1, "Vega", 7.68),
        (2, "Sirius", 2.64),
        (2, "Vega", 7.68),
    ]


def test_the_results_of_a_survey_can_be_crossed_with_more() -> None:
    class Results(Frame):
        """As `paramsurvey.map` returns them: a DataFrame of a class of its own."""

    results = Results({"a": [1, 2], "b": [3, 4], "result": [0.5, 1.5]})
    df = product(results, {"c": [7, 8]})
    assert cells(df) == [(1, 3, 0.5, 7), (1, 3, 0.5, 8), (2, 4, 1.5, 7), (2, 4, 1.5, 8)]
    assert type(df) is Frame


def test_a_product_with_an_empty_axis_is_empty_and_keeps_its_columns() -> None:
    df = product({"a": [1, 2], "b": []}, Frame({"c": [1], "d": ["x"]}))
    assert len(df) == 0
    assert list(df.columns) == ["a", "b", "c", "d"]
    assert df["c"].dtype == np.int64


def test_a_product_of_nothing_is_empty() -> None:
    assert product().shape == product({}).shape == (0, 0)


def test_a_dataframe_without_columns_still_has_its_rows() -> None:
    assert cells(product(Frame(index=range(2)), {"a": [1]})) == [(1,), (1,)]


def test_repeated_values_are_repeated_rows() -> None:
    assert cells(product({"a": [1, 1], "b": [2]})) == [(1, 2), (1, 2)]


# ---- product: one value, records, and columns in common, each as in release 0.4.21


@pytest.mark.parametrize(
    "value",
    [5, 2.5, "xyz", b"xy", True, datetime.datetime(2020, 1, 1), np.float32(0.5), np.array(5), object, len],
    ids=repr,
)
@pytest.mark.parametrize("infer_category", [True, False])
def test_a_value_that_is_no_list_is_the_same_in_all_rows(value: Any, infer_category: bool) -> None:
    listed = [value[()] if isinstance(value, np.ndarray) else value]
    df = product({"a": [1, 2], "b": value}, infer_category=infer_category)
    assert_frame_equal(df, product({"a": [1, 2], "b": listed}, infer_category=infer_category))
    assert len(product({"b": value}, infer_category=infer_category)) == 1


def test_none_alone_is_a_value_too() -> None:
    assert product({"a": [1, 2], "b": None})["b"].tolist() == [None, None]


@pytest.mark.parametrize("form", [list, tuple])
@pytest.mark.parametrize("infer_category", [True, False])
def test_the_rows_of_a_list_of_dicts_stay_together(form: Any, infer_category: bool) -> None:
    records = form([{"a": 1, "m": "x"}, {"a": 2, "m": "y"}])
    df = product(records, {"c": [5, 6]}, infer_category=infer_category)
    assert cells(df) == [(1, "x", 5), (1, "x", 6), (2, "y", 5), (2, "y", 6)]
    assert_frame_equal(df[["a", "m"]], Frame({"a": [1, 1, 2, 2], "m": ["x", "x", "y", "y"]}))


def test_dicts_of_one_key_are_a_column() -> None:
    assert_frame_equal(product([{"a": 1}, {"a": 2}]), product({"a": [1, 2]}))


def test_records_need_not_have_the_same_keys_and_none_stays_none() -> None:
    df = product([{"a": 1}, {"a": 2, "b": None}, {"b": "x"}])
    assert same(df["a"].tolist(), [1.0, 2.0, float("nan")])
    assert same(df["b"].tolist(), [float("nan"), None, "x"])


SHARED: dict[str, Any] = {
    "frames": (
        [Frame({"a": [1, 2], "b": [3, 4]}), Frame({"a": [1, 2, 2], "c": [5, 6, 7]})],
        Frame({"a": [1, 2, 2], "b": [3, 4, 4], "c": [5, 6, 7]}),
    ),
    "rows without a partner, in order": (
        [Frame({"a": [3, 1], "b": [0.5, 1.5]}), Frame({"a": [2, 3], "c": ["x", "y"]})],
        Frame({"a": [1, 2, 3], "b": [1.5, np.nan, 0.5], "c": [np.nan, "x", "y"]}),
    ),
    "rows that are there several times": (
        [Frame({"a": [1, 1], "b": [3, 4]}), Frame({"a": [1, 1], "c": [5, 6]})],
        Frame({"a": [1] * 4, "b": [3, 3, 4, 4], "c": [5, 6, 5, 6]}),
    ),
    "two columns": (
        [Frame({"a": [1, 1], "b": [1, 2], "x": [0, 1]}), Frame({"a": [1, 1], "b": [2, 3], "y": [5, 6]})],
        Frame({"a": [1, 1, 1], "b": [1, 2, 3], "x": [0, 1, np.nan], "y": [np.nan, 5, 6]}),
    ),
    "integers and floats": (
        [Frame({"a": [1, 2], "b": [3, 4]}), Frame({"a": [1.0, 3.0], "c": [5, 6]})],
        Frame({"a": [1.0, 2.0, 3.0], "b": [3, 4, np.nan], "c": [5, np.nan, 6]}),
    ),
    "a dict and a frame": (
        [{"a": [1, 2, 3]}, Frame({"a": [2, 3], "b": [0.5, 1.5]})],
        Frame({"a": [1, 2, 3], "b": [np.nan, 0.5, 1.5]}),
    ),
    "a frame and a Series": (
        [Frame({"a": [3, 1, 2], "b": [3, 4, 5]}), pd.Series([2, 3], name="a")],
        Frame({"a": [1, 2, 3], "b": [4, 5, 3]}),
    ),
    "the same values": ([{"a": [1, 2]}, {"a": [1, 2]}], Frame({"a": [1, 2]}).astype("category")),
    "other values": ([{"a": [2, 1]}, {"a": [2, 3]}], Frame({"a": [1, 2, 3]})),
    "others between them": (
        [{"c": [0, 1]}, Frame({"a": [2, 1], "b": [3, 4]}), Frame({"a": [1, 2, 2], "d": [5, 6, 7]})],
        Frame({"c": [0, 1, 0, 0, 1, 1], "a": [1, 1, 2, 2, 2, 2]}).assign(
            b=[4, 4, 3, 3, 3, 3], d=[5, 5, 6, 7, 6, 7], c=lambda frame: frame["c"].astype("category")
        ),
    ),
}


@pytest.mark.parametrize("case", SHARED)
def test_rows_with_the_same_value_in_a_common_column_go_together(case: str) -> None:
    arguments, expected = SHARED[case]
    assert_frame_equal(product(*arguments), expected)


# ---- product: which dtypes


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 2, 1],
        ["b", "a"],
        [0.5, float("nan"), -1.0],
        [1, 2.5],
        [True, False],
        [1, "x"],
        [True, 0.5, "x"],
        [2**63, 1],
        [np.int64(1), 1, np.float64(2)],
        [(1, 2), (0, 1)],
        range(10, 0, -3),
        np.array([2, 1], dtype=np.int8),
        pd.to_datetime(["2021-01-01", "2020-01-01"]),
        pd.array([2, None], dtype="Int64"),
    ],
)
def test_hashable_values_become_the_categories_that_pandas_infers(values: Any) -> None:
    column = product({"a": values})["a"]
    pd.testing.assert_series_equal(column, pd.Series(values, dtype="category", name="a"))


GIVEN = pytest.mark.parametrize(
    "values",
    [
        [None, 5, 10],
        [5, None, 10],
        [True, False, None],
        [None, "x"],
        [None, 0.5],
        [None, None],
        [None, [1]],
        [None, np.array([1, 2])],
        [None, pd.Timestamp("2020-01-01")],
        [2**60 + 1, None],
        [pd.NA, "x"],
        [True, 1, "auto"],
        [False, 0],
        [1, True, 1.0, "x"],
    ],
    ids=repr,
)


def same(found: list[Any], values: list[Any]) -> bool:
    """Compare values and their types: 1, 1.0 and True are equal, but not written in the same way."""
    return repr(found) == repr(values)


@GIVEN
@pytest.mark.parametrize("infer_category", [True, False])
@pytest.mark.parametrize("form", [list, iter, lambda values: object_array(values, len(values))])
def test_none_and_equal_values_of_different_types_stay_what_they_are(
    values: list[Any], infer_category: bool, form: Callable[[list[Any]], Any]
) -> None:
    df = product({"a": form(values), "b": [7]}, infer_category=infer_category)
    assert df["a"].dtype == object
    assert same(df["a"].tolist(), values)
    assert same([pset["a"] for pset in make_psets(as_source(df), range(len(df)))], values)


@GIVEN
def test_an_object_column_of_the_callers_stays_one_where_a_categorical_would_change_it(
    values: list[Any],
) -> None:
    series = pd.Series(object_array(values, len(values)), dtype=object, name="a")
    for argument in (series, series.to_frame()):
        assert same(product(argument)["a"].tolist(), values)


@pytest.mark.parametrize(
    "values", [[1, 1.0], [0, 0.5, 0.0], [(1, 2), (1.0, 2)], [frozenset([1]), frozenset([True])]], ids=repr
)
def test_a_categorical_never_makes_one_value_of_two(values: list[Any]) -> None:
    assert same(product({"a": values})["a"].tolist(), values)


def test_a_missing_time_stays_one() -> None:
    values = [pd.NaT, pd.Timestamp("2020-01-01")]
    for infer_category in (True, False):
        df = product({"a": values}, infer_category=infer_category)
        assert same([pset["a"] for pset in make_psets(as_source(df), range(2))], values)


def test_plain_integers_and_floats_become_floats() -> None:
    for infer_category in (True, False):
        assert same(product({"a": [1, 0.5]}, infer_category=infer_category)["a"].tolist(), [1.0, 0.5])
    assert product({"a": [1, 1.0]}, infer_category=False)["a"].dtype == np.float64


def test_what_pandas_has_made_of_the_callers_values_stays() -> None:
    series = pd.Series([None, 5, 10], name="a")
    for argument in (series, series.to_frame(), {"a": series}):
        assert product(argument)["a"].cat.categories.dtype == np.float64
        assert product(argument, infer_category=False)["a"].dtype == np.float64


@pytest.mark.parametrize("values", [[[5, 6], [7, 8]], [{"k": 1}, {}], [np.array([1, 2]), np.array([3, 4])]])
@pytest.mark.parametrize("wrap", [lambda values: {"c": values}, lambda values: Frame({"c": values})])
def test_values_that_cannot_be_hashed_stay_objects(values: list[Any], wrap: Callable[[Any], Any]) -> None:
    df = product({"a": [1, 2]}, wrap(values))
    assert df["c"].dtype == object
    assert [id(value) for value in df["c"]] == [id(value) for value in df["c"][:2]] * 2


def test_a_dataframe_of_several_columns_keeps_its_dtypes() -> None:
    frame = Frame(
        {
            "integer": np.array([1, 2], dtype=np.int16),
            "float": np.array([1, 2], dtype=np.float32),
            "flag": [True, False],
            "text": ["x", None],
            "time": pd.to_datetime(["2020-01-01", None]),
            "zoned": pd.to_datetime(["2020-01-01", "2021-01-01"]).tz_localize("UTC"),
            "nullable": pd.array([1, None], dtype="Int64"),
            "ordered": pd.Categorical(["low", "high"], categories=["low", "high", "top"], ordered=True),
            "list": [[1], [2]],
        }
    )
    frame["object"] = pd.Series(["x", "y"], dtype=object)
    for infer_category in (True, False):
        df = product({"a": [1]}, frame, infer_category=infer_category)
        assert_frame_equal(df[list(frame.columns)], frame)
        df = product(frame, {"a": [1, 2]}, infer_category=infer_category)
        repeated = frame.loc[[0, 0, 1, 1]].reset_index(drop=True)
        assert_frame_equal(df[list(frame.columns)], repeated)


def test_infer_category_false_leaves_dtypes_alone() -> None:
    axes = {"a": [1, 2], "b": [0.5], "c": np.array([1], dtype=np.int8), "d": [[1]]}
    df = product(axes, pd.Series([True], name="e"), Frame({"f": [1]}), infer_category=False)
    assert kinds(df) == ["int64", "float64", "int8", "object", "bool", "int64"]


@pytest.mark.parametrize("infer_category", [True, False])
def test_a_categorical_stays_as_it_is(infer_category: bool) -> None:
    sizes = pd.Series(["s", "l"], name="size", dtype=pd.CategoricalDtype(["s", "m", "l"], ordered=True))
    for argument in (sizes, sizes.to_frame(), {"size": sizes}):
        df = product({"a": [1, 2]}, argument, infer_category=infer_category)
        assert df["size"].dtype == sizes.dtype
        assert df["size"].tolist() == ["s", "l", "s", "l"]


def test_a_categorical_takes_one_byte_per_row() -> None:
    df = product({"a": range(100), "b": range(100)}, {"c": range(10)})
    assert df.memory_usage(index=True).sum() < 3.2 * len(df)


# ---- product: an ordinary DataFrame


def test_the_result_is_writable_and_has_a_range_index() -> None:
    df = product({"a": [1, 2]}, Frame({"b": [3, 4], "c": ["x", "y"], "d": [0.5, 1.5]}))
    assert repr(df.index) == "RangeIndex(start=0, stop=4, step=1)"
    df["i"] = range(len(df))
    df.loc[0, ["a", "b", "c", "d"]] = [2, 9, "z", 7.5]
    assert cells(df)[:2] == [(2, 9, "z", 7.5, 0), (1, 4, "y", 1.5, 1)]


@pytest.mark.parametrize("infer_category", [True, False])
def test_the_result_shares_nothing_with_the_arguments(infer_category: bool) -> None:
    array = np.array([1, 2])
    series = pd.Series(pd.Categorical(["x", "y"]), name="a")
    for argument in ({"a": array}, Frame({"a": array, "b": array}), series):
        df = product(argument, infer_category=infer_category)
        df.loc[0, "a"] = df.loc[1, "a"]
        assert array.tolist() == [1, 2]
        assert series.tolist() == ["x", "y"]


def test_the_arguments_are_not_changed() -> None:
    frame, axes = Frame({"a": [1, 2]}, index=[5, 6]), {"b": [1]}
    before = frame.copy()
    product(frame, axes)
    assert_frame_equal(frame, before)
    assert axes == {"b": [1]}


# ---- product: what it refuses


@pytest.mark.parametrize("argument", [3, "a", None, [1, 2], np.array([1]), grid(x=[1])])
def test_an_argument_of_another_kind_is_refused(argument: Any) -> None:
    with pytest.raises(ValueError, match="give a dict of lists, a Series or a DataFrame"):
        product({"a": [1]}, argument)


def test_two_series_without_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match="rename"):
        product(pd.Series([1, 2]), {"a": [1]}, pd.Series([3]))


@pytest.mark.parametrize("values", [{1, 2}, {"k": 1}, np.ones((2, 2)), Frame({"x": [1]})])
def test_what_is_no_list_of_values_is_refused_by_name(values: Any) -> None:
    with pytest.raises(ValueError, match="'b' needs a list of values"):
        product({"a": [1], "b": values})


def test_a_table_with_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="column 'a' occurs 2 times"):
        product(Frame([[1, 2]], columns=["a", "a"]))


def test_columns_in_common_that_cannot_be_compared_are_refused_by_name() -> None:
    texts, lists = Frame({"a": ["x"], "c": [1]}), Frame({"a": [[1]], "c": [1]})
    for other in (texts, lists):
        with pytest.raises(ValueError, match="have 'a' in common, and the values cannot be compared"):
            product(Frame({"a": [1], "b": [2]}), other)


# ---- grid and product


def test_a_grid_has_the_rows_of_the_product() -> None:
    axes = {"a": [3, 1, 2], "b": ["x", "y"], "c": [0.5]}
    assert cells(grid(**axes).to_df()) == cells(product(axes))
    assert_frame_equal(grid(**axes).to_df(), product(axes, infer_category=False))


@GIVEN
def test_a_grid_has_the_very_values_of_the_product(values: list[Any]) -> None:
    found = grid(a=values, b=[1, 2]).to_df()
    assert_frame_equal(found, product({"a": values, "b": [1, 2]}, infer_category=False))
    assert same(found["a"].tolist(), [value for value in values for _ in range(2)])


def test_axes_can_be_given_by_keyword() -> None:
    expected = product({"a": [1, 2]}, {"b": [3, 4]})
    assert_frame_equal(product(a=[1, 2], b=[3, 4]), expected)
    assert_frame_equal(product({"a": [1, 2]}, b=[3, 4]), expected)


def test_a_misspelled_option_is_no_axis() -> None:
    with pytest.raises(TypeError, match="did you mean 'infer_category'"):
        product({"a": [1]}, infer_categories=False)  # type: ignore[arg-type]  # that is the mistake
