"""Converts the dicts that the user's function returns into columns."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Hashable
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.isolation import IMMUTABLE_TYPES, PickledObject, check_keys, isolated_value
from paramsurvey.transport.messages import ResultColumn
from paramsurvey.transport.packed_columns import pack_column
from paramsurvey.transport.wide_results import Columns, wide_columns

Result = dict[Hashable, Any]
Add: TypeAlias = Callable[[int, Result], None]
MOST_COMPILED = 100  # keys; for more, compiling a function takes longer than it saves


@dataclass(frozen=True, slots=True)
class SameKeyResults:
    """Results that have the same keys: a list of values for each key.

    Attributes
    ----------
    keys : tuple
    offsets : list of int
    columns : tuple of list
        The values of each key. While a result is being added, they may be longer than `offsets`.
    add : callable
        Adds the result of a pset. It passes on results with other keys.
    """

    keys: tuple[Hashable, ...]
    offsets: list[int]
    columns: tuple[list[Any], ...]
    add: Add

    def clear(self) -> None:
        """Forget all results."""
        for values in (self.offsets, *self.columns):
            values.clear()

    def between(self, first: int, last: int) -> Columns:
        """Return the results numbered from `first` up to, but not including, `last`."""
        offsets = self.offsets[first:last]
        return {
            key: pack_column(offsets, values[first:last])
            for key, values in zip(self.keys, self.columns, strict=True)
        }


class ManyKeyResults:
    """Results that have the same keys, but very many of them: a list of values for each pset.

    Parameters
    ----------
    keys : tuple
    add_other : callable
        Adds a result with other keys.
    isolated : callable
        Pickles the value of a key, if it is mutable.

    Attributes
    ----------
    offsets : list of int
    """

    def __init__(
        self, keys: tuple[Hashable, ...], add_other: Add, isolated: Callable[[Hashable, Any], Any]
    ) -> None:
        self._keys, self._add_other, self._isolated = keys, add_other, isolated
        self._rows: list[list[Any]] = []
        self.offsets: list[int] = []

    def add(self, offset: int, result: Result) -> None:
        """Add the result of a pset."""
        try:
            values = list(map(result.__getitem__, self._keys))
        except KeyError:
            values = []
        if not len(result) == len(values) == len(self._keys):
            self._add_other(offset, result)
            return
        if not IMMUTABLE_TYPES.issuperset(map(type, values)):
            values = list(map(self._isolated, self._keys, values))
        self._rows.append(values)
        self.offsets.append(offset)  # last, so that no reader ever sees half a result

    def clear(self) -> None:
        """Forget all results."""
        self._rows.clear()
        self.offsets.clear()

    def between(self, first: int, last: int) -> Columns:
        """Return the results numbered from `first` up to, but not including, `last`."""
        return wide_columns(self._keys, self.offsets[first:last], self._rows[first:last])


class ResultPacker:
    """Takes results one by one, and returns them as columns.

    Mutable values are pickled immediately, because the function may reuse the same list or array.

    One thread adds results. Another may meanwhile ask for those that were added before, as columns.

    Attributes
    ----------
    add : callable
        Takes the offset of a pset, which must be larger than those before, and its result. If a value or a
        key cannot be pickled, it raises NotPicklable, which names the key, and adds nothing. After the first
        result, this is a different function, made for the keys of that result.
    pickled_bytes : int
        How many bytes the pickled objects among the results take.
    """

    def __init__(self) -> None:
        self._by_keys: dict[tuple[Hashable, ...], SameKeyResults | ManyKeyResults] = {}
        self.add: Add = self._add_any
        self.pickled_bytes = 0

    def _add_any(self, offset: int, result: Result) -> None:
        keys = tuple(result)
        results = self._by_keys.get(keys)
        if results is None:
            results = self._by_keys[keys] = self._same_key_results(keys)
            self.add = results.add
        results.add(offset, result)

    def _same_key_results(self, keys: tuple[Hashable, ...]) -> SameKeyResults | ManyKeyResults:
        check_keys(keys)
        if len(keys) > MOST_COMPILED:
            return ManyKeyResults(keys, self._add_any, self._isolated)
        offsets: list[int] = []
        columns: tuple[list[Any], ...] = tuple([] for _ in keys)
        make_add = adder_maker(len(keys))
        add = make_add(self._add_any, IMMUTABLE_TYPES, self._isolated, offsets, *keys, *columns)
        return SameKeyResults(keys, offsets, columns, add)

    def _isolated(self, key: Hashable, value: Any) -> Any:
        isolated = isolated_value(key, value)
        if isinstance(isolated, PickledObject):
            self.pickled_bytes += len(isolated.data)
        return isolated

    def take(self, start: int = 0, stop: int = sys.maxsize) -> Columns:
        """Return what `columns` does, and drop all results."""
        columns = self.columns(start, stop)
        for results in self._by_keys.values():
            results.clear()
        self.pickled_bytes = 0
        return columns

    def columns(self, start: int, stop: int) -> Columns:
        """Return the results of the psets from `start` up to, but not including, `stop` as columns."""
        found = []
        for results in list(self._by_keys.values()):
            first, last = bisect_left(results.offsets, start), bisect_left(results.offsets, stop)
            if first < last:
                found.append(results.between(first, last))
        if len(found) == 1:
            return found[0]
        columns: dict[Hashable, tuple[ResultColumn, ...]] = {}
        for key, column in chain.from_iterable(part.items() for part in found):
            columns[key] = columns.get(key, ()) + column
        return columns


ADDER = """
def make_add(add_other, immutable_types, isolated, offsets, {parameters}):
    add_offset = offsets.append
    {appends}
    def add(offset, result):
        if len(result) != {count}:
            return add_other(offset, result)
        try:
            {values}
        except KeyError:
            return add_other(offset, result)
        {isolations}
        {additions}
        add_offset(offset)
    return add
"""


@lru_cache(maxsize=16)
def adder_maker(count: int) -> Callable[..., Add]:
    """Return a function that makes `SameKeyResults.add` for results with `count` keys.

    It takes the function for results with other keys, the immutable types, a function that pickles mutable
    values, the list of offsets, the keys, and the lists of values.

    The function is compiled, as `pset_maker` is: it takes a third of the time of a loop over the keys, and a
    worker with tiny psets does little else. All values are pickled before the first one is added, and the
    offset is added last, so that no reader ever sees half a result.
    """
    numbers = range(count)
    source = ADDER.format(
        count=count,
        parameters="".join(f"k{i}, " for i in numbers) + "".join(f"c{i}, " for i in numbers),
        appends="; ".join(f"append{i} = c{i}.append" for i in numbers) or "pass",
        values="; ".join(f"v{i} = result[k{i}]" for i in numbers) or "pass",
        isolations="\n        ".join(
            f"if type(v{i}) not in immutable_types: v{i} = isolated(k{i}, v{i})" for i in numbers
        ),
        additions="; ".join(f"append{i}(v{i})" for i in numbers),
    )
    names: dict[str, Any] = {}
    exec(source, names)
    maker: Callable[..., Add] = names["make_add"]
    return maker
