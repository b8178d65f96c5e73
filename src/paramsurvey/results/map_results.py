"""What a survey gives back: `MapResults`, a DataFrame that also knows what is missing."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.engine.collector import Collector
from paramsurvey.engine.map_state import MapState
from paramsurvey.errors import NotACheckpoint
from paramsurvey.params.column_names import in_unicode
from paramsurvey.params.dataframes import as_series
from paramsurvey.params.sources import PsetSource
from paramsurvey.plotting.accessor import PlotOfResults
from paramsurvey.results.export import Exportable
from paramsurvey.results.missing import Missing, MissingOrigin, WorkerCall, printed_by
from paramsurvey.results.notebook_view import html_of
from paramsurvey.results.original_values import original_values
from paramsurvey.stats import PerfStats
from paramsurvey.transport.columns import Column, fits_float
from paramsurvey.transport.messages import Rows
from paramsurvey.transport.safe_repr import describe

if TYPE_CHECKING:
    from paramsurvey.engine.progress import MapProgress


class MapResults(Exportable):
    """The finished psets of a map, one row each: the pset's columns, then the result's.

    It is a DataFrame, in the order of the psets; what is derived from it is a plain DataFrame.

    Parameters
    ----------
    results : DataFrame
    missing : DataFrame
    progress : MapProgress
    stats : PerfStats
    verbose : int
    checkpoint : str, optional
        The directory that holds the same.
    printed : dict, optional
        What the psets printed, by their labels.

    Examples
    --------
    >>> results = paramsurvey.map(worker, psets)  # doctest: +SKIP
    >>> results.groupby("kernel")["score"].max()  # all that a DataFrame can do  # doctest: +SKIP
    >>> results.missing.summary()  # what has no result, and why  # doctest: +SKIP
    """

    _metadata = ["_missing", "_progress", "_stats", "_verbose", "_checkpoint", "_printed"]  # noqa: RUF012  (pandas' own protocol)

    def __init__(
        self,
        results: pd.DataFrame | None = None,
        missing: pd.DataFrame | None = None,
        progress: MapProgress | None = None,
        stats: PerfStats | None = None,
        verbose: int = 0,
        checkpoint: str | None = None,
        printed: Mapping[Hashable, str] | None = None,
    ) -> None:
        super().__init__(results)  # type: ignore[call-arg]  # pandas-stubs knows __new__ only
        with warnings.catch_warnings():
            # pandas warns that attributes are not columns; these are none
            warnings.simplefilter("ignore", UserWarning)
            self._missing = missing if isinstance(missing, Missing) else Missing(missing)
            self._progress = progress
            self._stats = stats
            self._verbose = verbose
            self._checkpoint = checkpoint
            self._printed = printed or {}

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows: the counts, a sparkline of each column, and the table."""
        table: str | None = super()._repr_html_()  # type: ignore[misc]  # pandas-stubs lacks it
        return None if table is None else html_of(self, self.missing, table)

    plot = PlotOfResults()  # pandas' own, and more

    @property
    def units(self) -> dict[str, str]:
        """Units of columns by their names, for the labels of pictures; set it to a dict.

        Examples
        --------
        >>> results.units = {"mass": "kg"}  # doctest: +SKIP
        """
        units: dict[str, str] = self.attrs.setdefault("units", {})
        return units

    @units.setter
    def units(self, units: Mapping[str, str]) -> None:
        self.attrs["units"] = dict(units)

    @property
    def results(self) -> pd.DataFrame:
        """The same table as a plain DataFrame."""
        return self.to_df()

    @property
    def missing(self) -> Missing:
        """The psets without a result, each with its reason."""
        return self._missing

    def output_of(self, i: Hashable) -> str:
        """Return what a pset printed on stdout and stderr, with ``capture_output='store'``.

        Parameters
        ----------
        i : label
            Which: the label of its row, as shown at the left. ``results.missing`` has the same method.

        Returns
        -------
        str
            As it would have stood in a terminal; empty where nothing was printed, or stored.

        Examples
        --------
        >>> results.output_of(0)  # doctest: +SKIP
        'converged after 12 steps\\n'
        """
        return printed_by(i, self.index, self._printed)

    @property
    def progress(self) -> MapProgress:
        """The counters: total, active, finished, failures, exceptions."""
        assert self._progress is not None
        return self._progress

    @property
    def stats(self) -> PerfStats:
        """How long the psets took."""
        assert self._stats is not None
        return self._stats

    @property
    def verbose(self) -> int:
        """The verbosity of the map."""
        return self._verbose

    def scan(self) -> Any:
        """Return the checkpoint of these results as a lazy Arrow dataset; see `paramsurvey.scan`.

        Returns
        -------
        pyarrow.dataset.Dataset

        Raises
        ------
        NotACheckpoint
            A ValueError: the map had none.
        """
        if self._checkpoint is None:
            raise NotACheckpoint(
                "these results have no checkpoint that could be scanned: give map() checkpoint='a directory'"
            )
        from paramsurvey.checkpoint.opening import need_pyarrow

        need_pyarrow()
        from paramsurvey.results.scan_checkpoint import scan

        return scan(self._checkpoint)

    def to_dict(self, orient: str | None = None, **kwargs: Any) -> Any:
        """Return a list of dicts, one per row.

        Parameters
        ----------
        orient : str
            ``'records'``; there is no default.
        **kwargs
            Ignored: `pandas.DataFrame.to_dict` has more parameters.

        Returns
        -------
        list of dict
            Native Python values.

        Raises
        ------
        ValueError
            When `orient` is anything else.
        """
        if orient != "records":
            raise ValueError(
                f"to_dict() of survey results knows orient='records' only, not {describe(orient)}: "
                "use to_df().to_dict(...) for the others"
            )
        return list(self.iterdicts())


def build(
    state: MapState,
    verbose: int,
    keep_results: bool = True,
    call: WorkerCall | None = None,
    checkpoint: str | None = None,
) -> MapResults:
    """Return the `MapResults` of what came back."""
    source, collector = state.source, state.collector
    results = _results(source, collector) if keep_results else pd.DataFrame()
    missing = _missing(source, collector, call)
    printed = _by_label(collector.output, collector.finished_rows(len(source)))
    return MapResults(results, missing, state.progress, state.stats, verbose, checkpoint, printed)


def _results(source: PsetSource, collector: Collector) -> pd.DataFrame:
    rows = collector.finished_rows(len(source))
    frame = source.frame(None if len(rows) == len(source) else rows)
    columns = collector.columns
    for key in [key for key in columns if key in frame.columns]:
        frame[key] = _overlay(frame[key], columns.pop(key), rows)
    if not columns:
        return frame
    results = {in_unicode(key): series_of(column, rows) for key, column in columns.items()}
    found = pd.DataFrame(results, index=frame.index, copy=False)
    return pd.concat([frame, found], axis=1)


def series_of(column: Column, rows: Rows) -> pd.Series[Any]:
    """Return a result column with the dtype that pandas gives to a list of its values, nan where none is."""
    data, there = column.get(rows)
    if there.all():
        return as_series(data)
    if data.dtype.kind in "if" and fits_float(data[there]):
        return pd.Series(np.where(there, data, np.nan))
    boxed = data.astype(object)
    boxed[~there] = np.nan
    return as_series(boxed)


def _overlay(pset: pd.Series[Any], column: Column, rows: Rows) -> pd.Series[Any]:
    """Return the result's values, and the pset's own where the result has none."""
    data, there = column.get(rows)
    if there.all():
        return as_series(data)
    if pset.dtype == data.dtype and data.dtype.kind in "bif":
        return pd.Series(np.where(there, data, pset.to_numpy()))
    mixed = [new if has else own for own, new, has in zip(pset, data.tolist(), there, strict=True)]
    return as_series(mixed)


def _missing(source: PsetSource, collector: Collector, call: WorkerCall | None) -> Missing:
    rows = collector.failed_rows()
    frame = source.frame(rows)
    if len(rows) == 0:
        return Missing(pd.concat([frame, _no_reasons()], axis=1), origin=MissingOrigin(call=call))
    exact = original_values(source, rows, frame)
    failed = [collector.failed[row] for row in rows.tolist()]
    frame["_exception"] = as_series([one.failure.exception for one in failed])
    frame["_traceback"] = as_series([one.failure.traceback for one in failed])
    frame["_attempts"] = pd.Series([one.attempts for one in failed], dtype="int64")
    kinds = {one.failure.exception: one.failure.kind for one in failed}
    printed = _by_label(collector.output, rows)
    return Missing(frame, origin=MissingOrigin(kinds, dict(enumerate(rows.tolist())), call, printed, exact))


@cache
def _no_reasons() -> pd.DataFrame:
    """Return the columns with the reasons where no pset is missing; made once, which small maps notice."""
    no_text = as_series([])
    none = {"_exception": no_text, "_traceback": no_text, "_attempts": pd.Series([], dtype="int64")}
    return pd.DataFrame(none, index=pd.RangeIndex(0))


def _by_label(output: Mapping[int, str], rows: Rows) -> dict[Hashable, str]:
    """Return what psets printed by their place among `rows`."""
    return {label: output[row] for label, row in enumerate(rows) if row in output} if output else {}
