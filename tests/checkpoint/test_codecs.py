"""How values are stored: what other programs read as Arrow's types, and what is pickled."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format.codecs import decode, encode, encode_cells
from paramsurvey.params.sources import CategoryCodes

NOON = datetime(2026, 11, 30, 12)
SECONDS = pd.Timestamp("2026-11-30 12:00").as_unit("s")

STORED: list[tuple[str, list[Any], Any]] = [
    ("number", [1, 2], pa.int64()),
    ("number", [0.5, 2.0], pa.float64()),
    ("number", [True, False], pa.bool_()),
    ("number", [1, 0.5, None], pa.float64()),
    ("str", ["a", "é"], pa.string()),
    ("bytes", [b"a", b""], pa.binary()),
    ("datetime", [NOON, datetime(1, 1, 1)], pa.timestamp("us")),
    ("timestamp", [pd.Timestamp("2026-11-30 12:00:00.000000001")], pa.timestamp("ns")),
    ("timestamp", [SECONDS.as_unit("ms")], pa.timestamp("ms")),
    ("timestamp[s]", [SECONDS, pd.Timestamp("2001-01-01").as_unit("s")], pa.timestamp("ms")),
    ("date", [date(2026, 11, 30), date(1, 1, 1)], pa.date32()),
    ("list of str", [["a", "b"], ["c"]], pa.list_(pa.string())),
    ("list of int", [[1, 2], [], [3]], pa.list_(pa.int64())),
    ("list of float", [[0.5], [1.0, 2.0]], pa.list_(pa.float64())),
    ("nothing", [None, None], pa.null()),
]

PICKLED: list[list[Any]] = [
    [{1}, {2}],
    [["a", 1]],
    [[True]],
    [[], []],
    [(1, 2)],
    [date(2026, 11, 30), NOON],
    [NOON.replace(tzinfo=timezone.utc)],  # noqa: UP017  (not Arrow's)
    [NOON.replace(fold=1)],
    [SECONDS, SECONDS.as_unit("ms")],
    [SECONDS.tz_localize("UTC")],
    ["a", b"a"],
    ["\ud800"],
    [2**70, "a"],
]

ARRAYS: list[tuple[str, list[Any]]] = [
    ("array", [np.array([1, 2]), np.array([3]), np.array([], dtype=np.int64)]),
    ("array", [np.array([0.5], dtype=np.float32)]),
    ("array", [np.array([5], dtype=np.uint32)]),
    ("pickle", [np.array([1]), np.array([0.5])]),
    ("pickle", [np.array([0.5], dtype=np.float32), np.array([0.5])]),
    ("pickle", [np.array([0.5], dtype=np.float16)]),
    ("pickle", [np.array([[1, 2]])]),
    ("pickle", [np.array(3)]),
    ("pickle", [np.array([1], dtype=">i8")]),
    ("pickle", [np.array([True])]),
    ("pickle", [np.array(["a"])]),
]


def read_back(encoded: Any, count: int) -> list[Any]:
    found: dict[int, Any] = {}
    for at, some in decode(encoded.array, encoded.codec, encoded.kinds, unpickle=True):
        natives = some.tolist() if isinstance(some, np.ndarray) else some
        found.update(zip(np.arange(count)[at].tolist(), natives, strict=True))
    return [found[i] for i in range(count)]


@pytest.mark.parametrize(
    ("codec", "values", "arrow"),
    [*STORED, *(("pickle", values, pa.binary()) for values in PICKLED)],
)
def test_values_of_one_kind_are_stored_as_arrow_has_them_and_all_others_pickled(
    codec: str, values: list[Any], arrow: Any
) -> None:
    encoded = encode([(slice(0, len(values)), values)], len(values))
    assert (encoded.codec, encoded.array.type) == (codec, arrow)
    back = read_back(encoded, len(values))
    assert back == values
    assert list(map(type, back)) == list(map(type, values))
    assert [getattr(one, "unit", None) for one in back] == [getattr(one, "unit", None) for one in values]


@pytest.mark.parametrize(("codec", "values"), ARRAYS)
def test_arrays_with_one_axis_and_one_type_are_stored_as_lists(codec: str, values: list[Any]) -> None:
    encoded = encode([(slice(0, len(values)), values)], len(values))
    assert encoded.codec == codec
    for before, back in zip(values, read_back(encoded, len(values)), strict=True):
        assert back.dtype == before.dtype
        np.testing.assert_array_equal(back, before)


@pytest.mark.parametrize("values", [["a", None], [None, NOON], [[1], None], [SECONDS, None], [{1}, None]])
def test_none_is_no_value_of_the_others_kind(values: list[Any]) -> None:
    (there,) = [value for value in values if value is not None]
    encoded = encode([(slice(0, 2), values)], 2)
    assert encoded.codec == encode([(slice(0, 1), [there])], 1).codec
    assert read_back(encoded, 2) == values


def test_categories_are_stored_as_their_values() -> None:
    labels = encode_cells(CategoryCodes(np.array([1, 0, 1], dtype=np.int8), ["low", "high", np.nan]))
    assert labels.codec == "str"
    assert read_back(labels, 3) == ["high", "low", "high"]
    numbers = encode_cells(CategoryCodes(np.array([1, -1, 0], dtype=np.int8), [5, 6, np.nan]))
    assert read_back(numbers, 3)[::2] == [6, 5]
    assert np.isnan(read_back(numbers, 3)[1])
