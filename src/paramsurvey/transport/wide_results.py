"""Results with very many keys, which are sent pset by pset because each column has a fixed cost."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, ItemsView, Iterator, Mapping
from itertools import chain
from typing import Any

from paramsurvey.transport.isolation import PickledObject
from paramsurvey.transport.messages import Offsets, ResultColumn
from paramsurvey.transport.packed_columns import compact_offsets, pack_column, pack_values, to_list

Columns = Mapping[Hashable, tuple[ResultColumn, ...]]
FEW_PSETS = 8  # for more psets than this, columns take less work


class WideResults(Mapping[Hashable, "tuple[ResultColumn, ...]"]):
    """The results of some psets that have the same keys. Read as a mapping, they are columns by key.

    Parameters
    ----------
    names : tuple
        The keys.
    offsets : Offsets
        The psets' positions in their group.
    cells : array of float, or list
        All values of the first pset, in the order of the keys, then those of the second, and so on. None of
        them is pickled.
    """

    __slots__ = ("_places", "cells", "names", "offsets")

    def __init__(
        self, names: tuple[Hashable, ...], offsets: Offsets, cells: array[float] | list[Any]
    ) -> None:
        self.names, self.offsets, self.cells = names, offsets, cells
        self._places: dict[Hashable, int] | None = None

    def __reduce__(self) -> tuple[type[WideResults], tuple[Any, ...]]:
        return WideResults, (self.names, self.offsets, self.cells)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.names)

    def __getitem__(self, key: Hashable) -> tuple[ResultColumn, ...]:
        if self._places is None:
            self._places = {name: place for place, name in enumerate(self.names)}
        return self._column(self._places[key])

    def items(self) -> ItemsView[Hashable, tuple[ResultColumn, ...]]:
        """Return keys and columns."""
        columns = map(self._column, range(len(self.names)))
        return dict(zip(self.names, columns, strict=True)).items()

    def _column(self, place: int) -> tuple[ResultColumn, ...]:
        values = self.cells[place :: len(self.names)]
        if isinstance(values, array):
            return (ResultColumn(self.offsets, values),)
        return pack_column(list(self.offsets), values)

    def results(self) -> Iterator[tuple[int, dict[Hashable, Any]]]:
        """Yield each pset's offset and result."""
        count = len(self.names)
        for number, offset in enumerate(self.offsets):
            values = self.cells[number * count : (number + 1) * count]
            yield offset, dict(zip(self.names, values, strict=True))


def wide_columns(names: tuple[Hashable, ...], offsets: list[int], rows: list[list[Any]]) -> Columns:
    """Return the results of psets that have the same keys: as columns, or as `WideResults` if they are few.

    Parameters
    ----------
    names : tuple
        The keys.
    offsets : list of int
        The psets' positions in their group.
    rows : list of list
        Each pset's values, in the order of the keys.
    """
    if len(rows) <= FEW_PSETS:
        packed = pack_values(list(chain.from_iterable(rows)))
        if isinstance(packed, array) and packed.typecode == "d":
            return WideResults(names, compact_offsets(offsets), packed)
        values = to_list(packed)
        if PickledObject not in set(map(type, values)):
            return WideResults(names, compact_offsets(offsets), values)
    columns = map(list, zip(*rows, strict=True))
    return {name: pack_column(offsets, values) for name, values in zip(names, columns, strict=True)}
