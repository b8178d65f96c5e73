"""Results for other tools: xarray, Parquet, CSV and Feather; and the best of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from datetime import date, time, timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.errors import DoesNotFit, PackageMissing, suggestion, with_article
from paramsurvey.params.column_names import escape_surrogates
from paramsurvey.params.dataframes import as_series
from paramsurvey.results.dict_table import DictTable
from paramsurvey.results.missing import Missing

if TYPE_CHECKING:
    import xarray

    from paramsurvey.results.grid_detection import DetectedAxis, DetectedGrid

Rows = np.ndarray[Any, np.dtype[np.int64]]

UTF_8 = ("utf-8", "strict")
CSV_VALUES = (str, int, float, bool, np.generic, date, time, timedelta, type(None), type(pd.NA))


class Exportable(DictTable):
    """A table of results that can be exported to other tools."""

    _missing: Missing

    def best(self, column: Hashable, *, minimize: bool = False, n: int | None = None) -> Any:
        """Return the pset with the best result, or the `n` best ones.

        Parameters
        ----------
        column : str
            What to compare. Psets for which it is nan are left out.
        minimize : bool
            Whether the smallest value is the best; otherwise, the largest is.
        n : int, optional
            How many rows to return: the best first, and equally good ones in the order of the psets.

        Returns
        -------
        dict, or DataFrame if `n` is given
            The pset with its result, as native Python values; or the rows, with their labels.

        Raises
        ------
        KeyError
            There is no such column.
        ValueError
            No pset has a value in it and `n` is not given, or its values cannot be ordered.

        Examples
        --------
        >>> results.best("loss", minimize=True)  # doctest: +SKIP
        {'rate': 0.1, 'depth': 3, 'loss': 0.02}
        """
        order = _sorted_labels(column, _column(self, column), ascending=minimize)
        rows = self.to_df().loc[order[: 1 if n is None else n]]
        if n is not None:
            return rows
        if rows.empty:
            raise ValueError(f"no pset has a value of {column!r}: see results.missing for the reasons")
        return next(DictTable(rows).iterdicts())

    def to_xarray(self) -> xarray.Dataset:  # type: ignore[misc]  # pandas has a final one, which knows no missing psets
        """Return an xarray Dataset: psets on a grid become N-dimensional arrays with named axes.

        An axis is a key of the psets whose values are combined with all values of the other axes. A key that
        depends on one axis becomes a coordinate along it, and one that depends on several becomes a variable.
        Psets without a result, and holes in a grid, are nan. Psets that are not on a grid (a sample, or psets
        with duplicates) have one dimension, ``pset``, with their keys as coordinates. Texts that are not
        Unicode, such as the names of some files, have backslashes, since xarray cannot hold them.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        PackageMissing
            An ImportError: xarray is not installed.

        Examples
        --------
        >>> results.to_xarray().score.sel(kernel="rbf").plot()  # doctest: +SKIP
        """
        library = _import_package("xarray", "xarray")
        psets, finished = _all_psets(self, self._missing)
        found: dict[Hashable, pd.Series[Any]] = {
            name: self[name] for name in self.columns if name not in psets.columns
        }
        from paramsurvey.results.grid_detection import find_grid

        grid = find_grid(psets)
        if grid is not None:
            return self._with_units(_grid_dataset(library, grid, psets, found, finished))
        coordinates = {name: ("pset", _to_numpy(psets[name])) for name in psets.columns}
        variables = {
            name: ("pset", _place_in_array(found[name], (finished,), (len(psets),))) for name in found
        }
        return self._with_units(library.Dataset(variables, coords=coordinates))

    def _with_units(self, dataset: xarray.Dataset) -> xarray.Dataset:
        """Give a Dataset's arrays their units, which xarray shows in its plots."""
        for name, unit in self.attrs.get("units", {}).items():
            if name in dataset.variables:
                dataset[name].attrs["units"] = unit
        return dataset

    def to_parquet(self, path: Any = None, **kwargs: Any) -> Any:
        """Write Parquet; see `pandas.DataFrame.to_parquet`.

        Parameters
        ----------
        path : path or file
            Where to write it.
        **kwargs
            As pandas takes them.

        Raises
        ------
        DoesNotFit
            A ValueError that names the column that Parquet cannot hold. Nothing was written.
        """
        _check_arrow(self, "Parquet")
        return self.to_df().to_parquet(path, **kwargs)

    def to_feather(self, path: Any, **kwargs: Any) -> None:
        """Write Feather, which is Arrow's own format; see `pandas.DataFrame.to_feather`.

        Parameters
        ----------
        path : path or file
            Where to write it.
        **kwargs
            As pandas takes them.

        Raises
        ------
        DoesNotFit
            A ValueError that names the column that Feather cannot hold. Nothing was written.
        """
        _check_arrow(self, "Feather")
        self.to_df().to_feather(path, **kwargs)

    def to_csv(self, path_or_buf: Any = None, **kwargs: Any) -> Any:
        """Write CSV; see `pandas.DataFrame.to_csv`.

        Parameters
        ----------
        path_or_buf : path or file, optional
            Where to write it. If it is None, the text is returned.
        **kwargs
            As pandas takes them.

        Raises
        ------
        DoesNotFit
            A ValueError that names a column whose values would be lost as text (arrays, and objects of other
            classes), or that has text which the file's encoding lacks. Nothing was written.
        """
        _check_csv(self, _encoding(path_or_buf, kwargs))
        return self.to_df().to_csv(path_or_buf, **kwargs)


def _all_psets(results: pd.DataFrame, missing: Missing) -> tuple[pd.DataFrame, Rows]:
    """Return the psets with and without a result, in the order of the psets, and where those with one are."""
    lost = missing.as_shown()
    done = results.reindex(columns=lost.columns) if results.columns.empty else results[list(lost.columns)]
    is_lost = np.zeros(len(done) + len(lost), dtype=np.bool_)
    is_lost[missing.numbers() if len(results) else slice(None)] = True
    rows = [np.flatnonzero(~is_lost), np.flatnonzero(is_lost)]
    together = pd.concat([done, lost]) if len(lost) and len(done) else done if len(done) else lost
    return together.set_axis(np.concatenate(rows), axis="index").sort_index(), rows[0]


def _grid_dataset(
    library: ModuleType,
    grid: DetectedGrid,
    psets: pd.DataFrame,
    found: Mapping[Hashable, pd.Series[Any]],
    finished: Rows,
) -> xarray.Dataset:
    names = [axis.name for axis in grid.axes]
    coordinates: dict[Hashable, Any] = {axis.name: _to_numpy(as_series(axis.values)) for axis in grid.axes}
    variables: dict[Hashable, Any] = {}
    for name in [name for name in psets.columns if name not in names]:
        axis = grid.determining(pd.factorize(psets[name], use_na_sentinel=False)[0].astype(np.int64))
        if axis is None:
            variables[name] = (names, _place_in_array(psets[name], grid.places, grid.shape))
        else:
            coordinates[name] = (axis.name, _values_along(axis, psets[name]))
    places = tuple(place[finished] for place in grid.places)
    for key, column in found.items():
        variables[key] = (names, _place_in_array(column, places, grid.shape))
    dataset: xarray.Dataset = library.Dataset(variables, coords=coordinates)
    return dataset


def _values_along(axis: DetectedAxis, column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    first = pd.Series(axis.codes).drop_duplicates()
    return _to_numpy(column.iloc[first.sort_values().index])


def _place_in_array(
    column: pd.Series[Any], places: tuple[np.ndarray[Any, Any], ...], shape: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """Return an array with the column's values at their places, and nan elsewhere."""
    values = _to_numpy(column)
    if len(values) == np.prod(shape):
        array = np.empty(shape, dtype=values.dtype)
    elif values.dtype.kind in "iuf":
        array = np.full(shape, np.nan, dtype=np.result_type(values.dtype, np.float64))
    elif values.dtype.kind in "mM":
        array = np.full(shape, "NaT", dtype=values.dtype)
    else:
        array = np.full(shape, np.nan, dtype=np.complex128 if values.dtype.kind == "c" else object)
    array[places] = values
    return array


def _to_numpy(column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Return a column's values as a numpy array of numbers or times, or else of objects."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufcmM":
        return column.to_numpy()
    values = list(map(escape_surrogates, column.tolist()))
    inferred = pd.Series(values)
    if isinstance(inferred.dtype, np.dtype) and inferred.dtype.kind in "biufcmM":
        return inferred.to_numpy()
    return np.fromiter(values, dtype=object, count=len(values))


def _column(table: pd.DataFrame, name: Hashable) -> pd.Series[Any]:
    if name not in table.columns:
        raise KeyError(f"the results have no column {name!r}{suggestion(str(name), map(str, table.columns))}")
    return table[name]


def _sorted_labels(name: Hashable, column: pd.Series[Any], ascending: bool) -> pd.Index[Any]:
    """Return the labels of a column, sorted by its values, without those whose value is nan."""
    values = column.dropna()
    try:
        if values.dtype.kind == "c":
            raise TypeError("numpy sorts complex numbers, but their order means nothing")
        return values.sort_values(ascending=ascending, kind="stable").index
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the column {name!r} cannot be ordered, because it has {_describe_types(values)}: "
            "give a column of numbers"
        ) from error


def _columns(table: pd.DataFrame) -> Iterator[tuple[Hashable, pd.Series[Any]]]:
    return ((name, table.iloc[:, position]) for position, name in enumerate(table.columns))


def _has_objects(column: pd.Series[Any]) -> bool:
    """Tell whether a column's values have to be inspected to know their types."""
    return column.dtype == object or isinstance(column.dtype, pd.StringDtype)


def _distinct_values(column: pd.Series[Any]) -> list[Any]:
    """Return a column's values, or the categories of a categorical."""
    is_categorical = isinstance(column.dtype, pd.CategoricalDtype)
    return list(column.cat.categories.tolist() if is_categorical else column.tolist())


def _encoding(target: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the encoding of a file and how it treats errors; None if the text is not encoded."""
    if target is None or getattr(target, "encoding", "") is None:
        return None
    encoding, errors = (getattr(target, key, None) or options.get(key) for key in ("encoding", "errors"))
    return encoding or "utf-8", errors or "strict"


def _check_csv(table: pd.DataFrame, encoding: tuple[str, str] | None) -> None:
    """Refuse the first column whose values, or whose name, would be lost as text."""
    _check_names(table, "CSV", encoding)
    for name, column in _columns(table):
        if not _has_objects(column) and not isinstance(column.dtype, pd.CategoricalDtype):
            continue
        for value in _distinct_values(column):
            if not _fits_text(value):
                raise _does_not_fit(name, with_article(type(value).__qualname__), "CSV")
            _check_encoded(name, value, "CSV", encoding)


def _check_names(table: pd.DataFrame, form: str, encoding: tuple[str, str] | None) -> None:
    for name in table.columns:
        if not _can_be_encoded(name, encoding):
            assert encoding is not None
            raise DoesNotFit(
                f"{form} cannot hold the column {name!r}, whose name {encoding[0]} cannot encode: "
                "rename it first"
            )


def _check_encoded(name: Hashable, value: object, form: str, encoding: tuple[str, str] | None) -> None:
    if not _can_be_encoded(value, encoding):
        assert encoding is not None
        raise _does_not_fit(name, f"text that {encoding[0]} cannot encode, {value!r:.50}", form)


def _can_be_encoded(value: object, encoding: tuple[str, str] | None) -> bool:
    if encoding is None or not isinstance(value, (str, Mapping, list, tuple)):
        return True
    try:
        str(value).encode(*encoding)
    except UnicodeEncodeError:
        return False
    return True


def _fits_text(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_fits_text(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return all(_fits_text(part) for part in value)
    return isinstance(value, CSV_VALUES)


def _check_arrow(table: pd.DataFrame, form: str) -> None:
    """Refuse the first column that Arrow, or its file format, cannot hold."""
    arrow = _import_package("pyarrow", "parquet")
    unnamed = [name for name in table.columns if not isinstance(name, str)]
    if unnamed:
        raise DoesNotFit(
            f"{form} cannot hold the column {unnamed[0]!r}, whose name is not a string: rename it first"
        )
    _check_names(table, form, UTF_8)
    for name, column in _columns(table):
        try:
            _try_arrow(arrow, column, form)
        except UnicodeEncodeError as error:
            for value in _distinct_values(column):
                _check_encoded(name, value, form, UTF_8)
            raise _does_not_fit(name, f"text that cannot be encoded ({error})", form) from error
        except (arrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise _does_not_fit(name, _describe_types(column), form) from error


def _try_arrow(arrow: ModuleType, column: pd.Series[Any], form: str) -> None:
    """Convert a column, and write an empty one to memory: only the writer knows what its format lacks."""
    sample = column if _has_objects(column) else column.iloc[:0]
    converted = arrow.Table.from_pandas(sample.to_frame(), preserve_index=False)
    empty, buffer = converted.schema.empty_table(), arrow.BufferOutputStream()
    if form == "Parquet":
        import_module("pyarrow.parquet").write_table(empty, buffer)
    else:
        import_module("pyarrow.feather").write_feather(empty, buffer)


def _describe_types(column: pd.Series[Any]) -> str:
    names = dict.fromkeys(type(value).__qualname__ for value in _distinct_values(column))
    return f"values of the type {' and '.join(list(names)[:3])}"


def _does_not_fit(name: Hashable, what: str, form: str) -> DoesNotFit:
    return DoesNotFit(
        f"{form} cannot hold the column {name!r}, which has {what}: drop it, as in "
        f"results.drop(columns=[{name!r}]), or use to_pickle()"
    )


def _import_package(package: str, extra: str) -> ModuleType:
    try:
        return import_module(package)
    except ImportError as error:
        raise PackageMissing(f"{package} is not installed: pip install 'paramsurvey[{extra}]'") from error
