"""Categoricals that product and add_column make: known among the user's own, and native in results."""

from __future__ import annotations

import copy
import datetime
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from paramsurvey.params import add_column, product
from paramsurvey.params.categories import is_inferred
from paramsurvey.params.sources import as_source, cell_list

Frame = pd.DataFrame


def inferred(df: Frame) -> dict[str, bool]:
    return {name: is_inferred(dtype) for name, dtype in df.dtypes.items()}


def shown(df: Frame) -> Frame:
    """Return the table that a map shows when all its psets have finished."""
    return as_source(df).frame()


# ---- which categoricals are known to be inferred


def test_a_product_and_a_computed_column_are_marked_and_the_users_own_are_not() -> None:
    own = Frame({"own": pd.Categorical(["x", "y"]), "i": [1, 2]})
    df = product({"a": [1, 2]}, pd.Series(["u", "v"], name="b"), Frame({"c": [0.5]}), own)
    df = add_column(df, "d", lambda row: "a long text, which is worth a category")
    df["e"] = df["b"].astype(str).astype("category")
    assert inferred(df) == {"a": True, "b": True, "c": True, "own": False, "i": False, "d": True, "e": False}


@pytest.mark.parametrize(
    "own",
    [
        pd.Categorical(["x", "y"]),
        pd.Categorical(["x", "y"], categories=["y", "x", "z"], ordered=True),
        pd.Series(["x", "y"], dtype="category", name="a"),
        pd.CategoricalIndex(["x", "y"], name="a"),
    ],
    ids=lambda own: type(own).__name__,
)
def test_a_categorical_that_is_given_to_a_product_stays_the_users(own: Any) -> None:
    df = product({"a": own, "b": [1, 2]})
    assert inferred(df) == {"a": False, "b": True}
    assert shown(df)["a"].dtype == own.dtype


def test_one_that_the_user_puts_in_an_order_is_the_users() -> None:
    df = product({"a": [1, 2]})
    df["a"] = df["a"].cat.as_ordered()
    assert inferred(df) == {"a": False}


WAYS: dict[str, Callable[[Frame], Frame]] = {
    "filtered": lambda df: df[df["a"] == 1],
    "queried": lambda df: df.query("a == 1", engine="python"),
    "copied": lambda df: df.copy(),
    "deep copied": copy.deepcopy,
    "pickled": lambda df: pickle.loads(pickle.dumps(df)),
    "pickled twice": lambda df: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(df)))),
    "concatenated": lambda df: pd.concat([df, df[:2]], ignore_index=True),
    "concatenated with another product": lambda df: pd.concat(
        [df, product({"a": [3, 1, 2], "s": ["x", "y"]})]
    ),
    "concatenated sideways": lambda df: pd.concat([df, Frame({"i": range(len(df))})], axis=1),
    "with a new index": lambda df: df.reset_index(drop=True),
    "from an index": lambda df: df.set_index("a").reset_index(),
    "numbered": lambda df: df.assign(i=range(len(df))),
    "sorted": lambda df: df.sort_values("s"),
    "sampled": lambda df: df.sample(3, random_state=1),
    "without duplicates": lambda df: df.drop_duplicates(),
    "repeated": lambda df: df.loc[df.index.repeat(2)],
    "merged": lambda df: df.merge(product({"a": [1, 2, 3]}), on="a"),
    "crossed": lambda df: df.merge(Frame({"z": [1, 2]}), how="cross"),
    "grouped": lambda df: df.groupby(["a", "s"], observed=True).size().reset_index(),
    "renamed": lambda df: df.rename(columns={"a": "b"}).rename(columns={"b": "a"}),
    "changed in a cell": lambda df: changed_in_a_cell(df),
    "with only what is used": lambda df: df.assign(a=df["a"].cat.remove_unused_categories()),
    "astype category": lambda df: df.astype("category"),
    "made of its columns": lambda df: Frame({name: df[name] for name in df}),
    "with holes": lambda df: df.reindex(range(20)),
}


def changed_in_a_cell(df: Frame) -> Frame:
    df.loc[0, "a"] = 2
    return df


@pytest.mark.parametrize("way", WAYS)
def test_the_mark_survives_what_is_done_to_the_psets(way: str) -> None:
    df = WAYS[way](product({"a": [1, 2, 3], "s": ["x", "y"]}))
    assert {name: is_inferred(df[name].dtype) for name in ("a", "s")} == {"a": True, "s": True}


def test_a_product_equals_the_same_categoricals_made_by_hand() -> None:
    df, by_hand = product({"a": [1, 2], "s": ["x", "y"]}), Frame({"a": [1, 1, 2, 2], "s": ["x", "y"] * 2})
    assert_frame_equal(df, by_hand.astype("category"))
    assert_frame_equal(by_hand.astype("category"), df)
    assert df.equals(by_hand.astype("category"))
    assert df["a"].dtype == "category"
    assert df["a"].dtype == by_hand["a"].astype("category").dtype


def test_a_pickled_product_can_be_loaded_without_paramsurvey(in_tmp: Path) -> None:
    product({"a": [1, 2], "s": ["x", "y"]}).to_pickle("psets.pickle")
    code = "sys.modules['paramsurvey'] = None; print(len(pandas.read_pickle('psets.pickle')))"
    command = [sys.executable, "-c", f"import sys, pandas; {code}"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"4\n"


# ---- what they become


DAY, MOMENT = datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 12)
STAMPS = pd.date_range("2020-01-01", periods=2)

SHAPES: dict[str, Any] = {
    "integers": [1, 2, 3],
    "floats": [0.5, 1.5],
    "texts": ["x", "y"],
    "bools": [True, False],
    "integers and a float": [1, 2.5],
    "floats and nan": [0.5, float("nan")],
    "an integer and a text": [1, "x"],
    "a bool and a float": [True, 0.5],
    "int8": np.array([1, 2], dtype=np.int8),
    "float32": np.array([0.1, 0.2], dtype=np.float32),
    "beyond int64": [2**63, 1],
    "beyond uint64": [2**70, 1],
    "complex": [1j, 2.0],
    "dates": [DAY, datetime.date(2020, 1, 2)],
    "datetimes": [MOMENT],
    "timestamps": STAMPS,
    "zoned": STAMPS.tz_localize("UTC"),
    "seconds": np.array(["2020-01-01", "2021-01-01"], dtype="M8[s]"),
    "spans": [datetime.timedelta(1)],
    "periods": pd.period_range("2020", periods=2),
    "intervals": pd.interval_range(0, 2),
    "tuples": [(1, 2), (3, 4)],
    "bytes": [b"x"],
    "nullable": pd.array([2, 3], dtype="Int64"),
    "nullable with a hole": pd.array([2, None], dtype="Int64"),
}
"""Release 0.4.21 makes these of each: what pandas makes of a list of the values that the workers get."""


@pytest.mark.parametrize("shape", SHAPES)
def test_an_inferred_categorical_becomes_what_pandas_makes_of_its_values(shape: str) -> None:
    df = product({"a": SHAPES[shape], "b": [1, 2]})
    source = as_source(df)
    seen = cell_list(source.columns(range(len(df)))["a"])
    expected = pd.Series(seen, name="a")
    assert_series_equal(source.frame()["a"], expected)
    assert source.dtypes()["a"] == expected.dtype


def test_the_dtypes_of_a_product_in_results_are_those_of_release_0_4() -> None:
    df = product({"a": [1, 2, 3], "c": [0.5, 1.5], "s": ["x", "y"], "t": [True, False]})
    text = pd.Series(["x"]).dtype  # str with pandas 3, object before
    assert shown(df).dtypes.tolist() == [np.int64, np.float64, text, np.bool_]
    assert df.dtypes.tolist() == ["category"] * 4, "the user's psets keep the small columns"


def test_a_computed_column_of_integers_is_one_in_results() -> None:
    df = add_column(product({"a": range(1000)}), "b", lambda row: row["a"] % 7)
    assert df["b"].dtype == "category"
    assert_series_equal(shown(df)["b"], pd.Series([i % 7 for i in range(1000)], name="b"))


def test_only_the_values_that_are_there_count() -> None:
    df = product({"a": [1, 2, "auto"]})
    assert_series_equal(shown(df[df["a"] != "auto"])["a"], pd.Series([1, 2], name="a"))


def test_the_dtype_is_that_of_all_psets_whichever_have_finished() -> None:
    source = as_source(product({"a": pd.array([1, 2, None], dtype="Int64"), "m": [1, "x"]}))
    assert source.frame(range(2)).dtypes.tolist() == source.frame().dtypes.tolist() == [np.float64, object]
    assert source.frame(np.array([0, 3]))["a"].tolist() == [1.0, 2.0]


def test_no_psets_have_the_dtypes_of_the_values_that_there_could_be() -> None:
    assert shown(product({"a": [1, 2], "b": []}))["a"].dtype == np.int64
    assert shown(product({"a": ["x"], "b": [1]})[:0])["b"].dtype == np.int64


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(-(2**65), 2**65), st.floats(), st.text(max_size=2), st.booleans()), min_size=1
    ),
    st.data(),
)
def test_any_values_become_what_pandas_makes_of_a_list(values: list[Any], data: st.DataObject) -> None:
    df = product({"a": values})
    assume(df["a"].dtype == "category")
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1))
    source = as_source(df.iloc[rows].reset_index(drop=True))
    seen = cell_list(source.columns(range(len(rows)))["a"])
    assert_series_equal(source.frame()["a"], pd.Series(seen, name="a"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None], [1.0, float("nan")]),
        ([0.5, None], [0.5, float("nan")]),
        (["x", None], ["x", None]),
        ([True, None], [True, None]),
        ([pd.NaT, pd.Timestamp("2020-01-01")], [pd.NaT, pd.Timestamp("2020-01-01")]),
        ([1, 1.0], [1.0, 1.0]),
        ([1, True], [1, True]),
    ],
    ids=repr,
)
def test_values_that_no_categorical_holds_are_exact_for_workers_and_native_in_results(
    values: list[Any], expected: list[Any]
) -> None:
    df = product({"a": values, "b": [7]})
    source = as_source(df)
    assert repr(cell_list(source.columns(range(2))["a"])) == repr(values)
    assert_series_equal(source.frame()["a"], pd.Series(expected, name="a"))
    again = product(df, {"c": [1]})
    assert_series_equal(as_source(again).frame()["a"], pd.Series(expected, name="a"))


def test_an_object_column_of_the_users_stays_one() -> None:
    own = pd.Series([1, None], dtype=object, name="a")
    assert shown(own.to_frame())["a"].dtype == object
    assert shown(product(own, infer_category=False))["a"].dtype == object
    changed = product({"a": [1, None]})
    changed.loc[0, "a"] = "x"
    assert shown(changed)["a"].tolist() == ["x", None]


def test_psets_travel_as_codes_and_are_made_values_of_only_for_results() -> None:
    df = product({"a": range(100), "b": range(100)})
    source = as_source(df)
    assert [column.dtype for column in source.payload(range(10_000))] == [np.int8, np.int8]
    assert source.frame().memory_usage(index=False).tolist() == [80_000, 80_000]
