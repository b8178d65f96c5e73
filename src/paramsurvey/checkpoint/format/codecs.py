"""Columns of values as Arrow arrays, and back, with nothing lost on the way.

How a column is stored depends on its values, and is named in the metadata of the Arrow field: its codec.
Values of one kind are stored as Arrow's type for them. If they are not all of one kind, a second, small
column says what each of them is: missing, an integer among floats, None, or nan. Values for which Arrow has
no type are pickled, and marked as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.checkpoint.format import pickles
from paramsurvey.checkpoint.format.codec_table import PICKLES, codecs
from paramsurvey.checkpoint.format.variants import (
    MOST,
    are_mixed,
    decode_variant,
    encode_variants,
    is_variants,
    store,
    variants,
)
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.transport.column_by_row import fits_float, object_array, unpack_values, value_array
from paramsurvey.transport.messages import Values
from paramsurvey.transport.packed_columns import split_by_kind

NUMBERS = "?bhilqBHILQefd"  # numpy's characters for the types that Arrow and Parquet have as well

At = slice | NDArray[np.int64]
Piece = tuple[At, Values]
"""Values, and where in the column they belong."""


class Kind(IntEnum):
    """What there is at one place of a column whose values are not all of one kind."""

    MISSING = 0
    VALUE = 1
    INT = 2  # in a column of floats
    NONE = 3
    NAN = 4
    NAT = 5
    SECOND = 6  # from here on: a value of pandas whose unit is not that of all others
    MILLISECOND = 7
    MICROSECOND = 8
    NANOSECOND = 9
    NA = 10
    VARIANT = 16  # from here on: a value of the first, second, ... variant


UNITS = {"s": Kind.SECOND, "ms": Kind.MILLISECOND, "us": Kind.MICROSECOND, "ns": Kind.NANOSECOND}
"""The kinds of values with a unit, from the coarsest on."""
ABSENT = {"NaTType": Kind.NAT, "NAType": Kind.NA}
"""The kinds of what pandas has for no value, by the names of their types, because it may not be loaded."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column as it is stored.

    Attributes
    ----------
    array : pyarrow.Array or ChunkedArray
        Null where there is no value of the codec's type.
    codec : str
    kinds : int8 array or None
        A `Kind` for each place. None means that nulls are missing, and everything else is a value.
    """

    array: Any
    codec: str
    kinds: NDArray[np.int8] | None = None


# ---- encoding


def encode(pieces: Sequence[Piece], count: int) -> Encoded:
    """Encode a column with `count` places; places that no piece covers are missing."""
    pieces = [piece for mixed in pieces for piece in _split_by_kind(mixed)]
    present = [piece for piece in pieces if not _are_none(piece[1])]
    if _all_nan([values for _, values in present]):
        return _encode_nothing(pieces, count)
    dtypes = {values.dtype.str if isinstance(values, np.ndarray) else "" for _, values in pieces}
    if len(dtypes) == 1 and "" not in dtypes:
        return _encode_numbers(pieces, count)
    if (widest := _widest_integers(dtypes)) is not None:
        return _encode_numbers([(at, np.asarray(values, dtype=widest)) for at, values in pieces], count)
    if _are_integers([values for _, values in present if not _all_nan([values])]):
        return _encode_integers(pieces, count)
    kinds = {values.dtype.kind if isinstance(values, np.ndarray) else "" for _, values in present}
    if kinds <= {"i", "f"} and all(fits_float(values) for _, values in present):
        return _encode_mixed_numbers(pieces, count)
    return _encode_objects(pieces, count)


def _widest_integers(dtypes: set[str]) -> np.dtype[Any] | None:
    """Return the type of integers that holds those of several types; None for other values."""
    kinds = {np.dtype(text).kind if text else "" for text in dtypes}
    found = np.result_type(*dtypes) if kinds <= {"i", "u"} and kinds else None
    return found if found is not None and found.kind in "iu" else None


def _are_none(values: Values) -> bool:
    return isinstance(values, list) and set(map(type, values)) == {type(None)}


def shifted(piece: Piece, by: int) -> Piece:
    """Return a piece moved down by a number of places."""
    at, values = piece
    return (slice(at.start + by, at.stop + by) if isinstance(at, slice) else at + by), values


def encode_cells(cells: ColumnValues) -> Encoded:
    """Encode a column of psets."""
    if not isinstance(cells, CategoryCodes):
        return encode([(slice(0, len(cells)), cells)], len(cells))
    known = cells.categories[:-1] if len(cells.codes) and cells.codes.min() >= 0 else cells.categories
    categories = encode_cells(value_array(known))
    if categories.kinds is not None:
        return encode_cells(list(object_array(cells.categories, len(cells.categories))[cells.codes]))
    codes = np.where(cells.codes < 0, len(known) - 1, cells.codes)
    return Encoded(categories.array.take(pa.array(codes)), categories.codec)


def _split_by_kind(piece: Piece) -> Iterator[Piece]:
    """Yield a piece in pieces of one kind, with the numbers of a list as arrays."""
    at, values = piece
    if isinstance(values, np.ndarray):
        yield at, _storable(values)
        return
    types = set(map(type, values))
    if types.isdisjoint((int, float)):
        yield at, value_array(values) if types == {bool} else values
    elif len(types) == 1:
        yield at, value_array(values)
    else:
        where = _places(at)
        for offsets, cells in split_by_kind(range(len(values)), values):
            yield where[offsets], unpack_values(cells)


def _storable(values: NDArray[Any]) -> Values:
    """Return numbers in this machine's byte order, or as objects if Arrow has no such type (long doubles)."""
    if values.dtype.char not in NUMBERS:
        return list(values)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _places(at: At) -> NDArray[np.int64]:
    return np.arange(at.start, at.stop, dtype=np.int64) if isinstance(at, slice) else at


def _encode_numbers(pieces: Sequence[Piece], count: int) -> Encoded:
    if _in_order(pieces, count):
        return Encoded(pa.chunked_array([pa.array(values) for _, values in pieces]), "number")  # no copy
    data = np.zeros(count, dtype=np.asarray(pieces[0][1]).dtype)
    covered = np.zeros(count, dtype=np.bool_)
    for at, values in pieces:
        data[at], covered[at] = values, True
    return Encoded(pa.array(data, mask=None if covered.all() else ~covered), "number")


def _all_nan(columns: Sequence[Values]) -> bool:
    arrays = [values for values in columns if isinstance(values, np.ndarray) and values.dtype.kind == "f"]
    if len(arrays) < len(columns) or any(array.size and array[0] == array[0] for array in arrays):
        return False
    return all(bool(np.isnan(array).all()) for array in arrays)


def _encode_nothing(pieces: Sequence[Piece], count: int) -> Encoded:
    """Store only kinds: a nan may stand for a missing text, and must not turn its column into floats."""
    kinds = np.zeros(count, dtype=np.int8)
    for at, values in pieces:
        kinds[at] = Kind.NONE if _are_none(values) else Kind.NAN
    return Encoded(pa.nulls(count), "nothing", _kinds_if_needed(kinds))


def _in_order(pieces: Sequence[Piece], count: int) -> bool:
    """Tell whether the pieces, one after another, are the whole column."""
    ends = [0, *(at.stop if isinstance(at, slice) else -1 for at, _ in pieces)]
    starts = [*(at.start if isinstance(at, slice) else -1 for at, _ in pieces), count]
    return starts == ends


def _are_integers(columns: Sequence[Values]) -> bool:
    kinds = {values.dtype.kind if isinstance(values, np.ndarray) else "" for values in columns}
    return kinds == {"i"}


def _encode_integers(pieces: Sequence[Piece], count: int) -> Encoded:
    """Store integers that have None and nan among them."""
    data, kinds = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int8)
    for at, values in pieces:
        if isinstance(values, np.ndarray) and values.dtype.kind == "i":
            data[at], kinds[at] = values, Kind.VALUE
        else:
            kinds[at] = Kind.NONE if _are_none(values) else Kind.NAN
    return Encoded(pa.array(data, mask=kinds != Kind.VALUE), "number", kinds)


def _encode_mixed_numbers(pieces: Sequence[Piece], count: int) -> Encoded:
    data, kinds = np.zeros(count), np.zeros(count, dtype=np.int8)
    for at, values in pieces:
        if _are_none(values):
            kinds[at] = Kind.NONE
            continue
        is_int = np.asarray(values).dtype.kind == "i"
        data[at], kinds[at] = values, Kind.INT if is_int else Kind.VALUE
    absent = (kinds == Kind.MISSING) | (kinds == Kind.NONE)
    return Encoded(pa.array(data, mask=absent), "number", kinds)


def _encode_objects(pieces: Sequence[Piece], count: int) -> Encoded:
    data, kinds = np.empty(count, dtype=object), np.zeros(count, dtype=np.int8)
    for at, values in pieces:
        natives = values.tolist() if isinstance(values, np.ndarray) else values
        data[at], kinds[at] = object_array(natives, len(natives)), Kind.VALUE
    values = data.tolist()
    types = set(map(type, values))
    absent = {kind: ABSENT[_name_in_pandas(kind)] for kind in types if _name_in_pandas(kind) in ABSENT}
    absent[type(None)] = Kind.NONE
    for i in np.flatnonzero(kinds).tolist() if types & {float, *absent} else ():
        if type(values[i]) in absent:
            values[i], kinds[i] = None, absent[type(values[i])]
        elif type(values[i]) is float and values[i] != values[i]:
            values[i], kinds[i] = None, Kind.NAN
    has_units = not {"Timedelta", "Timestamp"}.isdisjoint(map(_name_in_pandas, types))
    units = _encode_units(values, kinds) if has_units else None
    return (
        units or _encode_one_kind(values, kinds) or _encode_variants(values, kinds) or _pickled(values, kinds)
    )


def _name_in_pandas(kind: type) -> str:
    """Return the name of a type of pandas; an empty one for other types, which may have equal names."""
    return kind.__name__ if kind.__module__.partition(".")[0] == "pandas" else ""


def _encode_units(values: list[Any], kinds: NDArray[np.int8]) -> Encoded | None:
    """Store durations or times of pandas whose units differ in the finest of these; None for all else."""
    there = [i for i, value in enumerate(values) if value is not None]
    found = {values[i].unit for i in there} if len({type(values[i]) for i in there}) == 1 else set[str]()
    if len(found) < 2 or not found <= UNITS.keys():
        return None
    finest, values, kinds = max(found, key=list(UNITS).index), values.copy(), kinds.copy()
    for i in there:
        kinds[i] = UNITS[values[i].unit]
        try:
            values[i] = values[i].as_unit(finest)
        except (ValueError, OverflowError):  # a year that is too far away for it
            return None
    return _encode_one_kind(values, kinds)


def _encode_one_kind(values: list[Any], kinds: NDArray[np.int8]) -> Encoded | None:
    """Encode values of one kind, with None where there is no such value; return None for several kinds."""
    stored = store(values)
    return None if stored is None else Encoded(stored[1], stored[0], _kinds_if_needed(kinds))


def _encode_variants(values: list[Any], kinds: NDArray[np.int8]) -> Encoded | None:
    """Encode values of several kinds as one Arrow type; return None if no type can hold all of them."""
    there = np.array([i for i, value in enumerate(values) if value is not None], dtype=np.int64)
    found = encode_variants([values[i] for i in there.tolist()])
    if found is None:
        return None
    places, kinds = np.full(len(values), -1, dtype=np.int64), kinds.copy()
    places[there], kinds[there] = np.arange(len(there)), Kind.VARIANT + found.which
    return Encoded(found.array.take(pa.array(places, mask=places < 0)), found.codec, kinds)


def _pickled(values: list[Any], kinds: NDArray[np.int8]) -> Encoded:
    codec = "mixed" if are_mixed([value for value in values if value is not None]) else "pickle"
    return Encoded(codecs()[codec].encode(values), codec, _kinds_if_needed(kinds))


def _kinds_if_needed(kinds: NDArray[np.int8]) -> NDArray[np.int8] | None:
    uniform = bool(((kinds == Kind.VALUE) | (kinds == Kind.MISSING)).all())
    return None if uniform else kinds


# ---- decoding


def decode(
    array: Any, codec: str, kinds: NDArray[np.int8] | None = None, unpickle: bool = False
) -> list[Piece]:
    """Return the values of a stored column, an `Array` or `ChunkedArray`, and where they belong.

    Unpickling runs code chosen by whoever wrote the pickle. Unless `unpickle` is true, a placeholder
    stands for each pickled value except numbers, texts, times, paths, and lists, sets and dicts of these.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    present = np.arange(len(array)) if array.null_count == 0 else np.flatnonzero(array.is_valid())
    if kinds is None:
        at: At = slice(0, len(array)) if len(present) == len(array) else present
        return [(at, _decode_values(array, codec, unpickle))] if len(present) else []
    return list(_decode_kinds(array, codec, kinds, unpickle))


def _decode_kinds(array: Any, codec: str, kinds: NDArray[np.int8], unpickle: bool) -> Iterator[Piece]:
    for kind in np.unique(kinds).tolist():
        at = np.flatnonzero(kinds == kind)
        if kind == Kind.VALUE:
            yield at, _decode_values(array.take(pa.array(at)), codec, unpickle)
        elif kind == Kind.INT:
            yield at, array.take(pa.array(at)).to_numpy().astype(np.int64)
        elif kind in UNITS.values():
            unit = list(UNITS)[kind - Kind.SECOND]
            yield at, [one.as_unit(unit) for one in _decode_values(array.take(pa.array(at)), codec, unpickle)]
        elif kind == Kind.NONE:
            yield at, [None] * len(at)
        elif kind == Kind.NAN:
            yield at, np.full(len(at), np.nan)
        elif kind in (Kind.NAT, Kind.NA):
            yield at, [_of_pandas(kind)] * len(at)
        elif Kind.VARIANT <= kind < Kind.VARIANT + MOST and is_variants(codec):
            variant = variants(codec)[kind - Kind.VARIANT]
            yield at, decode_variant(array.take(pa.array(at)), variant, _decode_plain)
        elif kind != Kind.MISSING:
            raise ValueError(f"{kind} is no kind of value")


def _of_pandas(kind: int) -> Any:
    import pandas as pd

    return pd.NaT if kind == Kind.NAT else pd.NA


def _decode_values(array: Any, codec: str, unpickle: bool) -> Values:
    """Return the values that are not null, in order."""
    present = array if array.null_count == 0 else array.drop_null()
    if codec in PICKLES and not unpickle:
        return [pickles.plain_value_or_placeholder(content) for content in present.to_pylist()]
    return _decode_plain(present, codec)


def _decode_plain(array: Any, codec: str) -> Values:
    if codec == "number":
        data: NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return data
    return codecs()[codec].decode(array)
