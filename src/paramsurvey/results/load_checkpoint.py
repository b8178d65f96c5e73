"""Reading a checkpoint, also while it is being written: `load` for all of it, `scan` for a lazy look."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from paramsurvey.checkpoint.format.dtype_text import typed
from paramsurvey.checkpoint.format.part_files import Part, PartDamaged, live_parts, read_schema
from paramsurvey.checkpoint.format.schema import PartTable, about
from paramsurvey.checkpoint.resume import (
    FAILURES,
    RESULTS,
    Tell,
    damage_text,
    failure_cells,
    latest,
    read_all,
    run_of,
)
from paramsurvey.engine.collector import Collector
from paramsurvey.engine.progress import MapProgress
from paramsurvey.params.sources import PsetTable
from paramsurvey.reporting.console import warn
from paramsurvey.results.map_results import build, series_of
from paramsurvey.stats import PerfStats
from paramsurvey.transport.columns import Column
from paramsurvey.transport.messages import Rows, Values

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

NUMBER = 8  # bytes
LONG = {np.dtype(kind).name for kind in (np.longdouble, np.clongdouble)} - {"float64", "complex128"}
TRIES = 20  # parts may be merged while they are read
COUNTS = ("total", "active", "finished", "failures", "exceptions", "retried", "resumed")


def load(path: str | os.PathLike[str]) -> MapResults:
    """Return what a checkpoint holds; see `paramsurvey.load`."""
    directory = Path(path)
    run = run_of(directory, warn, set_aside=False)
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
    progress = _counted(results, failures) if run is None else _progress(run)
    return build(psets.source(), collector, progress, PerfStats(), 0, checkpoint=str(directory))


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


def _counted(results: list[PartTable], failures: list[PartTable]) -> MapProgress:
    """Return what is known without a run.json."""
    finished, failed = (sum(map(len, tables)) for tables in (results, failures))
    return MapProgress(total=finished + failed, finished=finished, failures=failed)


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
                column.put(rows[at], _wide(values))

    def source(self) -> PsetTable:
        """Return all that came, with the dtypes that they had."""
        every = range(self.total)
        frame = pd.DataFrame(
            {name: _series(column, every, self._dtypes[name]) for name, column in self._columns.items()},
            index=pd.RangeIndex(self.total),
            copy=False,
        )
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


def scan(path: str | os.PathLike[str]) -> Any:
    """Return a checkpoint's finished psets as an Arrow dataset; see `paramsurvey.scan`."""
    directory = Path(path)
    run_of(directory, warn, set_aside=False)
    for _ in range(TRIES):
        complaints: list[str] = []
        try:
            schemas = _schemas(live_parts(directory / RESULTS)[0], complaints.append)
            common = _common(schemas, complaints.append)
        except FileNotFoundError:
            continue
        for complaint in complaints:
            warn(complaint)
        return ds.dataset(list(schemas), schema=common) if schemas else ds.dataset(pa.table({}))
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _schemas(parts: Sequence[Part], tell: Tell) -> dict[str, Any]:
    """Return the parts' schemas by their paths, without those that are damaged."""
    schemas = {}
    for part in parts:
        try:
            schemas[str(part.path)] = read_schema(part)
        except PartDamaged as damage:
            tell(damage_text(part, damage, moved=False))
    return schemas


def _common(schemas: Mapping[str, Any], tell: Tell) -> Any:
    """Return the columns of psets and results that all parts can be read with."""
    found: dict[str, dict[str, Any]] = {}
    for path, schema in schemas.items():
        for field in schema:
            if about(field).get("role") in ("pset", "result"):
                found.setdefault(field.name, {})[path] = field
    return pa.schema([field for fields in found.values() for field in _agreed(fields, tell)])


def _agreed(fields: Mapping[str, Any], tell: Tell) -> Iterator[Any]:
    """Yield the field that all these, by their parts' paths, can be read as; none where there is no such."""
    *_, last = fields.values()
    kind = _common_type(list(fields.values()))
    agreed = None if kind is None else pa.field(last.name, kind, metadata=last.metadata)
    if agreed is None or not all(_fits(path, field, agreed) for path, field in fields.items()):
        tell(
            f"the column {last.name!r} has values of different types in different parts of the "
            "checkpoint, and is left out: use paramsurvey.load(), which has it"
        )
        return
    yield agreed


def _common_type(fields: list[Any]) -> Any:
    """Return the type that holds all of some fields' values, or most; None where there is none."""
    if len({about(field)["codec"] == "pickle" for field in fields}) > 1:
        return None
    schemas = [pa.schema([pa.field("x", kind)]) for kind in dict.fromkeys(field.type for field in fields)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return None


def _fits(path: str, field: Any, agreed: Any) -> bool:
    """Tell whether a part's column can be read as `agreed`: by reading it, where the types do not say it."""
    if field.type == agreed.type or pa.types.is_null(field.type):
        return True
    try:
        ds.dataset(path, schema=pa.schema([agreed])).to_table()
    except pa.ArrowException:  # an integer that no float is equal to, a time beyond nanoseconds
        return False
    return True
