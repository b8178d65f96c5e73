"""The dtypes and values of result columns: the same on every backend, and those that pandas would choose."""

from __future__ import annotations

import datetime
import subprocess
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import paramsurvey
from paramsurvey import Session
from paramsurvey.params import product
from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs


def column_of(place: Place, values: list[Any], **options: Any) -> pd.Series[Any]:
    """Return the result column of a survey whose psets return `values`, nothing for an ``Ellipsis``."""

    def worker(pset: dict[str, Any], system_kwargs: Any, values: list[Any]) -> dict[str, Any]:
        value = values[pset["i"]]
        return {} if value is ... else {"r": value}

    psets = [{"i": i} for i in range(len(values))]
    return place.map(worker, psets, user_kwargs=values, **options)["r"]


BIG = 2**63
MIXES: dict[str, list[Any]] = {
    "ints": [1, 2, 3],
    "floats": [0.5, 1.0],
    "bools": [True, False],
    "strings": ["x", "y"],
    "ints then a float": [1, 2, 0.5],
    "a float then ints": [0.5, 1, 2],
    "ints and nan": [1, float("nan"), 2],
    "ints and None": [1, None, 2],
    "floats and None": [0.5, None],
    "None only": [None, None],
    "strings and None": ["x", None],
    "strings and nan": ["x", float("nan")],
    "ints, floats, None and strings": [1, 0.5, None, "x", 2],
    "bools and ints": [True, 2, False],
    "bools and None": [True, None],
    "bools and floats": [True, 0.5],
    "big ints": [BIG, 1],
    "very big ints": [BIG * 4, 1],
    "big negative ints": [-BIG, -1],
    "ints beyond float": [2**53 + 1, 2**60 + 1],
    "ints beyond float, and a float": [2**53 + 1, 0.5],
    "ints beyond float, and a string": [2**53 + 1, "x", 0.5],
    "numpy ints": [np.int8(1), np.uint64(2), np.int64(3)],
    "numpy's largest": [np.uint64(2**64 - 1), 1],
    "numpy floats": [np.float32(0.5), np.float64(0.25)],
    "numpy bools": [np.bool_(True), True],
    "numpy strings": [np.str_("x"), "y"],
    "numpy dates": [np.datetime64("2020-01-01"), np.datetime64("2020-01-02T03:04:05.678")],
    "numpy spans": [np.timedelta64(1, "s"), np.timedelta64(1, "D")],
    "complex": [1j, 2],
    "datetimes": [datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)],
    "datetimes and None": [datetime.datetime(2020, 1, 1), None],
    "dates": [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
    "timestamps": [pd.Timestamp("2020-01-01"), pd.NaT],
    "timestamps of two zones": [
        pd.Timestamp("2020-01-01", tz="UTC"),
        pd.Timestamp("2020-01-01", tz="Asia/Tokyo"),
    ],
    "timedeltas": [pd.Timedelta("1s"), datetime.timedelta(seconds=2)],
    "decimals": [Decimal("1.5"), Decimal(2)],
    "lists": [[1], [1, 2], []],
    "lists of one length": [[1, 2], [3, 4]],
    "tuples": [(1, 2), (3, 4)],
    "nested lists": [[[1, 2], [3]], [[4], [5, 6]]],
    "sets": [{1}, {2}],
    "dicts": [{"x": 1}, {"x": {"y": [2]}}],
    "bytes": [b"x", b""],
    "pd.NA": [pd.NA, 1],
    "intervals": [pd.Interval(0, 1), pd.Interval(1, 2)],
    "ranges": [range(2), range(3)],
    "types": [int, str],
    "a list among numbers": [1, [2], 0.5],
    "a missing int": [1, ..., 2],
    "a missing float": [..., 0.5],
    "a missing bool": [True, ...],
    "a missing string": ["x", ...],
    "a missing big int": [2**60, ...],
    "a missing list": [[1], ...],
}


NUMBERS = (np.int8, np.int64, np.uint64, np.floating, np.bool_, np.str_)


def as_pandas_has_it(values: list[Any]) -> pd.Series[Any]:
    """Return what a list of the values is to pandas; numpy's numbers are Python's."""
    plain = [float("nan") if value is ... else value for value in values]
    return pd.Series([value.item() if isinstance(value, NUMBERS) else value for value in plain], name="r")


@pytest.mark.parametrize("mix", MIXES)
def test_a_column_is_what_pandas_makes_of_the_list_of_its_values(place: Place, mix: str) -> None:
    values = MIXES[mix]
    expected = as_pandas_has_it(values)
    for size in (1, 100):
        assert_series_equal(column_of(place, values, group_size=size), expected)


@pytest.mark.parametrize("mix", MIXES)
@needs("concurrent")
def test_a_column_does_not_depend_on_the_order_of_arrival(place: Place, mix: str) -> None:
    values = MIXES[mix] * 3

    def worker(pset: dict[str, Any], system_kwargs: Any, values: list[Any]) -> dict[str, Any]:
        import time

        time.sleep(0.003 * (pset["i"] % 2))
        value = values[pset["i"]]
        return {} if value is ... else {"r": value}

    results = place.map(worker, [{"i": i} for i in range(len(values))], user_kwargs=values, group_size=1)
    assert_series_equal(results["r"], as_pandas_has_it(values))


def test_arrays_of_any_shape_are_values(place: Place) -> None:
    shapes = [(2,), (3,), (2,), (0,), (2, 2), ()]
    column = column_of(place, [np.full(shape, 7) for shape in shapes])
    assert [value.shape for value in column] == shapes
    assert column.dtype == object


def test_arrays_of_one_shape_are_values(place: Place) -> None:
    column = column_of(place, [np.arange(3), np.arange(3) + 1])
    assert [value.tolist() for value in column] == [[0, 1, 2], [1, 2, 3]]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tables_are_values(place: Place, count: int) -> None:
    frames = column_of(place, [pd.DataFrame({"x": range(i)}) for i in range(count)])
    assert [len(frame) for frame in frames] == list(range(count))
    series = column_of(place, [pd.Series(range(i), dtype=object) for i in range(count)])
    assert [len(one) for one in series] == list(range(count))
    equal = column_of(place, [pd.DataFrame({"x": [1, 2]})] * count)
    assert [frame.shape for frame in equal] == [(2, 1)] * count


class Odd:
    """Claims to be many things, and raises when it is taken for one of them."""

    def __init__(self, i: int) -> None:
        self.i = i

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __getitem__(self, at: Any) -> Any:
        raise RuntimeError("no items")

    def __iter__(self) -> Any:
        raise RuntimeError("no iteration")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_objects_that_raise_at_every_touch_are_values(place: Place, count: int) -> None:
    psets = [{"i": i, "odd": Odd(i)} for i in range(count)]
    results = place.map(lambda p, s, u: {"r": p["odd"]}, psets)
    failed = place.map(lambda p, s, u: 1 / 0, psets)
    assert [value.i for value in results["r"]] == list(range(count))
    assert [row["odd"].i for row in results.iterdicts()] == list(range(count))
    assert [value.i for value in failed.missing["odd"]] == list(range(count))


def test_a_completed_process_is_a_value(place: Place) -> None:
    psets = [{"run_args": ["echo", str(i)]} for i in range(3)]
    run_kwargs = {"stdout": subprocess.PIPE, "encoding": "utf-8"}
    results = place.map(
        paramsurvey.utils.subprocess_run_worker, psets, user_kwargs={"run_kwargs": run_kwargs}
    )
    assert [row.cli.stdout for row in results.itertuples()] == ["0\n", "1\n", "2\n"]
    assert [row.cli.returncode for row in results.itertuples()] == [0, 0, 0]


def test_a_late_float_among_integers_of_the_psets_promotes_the_column(place: Place) -> None:
    results = place.map(
        lambda p, s, u: {"type": type(p["a"]).__name__}, [{"a": i} for i in range(50)] + [{"a": 0.5}]
    )
    assert results["a"].dtype == np.float64
    assert results["a"].iloc[-1] == 0.5
    assert results["type"].tolist() == ["int"] * 50 + ["float"]


@pytest.mark.parametrize(
    ("values", "news", "expected"),
    [
        ([1, 2, 3], {0: 10}, [10, 2, 3]),
        ([1, 2, 3], {0: 2**60, 1: 5, 2: 6}, [2**60, 5, 6]),
        ([2**60 + 1, 2, 3], {1: 5}, [2**60 + 1, 5, 3]),
        ([1, 2, 3], {1: 0.5}, [1.0, 0.5, 3.0]),
        ([True, False, True], {1: True}, [True, True, True]),
        (["x", "y", "z"], {0: "new"}, ["new", "y", "z"]),
        ([1, 2, 3], {0: "x"}, ["x", 2, 3]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("categorical", [True, False])
def test_a_result_that_replaces_a_psets_value_in_some_rows_leaves_the_others(
    place: Place, values: list[Any], news: dict[int, Any], expected: list[Any], categorical: bool
) -> None:
    psets = product(pd.Series(values, name="a"), infer_category=categorical)
    psets["i"] = range(3)
    results = place.map(lambda p, s, u: {"a": news[p["i"]]} if p["i"] in news else None, psets)
    assert_series_equal(results["a"], pd.Series(expected, name="a"))


def test_a_dataframe_keeps_its_dtypes(place: Place) -> None:
    frame = pd.DataFrame(
        {
            "i8": np.array([1, 2], dtype=np.int8),
            "u64": np.array([1, 2**64 - 1], dtype=np.uint64),
            "f32": np.array([0.5, 1], dtype=np.float32),
            "b": [True, False],
            "s": ["x", "y"],
            "o": np.array(["x", None], dtype=object),
            "c": pd.Categorical(["x", "y"], categories=["y", "x", "z"], ordered=True),
            "t": pd.to_datetime(pd.Series(["2020-01-01", None])),
            "z": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("Europe/Oslo"),
            "d": pd.to_timedelta([1, 2], unit="s"),
            "I": pd.array([1, None], dtype="Int64"),
            "B": pd.array([True, None], dtype="boolean"),
        },
        index=[7, 3],
    )
    results = place.map(lambda p, s, u: {"r": 1}, frame)
    assert_frame_equal(results[list(frame)], frame.reset_index(drop=True))
    failed = place.map(lambda p, s, u: 1 / 0, frame)
    assert_frame_equal(failed.missing.to_psets(), frame.reset_index(drop=True))


# the same everywhere


def mixed_psets() -> list[dict[str, Any]]:
    """A thousand psets of every type, with missing keys."""
    psets: list[dict[str, Any]] = []
    for i in range(1000):
        pset = {
            "i": i,
            "f": i / 7,
            "s": f"s{i % 13}",
            "b": i % 2 == 0,
            "n": None,
            "maybe": None if i % 3 else i,
            "items": list(range(i % 4)),
            "t": pd.Timestamp("2020-01-01") + pd.Timedelta(hours=i),
            "mixed": [i, i / 2, str(i), None, i % 2 == 0][i % 5],
        }
        if i % 11 == 0:
            del pset["f"]
        if i % 17 == 0:
            del pset["s"]
        if i % 501 == 500:
            pset["rare"] = i
        psets.append(pset)
    return psets


def mixed_frame() -> pd.DataFrame:
    """The same as a DataFrame, with a categorical."""
    frame = pd.DataFrame(mixed_psets())
    frame["c"] = pd.Categorical(frame["s"])
    return frame


def mixed_worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any] | None:
    i = pset["i"]
    if i % 97 == 50:
        raise ValueError(f"no {i}")
    if i % 89 == 40:
        return None
    result = {"text": repr(sorted(pset.items(), key=lambda item: item[0])), "i2": i * i}
    result["either"] = [i, i / 3, f"{i}", None, [i], pset["t"]][i % 6]
    if i > 600:
        result["late"] = i / 2 if i > 800 else i
    return result


@pytest.mark.parametrize("make", [mixed_psets, mixed_frame])
def test_a_thousand_mixed_psets_give_the_same_table_everywhere(place: Place, make: Any) -> None:
    by_value = mixed_worker
    psets = make()
    with Session(backend="serial", verbose=0) as serial:
        expected = serial.map(lambda p, s, u: by_value(p, s, u), psets)
    results = place.map(lambda p, s, u: by_value(p, s, u), psets)
    assert_frame_equal(results.to_df(), expected.to_df())
    drop = ["_traceback"]
    assert_frame_equal(
        results.missing.to_df().drop(columns=drop), expected.missing.to_df().drop(columns=drop)
    )
    assert str(results.progress) == str(expected.progress)
    assert len(results) == 1000 - 10


def test_a_key_that_pandas_cannot_hold_is_written_out(place: Place) -> None:
    results = place.map(lambda pset, s, u: {"\ud800": pset["a"], "b": 1}, [{"a": 1}, {"a": 2}])
    assert results.columns.tolist() == ["a", r"\ud800", "b"]
    assert results[r"\ud800"].tolist() == [1, 2]
