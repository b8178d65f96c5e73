"""All codecs by name: how values of each kind become an Arrow array, and come back unchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from paramsurvey.checkpoint.format import duration_codecs, pickles, zoned_codecs
from paramsurvey.checkpoint.format.codec import Codec, are, listed, to

DIGITS = 38  # of the widest decimals that most programs know
PICKLES = frozenset({"mixed", "pickle"})
"""The codecs whose arrays are pickles."""
ENCODING_ERRORS = (pa.ArrowException, UnicodeEncodeError, OverflowError, ValueError, TypeError)
"""What is raised if a codec cannot store a value after all, although the value fits it."""


@cache
def codecs() -> dict[str, Codec]:
    """Return the codecs by name; the first that fits is used, and ``pickle`` fits everything.

    ``mixed`` stores pickles, too, of columns in which some values would need no pickle if they were alone.
    """
    return {
        "nothing": Codec(lambda values: not values, lambda values: pa.nulls(len(values)), listed),
        "str": _plain(str, pa.string()),
        "bytes": _plain(bytes, pa.binary()),
        "datetime": Codec(_all_naive(datetime), to(pa.timestamp("us")), listed),
        "timestamp": Codec(_all_timestamps, _timestamps, lambda array: array.to_pandas().tolist()),
        "timestamp[s]": Codec(_all_in_seconds, _milliseconds, _seconds),
        "date": _plain(date, pa.date32()),
        "list of str": _list_of(str, pa.string()),
        "list of int": _list_of(int, pa.int64()),
        "list of float": _list_of(float, pa.float64()),
        "empty list": Codec(
            _all_empty_lists, to(pa.list_(pa.null())), lambda array: [[] for _ in range(len(array))]
        ),
        "array": Codec(_all_arrays, _arrays, _unpacked_arrays),
        "large int": Codec(_all_ints, to(pa.decimal128(DIGITS)), _ints),
        **duration_codecs.codecs(),
        **zoned_codecs.codecs(),
        "mixed": Codec(lambda values: False, pickles.pickle_values, pickles.unpickle_values),
        "pickle": Codec(lambda values: True, pickles.pickle_values, pickles.unpickle_values),
    }


def _plain(kind: type, arrow: Any) -> Codec:
    return Codec(lambda values: are(values, kind), to(arrow), listed)


def _list_of(kind: type, arrow: Any) -> Codec:
    def fits(values: list[Any]) -> bool:
        return are(values, list) and are((item for value in values for item in value), kind)

    return Codec(fits, to(pa.list_(arrow)), listed)


def _all_empty_lists(values: list[Any]) -> bool:
    return are(values, list) and not any(values)


def _all_naive(kind: type) -> Callable[[list[Any]], bool]:
    return lambda values: are(values, kind) and not any(one.tzinfo or one.fold for one in values)


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


def _all_ints(values: list[Any]) -> bool:
    return are(values, int) and max(map(abs, values)) < 10**DIGITS


def _ints(array: Any) -> list[Any]:
    return list(map(int, array.to_pylist()))


def _all_arrays(values: list[Any]) -> bool:
    return (
        are(values, np.ndarray)
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
