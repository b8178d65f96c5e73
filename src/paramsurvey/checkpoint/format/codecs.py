"""Columns of values as Arrow arrays, and back, with nothing lost on the way.

What a column's values are decides how it is stored, and the Arrow field's metadata say how: its
codec. Values of one kind become Arrow's type for it. Where they are not all of one kind, a second,
small column says which are what: not there at all, an integer among floats, None, or nan. Whatever
Arrow has no type for is pickled, and marked as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.checkpoint.format import pickles
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.transport.column_by_row import fits_float, object_array, unpack_values, value_array
from paramsurvey.transport.messages import Values
from paramsurvey.transport.packed_columns import split_by_kind

NUMBERS = "?bhilqBHILQefd"  # numpy's characters for the types that Arrow and Parquet have, too

At = slice | NDArray[np.int64]
Piece = tuple[At, Values]
"""Values, and where in the column they belong."""


class Kind(IntEnum):
    """What stands at one place of a column that is not all of one kind."""

    MISSING = 0
    VALUE = 1
    INT = 2  # in a column of floats
    NONE = 3
    NAN = 4


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column as it is stored.

    Attributes
    ----------
    array : pyarrow.Array or ChunkedArray
        Null where there is no value of the codec's type.
    codec : str
    kinds : int8 array or None
        A `Kind` for each place; None: nulls are missing, everything else is a value.
    """

    array: Any
    codec: str
    kinds: NDArray[np.int8] | None = None


# ---- in


def encode(pieces: Sequence[Piece], count: int) -> Encoded:
    """Store a column of `count` places; what no piece covers is missing."""
    pieces = [piece for one in pieces for piece in _by_kind(one)]
    dtypes = {values.dtype.str if isinstance(values, np.ndarray) else "" for _, values in pieces}
    if len(dtypes) == 1 and "" not in dtypes:
        return _encode_nans(pieces, count) if _all_nan(pieces) else _encode_numbers(pieces, count)
    pieces_of_numbers = [piece for piece in pieces if not _is_none(piece[1])]
    kinds = {values.dtype.kind if isinstance(values, np.ndarray) else "" for _, values in pieces_of_numbers}
    if kinds and kinds <= {"i", "f"} and all(fits_float(values) for _, values in pieces_of_numbers):
        return _encode_mixed_numbers(pieces, count)
    return _encode_objects(pieces, count)


def _is_none(values: Values) -> bool:
    return isinstance(values, list) and set(map(type, values)) == {type(None)}


def shifted(piece: Piece, by: int) -> Piece:
    """Return a piece that stands so many places further down."""
    at, values = piece
    return (slice(at.start + by, at.stop + by) if isinstance(at, slice) else at + by), values


def encode_cells(cells: ColumnValues) -> Encoded:
    """Store a column of psets."""
    if not isinstance(cells, CategoryCodes):
        return encode([(slice(0, len(cells)), cells)], len(cells))
    known = cells.categories[:-1] if len(cells.codes) and cells.codes.min() >= 0 else cells.categories
    categories = encode_cells(value_array(known))
    if categories.kinds is not None:
        return encode_cells(list(object_array(cells.categories, len(cells.categories))[cells.codes]))
    codes = np.where(cells.codes < 0, len(known) - 1, cells.codes)
    return Encoded(categories.array.take(pa.array(codes)), categories.codec)


def _by_kind(piece: Piece) -> Iterator[Piece]:
    """Make arrays of numbers that come in a list, also where it has other things, too."""
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
    """Return numbers as Arrow knows them, else objects: it has no long doubles, and one order of bytes."""
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


def _all_nan(pieces: Sequence[Piece]) -> bool:
    arrays = [np.asarray(values) for _, values in pieces]
    if any(array.dtype.kind != "f" or (array.size and array[0] == array[0]) for array in arrays):
        return False
    return all(bool(np.isnan(array).all()) for array in arrays)


def _encode_nans(pieces: Sequence[Piece], count: int) -> Encoded:
    """Store nothing: a nan may be a text that is missing, and must not make a float column of it."""
    kinds = np.zeros(count, dtype=np.int8)
    for at, _ in pieces:
        kinds[at] = Kind.NAN
    return Encoded(pa.nulls(count), "nothing", kinds)


def _in_order(pieces: Sequence[Piece], count: int) -> bool:
    """Tell whether the pieces, one after the other, are the whole column."""
    ends = [0, *(at.stop if isinstance(at, slice) else -1 for at, _ in pieces)]
    starts = [*(at.start if isinstance(at, slice) else -1 for at, _ in pieces), count]
    return starts == ends


def _encode_mixed_numbers(pieces: Sequence[Piece], count: int) -> Encoded:
    data, kinds = np.zeros(count), np.zeros(count, dtype=np.int8)
    for at, values in pieces:
        if _is_none(values):
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
    for i in np.flatnonzero(kinds).tolist() if types & {type(None), float} else ():
        if values[i] is None:
            kinds[i] = Kind.NONE
        elif type(values[i]) is float and values[i] != values[i]:
            values[i], kinds[i] = None, Kind.NAN
    return _encode_values(values, kinds)


def _encode_values(values: list[Any], kinds: NDArray[np.int8]) -> Encoded:
    """Store values with None where there is none of the codec's type."""
    there = [value for value in values if value is not None]
    uniform = bool(((kinds == Kind.VALUE) | (kinds == Kind.MISSING)).all())
    for name, codec in codecs().items():
        if codec.fits(there):
            try:
                return Encoded(codec.encode(values), name, None if uniform else kinds)
            except (pa.ArrowException, UnicodeEncodeError, OverflowError, ValueError, TypeError):
                if name == "pickle":
                    raise
                continue  # half a surrogate pair, a year that is too far away: the next one takes it
    raise AssertionError("a pickle fits everything")


# ---- out


def decode(
    array: Any, codec: str, kinds: NDArray[np.int8] | None = None, unpickle: bool = False
) -> list[Piece]:
    """Return the values of a stored column, an `Array` or `ChunkedArray`, and where they belong.

    Unpickling runs code that the writer of the pickle chose: unless `unpickle` is true, a pickled value is
    a text that says what it is.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    there = np.arange(len(array)) if array.null_count == 0 else np.flatnonzero(array.is_valid())
    if kinds is None:
        at: At = slice(0, len(array)) if len(there) == len(array) else there
        return [(at, _values(array, codec, unpickle))] if len(there) else []
    return list(_decode_kinds(array, codec, kinds, unpickle))


def _decode_kinds(array: Any, codec: str, kinds: NDArray[np.int8], unpickle: bool) -> Iterator[Piece]:
    for kind in np.unique(kinds).tolist():
        at = np.flatnonzero(kinds == kind)
        if kind == Kind.VALUE:
            yield at, _values(array.take(pa.array(at)), codec, unpickle)
        elif kind == Kind.INT:
            yield at, array.take(pa.array(at)).to_numpy().astype(np.int64)
        elif kind == Kind.NONE:
            yield at, [None] * len(at)
        elif kind == Kind.NAN:
            yield at, np.full(len(at), np.nan)


def _values(array: Any, codec: str, unpickle: bool) -> Values:
    """Return what there is, in order."""
    present = array if array.null_count == 0 else array.drop_null()
    if codec == "number":
        data: NDArray[Any] = present.to_numpy(zero_copy_only=False)
        return data
    if codec == "pickle" and not unpickle:
        return [pickles.shown(content) for content in present.to_pylist()]
    return codecs()[codec].decode(present)


# ---- codecs


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one kind are stored.

    Attributes
    ----------
    fits : callable
        Tells whether these values are all of its kind.
    encode : callable
        Returns a pyarrow Array of values, null for None.
    decode : callable
        Returns the values of an Array without nulls.
    """

    fits: Callable[[list[Any]], bool]
    encode: Callable[[list[Any]], Any]
    decode: Callable[[Any], list[Any]]


@cache
def codecs() -> dict[str, Codec]:
    """Return the codecs by name; the first that fits is used, and ``pickle`` fits everything."""
    return {
        "nothing": Codec(lambda values: not values, lambda values: pa.nulls(len(values)), _listed),
        "str": _plain(str, pa.string()),
        "bytes": _plain(bytes, pa.binary()),
        "datetime": Codec(_all_naive(datetime), _to(pa.timestamp("us")), _listed),
        "timestamp": Codec(_all_timestamps, _timestamps, lambda array: array.to_pandas().tolist()),
        "timestamp[s]": Codec(_all_in_seconds, _milliseconds, _seconds),
        "date": _plain(date, pa.date32()),
        "list of str": _list_of(str, pa.string()),
        "list of int": _list_of(int, pa.int64()),
        "list of float": _list_of(float, pa.float64()),
        "array": Codec(_all_arrays, _arrays, _unpacked_arrays),
        "pickle": Codec(lambda values: True, pickles.pickled, pickles.unpickled),
    }


def _to(kind: Any) -> Callable[[list[Any]], Any]:
    return lambda values: pa.array(values, kind)


def _listed(array: Any) -> list[Any]:
    return list(array.to_pylist())


def _are(values: Iterable[Any], kind: type) -> bool:
    return set(map(type, values)) == {kind}


def _plain(kind: type, arrow: Any) -> Codec:
    return Codec(lambda values: _are(values, kind), _to(arrow), _listed)


def _list_of(kind: type, arrow: Any) -> Codec:
    def fits(values: list[Any]) -> bool:
        return _are(values, list) and _are((item for value in values for item in value), kind)

    return Codec(fits, _to(pa.list_(arrow)), _listed)


def _all_naive(kind: type) -> Callable[[list[Any]], bool]:
    return lambda values: _are(values, kind) and not any(one.tzinfo or one.fold for one in values)


def _all_timestamps(values: list[Any]) -> bool:
    units = _units(values)
    return len(units) == 1 and units != {"s"}


def _units(values: list[Any]) -> set[str]:
    """Return the units of values that are all timestamps without a time zone; else nothing."""
    import pandas as pd

    return {one.unit for one in values} if _all_naive(pd.Timestamp)(values) else set()


def _timestamps(values: list[Any]) -> Any:
    unit = next(one.unit for one in values if one is not None)
    return pa.array([None if one is None else one.asm8 for one in values], pa.timestamp(unit))


def _all_in_seconds(values: list[Any]) -> bool:
    return _units(values) == {"s"}


def _milliseconds(values: list[Any]) -> Any:
    """Return what Parquet has instead of seconds."""
    return _timestamps(values).cast(pa.timestamp("ms"))


def _seconds(array: Any) -> list[Any]:
    return [one.as_unit("s") for one in array.to_pandas().tolist()]


def _all_arrays(values: list[Any]) -> bool:
    return (
        _are(values, np.ndarray)
        and all(one.ndim == 1 and one.dtype.isnative for one in values)
        and values[0].dtype.kind in "iuf"
        and values[0].dtype.itemsize > 2  # Parquet knows no short floats
        and len({one.dtype for one in values}) == 1
    )


def _arrays(values: list[Any]) -> Any:
    kind = next(one.dtype for one in values if one is not None)
    return pa.array(values, pa.list_(pa.from_numpy_dtype(kind)))


def _unpacked_arrays(array: Any) -> list[Any]:
    flat, ends = (
        array.flatten().to_numpy(zero_copy_only=False),
        array.offsets.to_numpy() - array.offsets[0].as_py(),
    )
    return [flat[start:end].copy() for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
