"""Objects in psets and results are pickled one by one, so that no two psets share an object.

Psets are sent in groups whose sizes depend on speed, and no result may depend on how psets were grouped. So a
function that changes an object that it was given, or has returned, must not change it for another pset; and
an object that cannot be pickled or unpickled must fail only its own pset. Immutable values (numbers, strings)
need no pickle of their own, because sharing them has no effect.
"""

from __future__ import annotations

import math
import pickle
import sys
from collections.abc import Hashable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from paramsurvey.errors import INTERRUPTIONS, NotPicklable, with_article
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import PackedValues, Pset
from paramsurvey.transport.pickling import dump_data, dumps
from paramsurvey.transport.safe_repr import describe, text_of, type_name

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
"""Types whose values are immutable and can always be pickled; `is_immutable` adds more as it meets them."""

IMMUTABLE_PANDAS_TYPES = frozenset({"Timestamp", "Timedelta", "NaTType", "NAType", "Period", "Interval"})


def is_immutable(kind: type) -> bool:
    """Tell whether all values of a type are immutable and can be pickled."""
    if kind not in IMMUTABLE_TYPES and (_is_pandas_scalar(kind) or _is_numpy_scalar(kind)):
        IMMUTABLE_TYPES.add(kind)
    return kind in IMMUTABLE_TYPES


def _is_pandas_scalar(kind: type) -> bool:
    # by name, so that pandas need not be loaded
    return kind.__name__ in IMMUTABLE_PANDAS_TYPES and kind.__module__.partition(".")[0] == "pandas"


def _is_numpy_scalar(kind: type) -> bool:
    numpy = sys.modules.get("numpy")  # not imported: a process that has such a scalar has loaded numpy
    return (
        numpy is not None
        and kind in numpy.sctypeDict.values()
        and not issubclass(kind, (numpy.object_, numpy.void))
    )


@dataclass(frozen=True, slots=True)
class PickledObject:
    """One pickled object."""

    data: bytes

    def load(self) -> Any:
        """Return a new copy of the object."""
        return pickle.loads(self.data)


@dataclass(frozen=True, slots=True)
class UnpicklableObject:
    """Sent in place of an object that cannot be pickled."""

    reason: str

    def load(self) -> Any:
        """Raise NotPicklable."""
        raise NotPicklable(self.reason)


class IsolatedColumn(list[Any]):
    """A column in which some values are pickled."""

    def pickled_bytes(self) -> int:
        """Return how many bytes its pickled values take."""
        return pickled_bytes(self)


def pickled_bytes(values: Iterable[Any]) -> int:
    """Return how many bytes the pickled objects among `values` take; other values are small."""
    return sum(len(value.data) for value in values if isinstance(value, PickledObject))


@dataclass(frozen=True, slots=True)
class IsolatedPset:
    """A pset in which some values are pickled."""

    values: Pset

    def load(self) -> Pset:
        """Return the pset with its objects unpickled; each call makes new ones.

        Raises
        ------
        NotPicklable
            Names the key whose value could not be pickled, or cannot be unpickled here.
        """
        return {key: loaded(key, value) for key, value in self.values.items()}

    def pickled_bytes(self) -> int:
        """Return how many bytes its pickled values take."""
        return pickled_bytes(self.values.values())


def loaded(key: str, value: Any) -> Any:
    """Return one value of a pset, unpickled if it is pickled.

    Raises
    ------
    NotPicklable
        Names the key.
    """
    try:
        return value.load() if isinstance(value, (PickledObject, UnpicklableObject)) else value
    except (NotPicklable, *INTERRUPTIONS):
        raise
    except BaseException as error:  # whatever the object's class raises, even SystemExit
        raise NotPicklable(
            f"pset[{key!r}] cannot be loaded by the worker ({type_name(error)}: {text_of(error)}): "
            "make the module that it comes from importable there"
        ) from error


def isolated_column(values: PackedValues, name: str) -> PackedValues:
    """Return a column with its mutable objects pickled; the column itself if it has none."""
    if not isinstance(values, list) or all(map(is_immutable, set(map(type, values)))):
        return values
    return IsolatedColumn(_pset_value(value, f"pset[{name!r}]") for value in values)


def isolated_pset(pset: Pset) -> Pset | IsolatedPset:
    """Return a pset with its mutable objects pickled."""
    if all(map(is_immutable, set(map(type, pset.values())))):
        return dict(pset)
    return IsolatedPset({key: _pset_value(value, f"pset[{key!r}]") for key, value in pset.items()})


def _pset_value(value: Any, name: str) -> Any:
    if is_immutable(type(value)):
        return value
    try:
        return PickledObject(dumps(value, name, dump_data))
    except NotPicklable as error:
        return UnpicklableObject(str(error))


def isolated_value(key: Any, value: Any) -> Any:
    """Return one value of a result, pickled if it is mutable.

    Raises
    ------
    NotPicklable
        Names the key.
    """
    if is_immutable(type(value)):
        return value
    try:
        return PickledObject(dump_data(value))
    except INTERRUPTIONS:
        raise
    except BaseException as error:  # whatever the value's class raises, even SystemExit
        raise NotPicklable(
            f"the result {describe(key)} cannot be pickled, it is {with_article(type_name(value))} "
            f"({type_name(error)}: {text_of(error)}): return plain data instead"
        ) from error


def check_keys(keys: Iterable[Hashable]) -> None:
    """Refuse keys of a result that cannot be pickled and unpickled, or do not equal their own copy.

    Keys of different replies are compared with each other. One that differs from its copy would make a new
    column in each reply; one that raises when it is compared would cost other psets their results.

    Raises
    ------
    NotPicklable
        Names the key's class.
    """
    for key in keys:
        if is_immutable(type(key)):
            continue
        try:
            copy = unique_key(pickle.loads(dump_data(key)))
            is_same = unique_key(key) in {copy}
        except INTERRUPTIONS:
            raise
        except BaseException as error:  # whatever the key's class raises, even SystemExit
            raise NotPicklable(
                f"a key of the result, {with_article(type_name(key))}, cannot be pickled and compared "
                f"({type_name(error)}: {text_of(error)}): use a string instead"
            ) from error
        if not is_same:
            raise NotPicklable(
                f"a key of the result, {with_article(type_name(key))}, is not equal to its own copy: "
                "use a string instead"
            )


def unique_key(key: Hashable) -> Hashable:
    """Return a key of a result, with one and the same object for every nan, even in tuples, as in pandas.

    No nan equals another: without this, each reply would make a column of its own.
    """
    if type(key) is tuple:
        return tuple(map(unique_key, key))
    return math.nan if isinstance(key, float) and key != key else key
