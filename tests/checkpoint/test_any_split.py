"""What `scan` and reports have of a checkpoint does not depend on which psets came into which file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey.results.report_subjects import checkpoint_subject

NOON = datetime(2026, 11, 30, 12)
BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
SECONDS = pd.Timestamp("2026-11-30").as_unit("s")

ONE_TYPE: dict[str, tuple[str, list[Any]]] = {
    "integers and floats": ("double", [1, 2, 0.5]),
    "integers and no values": ("int64", [1, None, float("nan")]),
    "large integers and no values": ("int64", [2**60 + 1, None, float("nan")]),
    "integers and no time": ("int64", [1, pd.NaT, 2]),
    "integers and NA": ("int64", [1, pd.NA, 2]),
    "integers, floats and NA": ("double", [1, 0.5, pd.NA, float("nan")]),
    "bools and NA": ("bool", [True, False, pd.NA]),
    "texts and NA": ("string", ["a", pd.NA, None]),
    "bools and no values": ("bool", [True, None, float("nan")]),
    "texts and no values": ("string", ["a", None, float("nan")]),
    "texts, then no values": ("string", ["a", "b", None, float("nan")]),
    "small and large integers": ("decimal128(38, 0)", [1, 2**70, 3]),
    "large integers and floats": ("double", [2**70, 2, 0.5]),
    "durations of Python and pandas": (
        "duration[ns]",
        [timedelta(1), pd.Timedelta(1, "ns"), timedelta(days=-1, microseconds=1)],
    ),
    "durations of numpy": ("duration[s]", [np.timedelta64(1, "D"), np.timedelta64(1, "h"), None]),
    "times of Python and pandas": ("timestamp[ns]", [NOON, pd.Timestamp(1), SECONDS.as_unit("ms")]),
    "times of two zones": (
        "timestamp[us, tz=UTC]",
        [NOON.replace(tzinfo=BERLIN), NOON.replace(tzinfo=TOKYO), NOON.replace(tzinfo=UTC)],
    ),
    "times at two offsets": (
        "timestamp[us, tz=UTC]",
        [NOON.replace(tzinfo=timezone(timedelta(hours=hours))) for hours in (1, 2, 1)],
    ),
    "zoned times of pandas in two units": (
        "timestamp[ns, tz=UTC]",
        [pd.Timestamp(1, tz=BERLIN), SECONDS.tz_localize(TOKYO), pd.Timestamp(2, tz=BERLIN)],
    ),
    "zoned times of pandas in one zone and two units": (
        "timestamp[ns, tz=Europe/Berlin]",
        [SECONDS.tz_localize(BERLIN), SECONDS.tz_localize(BERLIN), pd.Timestamp(1, tz=BERLIN)],
    ),
    "times of one zone, then no values": (
        "timestamp[us, tz=Europe/Berlin]",
        [NOON.replace(tzinfo=BERLIN), NOON.replace(tzinfo=BERLIN, day=1), None, pd.NaT],
    ),
    "lists of integers and floats": ("list<item: double>", [[1, 2], [0.5], [3]]),
    "lists of integers, and of floats and nan": ("list<item: double>", [[1], [0.5, float("nan")], [2]]),
    "empty lists": ("list<item: null>", [[], [], []]),
    "lists, some of them empty": ("list<item: int64>", [[], [1, 2], []]),
    "lists and arrays": ("list<item: int64>", [[1, 2], np.array([3]), [4]]),
    "arrays of several dtypes": ("list<item: double>", [np.array([1]), np.array([0.5]), None]),
    "nothing": ("null", [None, None, None]),
    "nothing of several kinds": ("null", [None, float("nan"), pd.NaT, pd.NA]),
    "nan, then None": ("null", [float("nan"), float("nan"), None]),
}

LEFT_OUT: dict[str, list[Any]] = {
    "integers and texts": [1, "1", 2],
    "integers and bools": [1, True, 0],
    "texts and bytes": ["a", b"a", "b"],
    "texts with surrogates": ["a", "\ud800", "b"],
    "numbers and lists": [1, [1], 2],
    "objects and numbers": [{"a": 1}, 1, {"a": 2}],
    "dates and times": [date(2026, 11, 30), NOON, None],
    "times with a zone and without": [NOON, NOON.replace(tzinfo=UTC), NOON],
    "integers that no float is equal to": [2**53 + 1, 0.5, 2],
    "large integers that no float is equal to": [2**70 + 1, 0.5, None],
    "times that are too far away for nanoseconds": [pd.Timestamp(1), datetime(1, 1, 1), None],
    "lists of large integers, then of small ones": [[2**63], [1], [2]],
    "lists of small integers, then of large ones": [[1], [2], [2**63]],
    "lists of texts with surrogates, then without": [["\ud800"], ["a"], ["b"]],
    "lists of texts without surrogates, then with": [["a"], ["b"], ["\ud800"]],
    "durations of millions of years, then short ones": [timedelta.max, timedelta(1), timedelta(2)],
    "short durations, then those of millions of years": [timedelta(1), timedelta(2), timedelta.max],
}

OBJECTS: dict[str, list[Any]] = {
    "dicts": [{"a": 1}, {"a": 2}, None],
    "lists of several kinds": [[1, "a"], [True], [[1]]],
    "texts that are no unicode": ["\ud800", "\ud801", None],
}


@pytest.fixture
def session() -> Iterator[None]:
    paramsurvey.init(backend="serial", verbose=0)
    yield
    paramsurvey.finalize()


def work(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"y": pset["x"]}


def stored(values: list[Any], split: str, directory: str) -> Any:
    """Store psets and results with these values in one file, in two, or in a file each."""
    psets = [{"n": n, "x": value} for n, value in enumerate(values)]
    files = {"one": [psets], "two": [psets[:2], psets[2:]], "each": [[pset] for pset in psets]}[split]
    for some in files:
        paramsurvey.map(work, some, checkpoint=directory, group_size=len(some))
    return paramsurvey.load(directory)


def in_memory(values: list[Any]) -> pd.DataFrame:
    return paramsurvey.map(work, [{"n": n, "x": value} for n, value in enumerate(values)]).to_df()


def scanned(directory: str) -> tuple[dict[str, str], dict[str, str], set[str]]:
    """Return the types of the columns x and y, their values in the order of n as text, and what was said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = paramsurvey.scan(directory).to_table().sort_by("n")
    names = [name for name in ("x", "y") if name in table.column_names]
    types = {name: str(table.schema.field(name).type).replace("element", "item") for name in names}
    return types, {name: repr(table[name].to_pylist()) for name in names}, {str(one.message) for one in said}


@pytest.mark.parametrize("kind", ONE_TYPE)
def test_values_that_one_type_can_hold_are_in_a_scan_whatever_file_they_are_in(
    kind: str, session: None
) -> None:
    expected, values = ONE_TYPE[kind]
    loaded = {split: stored(values, split, split) for split in ("one", "two", "each")}
    found = {split: scanned(split) for split in loaded}
    assert found["one"] == found["two"] == found["each"]
    assert found["one"][0] == {"x": expected, "y": expected}
    assert not found["one"][2]
    expected_table = in_memory(values)
    for results in loaded.values():
        pd.testing.assert_frame_equal(results.to_df(), expected_table)


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_values_that_no_type_can_hold_are_left_out_of_a_scan_whatever_file_they_are_in(
    kind: str, session: None
) -> None:
    values = LEFT_OUT[kind]
    expected = in_memory(values)
    for split in ("one", "two", "each"):
        pd.testing.assert_frame_equal(stored(values, split, split).to_df(), expected)
        types, _, said = scanned(split)
        assert types == {}, split
        assert sorted(text.split(",")[0] for text in said) == [
            f"the column {name!r} has values for which Arrow has no common type" for name in ("x", "y")
        ]


@pytest.mark.parametrize("kind", OBJECTS)
def test_pickles_are_bytes_in_a_scan_whatever_file_they_are_in(kind: str, session: None) -> None:
    for split in ("one", "two", "each"):
        stored(OBJECTS[kind], split, split)
        types, _, said = scanned(split)
        assert types == {"x": "binary", "y": "binary"}
        assert not said


def test_short_floats_with_nan_are_in_a_scan_beside_long_ones(session: None) -> None:
    for n, dtype in enumerate(("float32", "float64")):
        psets = pd.DataFrame({"n": [2 * n, 2 * n + 1], "x": pd.Series([0.5, float("nan")], dtype=dtype)})
        paramsurvey.map(work, psets, checkpoint="dir", group_size=2)
    types, values, said = scanned("dir")
    assert types == {"x": "double", "y": "double"}
    assert values["x"] == "[0.5, nan, 0.5, nan]"
    assert not said


@pytest.mark.parametrize("order", [1, -1])
def test_a_key_of_psets_may_be_a_key_of_results_in_another_run(order: int, session: None) -> None:
    runs = [([{"n": 1, "a": 1}], {"b": 2}), ([{"n": 2, "c": 1}], {"a": "text"})]
    for psets, result in runs[::order]:
        paramsurvey.map(lambda *_, result=result: result, psets, checkpoint="dir")  # type: ignore[misc]
    assert sorted(paramsurvey.load("dir").a, key=str) == [1, "text"]
    types, _, said = scanned("dir")
    assert types == {}
    assert len(said) == 1
    assert set(checkpoint_subject("dir").data.keys) == {"n", "a", "c"}
