"""Decoders make psets, which are private dicts of native Python values, of a group's payload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from paramsurvey.transport.isolation import IsolatedColumn, IsolatedPset, isolated_column, isolated_pset
from paramsurvey.transport.messages import PackedValues, Pset, Rows, Values
from paramsurvey.transport.packed_columns import packed, to_list

CHUNK = 1024  # psets that are converted to Python's values at a time: they stay in the CPU's cache


@dataclass(frozen=True)
class TableDecoder:
    """Makes psets of a table's columns.

    Parameters
    ----------
    names : tuple of str
        The columns' names. The table has checked that they are identifiers.
    categories : tuple
        For each column of which only category codes are sent, the list of its categories, with nan as the
        last item, which is what the code -1 finds; None for a column of which the values are sent.
    """

    names: tuple[str, ...]
    categories: tuple[list[Any] | None, ...]

    def isolated(self, payload: Sequence[Values]) -> tuple[PackedValues, ...]:
        """Return the columns as they are sent: packed, and with their objects pickled one by one."""
        return tuple(
            isolated_column(packed(values), name) for values, name in zip(payload, self.names, strict=True)
        )

    def pickled_bytes(self, payload: Sequence[PackedValues]) -> int:
        """Return how many bytes the pickled objects have."""
        return sum(values.pickled_bytes() for values in payload if isinstance(values, IsolatedColumn))

    def psets(self, rows: Rows, payload: Sequence[Values | PackedValues]) -> Iterator[Pset | IsolatedPset]:
        """Yield one pset for each of `rows`."""
        if not payload:
            return ({} for _ in rows)
        make = pset_maker(self.names)
        chunks = (map(make, *self._chunk(payload, start)) for start in range(0, len(rows), CHUNK))
        psets = chain.from_iterable(chunks)
        has_pickled = any(isinstance(values, IsolatedColumn) for values in payload)
        return map(IsolatedPset, psets) if has_pickled else psets

    def _chunk(self, payload: Sequence[Values | PackedValues], start: int) -> Iterator[list[Any]]:
        """Yield the columns of the `CHUNK` psets from `start` on, as lists of native Python values."""
        for values, categories in zip(payload, self.categories, strict=True):
            chunk = to_list(packed(values[start : start + CHUNK]))
            yield chunk if categories is None else list(map(categories.__getitem__, chunk))


class DictDecoder:
    """Passes on psets that are sent as dicts."""

    def isolated(self, payload: Sequence[Pset]) -> list[Pset | IsolatedPset]:
        """Return the dicts as they are sent: with their objects pickled one by one."""
        return [isolated_pset(pset) for pset in payload]

    def pickled_bytes(self, payload: Sequence[Pset | IsolatedPset]) -> int:
        """Return how many bytes the pickled objects have."""
        return sum(pset.pickled_bytes() for pset in payload if isinstance(pset, IsolatedPset))

    def psets(self, rows: Rows, payload: Sequence[Pset | IsolatedPset]) -> Iterator[Pset | IsolatedPset]:
        """Yield the psets of the payload."""
        return iter(payload)


@lru_cache(maxsize=16)
def pset_maker(names: tuple[str, ...]) -> Callable[..., Pset]:
    """Return a function that takes one argument per name, and returns the dict of names and arguments.

    The function is compiled from the names, as namedtuple does it: a dict display is four times faster than
    ``dict(zip(names, values))``, and a worker with tiny psets does little else. The function is cached,
    because compiling takes longer than a short group.
    """
    arguments = [f"a{i}" for i in range(len(names))]  # as arguments, the names ﬁ and fi would be the same
    items = [f"{str(name)!r}: {argument}" for name, argument in zip(names, arguments, strict=True)]
    maker: Callable[..., Pset] = eval(f"lambda {', '.join(arguments)}: {{{', '.join(items)}}}", {})
    return maker
