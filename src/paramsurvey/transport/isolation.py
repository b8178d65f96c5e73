"""Objects are pickled one by one on the way to the worker function and back, so that psets share none.

A group of psets is cut to run fast, and no result may depend on how it was cut. So what a function
does to an object that it was given, or to one that it has returned, must not reach another pset that
has the same one; and an object that cannot be pickled, or not be unpickled on the other side, must cost
its own pset and no other. Numbers, strings and the like cannot do harm, and travel as they are.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from paramsurvey.errors import NotPicklable
from paramsurvey.transport.messages import PackedValues, Pset
from paramsurvey.transport.pickling import dump_data, dumps

IMMUTABLE_TYPES = {
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    date,
    datetime,
    time,
    timedelta,
    Decimal,
}
"""Types whose values can be shared and pickled without any risk; `is_immutable` adds those that it finds."""

IMMUTABLE_PANDAS_TYPES = frozenset({"Timestamp", "Timedelta", "NaTType", "NAType", "Period", "Interval"})


def is_immutable(kind: type) -> bool:
    """Tell whether all values of a type can be shared and pickled without any risk."""
    if kind not in IMMUTABLE_TYPES and (_is_pandas_atom(kind) or _is_numpy_scalar(kind)):
        IMMUTABLE_TYPES.add(kind)
    return kind in IMMUTABLE_TYPES


def _is_pandas_atom(kind: type) -> bool:
    # by name, for pandas stays unloaded
    return kind.__name__ in IMMUTABLE_PANDAS_TYPES and kind.__module__.partition(".")[0] == "pandas"


def _is_numpy_scalar(kind: type) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has one of its scalars has loaded it
    return (
        numpy is not None
        and kind in numpy.sctypeDict.values()
        and not issubclass(kind, (numpy.object_, numpy.void))
    )


@dataclass(frozen=True, slots=True)
class PickledObject:
    """One object, pickled by value."""

    data: bytes

    def load(self) -> Any:
        """Return a new copy of the object."""
        return pickle.loads(self.data)


@dataclass(frozen=True, slots=True)
class UnpicklableObject:
    """What travels in the place of an object that cannot be pickled."""

    reason: str

    def load(self) -> Any:
        """Raise NotPicklable."""
        raise NotPicklable(self.reason)


class IsolatedColumn(list[Any]):
    """A column in which some cells are pickled."""

    def weight(self) -> int:
        """Return how many bytes its pickled cells have."""
        return pickled_bytes(self)


def pickled_bytes(cells: Iterable[Any]) -> int:
    """Return how many bytes the pickled ones among `cells` have; what is not pickled is small."""
    return sum(len(cell.data) for cell in cells if isinstance(cell, PickledObject))


@dataclass(frozen=True, slots=True)
class IsolatedPset:
    """A pset of which some cells are pickled."""

    cells: Pset

    def load(self) -> Pset:
        """Return the pset, with copies of the objects that belong to the caller.

        Raises
        ------
        NotPicklable
            Naming the key whose value could not be sent, or not be loaded here.
        """
        return {key: _opened(key, cell) for key, cell in self.cells.items()}

    def weight(self) -> int:
        """Return how many bytes its pickled cells have."""
        return pickled_bytes(self.cells.values())


def _opened(key: str, cell: Any) -> Any:
    try:
        return cell.load() if isinstance(cell, (PickledObject, UnpicklableObject)) else cell
    except NotPicklable:
        raise
    except Exception as error:
        raise NotPicklable(
            f"pset[{key!r}] cannot be loaded by the worker ({type(error).__name__}: {error}): "
            "make the module that it comes from importable there"
        ) from error


def isolated_column(values: PackedValues, name: str) -> PackedValues:
    """Return a column with its mutable objects pickled; where there are none, the column itself."""
    if not isinstance(values, list) or all(map(is_immutable, set(map(type, values)))):
        return values
    return IsolatedColumn(_sealed(value, f"pset[{name!r}]") for value in values)


def isolated_pset(pset: Pset) -> Pset | IsolatedPset:
    """Return a pset with its mutable objects pickled."""
    if all(map(is_immutable, set(map(type, pset.values())))):
        return dict(pset)
    return IsolatedPset({key: _sealed(value, f"pset[{key!r}]") for key, value in pset.items()})


def _sealed(value: Any, name: str) -> Any:
    if is_immutable(type(value)):
        return value
    try:
        return PickledObject(dumps(value, name, dump_data))
    except NotPicklable as error:
        return UnpicklableObject(str(error))


def isolated_result(result: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a copy of a result with its mutable objects pickled.

    Raises
    ------
    NotPicklable
        Naming the key whose value cannot be pickled.
    """
    return {key: _sealed_value(key, value) for key, value in result.items()}


def _sealed_value(key: Any, value: Any) -> Any:
    if is_immutable(type(value)):
        return value
    try:
        return PickledObject(dump_data(value))
    except Exception as error:
        raise NotPicklable(
            f"the result {key!r} cannot be pickled, it is a {type(value).__qualname__} "
            f"({type(error).__name__}: {error}): return plain data instead"
        ) from error


def check_keys(keys: Iterable[Hashable]) -> None:
    """Refuse keys of a result that are objects and cannot be pickled, or not be unpickled.

    Raises
    ------
    NotPicklable
    """
    for key in keys:
        if is_immutable(type(key)):
            continue
        try:
            pickle.loads(dump_data(key))
        except Exception as error:
            raise NotPicklable(
                f"a key of the result, a {type(key).__qualname__}, cannot be pickled "
                f"({type(error).__name__}: {error}): take a string instead"
            ) from error
