"""Reading a whole checkpoint into `MapResults`, even while it is being written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.checkpoint.duplicates import FinishedRows, last_of_each, was_written_by_two
from paramsurvey.checkpoint.format.dtype_text import restore_dtype
from paramsurvey.checkpoint.format.part_files import (
    FAILURES,
    RESULTS,
    row_identities,
)
from paramsurvey.checkpoint.format.part_table import PartTable, newest_units
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
from paramsurvey.transport.column_by_row import Column, distinct_rows
from paramsurvey.transport.messages import Rows, Values

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

NUMBER_BYTES = 8
LONG_FLOATS = {np.dtype(kind).name for kind in (np.longdouble, np.clongdouble)} - {"float64", "complex128"}
TRIES = 20  # because parts may be merged while they are read
COUNTS = ("total", "active", "finished", "failures", "exceptions", "retried", "resumed")


def load(path: str | os.PathLike[str]) -> MapResults:
    """Return what a checkpoint holds; see `paramsurvey.load`."""
    return _load(checkpoint_path(path), unpickle=True)


def load_without_unpickling(path: str | os.PathLike[str]) -> MapResults:
    """Return the same without unpickling anything: a text stands for each pickled object."""
    return _load(checkpoint_path(path), unpickle=False)


def _load(directory: Path, unpickle: bool) -> MapResults:
    complaints: list[str] = []
    run = read_run_tolerantly(directory, complaints.append, set_aside=False)
    complaints += gone_parts(directory, run)
    results, failures = read_tables(directory, unpickle, complaints)
    collector, psets = _collect(results, failures)
    psets.units = newest_units(failures) | newest_units(results)
    progress = _progress_of_tables(results, failures)
    if run is not None:
        progress = _progress_of_run(run, progress, directory, complaints)
    for complaint in complaints:
        warn(complaint)
    return build(
        MapState(psets.source(), collector, progress, PerfStats()),
        verbose=0,
        checkpoint=str(directory),
        started=None if run is None else str(run["started"]),
    )


def _collect(results: list[PartTable], failures: list[PartTable]) -> tuple[Collector, LoadedPsets]:
    """Put the psets of all parts, and what became of them, in the order of the psets."""
    order = _row_numbers(results, failures)
    collector, psets = Collector(), LoadedPsets(sum(map(len, [*results, *failures])))
    start = 0
    for table in results:
        rows = order[start : start + len(table)]
        psets.add(table, rows)
        collector.times.add(rows, table.times(), psets.total)
        collector.output.update(table.printed(rows))
        for stored in table.columns("result"):
            for at, values in table.pieces(stored):
                collector.add_values(stored.key, rows[at], values, psets.total)
        collector.finished.add(rows)
        start += len(table)
    for table in failures:
        rows = order[start : start + len(table)]
        psets.add(table, rows)
        for row, failure, attempts in zip(rows.tolist(), *failure_cells(table), strict=True):
            collector.add_failure(row, failure, attempts)
        start += len(table)
    return collector, psets


def read_tables(
    directory: Path, unpickle: bool, complaints: list[str]
) -> tuple[list[PartTable], list[PartTable]]:
    """Return the parts of results and of failures; what is wrong with any is added to `complaints`."""
    for _ in range(TRIES):
        new: list[str] = []
        try:
            # failures first, so that a pset that succeeds in the meantime is in both, and not in neither
            failures, results = (
                list(read_all(directory / kind, new.append, set_aside=False, unpickle=unpickle))
                for kind in (FAILURES, RESULTS)
            )
            results = _without_duplicates(results)
        except FileNotFoundError:
            continue
        complaints += new
        finished = FinishedRows(was_written_by_two(directory))
        for table in results:
            finished.add(finished.keys_of(table))
        return results, latest_failures(failures, finished)
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _without_duplicates(tables: list[PartTable]) -> list[PartTable]:
    """Return the rows without duplicates, which are the same pset at the same position.

    Parts whose numbers do not overlap may have duplicates if two programs wrote the same checkpoint, and one
    of them was still writing while a third one removed the duplicates.
    """
    positions = np.concatenate([np.empty(0, dtype=np.int64), *(table.positions for table in tables)])
    if len(distinct_rows([positions])) == len(positions):
        return tables
    last = last_of_each(np.concatenate([row_identities(table) for table in tables]))
    starts = np.cumsum([0, *map(len, tables)]).tolist()
    return [
        table.take(np.flatnonzero(last[start : start + len(table)]))
        for start, table in zip(starts, tables, strict=False)
    ]


def _row_numbers(results: list[PartTable], failures: list[PartTable]) -> Any:
    """Return for each stored pset the row that it becomes."""
    positions = [table.positions for table in [*results, *failures]]
    together = np.concatenate([np.empty(0, dtype=np.int64), *positions])
    if bool((np.diff(together) > 0).all()):
        return np.arange(len(together))
    rows = np.empty(len(together), dtype=np.int64)
    rows[np.argsort(together, kind="stable")] = np.arange(len(together))
    return rows


def _progress_of_run(
    run: Mapping[str, Any], stored: MapProgress, directory: Path, complaints: list[str]
) -> MapProgress:
    """Return the counters of the last run, but no more than what is stored if it has ended.

    If less is stored than it counted and no complaint says why, one is added.
    """
    counts = run.get("counts", {})
    progress = MapProgress(run["name"])
    for name in COUNTS:
        setattr(progress, name, int(counts.get(name, 0)))
    if run.get("ended") is None:  # it may be running, with its counters ahead of its parts
        return progress
    if stored.finished < progress.finished and not complaints:
        complaints.append(
            f"{str(directory)!r} holds {stored.finished} of the {progress.finished} psets that its last run "
            "finished: the others were never written; run the survey again, which runs what is missing"
        )
    progress.finished = min(progress.finished, stored.finished)
    progress.failures = min(progress.failures, stored.failures)
    return progress


def _progress_of_tables(results: list[PartTable], failures: list[PartTable]) -> MapProgress:
    """Return the counters, as far as they are known without a run.json."""
    finished, failed = (sum(map(len, tables)) for tables in (results, failures))
    return MapProgress(total=finished + failed, finished=finished, failures=failed)


class LoadedPsets:
    """Collects psets from parts."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._columns: dict[str, Column] = {}
        self._dtypes: dict[str, str] = {}
        self.units: dict[str, str] = {}

    def add(self, table: PartTable, rows: Any) -> None:
        """Add the psets of a part."""
        for stored in table.columns("pset"):
            name = str(stored.key)
            column = self._columns.setdefault(name, Column())
            column.make_room(self.total)
            differs = self._dtypes.setdefault(name, stored.dtype) != stored.dtype
            if differs:  # the values decide, unless they are categories: the later file has more of them
                self._dtypes[name] = stored.dtype if stored.dtype.startswith("category") else ""
            for at, values in table.pieces(stored):
                column.put(rows[at], _widened(values))

    def source(self) -> PsetTable:
        """Return all psets, with the dtypes that they had."""
        every = range(self.total)
        frame = pd.DataFrame(
            {name: _series(column, every, self._dtypes[name]) for name, column in self._columns.items()},
            index=pd.RangeIndex(self.total),
            copy=False,
        )
        frame.attrs["units"] = self.units
        return PsetTable(frame, dict(self._objects(every)))

    def _objects(self, every: range) -> Iterator[tuple[str, Values]]:
        """Yield columns of objects as they were given, because a table may show them as something else."""
        for name, column in self._columns.items():
            values, there = column.get(every)
            if values.dtype == object and there.all():
                yield name, values.tolist()


def _series(column: Column, rows: Rows, dtype: str) -> pd.Series[Any]:
    if dtype != "object" and dtype not in LONG_FLOATS:
        return restore_dtype(series_of(column, rows), dtype)
    values, there = column.get_objects(rows)  # because pandas would convert them to float64 on the way
    values[~there] = np.nan
    return restore_dtype(pd.Series(values, dtype=object), dtype)


def _widened(values: Values) -> Values:
    """Return numbers in the widest type of their kind, since other parts may have wider ones."""
    if not isinstance(values, np.ndarray) or values.dtype.itemsize == NUMBER_BYTES:
        return values
    kinds = {"i": np.int64, "u": np.int64, "f": np.float64}
    return values.astype(kinds[values.dtype.kind]) if values.dtype.kind in kinds else values
