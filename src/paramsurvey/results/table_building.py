"""Building the table of results: its columns and their dtypes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.engine.collecting.collector import Collector
from paramsurvey.engine.map_state import MapState
from paramsurvey.params.column_names import escape_surrogates
from paramsurvey.params.dataframes import as_series, units_of_psets
from paramsurvey.params.sources import PsetSource
from paramsurvey.results.map_results import MapResults, with_times
from paramsurvey.results.missing import Missing, MissingOrigin, WorkerCall
from paramsurvey.results.original_values import original_values
from paramsurvey.results.overwritten_pset_columns import results_over_pset_column
from paramsurvey.results.times import KnownTimes
from paramsurvey.transport.column_by_row import Column, fits_float
from paramsurvey.transport.messages import Ran, Rows

MANY_COLUMNS = 100


def build(
    state: MapState,
    verbose: int,
    keep_results: bool = True,
    call: WorkerCall | None = None,
    checkpoint: str | None = None,
    started: str | None = None,
) -> MapResults:
    """Return the `MapResults` of a map.

    Parameters
    ----------
    state : MapState
    verbose : int
    keep_results : bool
    call : WorkerCall, optional
        How the worker function is called.
    checkpoint : str, optional
        The directory that holds the same results.
    started : str, optional
        When the run began, as that checkpoint says.
    """
    source, collector = state.source, state.collector
    results = _results(source, collector) if keep_results else pd.DataFrame()
    missing = _missing(source, collector, call)
    rows = collector.finished_rows(len(source)) if keep_results else range(0)
    printed = _by_label(collector.output, rows)
    times = KnownTimes(collector.times, rows)
    found = with_times(
        MapResults(results, missing, state.progress, state.stats, verbose, checkpoint, printed, started),
        times,
    )
    units = units_of_psets(results)
    if units:  # pandas does not copy them
        found.units = units
    return found


def _results(source: PsetSource, collector: Collector) -> pd.DataFrame:
    rows = collector.finished_rows(len(source))
    frame = source.frame(None if len(rows) == len(source) else rows)
    columns = collector.columns
    for key in [key for key in columns if key in frame.columns]:
        frame[key] = results_over_pset_column(frame[key], columns.pop(key), rows)
    if not columns:
        return frame
    results = {escape_surrogates(key): _values_of(column, rows) for key, column in columns.items()}
    # not copied if there are few, but pandas is slow with many columns that are not joined into blocks
    found = pd.DataFrame(results, index=frame.index, copy=len(results) > MANY_COLUMNS)
    together = pd.concat([frame, found], axis=1)
    together.attrs.update(frame.attrs)
    return together


def _values_of(column: Column, rows: Rows) -> Any:
    """Do the same as `series_of`, but without making a Series, which is slow, unless it is needed."""
    data, there = column.get(rows)
    return data if data.dtype != object and there.all() else series_of(column, rows)


def series_of(column: Column, rows: Rows) -> pd.Series[Any]:
    """Return a result column with the dtype that pandas gives to a list of its values, and nan for gaps."""
    data, there = column.get(rows)
    if there.all():
        return as_series(data)
    if data.dtype.kind in "if" and fits_float(data[there]):
        return pd.Series(np.where(there, data, np.nan))
    boxed = data.astype(object)
    boxed[~there] = np.nan
    return as_series(boxed)


def _missing(source: PsetSource, collector: Collector, call: WorkerCall | None) -> Missing:
    if not collector.failed:
        no_psets = source.frame(range(0))
        return Missing(pd.concat([no_psets, _no_reasons()], axis=1), origin=MissingOrigin(call=call))
    rows = collector.failed_rows()
    frame = source.frame(rows)
    exact = original_values(source, rows, frame)
    psets = [collector.failed[row] for row in rows.tolist()]
    frame["_exception"] = as_series([pset.failure.exception for pset in psets])
    frame["_traceback"] = as_series([pset.failure.traceback for pset in psets])
    frame["_attempts"] = pd.Series([pset.attempts for pset in psets], dtype="int64")
    kinds = {pset.failure.exception: pset.failure.kind for pset in psets}
    printed = _by_label(collector.output, rows)
    numbers: dict[Hashable, int] = dict(enumerate(rows.tolist()))
    ran: dict[Hashable, Ran] = dict(enumerate(pset.failure.ran for pset in psets))
    return Missing(frame, origin=MissingOrigin(kinds, numbers, call, printed, exact, ran))


@cache
def _no_reasons() -> pd.DataFrame:
    """Return empty columns for the reasons; they are made only once, because that slows down small maps."""
    no_text = as_series([])
    columns = {"_exception": no_text, "_traceback": no_text, "_attempts": pd.Series([], dtype="int64")}
    return pd.DataFrame(columns, index=pd.RangeIndex(0))


def _by_label(output: Mapping[int, str], rows: Rows) -> dict[Hashable, str]:
    """Return what psets printed, by their place among `rows`."""
    return {label: output[row] for label, row in enumerate(rows) if row in output} if output else {}
