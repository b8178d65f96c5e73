"""Turns psets that are dicts into columns, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from paramsurvey.transport.column_by_row import value_array
from paramsurvey.transport.messages import Values
from paramsurvey.transport.packed_columns import to_python

PIECE = 1 << 11  # psets to convert together, few enough for their dicts to stay in the CPU's cache

AnyPset = Mapping[str, Any]


def all_keys(psets: Iterable[AnyPset]) -> list[str]:
    """Return every key that any pset has, in order of first appearance."""
    return list(dict.fromkeys(chain.from_iterable(psets)))


def all_keys_fast(psets: Sequence[AnyPset]) -> list[str]:
    """Return what `all_keys` does, in a quarter of the time if the first pset has all keys."""
    first = list(psets[0]) if psets else []
    if all(set().union(*piece).issubset(first) for piece in pieces(psets)):
        return first
    return all_keys(psets)


READER = """
def read(psets, {columns}):
    {appends}
    for pset in psets:
        if type(pset) is not dict or [*pset] != names:
            return pset
        {additions}
    return end
"""

END = object()  # stands for the end of an iterator


@lru_cache(maxsize=16)
def column_reader(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function that reads psets with these keys, in this order, from an iterator into columns.

    It takes the iterator, and a list for each key, to which it appends the values. It returns the first pset
    that has other keys or is not a dict; `END` at the end of the iterator. It raises what the iterator
    raises; the lists then have all psets before that. After an interruption, some lists may be longer than
    the last one.

    The function is compiled from the keys: copying each dict, and then converting a few thousand of them,
    takes three times as long, and workers may have to wait for it.
    """
    numbers = range(len(names))
    source = READER.format(
        columns=", ".join(f"c{i}" for i in numbers),
        appends="; ".join(f"append{i} = c{i}.append" for i in numbers),
        additions="; ".join(f"append{i}(pset[{str(name)!r}])" for i, name in enumerate(names)),
    )
    found: dict[str, Any] = {"names": list(names), "end": END}
    exec(source, found)
    reader: Callable[..., Any] = found["read"]
    return reader


def have_keys(psets: Sequence[AnyPset], names: Sequence[str]) -> bool:
    """Tell whether each pset has exactly these keys, in this order."""
    # Since no dict has a key twice, these can only be equal if each pset has all the keys.
    return list(chain.from_iterable(psets)) == list(names) * len(psets)


def pieces(psets: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the psets, `PIECE` of them at a time."""
    return (psets[start : start + PIECE] for start in range(0, len(psets), PIECE))


def values_by_name(psets: Sequence[AnyPset], names: Sequence[str]) -> list[Values]:
    """Return the psets' values as workers get them, by name; nan where a pset lacks the key."""
    if set(map(type, psets)) <= {dict}:  # not for a defaultdict, which would make up values
        try:
            return [worker_values(list(map(itemgetter(name), psets))) for name in names]
        except KeyError:
            pass
    return [worker_values([pset.get(name, np.nan) for pset in psets]) for name in names]


def worker_values(values: list[Any]) -> Values:
    """Return values of one key as an array, or as a list of Python's values if their types differ."""
    array = value_array(values)
    return array if isinstance(array, np.ndarray) else to_python(array, dates=True)


def joined_values(parts: Sequence[Values]) -> Values:
    """Return consecutive values of one column as one; numbers of different types are not converted."""
    if len(parts) == 1:
        return parts[0]
    if len({part.dtype if isinstance(part, np.ndarray) else None for part in parts}) == 1 and isinstance(
        parts[0], np.ndarray
    ):
        return np.concatenate(parts)
    return worker_values([value for part in parts for value in cells_of(part)])


def values_at(values: Values, at: Any) -> Values:
    """Return the values at the places `at`, a slice or an integer array."""
    if isinstance(values, np.ndarray):
        return np.asarray(values[at])
    return values[at] if isinstance(at, slice) else [values[i] for i in at]


def cells_of(values: Values) -> list[Any]:
    """Return values as a list."""
    return values.tolist() if isinstance(values, np.ndarray) else values


class FilledColumn:
    """A column of known length that is filled from the front with the values of one key.

    Parameters
    ----------
    length : int

    Attributes
    ----------
    values : array or list
        As long as all values fit into one array: that array, in the column's full length. Otherwise a list of
        the values so far.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._count = 0
        self.values: Values = []

    def append(self, more: Values) -> None:
        """Add the next values."""
        if self._count == 0 and isinstance(more, np.ndarray):
            self.values = np.empty(self._length, dtype=more.dtype)
        stop = self._count + len(more)
        if isinstance(self.values, np.ndarray):
            if isinstance(more, np.ndarray) and more.dtype == self.values.dtype:
                self.values[self._count : stop] = more
                self._count = stop
                return
            self.values = self.values[: self._count].tolist()
        self.values += cells_of(more)
        self._count = stop
