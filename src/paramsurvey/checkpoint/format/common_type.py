"""One Arrow type for values that were stored as several, if it can hold all of them exactly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WIDE_INT = pa.decimal128(38)


def common_type(types: Iterable[Any]) -> Any:
    """Return the type for values of several types; None if there is none.

    Times of several zones become times in UTC. Text and bytes have no common type, nor do dates and times,
    nor bools and numbers.

    Examples
    --------
    >>> common_type([pa.int64(), pa.null(), pa.float64()])
    DataType(double)
    >>> common_type([pa.timestamp("us", "Asia/Tokyo"), pa.timestamp("ns", "-05:00")])
    TimestampType(timestamp[ns, tz=UTC])
    """
    kinds = set(types)
    if len({kind.tz for kind in kinds if pa.types.is_timestamp(kind)}) > 1:
        kinds = set(map(_in_utc, kinds))
    if any(map(pa.types.is_binary, kinds)) and any(map(pa.types.is_string, kinds)):
        return None
    if pa.uint64() in kinds and any(map(pa.types.is_signed_integer, kinds)):
        kinds.add(WIDE_INT)  # else it would be int64, which cannot hold all of uint64
    in_order = sorted(kinds, key=str)  # because what Arrow finds for three types may depend on their order
    schemas = [pa.schema([pa.field("x", kind)]) for kind in in_order]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return None


def _in_utc(kind: Any) -> Any:
    """Return the type of times in UTC for that of times in any zone; other types as they are."""
    return pa.timestamp(kind.unit, "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def cast_exactly(array: Any, kind: Any) -> Any:
    """Return an Arrow array as another type; None if a value would not come back as it was.

    Examples
    --------
    >>> cast_exactly(pa.array([2**53]), pa.float64()) is None
    False
    >>> cast_exactly(pa.array([2**53 + 1]), pa.float64()) is None
    True
    """
    try:
        wider = array.cast(kind)
        comes_back = holds_only_empty_lists(array.type) or _are_equal(wider.cast(array.type), array)
    except pa.ArrowException:  # such as a time that is too far away for nanoseconds
        return None
    return wider if comes_back else None


def _are_equal(one: Any, other: Any) -> bool:
    """Tell whether two Arrow arrays of one type have equal values; unlike in Arrow, nan is equal to nan."""
    if pa.types.is_list(one.type):
        one, other = pc.list_flatten(one), pc.list_flatten(other)
    if pa.types.is_floating(one.type):
        return np.array_equal(one, other, equal_nan=True)
    return bool(one.equals(other))


def holds_only_empty_lists(kind: Any) -> bool:
    """Tell whether this is the type of lists without items, to which no other list can be cast."""
    return bool(pa.types.is_list(kind) and pa.types.is_null(kind.value_type))
