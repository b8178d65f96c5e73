"""Which values of several kinds are stored together, and which are not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format.variants import MOST, are_mixed, encode_variants, store, variants

NOON = datetime(2026, 11, 30, 12)
HOUR = pd.Timedelta(1, "h")

STORED: list[tuple[list[Any], str, Any]] = [
    ([1, None, -(2**63), 2**63 - 1], "number", pa.int64()),
    ([1, 2**63], "large int", pa.decimal128(38)),
    ([-(2**63) - 1], "large int", pa.decimal128(38)),
    ([True, None], "number", pa.bool_()),
    ([0.5, None], "number", pa.float64()),
    (["a", None], "str", pa.string()),
    ([None], "nothing", pa.null()),
]


@pytest.mark.parametrize(("values", "codec", "kind"), STORED, ids=str)
def test_values_of_one_kind_are_stored_by_the_first_codec_that_can(
    values: list[Any], codec: str, kind: Any
) -> None:
    stored = store(values)
    assert stored is not None
    assert (stored[0], stored[1].type) == (codec, kind)
    assert stored[1].to_pylist() == values


@pytest.mark.parametrize("values", [[1, 0.5], [1, True], ["a", 1], [{1}], ["\ud800"], [10**38]], ids=str)
def test_values_of_several_kinds_and_objects_are_not_stored_by_any_codec(values: list[Any]) -> None:
    assert store(values) is None


@pytest.mark.parametrize(
    ("values", "are_of_a_mixed_column"),
    [
        ([1, {1}], True),
        ([{1}, "a"], True),
        (["\ud800", "a"], True),
        ([10**38, 1], True),
        ([["\ud800"], ["a"]], True),
        ([timedelta.max, timedelta(1)], True),
        ([np.timedelta64(2**62, "W"), np.timedelta64(1, "W")], True),
        ([datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), NOON.replace(tzinfo=UTC)], True),
        ([{1}, {2: 3}, (1,)], False),
        (["\ud800", "\ud801"], False),
        ([[1, "a"], [{}]], False),
        ([np.array([[1]]), np.array(["a"])], False),
        ([], False),
    ],
    ids=str,
)
def test_a_column_is_mixed_if_any_of_its_values_would_need_no_pickle_alone(
    values: list[Any], are_of_a_mixed_column: bool
) -> None:
    for some in (values, values[::-1]):
        assert are_mixed(some) is are_of_a_mixed_column


def test_only_as_many_variants_are_stored_together_as_a_small_number_can_tell_apart() -> None:
    times = [NOON.replace(tzinfo=timezone(timedelta(minutes=n))) for n in range(MOST + 1)]
    found = encode_variants(times[:MOST] * 2)
    assert found is not None
    assert found.which.tolist() == list(range(MOST)) * 2
    assert found.which.dtype == np.int8
    assert len(variants(found.codec)) == MOST
    assert encode_variants(times) is None


@pytest.mark.parametrize("values", [[date(2026, 1, 1), NOON], [1, "a"], [1, {1}], [2**53 + 1, 0.5]], ids=str)
def test_values_without_a_type_that_holds_them_exactly_are_no_variants(values: list[Any]) -> None:
    assert encode_variants(values) is None
    assert encode_variants(values[::-1]) is None


def test_variants_say_which_codec_and_type_each_value_has() -> None:
    found = encode_variants([timedelta(1), HOUR.as_unit("s"), timedelta(2), HOUR.as_unit("ms")])
    assert found is not None
    assert found.which.tolist() == [0, 1, 0, 2]
    assert found.array.to_pylist() == [timedelta(1), timedelta(hours=1), timedelta(2), timedelta(hours=1)]
    assert variants(found.codec) == (
        ("timedelta", pa.duration("us")),
        ("Timedelta", pa.duration("s")),
        ("Timedelta", pa.duration("ms")),
    )


def test_what_lists_no_variants_is_refused() -> None:
    for text in ("variants:", "variants:%", "variants:AAAA", "variants:aGVsbG8="):
        with pytest.raises(ValueError, match="the variants of a column are not what we write"):
            variants(text)
