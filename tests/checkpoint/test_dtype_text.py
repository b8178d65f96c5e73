"""The dtypes of pandas, written into parts and read back; values count for more than their dtype."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import paramsurvey
from paramsurvey.checkpoint.format.dtype_text import categories_in, dtype_text, restore_dtype

NAMES = ["low", "middle", "high"]

COLUMNS = [
    pd.Series([1, 2], dtype="int8"),
    pd.Series([1, 2], dtype="float32"),
    pd.Series([1, None], dtype="Int64"),
    pd.Series([True, None], dtype="boolean"),
    pd.Series(["a", None], dtype="string"),
    pd.Series(pd.to_datetime(["2026-11-30"]), dtype="datetime64[s]"),
    pd.Series(["low"], dtype=pd.CategoricalDtype(NAMES, ordered=True)),
    pd.Series(["low", None], dtype=pd.CategoricalDtype(NAMES)),
    pd.Series([2], dtype=pd.CategoricalDtype([3, 2, 1])),
    pd.Series([0.5], dtype=pd.CategoricalDtype([0.5, 1.5])),
    pd.Series([True], dtype=pd.CategoricalDtype([True, False])),
    pd.Series([1, None], dtype=pd.ArrowDtype(pa.int16())),
    pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string())),
    pd.Series([None], dtype="string"),
    pd.Series([datetime(2026, 11, 30)], dtype=pd.ArrowDtype(pa.timestamp("us"))),
    pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int32()))),
    pd.Series([{"a": 1}], dtype=pd.ArrowDtype(pa.struct([("a", pa.int8())]))),
]


ARROW = {
    name: dtype_text(pd.ArrowDtype(kind))
    for name, kind in {
        "int16": pa.int16(),
        "float": pa.float32(),
        "string": pa.string(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "binary": pa.binary(),
        "duration": pa.duration("us"),
        "time": pa.timestamp("us"),
        "time with a zone": pa.timestamp("us", "UTC"),
        "decimal": pa.decimal128(10, 2),
    }.items()
}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.dtype))
def test_a_column_gets_its_dtype_back(column: pd.Series[Any]) -> None:
    back = restore_dtype(pd.Series(column.astype(object).tolist(), dtype=object), dtype_text(column.dtype))
    pd.testing.assert_series_equal(back, column)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(("count", "are_kept"), [(1000, True), (1001, False)])
def test_a_thousand_categories_are_kept_more_are_not_written_into_every_part(
    count: int, are_kept: bool, ordered: bool
) -> None:
    dtype = pd.CategoricalDtype(list(range(count)), ordered=ordered)
    back = restore_dtype(pd.Series([5, 3]), dtype_text(dtype))
    assert isinstance(back.dtype, pd.CategoricalDtype)
    assert back.tolist() == [5, 3]
    assert (back.dtype == dtype) == are_kept
    assert len(back.dtype.categories) == (count if are_kept else 2)


def test_categories_are_in_the_text_in_their_order() -> None:
    assert categories_in(dtype_text(pd.CategoricalDtype(NAMES))) == NAMES
    assert categories_in(dtype_text(pd.CategoricalDtype([3, 1, 2], ordered=True))) == [3, 1, 2]
    for text in ("category", "int64", "", dtype_text(pd.CategoricalDtype())):
        assert categories_in(text) == []


def test_categories_that_are_no_json_are_those_that_occur() -> None:
    for values in ([date(2026, 1, 1), date(2027, 1, 1)], [(1,), (2,)]):
        dtype = pd.CategoricalDtype(pd.Index(values, dtype=object, tupleize_cols=False))
        assert dtype_text(dtype) == "category"
        back = restore_dtype(pd.Series(values[:1]), dtype_text(dtype))
        assert back.dtype.categories.tolist() == values[:1]  # type: ignore[union-attr]


def test_categories_that_are_not_known_are_those_that_occur() -> None:
    assert dtype_text(pd.CategoricalDtype()).startswith("category")
    back = restore_dtype(pd.Series(["b", "a"]), dtype_text(pd.CategoricalDtype()))
    assert sorted(back.dtype.categories) == ["a", "b"]  # type: ignore[union-attr]


def test_a_value_that_is_no_category_of_this_part_is_not_lost() -> None:
    back = restore_dtype(pd.Series(["low", "new", None]), dtype_text(pd.CategoricalDtype(NAMES)))
    assert back.dropna().tolist() == ["low", "new"]
    assert sorted(back.dtype.categories) == ["low", "new"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.5, 2.0], "int64"),
        ([300, 1], "int8"),
        ([-1, 1], "uint8"),
        ([1, 2], "str"),
        ([1, None], "string"),
        ([0.1, 0.2], "float16"),
        (["a"], "int64"),
        ([1.0, None], "bool"),
        ([1], "geometry"),
        ([1], "of a package that is not there[x]"),
        (["a"], ARROW["int16"]),
        ([1.5], ARROW["int16"]),
        ([0.1], ARROW["float"]),
        ([1, 2], ARROW["string"]),
        ([5], ARROW["bool"]),
        ([datetime(2026, 11, 30, 12)], ARROW["date"]),
        ([datetime(2026, 11, 30)], ARROW["date"]),
        ([datetime(2026, 11, 30)], ARROW["time with a zone"]),
        ([datetime(2026, 11, 30, tzinfo=UTC)], ARROW["time"]),
        ([1], ARROW["time"]),
        ([1], ARROW["duration"]),
        (["a"], ARROW["binary"]),
        ([0.1], ARROW["decimal"]),
        ([1], "arrow no base64"),
        ([1], ""),
    ],
)
def test_a_dtype_that_would_change_the_values_or_is_not_known_is_left(values: list[Any], text: str) -> None:
    column = pd.Series(values)
    pd.testing.assert_series_equal(restore_dtype(column, text), column)


MANY = 300_000


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pd.Series(["a", "b", None] * (MANY // 3), dtype=object), "string"),
        (pd.Series(["a", "b", None] * (MANY // 3), dtype=object), ARROW["string"]),
        (pd.Series(range(MANY)).mod(1000), ARROW["int16"]),
        (pd.Series(pd.date_range("2026-11-30", periods=MANY, freq="s")), ARROW["time"]),
        (pd.Series([date(2026, 11, 30), None] * (MANY // 2), dtype=object), ARROW["date"]),
    ],
    ids=["string", "arrow string", "arrow integers", "arrow times", "arrow dates"],
)
def test_no_whole_column_becomes_python_objects(
    values: pd.Series[Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [0]
    tolist = pd.Series.tolist

    def counted(series: pd.Series[Any]) -> list[Any]:
        lengths.append(len(series))
        return tolist(series)

    monkeypatch.setattr(pd.Series, "tolist", counted)
    back = restore_dtype(values, text)
    assert back.dtype != values.dtype
    assert max(lengths) < MANY // 4
    for wrong in (0, MANY - 1):  # in the first block as in the last
        other = values.astype(object)
        other[wrong] = 0.25
        assert restore_dtype(other, text).dtype == object


def test_what_is_missing_stays_missing() -> None:
    back = restore_dtype(pd.Series([1.0, None]), "Int64")
    assert back.dtype == "Int64"
    assert back.isna().tolist() == [False, True]
    assert restore_dtype(pd.Series([0.5, None]), "float32").isna().tolist() == [False, True]


def test_numbers_of_a_survey_that_went_on_with_texts_are_no_texts() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    for values in (pd.Series([1, 2]), pd.Series([None], dtype="str")):
        paramsurvey.map(lambda pset, *_: {}, pd.DataFrame({"a": values}), checkpoint="dir")
    assert paramsurvey.load("dir").a[:2].tolist() == [1, 2]


@pytest.mark.parametrize(
    "values",
    [
        [2**53 + 1, None, 1],
        [2**64 - 1, 2**63, None],
        [2**53 + 1, 0.5, None],
        [1, 0.5, 3],
        [0.5, 1, float("nan")],
        ["a", None, float("nan")],
        [datetime(2026, 11, 30), None, pd.NaT],
        [True, pd.NA, None],
        [1, 2, 3],
    ],
    ids=str,
)
def test_a_column_of_objects_has_the_objects_that_it_had(values: list[Any]) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = pd.DataFrame({"a": pd.Series(values, dtype=object)})
    paramsurvey.map(lambda pset, *_: {}, psets, checkpoint="dir")
    back = paramsurvey.load("dir").a
    assert back.dtype == object
    assert [repr(value) for value in back] == [repr(value) for value in values]


def test_a_column_of_objects_has_nan_where_a_part_did_not_have_its_key() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    for psets in ({"a": pd.Series([2**53 + 1], dtype=object)}, {"b": [1]}):
        paramsurvey.map(lambda pset, *_: {}, pd.DataFrame(psets), checkpoint="dir")
    assert repr(paramsurvey.load("dir").a.tolist()) == repr([2**53 + 1, float("nan")])
