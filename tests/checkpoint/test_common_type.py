"""One Arrow type for values that were stored as several, and casts that lose nothing."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format.common_type import cast_exactly, common_type

BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"

COMMON: list[tuple[list[Any], Any]] = [
    ([pa.null()], pa.null()),
    ([pa.int64(), pa.null()], pa.int64()),
    ([pa.int8(), pa.int64()], pa.int64()),
    ([pa.int64(), pa.float64()], pa.float64()),
    ([pa.uint64(), pa.uint8()], pa.uint64()),
    ([pa.uint64(), pa.float64()], pa.float64()),
    ([pa.uint64(), pa.int8()], pa.decimal128(38)),
    ([pa.uint64(), pa.int64(), pa.null()], pa.decimal128(38)),
    ([pa.int64(), pa.decimal128(38)], pa.decimal128(38)),
    ([pa.decimal128(38), pa.int64(), pa.float32()], pa.float64()),
    ([pa.timestamp("us"), pa.timestamp("ns")], pa.timestamp("ns")),
    ([pa.timestamp("us", BERLIN), pa.null()], pa.timestamp("us", BERLIN)),
    ([pa.timestamp("us", BERLIN), pa.timestamp("ns", BERLIN)], pa.timestamp("ns", BERLIN)),
    ([pa.timestamp("us", BERLIN), pa.timestamp("ns", TOKYO)], pa.timestamp("ns", "UTC")),
    ([pa.timestamp("us", BERLIN), pa.timestamp("us", TOKYO), pa.null()], pa.timestamp("us", "UTC")),
    ([pa.timestamp("us", "UTC"), pa.timestamp("us", TOKYO)], pa.timestamp("us", "UTC")),
    ([pa.duration("s"), pa.duration("us")], pa.duration("us")),
    ([pa.string(), pa.null()], pa.string()),
    ([pa.binary(), pa.null()], pa.binary()),
    ([pa.list_(pa.int64()), pa.list_(pa.float64())], pa.list_(pa.float64())),
    ([pa.list_(pa.null()), pa.list_(pa.string())], pa.list_(pa.string())),
]

NOTHING_IN_COMMON: list[list[Any]] = [
    [pa.string(), pa.binary()],
    [pa.string(), pa.int64()],
    [pa.bool_(), pa.int64()],
    [pa.date32(), pa.timestamp("us")],
    [pa.timestamp("us"), pa.timestamp("us", "UTC")],
    [pa.duration("us"), pa.int64()],
    [pa.list_(pa.int64()), pa.int64()],
    [pa.list_(pa.int64()), pa.list_(pa.string())],
]


@pytest.mark.parametrize(("kinds", "common"), COMMON, ids=str)
def test_the_common_type_does_not_depend_on_the_order_of_the_types(kinds: list[Any], common: Any) -> None:
    for some in permutations([*kinds, kinds[0]]):
        assert common_type(some) == common


@pytest.mark.parametrize("kinds", NOTHING_IN_COMMON, ids=str)
def test_some_types_have_nothing_in_common(kinds: list[Any]) -> None:
    for some in permutations(kinds):
        assert common_type(some) is None


NAN = float("nan")

CASTS: list[tuple[Any, Any, bool]] = [
    (pa.array([1, None]), pa.float64(), True),
    (pa.array([2**53 + 1]), pa.float64(), False),
    (pa.array([2**63], pa.uint64()), pa.int64(), False),
    (pa.array([0.1, NAN, None], pa.float32()), pa.float64(), True),
    (pa.array([0.1, NAN, None]), pa.float32(), False),
    (pa.array([0, 10**9], pa.timestamp("ns")), pa.timestamp("s"), True),
    (pa.array([1, 10**9], pa.timestamp("ns")), pa.timestamp("s"), False),
    (pa.array([2**60], pa.timestamp("us")), pa.timestamp("ns"), False),
    (pa.array(["a", None]), pa.binary(), True),
    (pa.array([[1], [], None]), pa.list_(pa.float64()), True),
    (pa.array([[1], [2**53 + 1]]), pa.list_(pa.float64()), False),
    (pa.array([[0.5, NAN], [], None], pa.list_(pa.float32())), pa.list_(pa.float64()), True),
    (pa.array([[], None], pa.list_(pa.null())), pa.list_(pa.string()), True),
]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("array", "kind", "is_exact"), CASTS, ids=str)
def test_a_cast_gives_nothing_unless_every_value_would_come_back(
    array: Any, kind: Any, is_exact: bool, chunked: bool
) -> None:
    cast = cast_exactly(pa.chunked_array([array[:1], array[1:]]) if chunked else array, kind)
    if is_exact:
        assert cast.type == kind
        assert repr(cast.to_pylist()) == repr(array.cast(kind).to_pylist())
    else:
        assert cast is None
