"""Columns of results with very many keys, which arrive pset by pset."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.column_by_row import unpack_values
from paramsurvey.transport.messages import Rows, Values
from paramsurvey.transport.packed_columns import pack_column
from paramsurvey.transport.wide_results import WideResults

Piece: TypeAlias = "tuple[NDArray[np.int64], Values]"
"""Rows, and the values of one key there, which are all of one kind."""


def joined(kept: Sequence[tuple[Rows, WideResults]]) -> Iterator[tuple[int, Hashable, list[Piece]]]:
    """Yield the columns of results: the first row that has the key, the key, and its values.

    Parameters
    ----------
    kept : sequence of (Rows, WideResults)
        The psets' rows, with their results.
    """
    same: dict[tuple[Hashable, ...], list[tuple[Rows, WideResults]]] = {}
    for rows, results in kept:
        same.setdefault(results.names, []).append((rows, results))
    for names, some in same.items():
        rows = np.concatenate([np.asarray(rows, dtype=np.int64) for rows, _ in some])
        first = int(rows.min())
        for name, pieces in zip(names, _columns(rows, [results for _, results in some]), strict=True):
            yield first, name, pieces


def _columns(rows: NDArray[np.int64], some: Sequence[WideResults]) -> Iterator[list[Piece]]:
    count = len(some[0].names)
    arrays = [results.cells for results in some if isinstance(results.cells, array)]
    if len(arrays) == len(some):
        floats = np.concatenate([np.frombuffer(cells, dtype=np.float64) for cells in arrays])
        for column in np.ascontiguousarray(floats.reshape(-1, count).T):
            yield [(rows, column)]
        return
    by_pset: Iterable[Sequence[Any]] = (
        results.cells[at : at + count] for results in some for at in range(0, len(results.cells), count)
    )
    for values in zip(*by_pset, strict=True):
        segments = pack_column(range(len(values)), values)
        yield [(rows[np.asarray(one.offsets)], unpack_values(one.values)) for one in segments]
