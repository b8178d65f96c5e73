"""Values as they travel: numbers in the standard library's arrays, so that a worker needs no numpy.

A worker is ready in a third of the time without it, and on a machine with many cores that is
many times. What the user's function needs, it imports itself.
"""

from __future__ import annotations

import sys
from array import array, typecodes
from collections.abc import Iterator, Sequence
from typing import Any

from paramsurvey.transport.isolation import IsolatedColumn, PickledObject
from paramsurvey.transport.messages import Offsets, PackedValues, ResultColumn, Values


def pack_values(values: Sequence[Any]) -> PackedValues:
    """Return `values` as an array of int64 or float64, or as bytes (bools), where they all are that.

    Else it is a list, which is a copy. Numpy's numbers, bools and strings become Python's own.
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
        except OverflowError:  # an integer of more than 64 bits stays Python's own
            return list(natives)
    return bytes(natives) if kinds == {bool} else list(natives)


def to_python(values: Any, dates: bool = False) -> list[Any]:
    """Return a column's values as Python's own: numpy's numbers, bools and strings have become that.

    Parameters
    ----------
    values : list, array or Series
    dates : bool
        Whether numpy's dates and spans become pandas' ones, which are Python's too and keep the nanoseconds.
        Where no pset is made of the values they stay, for a worker must not load pandas.

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
    """Pack one result key's values, each kind of number by itself so that none becomes another."""
    packed = pack_values(values)
    if not isinstance(packed, list) or not {int, float, PickledObject}.intersection(map(type, packed)):
        return (ResultColumn(_compact(offsets), packed),)
    return tuple(ResultColumn(_compact(chosen), cells) for chosen, cells in split_by_kind(offsets, packed))


def split_by_kind(offsets: Sequence[int], values: Sequence[Any]) -> Iterator[tuple[list[int], PackedValues]]:
    """Yield the integers, the floats, the pickled and the other ones among `values`, with their offsets."""
    kinds = list(map(_kind, map(type, values)))
    for kind in sorted(set(kinds)):
        chosen = [offset for offset, its in zip(offsets, kinds, strict=True) if its == kind]
        cells = [value for value, its in zip(values, kinds, strict=True) if its == kind]
        yield chosen, IsolatedColumn(cells) if kind == "s" else pack_values(cells)


def _kind(kind: type) -> str:
    return "i" if kind is int else "f" if kind is float else "s" if kind is PickledObject else "o"


def _compact(offsets: Sequence[int]) -> Offsets:
    """Return ascending offsets as a range where they have no gaps, else as an array."""
    if not offsets or offsets[-1] - offsets[0] + 1 == len(offsets):
        return range(offsets[0], offsets[-1] + 1) if offsets else range(0)
    return array("q", offsets)


def packed(values: Values | PackedValues) -> PackedValues:
    """Return the driver's values as they travel."""
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
    """Return a list of Python's own values."""
    if isinstance(values, array):
        return values.tolist()
    return list(map(bool, values)) if isinstance(values, bytes) else values
