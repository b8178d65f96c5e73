"""Columns of results with very many keys, which arrive pset by pset."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.column_by_row import as_array, unpack_values
from paramsurvey.transport.messages import Rows, Values
from paramsurvey.transport.packed_columns import pack_column
from paramsurvey.transport.wide_results import WideResults

Piece: TypeAlias = "tuple[NDArray[np.int64], Values]"
"""Rows, and the values of one key in them, all of one kind."""


def joined_columns(kept: Sequence[tuple[Rows, WideResults]]) -> Iterator[tuple[int, Hashable, list[Piece]]]:
    """Yield the columns of results: the first row that has the key, the key, and its values.

    Parameters
    ----------
    kept : sequence of (Rows, WideResults)
        The psets' rows, with their results.
    """
    by_names: dict[tuple[Hashable, ...], list[tuple[Rows, WideResults]]] = {}
    for rows, results in kept:
        by_names.setdefault(results.names, []).append((rows, results))
    for names, with_names in by_names.items():
        rows = np.concatenate([as_array(rows) for rows, _ in with_names])
        first = int(rows.min())
        columns = _columns(rows, [results for _, results in with_names])
        for name, pieces in zip(names, columns, strict=True):
            yield first, name, pieces


def _columns(rows: NDArray[np.int64], same_names: Sequence[WideResults]) -> Iterator[list[Piece]]:
    """Yield the pieces of each column of results that all have the same names."""
    count = len(same_names[0].names)
    arrays = [results.cells for results in same_names if isinstance(results.cells, array)]
    if len(arrays) == len(same_names):
        floats = np.concatenate([np.frombuffer(cells, dtype=np.float64) for cells in arrays])
        for column in np.ascontiguousarray(floats.reshape(-1, count).T):
            yield [(rows, column)]
        return
    by_pset: Iterable[Sequence[Any]] = (
        results.cells[at : at + count] for results in same_names for at in range(0, len(results.cells), count)
    )
    for values in zip(*by_pset, strict=True):
        segments = pack_column(range(len(values)), values)
        yield [(rows[np.asarray(piece.offsets)], unpack_values(piece.values)) for piece in segments]
