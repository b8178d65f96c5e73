"""Reading a checkpoint, also while it is being written: `load` for all of it, `scan` for a lazy look."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from paramsurvey.checkpoint.archive import FAILURES, RESULTS, failure_cells, latest, read_all
from paramsurvey.checkpoint.dtypes import typed
from paramsurvey.checkpoint.parts import PartTable, about, live_parts
from paramsurvey.checkpoint.run_file import read_run
from paramsurvey.collect import Collector
from paramsurvey.columns import Column
from paramsurvey.notes import warn
from paramsurvey.progress import MapProgress
from paramsurvey.psets import PsetTable
from paramsurvey.results import build, series_of
from paramsurvey.stats import PerfStats

if TYPE_CHECKING:
    from paramsurvey.results import MapResults

TRIES = 20  # parts may be merged while they are read
COUNTS = ("total", "active", "finished", "failures", "exceptions", "retried", "resumed")


def load(path: str | os.PathLike[str]) -> MapResults:
    """Return what a checkpoint holds; see `paramsurvey.load`."""
    directory = Path(path)
    run = read_run(directory)
    results, failures = _tables(directory)
    order = _order(results, failures)
    collector, psets = Collector(), Psets(sum(map(len, [*results, *failures])))
    start = 0
    for table in results:
        rows = order[start : start + len(table)]
        psets.land(table, rows)
        collector.output.update(table.printed(rows))
        for stored in table.columns("result"):
            for at, values in table.pieces(stored):
                collector.restore(stored.key, rows[at], values, psets.total)
        start += len(table)
    for table in failures:
        rows = order[start : start + len(table)]
        psets.land(table, rows)
        for row, failure, attempts in zip(rows.tolist(), *failure_cells(table), strict=True):
            collector.fail(row, failure, attempts)
        start += len(table)
    return build(psets.source(), collector, _progress(run), PerfStats(), 0, checkpoint=str(directory))


def _tables(directory: Path) -> tuple[list[PartTable], list[PartTable]]:
    for _ in range(TRIES):
        complaints: list[str] = []
        try:
            # failures first: a pset that succeeds in the meantime is then in both, not in none
            failures = list(read_all(directory / FAILURES, complaints.append, set_aside=False))
            results = list(read_all(directory / RESULTS, complaints.append, set_aside=False))
        except FileNotFoundError:
            continue
        for complaint in complaints:
            warn(complaint)
        return results, latest(failures, [table.positions for table in results])
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _order(results: list[PartTable], failures: list[PartTable]) -> Any:
    """Return for each stored pset which row it becomes."""
    positions = [table.positions for table in [*results, *failures]]
    together = np.concatenate([np.empty(0, dtype=np.int64), *positions])
    if bool((np.diff(together) > 0).all()):
        return np.arange(len(together))
    rows = np.empty(len(together), dtype=np.int64)
    rows[np.argsort(together, kind="stable")] = np.arange(len(together))
    return rows


def _progress(run: Mapping[str, Any]) -> MapProgress:
    counts = run.get("counts", {})
    return MapProgress(run["name"], **{name: int(counts.get(name, 0)) for name in COUNTS})


class Psets:
    """Psets coming in from parts."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._columns: dict[str, Column] = {}
        self._dtypes: dict[str, str] = {}

    def land(self, table: PartTable, rows: Any) -> None:
        """Take the psets of a part."""
        for stored in table.columns("pset"):
            name = str(stored.key)
            column = self._columns.setdefault(name, Column())
            column.make_room(self.total)
            self._dtypes[name] = stored.dtype
            for at, values in table.pieces(stored):
                column.put(rows[at], values)

    def source(self) -> PsetTable:
        """Return all that came, with the dtypes that they had."""
        every = range(self.total)
        frame = pd.DataFrame(
            {
                name: typed(series_of(column, every), self._dtypes[name])
                for name, column in self._columns.items()
            },
            index=pd.RangeIndex(self.total),
            copy=False,
        )
        return PsetTable(frame)


def scan(path: str | os.PathLike[str]) -> Any:
    """Return a checkpoint's finished psets as an Arrow dataset; see `paramsurvey.scan`."""
    directory = Path(path)
    read_run(directory)
    for _ in range(TRIES):
        files = [part.path for part in live_parts(directory / RESULTS)[0]]
        try:
            schemas = [pq.read_schema(file) for file in files]
        except FileNotFoundError:
            continue
        if not files:
            return ds.dataset(pa.table({}))
        return ds.dataset([str(file) for file in files], schema=_common(schemas))
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _common(schemas: list[Any]) -> Any:
    """Return the columns of psets and results that all parts can be read with."""
    found: dict[str, list[Any]] = {}
    for schema in schemas:
        for field in schema:
            if about(field).get("role") in ("pset", "result"):
                found.setdefault(field.name, []).append(field)
    return pa.schema([field for fields in found.values() for field in _agreed(fields)])


def _agreed(fields: list[Any]) -> Iterator[Any]:
    kinds = list(dict.fromkeys(field.type for field in fields))
    pickled = {about(field)["codec"] == "pickle" for field in fields}
    try:
        merged = pa.unify_schemas(
            [pa.schema([pa.field("x", kind)]) for kind in kinds], promote_options="permissive"
        )
    except pa.ArrowException:
        merged = None
    if merged is None or len(pickled) > 1:
        warn(
            f"the column {fields[0].name!r} has values of different types in different parts of the "
            "checkpoint, and is left out: use paramsurvey.load(), which has it"
        )
        return
    yield pa.field(fields[0].name, merged.field("x").type, metadata=fields[-1].metadata)
