"""The one form of equal values, whatever stores them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from paramsurvey.checkpoint.plain_values import MAX_DEPTH, plain
from paramsurvey.checkpoint.typed_hash import hash_by_value

LARGE = 2**63


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, with their types; nan is nan."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and all(map(same, one.ravel().tolist(), other.ravel().tolist()))
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return bool(one == other or (one != one and other != other))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, 1),
        (-0.0, 0),
        (1.5, 1.5),
        (float("inf"), float("inf")),
        (np.float32(2.0), 2),
        (np.int8(2), 2),
        (np.uint64(LARGE - 1), LARGE - 1),
        (np.bool_(True), True),
        (True, True),
        (LARGE - 1, LARGE - 1),
        (-LARGE, -LARGE),
        (LARGE, float(LARGE)),
        (float(LARGE), float(LARGE)),
        (-LARGE - 1, -LARGE - 1),
        (2**70, float(2**70)),
        (-(2**70), -float(2**70)),
        (-1e6, -1_000_000),
        (1e6, 1_000_000),
        (2**70 + 1, 2**70 + 1),
        (10**400, 10**400),
        ("1", "1"),
        (b"1", b"1"),
        (1 + 0j, 1 + 0j),
    ],
)
def test_a_number_is_an_integer_of_64_bits_where_it_is_one_else_a_float_where_it_is_one(
    value: Any, expected: Any
) -> None:
    assert same(plain(value), expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        complex("nan"),
        np.float32("nan"),
        pd.NaT,
        pd.NA,
        np.datetime64("NaT"),
        np.timedelta64("NaT"),
    ],
)
def test_what_stands_for_no_value_is_nan(value: Any) -> None:
    assert same(plain(value), float("nan"))
    assert same(plain([value, (value,), {"a": value}]), [float("nan"), (float("nan"),), {"a": float("nan")}])


@pytest.mark.parametrize("value", [timedelta(1), pd.Timedelta(1, "D"), np.timedelta64(24, "h")])
def test_equal_durations_have_one_form(value: Any) -> None:
    assert same(plain(value), timedelta(1))
    assert same(plain([value]), [timedelta(1)])


def test_equal_times_have_one_form_wherever_the_clock_was() -> None:
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert repr(plain(noon.astimezone(ZoneInfo("Asia/Tokyo")))) == repr(plain(noon))
    nowhere = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))  # before all years of UTC
    assert plain(nowhere) is nowhere


@pytest.mark.parametrize(
    "value", [np.datetime64("2026-11-30"), np.timedelta64(3, "M"), {1, 2}, object, "NaT"]
)
def test_other_values_stay_as_they_are(value: Any) -> None:
    assert plain(value) is value


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([1, 2], dtype=np.int8), np.array([1, 2])),
        (np.array([1, 2], dtype=np.uint64), np.array([1, 2])),
        (np.array([1.0, 2.0], dtype=np.float32), np.array([1, 2])),
        (np.array([-0.0]), np.array([0])),
        (np.array([1.0, 2.5], dtype=np.float32), np.array([1.0, 2.5])),
        (np.array([-0.0, 0.5]), np.array([0.0, 0.5])),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.array([1.0, np.inf]), np.array([1.0, np.inf])),
        (np.array([float(LARGE)]), np.array([float(LARGE)])),
        (np.array([-2.0 * LARGE]), np.array([-2.0 * LARGE])),
        (np.array([[1.0], [2.0]]), np.array([[1], [2]])),
        (np.array([], dtype=np.uint8), np.array([], dtype=np.int64)),
        (np.array([1, LARGE], dtype=np.uint64), np.array([1, float(LARGE)], dtype=object)),
        (np.array([[1.0, None], ["a", 2]], dtype=object), np.array([[1, np.nan], ["a", 2]], dtype=object)),
        (np.array([True]), np.array([True])),
        (np.array(["a"]), np.array(["a"])),
    ],
    ids=repr,
)
def test_an_array_is_one_of_integers_where_all_are_else_one_of_floats(array: Any, expected: Any) -> None:
    assert same(plain(array), expected)
    assert same(plain([array]), [expected])


SMALLEST = -(2**63)


@pytest.mark.parametrize(
    "values",
    [
        np.array([SMALLEST]),
        np.array([float(SMALLEST)]),
        [SMALLEST],
        [float(SMALLEST)],
        [np.float64(SMALLEST)],
    ],
    ids=repr,
)
def test_the_smallest_integer_of_64_bits_is_one_also_as_a_float(values: Any) -> None:
    assert same(plain(list(values)), np.array([SMALLEST]))
    assert same(plain(np.array(values)), np.array([SMALLEST]))
    assert hash_by_value(values).equal(hash_by_value([SMALLEST])).all()


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], np.array([], dtype=np.int64)),
        ([1, 2.0], np.array([1, 2])),
        ([1, 2.5], np.array([1.0, 2.5])),
        ([None, 0.5], np.array([np.nan, 0.5])),
        ([True, False], np.array([True, False])),
        ([2**53 + 1, 0.5], [2**53 + 1, 0.5]),
        ([2**70 + 1, 1], [2**70 + 1, 1]),
        ([1, True], [1, True]),
        ([1, "1"], [1, "1"]),
    ],
    ids=repr,
)
def test_a_list_of_numbers_equals_the_array_of_them_if_that_is_exact(numbers: Any, expected: Any) -> None:
    assert same(plain(numbers), expected)
    assert same(plain({"a": numbers}), {"a": expected})


def test_an_array_has_no_zeros_that_differ_in_their_sign() -> None:
    assert not np.signbit(plain(np.array([-0.0, 0.5]))).any()


def test_long_doubles_lose_nothing() -> None:
    array = np.array([np.longdouble(1) / 3])
    assert plain(array) is array


def nested(depth: int, innermost: Any) -> Any:
    value = innermost
    for i in range(depth):
        value = [value] if i % 2 else {"a": value} if i % 3 else (value,)
    return value


def test_what_contains_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    found = plain(endless)
    for _ in range(MAX_DEPTH):
        (found,) = found
    assert found is endless
    ring: dict[str, Any] = {}
    ring["a"] = ring
    assert plain(ring)["a"]["a"]["a"]


def test_fifty_containers_in_each_other_are_looked_into() -> None:
    assert same(plain(nested(50, 1.0)), nested(50, 1))
    assert same(plain(nested(51, 1.0)), nested(51, 1.0))


def test_containers_of_other_types_are_not_looked_into() -> None:
    class Own(list[Any]):
        pass

    value = Own([1.0])
    assert plain(value) is value
