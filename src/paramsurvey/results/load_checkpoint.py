"""Reading a whole checkpoint, also while it is being written, into `MapResults`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.checkpoint.doubles import Finished, last_of_each, was_written_by_two
from paramsurvey.checkpoint.format.dtype_text import typed
from paramsurvey.checkpoint.format.part_files import (
    FAILURES,
    RESULTS,
    identities,
)
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.gone_parts import gone_parts
from paramsurvey.checkpoint.plain_files import checkpoint_path
from paramsurvey.checkpoint.stored import failure_cells, latest_failures, read_all, read_run_tolerantly
from paramsurvey.engine.collecting.collector import Collector
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.progress import MapProgress
from paramsurvey.params.sources import PsetTable
from paramsurvey.reporting.console import warn
from paramsurvey.results.table_building import build, series_of
from paramsurvey.stats import PerfStats
from paramsurvey.transport.column_by_row import Column
from paramsurvey.transport.messages import Rows, Values

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

NUMBER = 8  # bytes
LONG = {np.dtype(kind).name for kind in (np.longdouble, np.clongdouble)} - {"float64", "complex128"}
TRIES = 20  # parts may be merged while they are read
COUNTS = ("total", "active", "finished", "failures", "exceptions", "retried", "resumed")


def load(path: str | os.PathLike[str]) -> MapResults:
    """Return what a checkpoint holds; see `paramsurvey.load`."""
    return _load(checkpoint_path(path), unpickle=True)


def look(path: str | os.PathLike[str]) -> MapResults:
    """Return the same, with a text for each object that is pickled: nothing is unpickled."""
    return _load(checkpoint_path(path), unpickle=False)


def _load(directory: Path, unpickle: bool) -> MapResults:
    complaints: list[str] = []
    run = read_run_tolerantly(directory, complaints.append, set_aside=False)
    complaints += gone_parts(directory, run)
    results, failures = _tables(directory, unpickle, complaints)
    order = _order(results, failures)
    collector, psets = Collector(), LoadedPsets(sum(map(len, [*results, *failures])))
    start = 0
    for table in results:
        rows = order[start : start + len(table)]
        psets.land(table, rows)
        collector.times.add(rows, table.times(), psets.total)
        collector.output.update(table.printed(rows))
        for stored in table.columns("result"):
            for at, values in table.pieces(stored):
                collector.add_values(stored.key, rows[at], values, psets.total)
        collector.finished.add(rows)
        start += len(table)
    for table in failures:
        rows = order[start : start + len(table)]
        psets.land(table, rows)
        for row, failure, attempts in zip(rows.tolist(), *failure_cells(table), strict=True):
            collector.add_failure(row, failure, attempts)
        start += len(table)
    progress = _counted(results, failures)
    if run is not None:
        progress = _progress(run, progress, directory, complaints)
    for complaint in complaints:
        warn(complaint)
    return build(
        MapState(psets.source(), collector, progress, PerfStats()),
        verbose=0,
        checkpoint=str(directory),
        started=None if run is None else str(run["started"]),
    )


def _tables(
    directory: Path, unpickle: bool, complaints: list[str]
) -> tuple[list[PartTable], list[PartTable]]:
    """Return the parts of results, and those of failures; complaints get what is wrong with any."""
    for _ in range(TRIES):
        new: list[str] = []
        try:
            # failures first: a pset that succeeds in the meantime is then in both, not in none
            failures, results = (
                list(read_all(directory / kind, new.append, set_aside=False, unpickle=unpickle))
                for kind in (FAILURES, RESULTS)
            )
            results = _once(results)
        except FileNotFoundError:
            continue
        complaints += new
        finished = Finished(was_written_by_two(directory))
        for table in results:
            finished.add(finished.numbers_of(table))
        return results, latest_failures(failures, finished)
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _once(tables: list[PartTable]) -> list[PartTable]:
    """Return the rows without those that are there again: the same pset at the same position.

    Parts whose numbers do not overlap may have such rows where two programs wrote one checkpoint, and
    the one of them was still writing when a third one put that in order.
    """
    positions = np.concatenate([np.empty(0, dtype=np.int64), *(table.positions for table in tables)])
    if bool((np.diff(positions) > 0).all()) or len(np.unique(positions)) == len(positions):
        return tables
    last = last_of_each(np.concatenate([identities(table) for table in tables]))
    starts = np.cumsum([0, *map(len, tables)]).tolist()
    return [
        table.take(np.flatnonzero(last[start : start + len(table)]))
        for start, table in zip(starts, tables, strict=False)
    ]


def _order(results: list[PartTable], failures: list[PartTable]) -> Any:
    """Return for each stored pset which row it becomes."""
    positions = [table.positions for table in [*results, *failures]]
    together = np.concatenate([np.empty(0, dtype=np.int64), *positions])
    if bool((np.diff(together) > 0).all()):
        return np.arange(len(together))
    rows = np.empty(len(together), dtype=np.int64)
    rows[np.argsort(together, kind="stable")] = np.arange(len(together))
    return rows


def _progress(
    run: Mapping[str, Any], stored: MapProgress, directory: Path, complaints: list[str]
) -> MapProgress:
    """Return what the last run has counted; of a run that has ended, no more than what is stored.

    Where less is stored and nothing has said why, complaints get a sentence.
    """
    counts = run.get("counts", {})
    progress = MapProgress(run["name"])
    for name in COUNTS:
        setattr(progress, name, int(counts.get(name, 0)))
    if run.get("ended") is None:  # it may be running: its counters are ahead of its parts
        return progress
    if stored.finished < progress.finished and not complaints:
        complaints.append(
            f"{str(directory)!r} holds {stored.finished} of the {progress.finished} psets that its last run "
            "finished: the others were never written; run the survey again, which runs what is missing"
        )
    progress.finished = min(progress.finished, stored.finished)
    progress.failures = min(progress.failures, stored.failures)
    return progress


def _counted(results: list[PartTable], failures: list[PartTable]) -> MapProgress:
    """Return what is known without a run.json."""
    finished, failed = (sum(map(len, tables)) for tables in (results, failures))
    return MapProgress(total=finished + failed, finished=finished, failures=failed)


class LoadedPsets:
    """Psets coming in from parts."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._columns: dict[str, Column] = {}
        self._dtypes: dict[str, str] = {}
        self._units: dict[str, str] = {}

    def land(self, table: PartTable, rows: Any) -> None:
        """Take the psets of a part."""
        self._units |= table.units
        for stored in table.columns("pset"):
            name = str(stored.key)
            column = self._columns.setdefault(name, Column())
            column.make_room(self.total)
            self._dtypes[name] = stored.dtype
            for at, values in table.pieces(stored):
                column.put(rows[at], _wide(values))

    def source(self) -> PsetTable:
        """Return all that came, with the dtypes that they had."""
        every = range(self.total)
        frame = pd.DataFrame(
            {name: _series(column, every, self._dtypes[name]) for name, column in self._columns.items()},
            index=pd.RangeIndex(self.total),
            copy=False,
        )
        frame.attrs["units"] = self._units
        return PsetTable(frame, dict(self._objects(every)))

    def _objects(self, every: range) -> Iterator[tuple[str, Values]]:
        """Yield the columns of objects as they were given: in a table's column they may look otherwise."""
        for name, column in self._columns.items():
            values, there = column.get(every)
            if values.dtype == object and there.all():
                yield name, values.tolist()


def _series(column: Column, rows: Rows, dtype: str) -> pd.Series[Any]:
    if dtype not in LONG:
        return typed(series_of(column, rows), dtype)
    data, there = column.get(rows)
    # pandas would make float64 of them on the way
    return typed(pd.Series(np.where(there, data, np.nan), dtype=object), dtype)


def _wide(values: Values) -> Values:
    """Return numbers in the widest type of their kind: other parts may have what a narrow one cannot hold."""
    if not isinstance(values, np.ndarray) or values.dtype.itemsize == NUMBER:
        return values
    kinds = {"i": np.int64, "u": np.int64, "f": np.float64}
    return values.astype(kinds[values.dtype.kind]) if values.dtype.kind in kinds else values
