"""What workers got where a table shows something else: an integer among floats, None, a datetime.

A column of a table has one dtype, so that one can compute with it. A pset that runs again must get what it
got the first time: such cells are kept beside the table.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.params.sources import Cells, Coded, PsetSource, PsetTable, as_series, as_source, psets_of
from paramsurvey.transport.columns import objects
from paramsurvey.transport.messages import Pset, Rows

DTYPES = "paramsurvey_dtypes"  # in the attrs of psets: the dtypes that some columns have in tables of results


@dataclass(frozen=True, slots=True)
class Cell:
    """What the workers got, and what the table shows instead.

    Attributes
    ----------
    given, shown : object
    there : bool
        False: the pset does not have this key.
    """

    given: Any
    shown: Any
    there: bool = True


Unshown = dict[str, dict[Hashable, Cell]]
"""By column and label, the cells that the table shows otherwise. There are few, or none at all."""


def unshown(source: PsetSource, rows: Rows, frame: pd.DataFrame) -> Unshown:
    """Return what `frame`, the source's table of these rows, does not show."""
    found = {name: _differences(given, frame[name]) for name, given in source.cells(rows).items()}
    if not source.names:  # psets of an iterator have the keys that they were given with
        for label, pset in enumerate(psets_of(source, rows)):
            for name in [name for name in frame.columns if name not in pset]:
                found.setdefault(name, {})[label] = Cell(np.nan, np.nan, there=False)
    return {name: cells for name, cells in found.items() if cells}


def _differences(given: Cells, column: pd.Series[Any]) -> dict[Hashable, Cell]:
    if isinstance(given, Coded) or (isinstance(given, np.ndarray) and given.dtype == column.dtype):
        return {}
    triples = zip(column.index, _listed(given), _as_workers_get(column), strict=True)
    return {label: Cell(value, shown) for label, value, shown in triples if not _same(value, shown)}


def _as_workers_get(column: pd.Series[Any]) -> list[Any]:
    """Return the values that a map of this column gives to its workers."""
    return _listed(PsetTable(column.to_frame("x")).cells(range(len(column)))["x"])


def _listed(cells: Cells) -> list[Any]:
    if isinstance(cells, Coded):
        return [cells.categories[code] for code in cells.codes.tolist()]
    return cells.tolist() if isinstance(cells, np.ndarray) else list(cells)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other or (one != one and other != other))  # nan is nan
    except Exception:  # objects may do anything here; what the user put there counts then
        return False


def exact(table: pd.DataFrame, cells: Unshown) -> pd.DataFrame:
    """Return a table with what the workers got, but for the cells that the user has changed since.

    A column keeps its dtype where that can hold the values. It is noted in ``attrs`` where it cannot: a map
    of the psets, see `source_of`, has columns like those of the survey that they come from.
    """
    dtypes = {}
    for name in cells.keys() & set(table.columns):
        column = table[name]
        values = [_value(shown, cells[name].get(label)) for label, shown in _labelled(column)]
        if not _holds(column, values):
            table[name] = _column_of(values).set_axis(table.index)
            dtypes[name] = str(column.dtype)
    if dtypes:
        table.attrs = {**table.attrs, DTYPES: dtypes}
    return table


def _labelled(column: pd.Series[Any]) -> zip[tuple[Hashable, Any]]:
    return zip(column.index, _as_workers_get(column), strict=True)


def _value(now: Any, cell: Cell | None) -> Any:
    return cell.given if cell is not None and cell.there and _same(now, cell.shown) else now


def _column_of(values: list[Any]) -> pd.Series[Any]:
    column = as_series(values)
    return column if _holds(column, values) else pd.Series(objects(values, len(values)), dtype=object)


def _holds(column: pd.Series[Any], values: list[Any]) -> bool:
    return all(map(_same, _as_workers_get(column), values))


def source_of(psets: Any, limit: int | None = None) -> PsetSource:
    """Return psets in any form as what a survey works on, see `as_source`.

    What `Missing.to_psets` gave has the dtypes again that it had in the survey that it comes from, and the
    workers get its exact values.
    """
    to_psets = getattr(psets, "to_psets", None)
    psets = to_psets() if callable(to_psets) else psets
    source = as_source(psets, limit)
    dtypes = psets.attrs.get(DTYPES) if isinstance(psets, pd.DataFrame) else None
    return _with_dtypes(source, dtypes) if dtypes else source


def _with_dtypes(source: PsetSource, dtypes: Mapping[str, str]) -> PsetSource:
    frame, cells = source.frame(), source.cells(range(len(source)))
    given = {}
    for name in dtypes.keys() & cells.keys():
        values, column = cells[name], _typed(frame[name], dtypes[name])
        if column is not None and not isinstance(values, Coded):
            frame[name], given[name] = column, values
    frame.attrs.pop(DTYPES, None)
    return PsetTable(frame, given)


def _typed(column: pd.Series[Any], dtype: str) -> pd.Series[Any] | None:
    """Return a column with another dtype, None where the user has put something else there since."""
    try:
        typed = column.astype(dtype)  # type: ignore[call-overload]  # any dtype's name
    except Exception:  # the user's objects may do anything here
        return None
    there = column.notna()
    if not typed.notna().equals(there):
        return None
    values = column[there].astype(object)
    numbers = typed.dtype == np.float64 and set(map(type, values)) <= {int, float}  # it may round them
    return typed if numbers or typed[there].astype(object).equals(values) else None


def private_pset(source: PsetSource) -> Pset:
    """Return the only pset of a source as a worker gets it: it shares no object with anybody."""
    decoder, rows = source.decoder(), range(1)
    (pset,) = decoder.psets(rows, decoder.sealed(source.load(rows)))
    return pset if isinstance(pset, dict) else pset.open()
