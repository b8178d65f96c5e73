"""Packed values: the form in which columns are sent, with numbers in `array.array` instead of numpy arrays.

A worker that does not import numpy starts in a third of the time. If the user's function needs numpy, the
function's module imports it.
"""

from __future__ import annotations

import sys
from array import array, typecodes
from collections.abc import Iterator, Sequence
from typing import Any

from paramsurvey.transport.isolation import IsolatedColumn, PickledObject
from paramsurvey.transport.messages import Offsets, PackedValues, ResultColumn, Values


def pack_values(values: Sequence[Any]) -> PackedValues:
    """Return integers or floats as an array of int64 or float64, bools as bytes, anything else as a list.

    Values are packed only if all have the same type. A list is a copy. Numpy's numbers, bools and strings
    become Python's.
    """
    kinds = set(map(type, values))
    natives = _as_python(values, kinds)
    if natives is not values:
        kinds = set(map(type, natives))
    if kinds <= {float}:
        return array("d", natives) if kinds else array("q")
    if kinds == {int}:
        try:
            return array("q", natives)
        except OverflowError:  # some integer has more than 64 bits
            return list(natives)
    return bytes(natives) if kinds == {bool} else list(natives)


def to_python(values: Any, dates: bool = False) -> list[Any]:
    """Return a column's values as a list, with numpy's numbers, bools and strings as Python's.

    Parameters
    ----------
    values : list, array or Series
    dates : bool
        Whether numpy's dates and time spans become pandas' Timestamps and Timedeltas, which are subclasses of
        Python's datetime and timedelta, and keep nanoseconds. False in workers, which must not load pandas.

    Examples
    --------
    >>> to_python([1, "x", None])
    [1, 'x', None]
    """
    cells = values if isinstance(values, (list, tuple)) else values.tolist()
    if getattr(getattr(values, "dtype", None), "kind", "O") in "biuf":
        return list(cells)
    return list(_as_python(cells, set(map(type, cells)), dates))


def _as_python(values: Sequence[Any], kinds: set[type], dates: bool = False) -> Sequence[Any]:
    numpy = sys.modules.get("numpy")
    if numpy is None or not any(issubclass(kind, numpy.generic) for kind in kinds):
        return values
    return [_scalar(value, dates) if isinstance(value, numpy.generic) else value for value in values]


def _scalar(value: Any, dates: bool) -> Any:
    if value.dtype.kind in "biufcUS":
        return value.item()
    if value.dtype.kind not in "mM" or not dates:
        return value
    import pandas as pd

    return pd.Timestamp(value) if value.dtype.kind == "M" else pd.Timedelta(value)


def pack_column(offsets: Sequence[int], values: Sequence[Any]) -> tuple[ResultColumn, ...]:
    """Pack the values of one result key: integers and floats separately, so that none is converted."""
    packed = pack_values(values)
    if not isinstance(packed, list) or not {int, float, PickledObject}.intersection(map(type, packed)):
        return (ResultColumn(compact_offsets(offsets), packed),)
    return tuple(
        ResultColumn(compact_offsets(chosen), part) for chosen, part in split_by_kind(offsets, packed)
    )


def split_by_kind(offsets: Sequence[int], values: Sequence[Any]) -> Iterator[tuple[list[int], PackedValues]]:
    """Yield the integers, the floats, the pickled objects and all other values separately, with offsets."""
    kinds = list(map(_kind, map(type, values)))
    for kind in sorted(set(kinds)):
        chosen = [offset for offset, its_kind in zip(offsets, kinds, strict=True) if its_kind == kind]
        part = [value for value, its_kind in zip(values, kinds, strict=True) if its_kind == kind]
        yield chosen, IsolatedColumn(part) if kind == "pickled" else pack_values(part)


def _kind(type_: type) -> str:
    if type_ is int:
        return "int"
    return "float" if type_ is float else "pickled" if type_ is PickledObject else "other"


def compact_offsets(offsets: Sequence[int]) -> Offsets:
    """Return ascending offsets as a range if they are consecutive, else as an array."""
    if not offsets or offsets[-1] - offsets[0] + 1 == len(offsets):
        return range(offsets[0], offsets[-1] + 1) if offsets else range(0)
    return array("q", offsets)


def packed(values: Values | PackedValues) -> PackedValues:
    """Return the driver's values in packed form."""
    if isinstance(values, (list, array, bytes)):
        return values
    if values.dtype.kind == "b":
        return values.tobytes()
    if values.dtype.char not in typecodes or not values.dtype.isnative:
        return list(values.tolist())
    numbers: array[Any] = array(values.dtype.char)
    numbers.frombytes(values.tobytes())
    return numbers


def to_list(values: PackedValues) -> list[Any]:
    """Return packed values as a list of Python's values."""
    if isinstance(values, array):
        return values.tolist()
    return list(map(bool, values)) if isinstance(values, bytes) else values
