"""The psets of a batch, as a function gets them: a numpy array for each column."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.column_by_row import fits_float, object_array, value_array
from paramsurvey.transport.isolation import loaded
from paramsurvey.transport.job_code import RawColumn
from paramsurvey.transport.messages import PackedValues, Values

Arrays = dict[str, NDArray[Any]]


def arrays_of(columns: Mapping[str, RawColumn]) -> Arrays:
    """Return the columns of some psets as arrays that the function may change.

    Numbers and bools have the dtype of their column; everything else is an object array.

    Raises
    ------
    NotPicklable
        Names the column with an object that cannot be loaded here.
    """
    return {name: _array_of(name, column) for name, column in columns.items()}


def array_of_one(value: Any) -> NDArray[Any]:
    """Return the column of a batch of one pset.

    Examples
    --------
    >>> array_of_one(3), array_of_one("x")
    (array([3]), array(['x'], dtype=object))
    """
    return _array_of_cells([value])


def _array_of(name: str, column: RawColumn) -> NDArray[Any]:
    if column.categories is not None:
        return _categorical(_codes(column.values), column.categories)
    values = column.values
    if not isinstance(values, list):
        return _numbers(values)
    return _array_of_cells([loaded(name, value) for value in values])


def _numbers(values: PackedValues | Values) -> NDArray[Any]:
    """Return numbers as an array, without a copy, since they are private and the function may change them."""
    if isinstance(values, np.ndarray):
        return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    if isinstance(values, array):
        return np.frombuffer(values, dtype=values.typecode)
    return np.frombuffer(bytearray(values), dtype=np.bool_)


def _codes(values: PackedValues | Values) -> NDArray[np.int64]:
    return np.asarray(values if isinstance(values, list) else _numbers(values)).astype(np.int64)


def _categorical(codes: NDArray[np.int64], categories: Sequence[Any]) -> NDArray[Any]:
    """Return the values of category codes; the last category is nan, which is where the code -1 points."""
    if len(codes) and int(codes.min()) < 0:
        cells = [categories[code] for code in codes.tolist()]
        return _array_of_cells(cells)
    return _array_of_cells(list(categories[:-1]))[codes] if len(categories) > 1 else object_array([], 0)


def _array_of_cells(cells: Sequence[Any]) -> NDArray[Any]:
    """Return Python's values as a numeric array if all of them are numbers, else as an object array."""
    values = value_array(cells)
    if isinstance(values, np.ndarray):
        return values
    objects = object_array(values, len(values))
    if set(map(type, values)) == {int, float} and all(map(fits_float, values)):
        return objects.astype(np.float64)
    return objects
