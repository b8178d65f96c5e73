"""Psets from a list of dicts, which become columns piece by piece while the first of them run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paramsurvey.params.column_names import ATTEMPTS, check_names, without_reasons
from paramsurvey.params.sources.dict_columns import (
    PIECE,
    FilledColumn,
    all_keys_fast,
    values_at,
    values_by_name,
)
from paramsurvey.params.sources.pset_source import ColumnValues
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.transport.column_by_row import numpy_index
from paramsurvey.transport.decoders import TableDecoder
from paramsurvey.transport.messages import Rows, Values

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.sources.pset_source import PsetSource


class PsetList:
    """Psets from a list of dicts; nan where a pset lacks a key that others have.

    All keys are checked at once. The values become columns only as groups need them, so that the workers do
    not have to wait for the last pset. Until then, changes to the dicts would reach the workers: `convert`
    them all before the caller's own code runs.

    Parameters
    ----------
    psets : sequence of dicts
        Its length must not change.

    Raises
    ------
    PsetError
        A ValueError that names the first column whose name is not allowed.
    """

    def __init__(self, psets: Sequence[Mapping[str, Any]]) -> None:
        names = all_keys_fast(psets)
        if ATTEMPTS in names:
            psets = [without_reasons(pset) for pset in psets]
            names = all_keys_fast(psets)
        check_names(names)
        self.names: tuple[str, ...] = tuple(names)
        self._length = len(psets)
        self._psets = psets
        self._converted = 0
        self._columns = [FilledColumn(len(psets)) for _ in names]
        self._table: PsetTable | None = None

    def __len__(self) -> int:
        return self._length

    def convert(self, stop: int | None = None) -> None:
        """Convert the psets before row `stop`, or all, into columns."""
        stop = self._length if stop is None else stop
        while self._converted < stop:
            piece = self._psets[self._converted : self._converted + PIECE]
            for column, values in zip(self._columns, values_by_name(piece, self.names), strict=True):
                column.append(values)
            self._converted += len(piece)

    def table(self) -> PsetTable:
        """Return all psets as a table."""
        if self._table is None:
            self.convert()
            values = {name: column.values for name, column in zip(self.names, self._columns, strict=True)}
            self._table = PsetTable.of_values(values, self._length)
            self._psets = ()
        return self._table

    def read(self, count: int) -> int:
        """Return 0: all psets are known."""
        return 0

    def stop_reading(self) -> None:
        """Do nothing: all psets are known."""

    def forget(self, rows: Rows) -> None:
        """Do nothing: a column cannot give back the memory of some of its rows."""

    def payload(self, rows: Rows) -> tuple[Values, ...]:
        """Return these rows' slice of every column."""
        if self._table is not None:
            return self._table.payload(rows)
        if len(rows):
            last = rows[-1] if isinstance(rows, range) else np.max(rows)
            self.convert(int(last) + 1)
        at = numpy_index(rows)
        return tuple(values_at(column.values, at) for column in self._columns)

    def columns(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the values of these rows by column."""
        return dict(zip(self.names, self.payload(rows), strict=True))

    def dtypes(self) -> Mapping[str, Any]:
        """Return the dtypes of the DataFrame that `frame` returns."""
        return self.table().dtypes()

    def decoder(self) -> TableDecoder:
        """Return the decoder that makes dicts from these columns."""
        return TableDecoder(self.names, (None,) * len(self.names))

    def replace(self, name: str, values: Sequence[Any]) -> None:
        """Put other values into a column, before the first group is made; the dicts stay the same."""
        self.table().replace(name, values)

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame with a RangeIndex."""
        return self.table().frame(rows)


if TYPE_CHECKING:
    _: type[PsetSource] = PsetList
