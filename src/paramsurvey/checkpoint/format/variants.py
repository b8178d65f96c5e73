"""Columns whose values are of several kinds that one Arrow type can hold: the kind of each value is stored.

For example ``timedelta`` and ``Timedelta``, times of several zones, lists of integers and of floats, arrays
and lists. They are stored as the type that `paramsurvey.scan` would also find for them in several files, so
that it does not matter how a survey's psets are distributed over files. The codec lists the variants: the
codec and the type of each.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.checkpoint.format.codec_table import ENCODING_ERRORS, PICKLES, codecs
from paramsurvey.checkpoint.format.common_type import cast_exactly, common_type, holds_only_empty_lists
from paramsurvey.fast_dataclass import dataclass

PREFIX = "variants:"
MOST = 100  # of one column, so that a small number says which one a value is
NUMBERS = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}

Stored = tuple[str, Any]
"""The name of a codec, and an Arrow array of what it has stored."""


@dataclass(frozen=True, slots=True)
class Variants:
    """Values as one Arrow array.

    Attributes
    ----------
    codec : str
        A text that says what the variants are.
    array : pyarrow.Array
    which : int8 array
        The variant of each value.
    """

    codec: str
    array: Any
    which: NDArray[np.int8]


def encode_variants(values: list[Any]) -> Variants | None:
    """Return values, none of which is None, as one array; None if there is no type for all of them."""
    groups: dict[Hashable, list[int]] = {}
    for at, value in enumerate(values):
        groups.setdefault(_kind_of(value), []).append(at)
    found: dict[tuple[str, Any], list[tuple[list[int], Any]]] = {}
    for places in groups.values():
        stored = store([values[at] for at in places])
        if stored is None:
            return None
        found.setdefault((stored[0], stored[1].type), []).append((places, stored[1]))
    kind = common_type(kind for _, kind in found)
    if kind is None or len(found) > MOST:
        return None
    return _joined(found, kind, len(values))


def _joined(
    found: dict[tuple[str, Any], list[tuple[list[int], Any]]], kind: Any, count: int
) -> Variants | None:
    which, order, arrays = np.zeros(count, dtype=np.int8), list[int](), list[Any]()
    for number, pieces in enumerate(found.values()):
        for places, array in pieces:
            which[places] = number
            order += places
            arrays.append(cast_exactly(array, kind))
    if any(array is None for array in arrays):
        return None
    in_place = np.argsort(np.array(order, dtype=np.int64))
    fields = [pa.field(codec, variant) for codec, variant in found]
    text = base64.b64encode(pa.schema(fields).serialize().to_pybytes()).decode()
    return Variants(PREFIX + text, pa.concat_arrays(arrays).take(pa.array(in_place)), which)


def _kind_of(value: Any) -> Hashable:
    """Return a key that is equal for values that one codec can probably store."""
    kind = type(value)
    if kind is int:
        return kind, _fits_int64(value)
    if kind is list:
        return kind, frozenset(map(type, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return kind, value.dtype.str, value.ndim
    if isinstance(value, datetime):
        return kind, getattr(value, "unit", ""), _zone_of(value)
    return kind, getattr(value, "unit", "") if kind.__name__ == "Timedelta" else ""


def _zone_of(value: datetime) -> Hashable:
    """Return a key that is equal for times in one zone, even if each has a zone object of its own."""
    kind = type(value.tzinfo)
    return kind, repr(value.tzinfo) if kind in (timezone, ZoneInfo) else ""


def _fits_int64(value: int) -> bool:
    return -(2**63) <= value < 2**63


def store(values: list[Any]) -> Stored | None:
    """Store values, with null for None, with the first codec that can, except as pickles; None if none can.

    Numbers, for which there is no codec, are stored under the name ``number``.
    """
    present = [value for value in values if value is not None]
    if (kind := _number_type(present)) is not None:
        return "number", pa.array(values, kind)
    for name, codec in codecs().items():
        if name not in PICKLES and codec.fits(present):
            try:
                return name, codec.encode(values)
            except ENCODING_ERRORS:
                continue  # such as a lone surrogate, or a year too far away: another codec can store it
    return None


def _number_type(values: list[Any]) -> Any:
    """Return the Arrow type of numbers that are all of one Python type; None for other values."""
    kinds = set(map(type, values))
    if len(kinds) != 1 or (kinds == {int} and not all(map(_fits_int64, values))):
        return None
    return NUMBERS.get(kinds.pop())


def are_mixed(values: list[Any]) -> bool:
    """Tell whether any of these values, none of which is None, could be stored unpickled if it were alone."""
    groups: dict[Hashable, list[Any]] = {}
    for value in values:
        groups.setdefault(_kind_of(value), []).append(value)
    asked = (group if _differ_within_kind(group[0]) else group[:1] for group in groups.values())
    return any(store([value]) is not None for some in asked for value in some)


def _differ_within_kind(value: Any) -> bool:
    """Tell whether codecs may store some values of this one's kind, but not others.

    They cannot store all texts, integers, times and durations, nor lists of these.
    """
    items = value if type(value) is list else [value]
    return all(isinstance(item, (str, int, datetime, timedelta, np.timedelta64)) for item in items)


def is_variants(codec: str) -> bool:
    """Tell whether a codec lists variants that this version can read; pickles are not allowed as variants.

    Raises
    ------
    ValueError
        It lists something, but not variants.
    """
    known = ({"number"} | codecs().keys()) - PICKLES
    return codec.startswith(PREFIX) and all(name in known for name, _ in variants(codec))


@lru_cache(maxsize=1000)
def variants(codec: str) -> tuple[tuple[str, Any], ...]:
    """Return the codec and the type of each variant.

    Raises
    ------
    ValueError
        The codec does not list variants.
    """
    try:
        content = base64.b64decode(codec.removeprefix(PREFIX), validate=True)
        schema = pa.ipc.read_schema(pa.py_buffer(content))
    except (binascii.Error, pa.ArrowException, OSError, EOFError) as error:
        raise ValueError("the variants of a column are not what we write") from error
    return tuple((field.name, field.type) for field in schema)


def decode_variant(array: Any, variant: Stored, decode: Callable[[Any, str], Any]) -> Any:
    """Return the values of one variant; `decode` is what decodes an array of one codec."""
    name, kind = variant
    return decode(array if holds_only_empty_lists(kind) else array.cast(kind), name)
