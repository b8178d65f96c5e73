"""The values of one column: what users may give, and how a space stores them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.column_by_row import as_array, numpy_index, value_array
from paramsurvey.transport.messages import Rows, Values
from paramsurvey.transport.packed_columns import to_python

Axis = range | NDArray[Any] | list[Any]
"""All values of a column. A range stays a range, so that an axis of a billion values takes no memory."""


def as_axis(name: str, values: object) -> Axis:
    """Return a column's values in the form in which a space keeps them.

    Examples
    --------
    >>> as_axis("x", [1, 2])
    array([1, 2])
    >>> as_axis("x", ("a", 2))
    ['a', 2]
    """
    checked = check_values(name, values)
    if isinstance(checked, range) and _in_64_bits(checked):
        return checked
    dtype = getattr(checked, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _numbers(np.asarray(checked))
    return value_array(to_python(as_list(checked), dates=True))


def as_list(values: Iterable[Any]) -> list[Any]:
    """Return `values` as a list; the values of an Arrow array become Python objects."""
    to_list = getattr(values, "to_pylist", None)
    return list(to_list() if to_list else values)


def wrap_single(values: object) -> Any:
    """Return a single value (a string, a number, None) in a list, and several values as they are.

    Examples
    --------
    >>> [wrap_single(values) for values in (3, "abc", None, [3])]
    [[3], ['abc'], [None], [3]]
    """
    if not is_single_value(values):
        return values
    return [values[()] if isinstance(values, np.ndarray) else values]  # [()]: the value of a 0-d array


def is_single_value(values: object) -> bool:
    """Tell whether this is a single value: a string, a number, None, an array without dimensions."""
    if isinstance(values, (str, bytes)):
        return True
    return getattr(values, "ndim", 1) < 1 or not isinstance(values, Iterable)


def is_distribution(values: object) -> bool:
    """Tell whether this is a distribution for `sample`, rather than values."""
    return callable(getattr(type(values), "at", None))


def check_values(name: object, values: object) -> Iterable[Any]:
    """Return `values`, or raise a ValueError if it is neither a list of values nor anything like one.

    Examples
    --------
    >>> check_values("x", 3)
    Traceback (most recent call last):
        ...
    ValueError: 'x' needs a list of values and has 3: write [3]
    """
    needs = f"{name!r} needs a list of values and has"
    if is_distribution(values):
        raise ValueError(f"{needs} the distribution {values}: draw from it with params.sample(n, {name}=...)")
    if isinstance(values, (str, bytes)):
        raise ValueError(f"{needs} the string {values!r}: write [{values!r}]")
    if isinstance(values, Mapping):
        raise ValueError(f"{needs} a dict: give its list(...), or the list of its values()")
    if isinstance(values, (set, frozenset)):
        raise ValueError(f"{needs} a set, which has no order: give it one with sorted(...)")
    if name == "where" and callable(values):
        raise ValueError(f"{needs} a function: to choose psets by it, write .where(function) after the space")
    if is_single_value(values):
        raise ValueError(f"{needs} {values}: write [{values}]")
    dimensions = getattr(values, "ndim", 1)
    if dimensions > 1:
        raise ValueError(f"{needs} {dimensions} dimensions: give one, for example with list(...)")
    if isinstance(values, range) and (values.stop - values.start) // values.step > sys.maxsize:
        raise ValueError(f"{needs} {values}, whose values are too many to be numbered: take fewer")
    return cast("Iterable[Any]", values)


def are_distinct(axis: NDArray[Any] | list[Any]) -> bool:
    """Tell whether a column's values are certainly distinct, as numbers or as texts."""
    if isinstance(axis, np.ndarray):
        ordered = np.sort(axis, kind="stable")  # nan comes last, and equals nan here
        same = (ordered[1:] == ordered[:-1]) | (ordered[:-1] != ordered[:-1])
        return not bool(same.any())
    return all(type(value) is str for value in axis) and len(set(axis)) == len(axis)


def native_order(values: Any) -> Any:
    """Return an array or a Series in this machine's byte order, and anything else as it is.

    Examples
    --------
    >>> native_order(np.array([1, 2], dtype=">i2")).dtype
    dtype('int16')
    """
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        return values.astype(dtype.newbyteorder("="))
    return values


def has_none(values: Iterable[Any]) -> bool:
    """Tell whether None or pandas' NA is among the values.

    In a numeric column, pandas would turn it into nan, and integers beside it into floats.

    Examples
    --------
    >>> has_none([5, None])
    True
    >>> has_none([5, float("nan")])
    False
    """
    # NA is recognized by the name of its class, so that pandas need not be loaded
    return any(kind is type(None) or kind.__name__ == "NAType" for kind in set(map(type, values)))


def _in_64_bits(values: range) -> bool:
    """Tell whether NumPy can compute the values: also the step of a range with a single value must fit."""
    limits = np.iinfo(np.int64)
    return all(limits.min <= number <= limits.max for number in (values.start, values.step, *values[-1:]))


def _numbers(values: NDArray[Any]) -> Axis:
    """Copy numbers into a bool, int64 or float64 array, or into a list if an integer is too large."""
    if values.dtype.kind == "u" and len(values) and values.max() > np.iinfo(np.int64).max:
        return [int(value) for value in values]
    kinds = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}
    return np.array(values, dtype=kinds[values.dtype.kind])


def values_at(axis: Axis, rows: Rows) -> Values:
    """Return the values at `rows`, as a copy that the caller may change.

    Examples
    --------
    >>> values_at(range(0, 1000, 10), range(3, 5))
    array([30, 40])
    """
    if isinstance(axis, range):
        return axis.start + axis.step * as_array(rows)
    if isinstance(axis, np.ndarray):
        return np.array(axis[numpy_index(rows)])
    return axis[rows.start : rows.stop] if isinstance(rows, range) else [axis[i] for i in rows]
