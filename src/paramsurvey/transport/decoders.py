"""Decoders turn a group's payload into psets: private dicts of native Python values."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.isolation import IsolatedColumn, IsolatedPset, isolated_column, isolated_pset
from paramsurvey.transport.job_code import RawColumn
from paramsurvey.transport.messages import PackedValues, Pset, Rows, Values
from paramsurvey.transport.packed_columns import packed, to_list

CHUNK = 1024  # psets to convert to Python's values at a time, few enough to stay in the CPU's cache


@dataclass(frozen=True)
class TableDecoder:
    """Makes psets from a table's columns.

    Parameters
    ----------
    names : tuple of str
        The columns' names. The table has checked that they are identifiers.
    categories : tuple
        For each column that is sent as category codes, the list of its categories, followed by nan, which is
        where the code -1 points; None for a column that is sent as values.
    """

    names: tuple[str, ...]
    categories: tuple[list[Any] | None, ...]

    def isolated(self, payload: Sequence[Values]) -> tuple[PackedValues, ...]:
        """Return the columns as they are sent: packed, and with their objects pickled one by one."""
        return tuple(
            isolated_column(packed(values), name) for values, name in zip(payload, self.names, strict=True)
        )

    def pickled_bytes(self, payload: Sequence[PackedValues]) -> int:
        """Return how many bytes the pickled objects take."""
        return sum(values.pickled_bytes() for values in payload if isinstance(values, IsolatedColumn))

    def psets(self, rows: Rows, payload: Sequence[Values | PackedValues]) -> Iterator[Pset | IsolatedPset]:
        """Yield one pset for each of `rows`."""
        return _psets_of_columns(self.names, payload, len(rows), self.categories)

    def columns(
        self, rows: Rows, payload: Sequence[Values | PackedValues], start: int, stop: int
    ) -> dict[str, RawColumn]:
        """Return the columns of the psets at the offsets from `start` up to, but not including, `stop`."""
        columns = zip(self.names, payload, self.categories, strict=True)
        return {name: RawColumn(_copied(values[start:stop]), choices) for name, values, choices in columns}


@dataclass(frozen=True, slots=True)
class SameKeyPsets:
    """Psets that all have the same keys in the same order, as columns.

    Attributes
    ----------
    names : tuple of str
    columns : tuple
        For each name, the psets' values.
    count : int
        How many psets there are.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]  # of Values, or of PackedValues when they are sent
    count: int

    def __len__(self) -> int:
        return self.count


class StreamDecoder:
    """Makes psets from parts: `SameKeyPsets`, or lists of dicts where the keys differ."""

    def isolated(self, payload: Sequence[SameKeyPsets | Sequence[Pset]]) -> list[IsolatedPart]:
        """Return the parts as they are sent: packed, and with their objects pickled one by one."""
        return list(map(_isolated_part, payload))

    def pickled_bytes(self, payload: Sequence[IsolatedPart]) -> int:
        """Return how many bytes the pickled objects take."""
        pieces = chain.from_iterable(
            part.columns if isinstance(part, SameKeyPsets) else part for part in payload
        )
        return sum(
            piece.pickled_bytes() for piece in pieces if isinstance(piece, (IsolatedColumn, IsolatedPset))
        )

    def psets(self, rows: Rows, payload: Sequence[IsolatedPart]) -> Iterator[Pset | IsolatedPset]:
        """Yield the psets of all parts."""
        return chain.from_iterable(map(_psets_of_part, payload))

    def columns(
        self, rows: Rows, payload: Sequence[IsolatedPart], start: int, stop: int
    ) -> dict[str, RawColumn]:
        """Return the columns of the psets from `start` to `stop`; nan where a pset does not have the key."""
        cells: dict[str, list[Any]] = {}
        known = 0  # psets in earlier parts
        for part in payload:
            first, last = max(start - known, 0), min(stop - known, len(part))
            if first < last:
                _add_cells(cells, part, first, last, known + first - start)
            known += len(part)
        return {
            name: RawColumn(values + [math.nan] * (stop - start - len(values)))
            for name, values in cells.items()
        }


IsolatedPart: TypeAlias = SameKeyPsets | Sequence[Pset | IsolatedPset]


def _copied(part: Values | PackedValues) -> Values | PackedValues:
    """Return a slice of a column that shares no memory with it: only slices of numpy arrays need a copy."""
    return part if isinstance(part, (array, bytes, list)) else part.copy()


def _add_cells(cells: dict[str, list[Any]], part: IsolatedPart, start: int, stop: int, before: int) -> None:
    """Add the values of some psets of a part to the columns; `before` psets are in the columns already."""
    if isinstance(part, SameKeyPsets):
        for name, values in zip(part.names, part.columns, strict=True):
            own = cells.setdefault(name, [])
            own += [math.nan] * (before - len(own)) + to_list(packed(values[start:stop]))
        return
    for at, pset in enumerate(part[start:stop], before):
        for name, value in (pset.values if isinstance(pset, IsolatedPset) else pset).items():
            own = cells.setdefault(name, [])
            own += [math.nan] * (at - len(own)) + [value]


def _isolated_part(part: SameKeyPsets | Sequence[Pset]) -> IsolatedPart:
    if not isinstance(part, SameKeyPsets):
        return list(map(isolated_pset, part))
    columns = tuple(map(isolated_column, map(packed, part.columns), part.names))
    return SameKeyPsets(part.names, columns, part.count)


def _psets_of_part(part: IsolatedPart) -> Iterator[Pset | IsolatedPset]:
    if not isinstance(part, SameKeyPsets):
        return iter(part)
    return _psets_of_columns(part.names, part.columns, part.count, (None,) * len(part.names))


def _psets_of_columns(
    names: tuple[str, ...],
    columns: Sequence[Values | PackedValues],
    count: int,
    categories: Sequence[list[Any] | None],
) -> Iterator[Pset | IsolatedPset]:
    if not columns:
        return ({} for _ in range(count))
    make = pset_maker(names)
    starts = range(0, count, CHUNK)
    psets = chain.from_iterable(map(make, *_chunk(columns, categories, start)) for start in starts)
    has_pickled = any(isinstance(values, IsolatedColumn) for values in columns)
    return map(IsolatedPset, psets) if has_pickled else psets


def _chunk(
    columns: Sequence[Values | PackedValues], categories: Sequence[list[Any] | None], start: int
) -> Iterator[list[Any]]:
    """Yield the columns of the `CHUNK` psets from `start` on, as lists of native Python values."""
    for values, choices in zip(columns, categories, strict=True):
        chunk = to_list(packed(values[start : start + CHUNK]))
        yield chunk if choices is None else list(map(choices.__getitem__, chunk))


@lru_cache(maxsize=16)
def pset_maker(names: tuple[str, ...]) -> Callable[..., Pset]:
    """Return a function that takes one argument per name, and returns them as a dict by name.

    The function is compiled from the names, as namedtuple does: a dict display is four times as fast as
    ``dict(zip(names, values))``, and a worker with tiny psets does little else. The function is cached,
    because compiling it takes longer than running a short group.
    """
    arguments = [f"a{i}" for i in range(len(names))]  # not names: as arguments, ﬁ and fi would be the same
    items = [f"{str(name)!r}: {argument}" for name, argument in zip(names, arguments, strict=True)]
    maker: Callable[..., Pset] = eval(f"lambda {', '.join(arguments)}: {{{', '.join(items)}}}", {})
    return maker
