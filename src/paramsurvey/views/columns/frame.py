"""DataFrames as sources of columns; only the chunk that is being read is copied."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.checkpoint.typed_hash import HashPairs
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.views.columns.source import CHUNK, ColumnSource, Rows, nothing
from paramsurvey.views.columns.survey_data import KIND, POSITION, SECONDS, SurveyData


class FrameColumns:
    """A DataFrame's columns.

    Parameters
    ----------
    frame : DataFrame
        Columns whose names are not strings are left out.
    extra : mapping, optional
        More columns, as arrays of the same length.

    Examples
    --------
    >>> source = FrameColumns(pd.DataFrame({"a": [1, 2, 3]}))
    >>> [chunk["a"].tolist() for chunk in source.chunks(["a"], 2)]
    [[1, 2], [3]]
    """

    def __init__(self, frame: pd.DataFrame, extra: Mapping[str, Any] | None = None) -> None:
        self._arrays: dict[str, Any] = {
            name: _array(frame.iloc[:, at]) for at, name in enumerate(frame.columns) if isinstance(name, str)
        }
        self._arrays.update({name: _array(pd.Series(values)) for name, values in (extra or {}).items()})
        self._index = frame.index
        self._categories: dict[str, list[Any]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self._arrays)

    @property
    def is_stored(self) -> bool:
        """They are in memory."""
        return False

    def __len__(self) -> int:
        return len(self._index)

    def kind(self, name: str) -> str:
        """Return numpy's letter for a column of numbers."""
        kind: str = getattr(self._arrays[name].dtype, "kind", "") if name in self._arrays else ""
        return kind if kind in "biuf" else ""

    def is_read(self, name: str) -> bool:
        """Tell that the values of every column are read."""
        return True

    def chunks(self, names: Sequence[str], size: int = CHUNK) -> Iterator[Mapping[str, ColumnValues]]:
        """Yield the rows in their order, at most `size` at a time."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield {name: self._cells(name, start, stop) for name in names}

    def has_identities(self, name: str) -> bool:
        """Tell that all columns have their values."""
        return False

    def is_comparable(self, name: str) -> bool:
        """Tell that all columns can be compared."""
        return True

    def contents(self, names: Sequence[str]) -> Iterator[Mapping[str, ColumnValues | HashPairs]]:
        """Yield the same as `chunks`."""
        yield from self.chunks(names)

    def take(self, rows: Rows, names: Sequence[str]) -> Mapping[str, list[Any]]:
        """Return native values of a few rows."""
        return {
            name: self._arrays[name][rows].tolist() if name in self._arrays else nothing(len(rows)).tolist()
            for name in names
        }

    def labels(self, rows: Rows) -> list[Hashable]:
        """Return the rows' labels in the index."""
        labels: list[Hashable] = self._index[rows].tolist()
        return labels

    def _cells(self, name: str, start: int, stop: int) -> ColumnValues:
        if name not in self._arrays:
            return nothing(stop - start)
        array = self._arrays[name][start:stop]
        if isinstance(array.dtype, pd.CategoricalDtype):
            return CategoryCodes(array.codes, self._categories_of(name))
        return _cells(array)

    def _categories_of(self, name: str) -> list[Any]:
        if name not in self._categories:  # one list for all chunks: what is learned about it can be kept
            self._categories[name] = [*self._arrays[name].categories.tolist(), np.nan]
        return self._categories[name]


def _array(column: pd.Series[Any]) -> Any:
    """Return a column as a numpy array if it is one; dates as pandas' array, which has Timestamps."""
    is_plain = isinstance(column.dtype, np.dtype) and column.dtype.kind not in "mM"
    return column.to_numpy() if is_plain else column.array


def _cells(array: Any) -> ColumnValues:
    """Return some rows of a column."""
    if isinstance(array, np.ndarray):
        if array.dtype.kind in "biuf":
            return array.astype(np.float64) if array.dtype.char in "eg" else array
        if array.dtype.kind != "O" or pd.api.types.infer_dtype(array) != "string":
            return list(array.tolist())  # mixed objects: pandas would take True for 1
    elif _is_number(array.dtype) and not array.isna().any():
        return np.asarray(array, dtype=array.dtype.numpy_dtype)
    codes, values = pd.factorize(array)
    return CategoryCodes(codes, [*values.tolist(), np.nan])


def _is_number(dtype: Any) -> bool:
    """Tell whether it is one of pandas' dtypes for numbers that may be absent."""
    plain = getattr(dtype, "numpy_dtype", None)
    return plain is not None and plain.kind in "biuf"


def in_seconds(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of numbers, of durations, or of times, which are counted in seconds since 1970.

    Examples
    --------
    >>> in_seconds(pd.Series(pd.to_timedelta([1500, 250], unit="ms"))).tolist()
    [1.5, 0.25]
    """
    if column.dtype.kind == "M":  # whatever its unit and its zone
        column = pd.to_datetime(column, utc=True) - pd.Timestamp(0, tz="UTC").as_unit("s")
    return column.dt.total_seconds().astype(float) if column.dtype.kind == "m" else pd.to_numeric(column)


def data_of(results: Any, seconds: str | None = None) -> SurveyData:
    """Return the columns of results that are in memory.

    Parameters
    ----------
    results : MapResults
    seconds : str, optional
        The column that tells how long each pset took. None: the times that the map has measured, if the
        results have them.

    Raises
    ------
    TypeError
        When they are not the results of a map.
    """
    if not hasattr(results, "measured_seconds"):
        raise TypeError(
            f"views read the results of a map, a MapResults, but got a {type(results).__name__}. What is "
            "derived from results, such as results[results.x > 1], is a plain DataFrame, which does not "
            "have the psets that failed: give the results themselves, or run a map over these psets"
        )
    missing = results.missing
    extra = {KIND: missing.kinds(), POSITION: missing.numbers()} if len(missing) else {}
    times = {}
    if seconds is not None:
        times = {SECONDS: in_seconds(results[seconds])}
    else:
        finished, failed = results.measured_seconds()
        if np.isfinite(finished).any() or np.isfinite(failed).any():
            times = {SECONDS: finished}
            extra = {**extra, SECONDS: failed} if extra else {}
    return SurveyData(
        FrameColumns(results, times),
        FrameColumns(missing, extra),
        tuple(str(name) for name in missing.as_shown().columns),
        dict(results.attrs.get("units", {})),
    )


if TYPE_CHECKING:
    _: ColumnSource = FrameColumns(pd.DataFrame())
