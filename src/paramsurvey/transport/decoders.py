"""Making psets, as private dicts of native Python values, out of what a group carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from paramsurvey.transport.isolation import IsolatedColumn, IsolatedPset, isolated_column, isolated_pset
from paramsurvey.transport.messages import PackedValues, Pset, Rows, Values
from paramsurvey.transport.packed_columns import packed, to_list

PIECE = 1024  # psets whose values are made Python's at once: few enough to be in the processor's cache


@dataclass(frozen=True)
class TableDecoder:
    """Decodes a table's slices of columns.

    Parameters
    ----------
    names : tuple of str
        The columns: identifiers and no keywords, which the table has checked.
    categories : tuple
        For each column its categories with nan behind them (so that code -1 finds it), or None
        when the column travels as it is.
    """

    names: tuple[str, ...]
    categories: tuple[list[Any] | None, ...]

    def isolated(self, load: Sequence[Values]) -> tuple[PackedValues, ...]:
        """Return the columns as they travel."""
        return tuple(
            isolated_column(packed(values), name) for values, name in zip(load, self.names, strict=True)
        )

    def weight(self, load: Sequence[PackedValues]) -> int:
        """Return the bytes of all objects."""
        return sum(values.weight() for values in load if isinstance(values, IsolatedColumn))

    def psets(self, rows: Rows, load: Sequence[Values | PackedValues]) -> Iterator[Pset | IsolatedPset]:
        """Yield one dict for each of `rows`."""
        if not load:
            return ({} for _ in rows)
        make = pset_maker(self.names)
        pieces = (map(make, *self._piece(load, start)) for start in range(0, len(rows), PIECE))
        psets = chain.from_iterable(pieces)
        return (
            map(IsolatedPset, psets) if any(isinstance(values, IsolatedColumn) for values in load) else psets
        )

    def _piece(self, load: Sequence[Values | PackedValues], start: int) -> Iterator[list[Any]]:
        """Yield the columns of the `PIECE` psets from `start` on, as lists of native Python values."""
        for values, categories in zip(load, self.categories, strict=True):
            piece = to_list(packed(values[start : start + PIECE]))
            yield piece if categories is None else list(map(categories.__getitem__, piece))


class DictDecoder:
    """Decodes psets that travel as the dicts that they are."""

    def isolated(self, load: Sequence[Pset]) -> list[Pset | IsolatedPset]:
        """Return the dicts as they travel."""
        return [isolated_pset(pset) for pset in load]

    def weight(self, load: Sequence[Pset | IsolatedPset]) -> int:
        """Return the bytes of all objects."""
        return sum(pset.weight() for pset in load if isinstance(pset, IsolatedPset))

    def psets(self, rows: Rows, load: Sequence[Pset | IsolatedPset]) -> Iterator[Pset | IsolatedPset]:
        """Yield them."""
        return iter(load)


@lru_cache(maxsize=16)
def pset_maker(names: tuple[str, ...]) -> Callable[..., Pset]:
    """Return a function of one argument per name that returns the dict of them.

    It is compiled from the names, as namedtuple does it: a dict display is four times faster than
    ``dict(zip(names, values))``, and a worker with tiny psets does little else. It is kept, for that takes
    longer than a short group.
    """
    arguments = [f"a{i}" for i in range(len(names))]  # to Python, the names ﬁ and fi would be one
    items = [f"{str(name)!r}: {argument}" for name, argument in zip(names, arguments, strict=True)]
    maker: Callable[..., Pset] = eval(f"lambda {', '.join(arguments)}: {{{', '.join(items)}}}", {})
    return maker
