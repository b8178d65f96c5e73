"""Values as they are compared: equal ones become the same, whatever stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEEPEST = 50  # containers in containers in ...


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value in the one form that all equal ones have.

    A number becomes an integer of 64 bits where it is one, else a float where it is one. What stands for no
    value (None, NaT, NA) is nan. Of lists, tuples, dicts and arrays, the same is true of what is in them.

    Examples
    --------
    >>> plain([1.0, {"a": None}, True])
    [1, {'a': nan}, True]
    """
    if depth < DEEPEST:
        if type(value) in (list, tuple):
            return type(value)(plain(one, depth + 1) for one in value)
        if type(value) is dict:
            return {key: plain(one, depth + 1) for key, one in value.items()}
    if type(value) is np.ndarray:
        return _plain_array(value)
    return float("nan") if _is_absent(value) else _plain_number(value)


def _is_absent(value: Any) -> bool:
    import pandas as pd

    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return value is None or value is pd.NaT or value is pd.NA


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


def _plain_array(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of integers where all its numbers are integers of 64 bits, else one of floats."""
    if array.dtype.kind == "u" and array.size and array.max() >= 2**63:
        array = array.astype(object)
    if array.dtype.hasobject:
        cells = np.empty(array.size, dtype=object)
        cells[:] = [plain(one, 1) for one in array.ravel().tolist()]
        return cells.reshape(array.shape)
    if array.dtype.kind == "f" and array.dtype.char != "g":
        floats = array.astype(np.float64) + 0.0
        whole = np.isfinite(floats).all() and (np.trunc(floats) == floats).all()
        fits = whole and ((floats >= -(2.0**63)) & (floats < 2.0**63)).all()
        return floats.astype(np.int64) if fits else floats
    return array.astype(np.int64) if array.dtype.kind in "iu" else array
