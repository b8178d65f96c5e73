"""Values in the form in which they are compared: equal values become the same, however they are stored."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.column_by_row import LARGEST_EXACT

MAX_DEPTH = 50  # of containers within containers


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value in the form that all values equal to it share.

    A number becomes a 64-bit integer if it equals one, or else a float if it equals one. A duration becomes
    one of Python's, and a time with a zone becomes that time in UTC. Whatever stands for no value (None, NaT,
    NA) becomes nan. The same goes for what is in lists, tuples, dicts and arrays. A list of numbers becomes
    an array, because other programs read both as lists.

    Examples
    --------
    >>> plain([1.0, {"a": None}, True])
    [1, {'a': nan}, True]
    """
    if depth < MAX_DEPTH:
        if type(value) is tuple:
            return tuple(plain(item, depth + 1) for item in value)
        if type(value) is list:
            return _plain_list([plain(item, depth + 1) for item in value])
        if type(value) is dict:
            return {key: plain(item, depth + 1) for key, item in value.items()}
    if type(value) is np.ndarray:
        return _plain_array(value)
    if is_absent(value):
        return float("nan")
    if isinstance(value, (datetime, timedelta, np.timedelta64)):
        return _plain_time(value)
    return _plain_number(value)


def is_absent(value: Any) -> bool:
    """Tell whether a value stands for no value."""
    import pandas as pd

    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    if type(value) in (float, complex):  # in a column of complex numbers, nan is complex, too
        return bool(value != value)
    return value is None or value is pd.NaT or value is pd.NA


def _plain_time(value: datetime | timedelta | np.timedelta64) -> Any:
    """Return a duration as Python's, where it has no nanoseconds; a time with a zone as that of UTC."""
    import pandas as pd

    try:
        if isinstance(value, datetime):
            return value if value.tzinfo is None else value.astimezone(UTC)
        duration = pd.Timedelta(value) if isinstance(value, np.timedelta64) else value
    except (ValueError, OverflowError):  # a year too far away, months
        return value
    if isinstance(duration, pd.Timedelta) and duration.nanoseconds == 0:
        return duration.to_pytimedelta()
    return duration


def _plain_number(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) and value.dtype.kind in "biuf" else value
    if type(number) is float and number.is_integer() and -(2**63) <= number < 2**63:
        return int(number)
    if type(number) is int and not -(2**63) <= number < 2**63:
        try:
            return float(number) if float(number) == number else number
        except OverflowError:
            return number
    return number


def _plain_list(items: list[Any]) -> list[Any] | NDArray[Any]:
    """Return a list of plain numbers as an array, which it equals, if that is exact."""
    kinds = set(map(type, items))
    if kinds <= {int} or kinds == {float} or (kinds == {int, float} and _are_exact_as_floats(items)):
        with suppress(OverflowError):
            return _plain_array(np.array(items, dtype=np.int64 if kinds <= {int} else np.float64))
    return np.array(items) if kinds == {bool} else items


def _are_exact_as_floats(items: list[Any]) -> bool:
    return all(type(item) is float or -LARGEST_EXACT <= item <= LARGEST_EXACT for item in items)


def _plain_array(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of integers if all its numbers equal 64-bit integers, else one of floats."""
    if array.dtype.kind == "u" and array.size and array.max() >= 2**63:
        array = array.astype(object)
    if array.dtype.hasobject:
        cells = np.empty(array.size, dtype=object)
        cells[:] = [plain(item, 1) for item in array.ravel().tolist()]
        return cells.reshape(array.shape)
    if array.dtype.kind == "f" and array.dtype.char != "g":
        floats = array.astype(np.float64) + 0.0
        whole = np.isfinite(floats).all() and (np.trunc(floats) == floats).all()
        fits = whole and ((floats >= -(2.0**63)) & (floats < 2.0**63)).all()
        return floats.astype(np.int64) if fits else floats
    return array.astype(np.int64) if array.dtype.kind in "iu" else array
