"""The values that workers got if a table shows something else: an integer among floats, None, a datetime.

A column of a table has one dtype, so that it can be used in computations. But a pset that runs again must get
what it got the first time, so such cells are kept alongside the table.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.categories import note_dtypes
from paramsurvey.params.dataframes import as_series
from paramsurvey.params.sources import (
    CategoryCodes,
    ColumnValues,
    PsetSource,
    PsetTable,
    cell_list,
    make_psets,
)
from paramsurvey.transport.column_by_row import object_array
from paramsurvey.transport.messages import Pset, Rows


@dataclass(frozen=True, slots=True)
class OriginalCell:
    """What the workers got, and what the table shows instead.

    Attributes
    ----------
    given, shown : object
    there : bool
        Whether the pset has this key.
    """

    given: Any
    shown: Any
    there: bool = True


OriginalValues = dict[str, dict[Hashable, OriginalCell]]
"""By column and label, the cells that the table shows as something else. There are few, or none at all."""


def original_values(source: PsetSource, rows: Rows, frame: pd.DataFrame) -> OriginalValues:
    """Return the cells that `frame`, the source's table of these rows, shows as something else."""
    found = {name: _differences(given, frame[name]) for name, given in source.columns(rows).items()}
    if not source.names:  # psets of an iterator have the keys that they were given with
        for label, pset in enumerate(make_psets(source, rows)):
            for name in [name for name in frame.columns if name not in pset]:
                found.setdefault(name, {})[label] = OriginalCell(np.nan, np.nan, there=False)
    return {name: cells for name, cells in found.items() if cells}


def _differences(given: ColumnValues, column: pd.Series[Any]) -> dict[Hashable, OriginalCell]:
    if isinstance(given, CategoryCodes):
        return {} if isinstance(column.dtype, pd.CategoricalDtype) else _coded_differences(given, column)
    if isinstance(given, np.ndarray) and given.dtype == column.dtype:
        return {}
    triples = zip(column.index, cell_list(given), _as_workers_get(column), strict=True)
    return {label: OriginalCell(value, shown) for label, value, shown in triples if not _same(value, shown)}


def _coded_differences(given: CategoryCodes, column: pd.Series[Any]) -> dict[Hashable, OriginalCell]:
    """Return the differences of a coded column, in which all rows with the same code show the same."""
    codes, examples = np.unique(given.codes, return_index=True)
    values = [given.categories[code] for code in codes.tolist()]
    shown = _as_workers_get(column.iloc[examples])
    cells = {
        code: OriginalCell(value, now)
        for code, value, now in zip(codes.tolist(), values, shown, strict=True)
        if not _same(value, now)
    }
    places = np.flatnonzero(np.isin(given.codes, list(cells))).tolist() if cells else []
    return {column.index[place]: cells[int(given.codes[place])] for place in places}


def _as_workers_get(column: pd.Series[Any]) -> list[Any]:
    """Return the values that a map of this column gives to its workers."""
    return cell_list(PsetTable(column.to_frame("x")).columns(range(len(column)))["x"])


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other or (one != one and other != other))  # both are nan
    except Exception:  # the user's objects may raise anything here
        return False


def with_original_values(table: pd.DataFrame, cells: OriginalValues) -> pd.DataFrame:
    """Return a table with the values that the workers got, except in cells that the user has changed since.

    A column keeps its dtype if that can hold the values. If not, the dtype is noted, so that a map of these
    psets has columns like those of the survey that they come from.
    """
    dtypes = {}
    for name in cells.keys() & set(table.columns):
        column = table[name]
        values = [_original(shown, cells[name].get(label)) for label, shown in _labelled(column)]
        if not _can_hold(column, values):
            table[name] = _column_of(values).set_axis(table.index)
            dtypes[name] = str(column.dtype)
    note_dtypes(table, dtypes)
    return table


def _labelled(column: pd.Series[Any]) -> zip[tuple[Hashable, Any]]:
    return zip(column.index, _as_workers_get(column), strict=True)


def _original(now: Any, cell: OriginalCell | None) -> Any:
    return cell.given if cell is not None and cell.there and _same(now, cell.shown) else now


def _column_of(values: list[Any]) -> pd.Series[Any]:
    column = as_series(values)
    return column if _can_hold(column, values) else pd.Series(object_array(values, len(values)), dtype=object)


def _can_hold(column: pd.Series[Any], values: list[Any]) -> bool:
    return all(map(_same, _as_workers_get(column), values))


def private_pset(source: PsetSource) -> Pset:
    """Return the only pset of a source as a worker gets it, sharing no object with other psets."""
    decoder, rows = source.decoder(), range(1)
    (pset,) = decoder.psets(rows, decoder.isolated(source.payload(rows)))
    return pset if isinstance(pset, dict) else pset.load()
