"""Psets of a table, kept in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from paramsurvey.params.column_names import check_names
from paramsurvey.params.dataframes import as_series
from paramsurvey.params.sources.dict_columns import values_at
from paramsurvey.params.sources.pset_source import CategoryCodes, ColumnValues
from paramsurvey.transport.column_by_row import numpy_index
from paramsurvey.transport.decoders import TableDecoder
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.messages import Rows, Values
from paramsurvey.transport.packed_columns import to_python

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.categories import NativeValues
    from paramsurvey.params.sources.pset_source import PsetSource


class PsetTable:
    """Psets kept in columns.

    Parameters
    ----------
    frame : DataFrame
        The psets as the results show them, with one exception: a categorical that paramsurvey made stays one
        here, because it takes a fraction of the memory. `frame()` replaces it by its values.
    worker_values : mapping, optional
        The values that workers get, for those columns where they differ from the values in `frame`.
    """

    def __init__(self, frame: pd.DataFrame, worker_values: Mapping[str, Values] | None = None) -> None:
        self._frame = frame
        self.names: tuple[str, ...] = tuple(frame.columns)
        own_values = worker_values or {}
        self._columns = [
            _WorkerColumn(None, frame[name]) if (own := own_values.get(name)) is None else _WorkerColumn(own)
            for name in self.names
        ]

    @classmethod
    def from_frame(cls, psets: pd.DataFrame, limit: int | None = None) -> PsetTable:
        """Return the psets of a DataFrame, or the first `limit` of them; the DataFrame is not changed."""
        from paramsurvey.params.categories import noted_columns

        check_names(list(psets.columns))
        psets = psets.iloc[:limit]
        table = cls(without_index(_private_copy(psets)))
        index = table._frame.index
        noted = {name: column.set_axis(index) for name, column in noted_columns(psets).items()}
        return table.with_shown_columns(noted)

    @classmethod
    def of_values(cls, values: Mapping[str, Values], length: int) -> PsetTable:
        """Return psets with these values, by column, for workers; `length` is used if there is no column."""
        import pandas as pd

        columns = {
            name: column if isinstance(column, np.ndarray) else as_series(column)
            for name, column in values.items()
        }
        frame = pd.DataFrame(columns, copy=False)
        return cls(frame if values else pd.DataFrame(index=pd.RangeIndex(length)), values)

    def __len__(self) -> int:
        return len(self._frame)

    def read(self, count: int) -> int:
        """Return 0: all psets are known."""
        return 0

    def stop_reading(self) -> None:
        """Do nothing: all psets are known."""

    def forget(self, rows: Rows) -> None:
        """Do nothing: a column cannot give back the memory of some of its rows."""

    def payload(self, rows: Rows) -> tuple[Values, ...]:
        """Return these rows' slice of every column."""
        return tuple(column.values_at(rows) for column in self._columns)

    def columns(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the values of these rows by column."""
        slices = zip(self.names, self._columns, self.payload(rows), strict=True)
        return {
            name: values
            if column.categories is None
            else CategoryCodes(np.asarray(values), column.categories)
            for name, column, values in slices
        }

    @cached_property
    def _native_values(self) -> dict[str, NativeValues]:
        """The values, with their dtype in results, of each categorical that paramsurvey made."""
        from paramsurvey.params.categories import NativeValues, is_inferred

        inferred = [name for name, dtype in self._frame.dtypes.items() if is_inferred(dtype)]
        return {str(name): NativeValues.of(self._frame[name]) for name in inferred}

    def dtypes(self) -> Mapping[str, Any]:
        """Return the dtypes of the DataFrame that `frame` returns."""
        dtypes = {str(name): dtype for name, dtype in self._frame.dtypes.items()}
        return dtypes | {name: values.dtype for name, values in self._native_values.items()}

    def decoder(self) -> TableDecoder:
        """Return the decoder that makes dicts from these columns."""
        return TableDecoder(self.names, tuple(column.categories for column in self._columns))

    def replace(self, name: str, values: Sequence[Any]) -> None:
        """Put other values into a column; the caller's psets stay as they are.

        Call this before the first group is made: groups that exist already keep the old values.
        """
        column = as_series(list(values))
        self._frame = self._frame.assign(**{name: column})
        self._columns[self.names.index(name)] = _WorkerColumn(list(values), column)

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame with a RangeIndex."""
        if rows is None:
            frame = _private_copy(self._frame)
        else:
            frame = without_index(self._frame.iloc[numpy_index(rows)].copy())
        for name, values in self._native_values.items():
            frame[name] = values.column(frame[name].cat.codes.to_numpy())
        return frame

    def with_shown_columns(self, columns: Mapping[str, pd.Series[Any]]) -> PsetTable:
        """Return a table that shows these columns in results; what workers get stays the same."""
        if not columns:
            return self
        table = copy(self)
        table._frame = self._frame.assign(**columns)
        vars(table).pop("_native_values", None)
        return table


class _WorkerColumn:
    """The values of one column as workers get them.

    Attributes
    ----------
    categories : list or None
        The categories, followed by nan, if only codes are sent; None if the values are sent.
    """

    def __init__(self, values: Values | None, series: pd.Series[Any] | None = None) -> None:
        self.categories: list[Any] | None = None
        self._series: pd.Series[Any] | None = None
        self._values = values
        if series is None:
            return
        categories = _immutable_categories(series)
        if categories is not None:
            self.categories = [*categories, np.nan]
            self._values = series.cat.codes.to_numpy()
        elif isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb":
            self._values = series.to_numpy()
        else:
            self._series = series  # converted to Python objects group by group, to keep no second column

    def values_at(self, rows: Rows) -> Values:
        at = numpy_index(rows)
        if self._series is not None:
            return to_python(self._series.iloc[at], dates=True)
        assert self._values is not None
        return values_at(self._values, at)


def _immutable_categories(series: pd.Series[Any]) -> list[Any] | None:
    """Return a categorical's categories if psets may share them; else None, as for other dtypes."""
    import pandas as pd

    if not isinstance(series.dtype, pd.CategoricalDtype):
        return None
    categories = to_python(series.cat.categories, dates=True)
    return categories if all(map(is_immutable, set(map(type, categories)))) else None


def without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with a RangeIndex in place of its own; its values are not copied."""
    import pandas as pd

    if isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1:
        return frame
    return frame.set_axis(pd.RangeIndex(len(frame)), axis="index")


def _private_copy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy that later changes to `frame` do not reach; pandas 3 copies lazily, on a change."""
    import pandas as pd

    copies_on_write = int(pd.__version__.split(".")[0]) >= 3
    plain = frame if type(frame) is pd.DataFrame else pd.DataFrame(frame)
    return plain.copy(deep=not copies_on_write)


if TYPE_CHECKING:
    _: type[PsetSource] = PsetTable
