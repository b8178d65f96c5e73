"""Columns of results in the driver: values are written to their psets' rows as they arrive, in any order.

A column's dtype and contents depend on the values alone, never on the order in which they arrive. So a column
of floats remembers which of its values arrived as integers, in case it must become a column of objects.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport import packed_columns
from paramsurvey.transport.messages import Offsets, PackedValues, Rows, Values

LARGEST_EXACT = 2**53  # a float64 holds every integer up to here


def numpy_index(rows: Rows) -> slice | NDArray[np.int64]:
    """Return an index for numpy arrays: a slice if possible, because slicing copies nothing."""
    if isinstance(rows, range):
        return slice(rows.start, rows.stop, rows.step)
    return rows


def as_array(rows: Rows) -> NDArray[np.int64]:
    """Return row numbers as an array; numpy itself would make a Python integer of each row of a range."""
    if isinstance(rows, range):
        return np.arange(rows.start, rows.stop, rows.step, dtype=np.int64)
    return np.asarray(rows, dtype=np.int64)


def distinct_rows(pieces: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the row numbers in some arrays in ascending order, each once.

    Row numbers come in a few runs that ascend, which a stable sort merges: `numpy.unique` takes a hundred
    times longer.
    """
    found = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *pieces]), kind="stable")
    once = np.diff(found) > 0
    return found if once.all() else found[np.concatenate([[True], once])]


def rows_at(rows: Rows, offsets: Offsets) -> Rows:
    """Return the rows at `offsets`, which must be distinct and ascend."""
    if len(offsets) == len(rows):
        return rows
    if isinstance(offsets, range):
        return rows[offsets.start : offsets.stop]
    places = np.asarray(offsets)
    return rows.start + rows.step * places if isinstance(rows, range) else rows[places]


def object_array(values: Iterable[Any], count: int) -> NDArray[Any]:
    """Return an object array of `values`; lists and arrays among them stay single values."""
    return np.fromiter(values, dtype=object, count=count)


def unpack_values(values: PackedValues | Values) -> Values:
    """Return received values in the form that the driver keeps; numbers are not copied."""
    if isinstance(values, np.ndarray):
        return list(values) if values.ndim > 1 else values  # from a batch: an array for each pset
    if isinstance(values, array):
        return np.frombuffer(values, dtype=np.int64 if values.typecode == "q" else np.float64)
    return np.frombuffer(bytearray(values), dtype=np.bool_) if isinstance(values, bytes) else values


def value_array(values: Sequence[Any]) -> Values:
    """Return `values` as a bool, int64 or float64 array if all have that type, else as a list."""
    return unpack_values(packed_columns.pack_values(values))


def fits_float(numbers: Any) -> bool:
    """Tell whether a float64 can hold an integer, or all integers of an array, exactly. True for floats.

    Examples
    --------
    >>> fits_float(2**53), fits_float(np.array([2**53 + 1])), fits_float(2**70), fits_float(0.1)
    (True, False, False, True)
    """
    array = np.asarray(numbers)
    if array.dtype.kind not in "iuO" or array.size == 0:
        return True
    return bool(array.min() >= -LARGEST_EXACT and array.max() <= LARGEST_EXACT)


class Column:
    """The values of one result key for all psets; they may arrive in any order."""

    def __init__(self) -> None:
        self._room = 0
        self._data: NDArray[Any] | None = None
        self._filled = np.zeros(0, dtype=np.bool_)
        self._came_as_int: NDArray[np.bool_] | None = None  # only in a float column

    def make_room(self, total: int) -> None:
        """Make room for `total` psets. Later calls make more room than that, so that streams rarely copy."""
        if total <= self._room:
            return
        self._room = total if self._room == 0 else max(total, 2 * self._room)
        self._filled = _longer(self._filled, self._room)
        self._data = None if self._data is None else _longer(self._data, self._room)
        self._came_as_int = None if self._came_as_int is None else _longer(self._came_as_int, self._room)

    def put(self, rows: Rows, values: Values) -> None:
        """Write `values` at `rows`; if the column's dtype cannot hold them, change it first."""
        at = numpy_index(rows)
        incoming = values if isinstance(values, np.ndarray) else object_array(values, len(values))
        self._widen_for(incoming)
        assert self._data is not None
        self._data[at] = incoming
        if self._came_as_int is not None:
            self._came_as_int[at] = incoming.dtype.kind == "i"
        self._filled[at] = True

    def _widen_for(self, incoming: NDArray[Any]) -> None:
        if self._data is None:
            self._data = np.zeros(self._room, dtype=incoming.dtype)
        kinds = {self._data.dtype.kind, incoming.dtype.kind}
        if len(kinds) == 1 or self._data.dtype.kind == "O":
            return
        if kinds == {"i", "f"} and fits_float(incoming) and fits_float(self._data):
            self._become_float()
        else:
            self._become_object()

    def _become_float(self) -> None:
        """Become a float column that remembers which of its values arrived as integers."""
        assert self._data is not None
        if self._data.dtype.kind == "i":
            self._came_as_int = self._filled.copy()
            self._data = self._data.astype(np.float64)
        elif self._came_as_int is None:
            self._came_as_int = np.zeros(self._room, dtype=np.bool_)

    def _become_object(self) -> None:
        assert self._data is not None
        self._data, self._came_as_int = _as_objects(self._data, self._came_as_int), None

    def get(self, rows: Rows) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the values at `rows`, and a mask that is False where no value has arrived."""
        if len(rows) and int(rows[-1]) >= self._room:
            self.make_room(int(rows[-1]) + 1)
        data = np.zeros(self._room, dtype=object) if self._data is None else self._data
        return data[numpy_index(rows)], self._filled[numpy_index(rows)]

    def get_objects(self, rows: Rows) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return what `get` does, but as objects: integers among floats are integers, as they were."""
        data, there = self.get(rows)
        came_as_int = None if self._came_as_int is None else self._came_as_int[numpy_index(rows)]
        return _as_objects(data, came_as_int), there


def _as_objects(data: NDArray[Any], came_as_int: NDArray[np.bool_] | None) -> NDArray[Any]:
    objects = data.astype(object)
    if came_as_int is not None:
        objects[came_as_int] = data[came_as_int].astype(np.int64).astype(object)
    return objects


def _longer(data: NDArray[Any], length: int) -> NDArray[Any]:
    longer = np.zeros(length, dtype=data.dtype)
    longer[: len(data)] = data
    return longer
