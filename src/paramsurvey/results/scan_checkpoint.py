"""Reading a checkpoint's parts lazily, as one Arrow dataset, even while it is being written."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from paramsurvey.checkpoint.duplicates import FinishedRows, rows_that_count, was_written_by_two
from paramsurvey.checkpoint.format.part_files import (
    FAILURES,
    LARGEST_BYTES,
    RESULTS,
    Part,
    PartDamaged,
    live_parts,
    read_columns,
    read_part,
    read_schema,
    strange_parts,
)
from paramsurvey.checkpoint.format.part_table import join_tables, latest_start, start_name
from paramsurvey.checkpoint.format.schema import POSITION, UNITS, field_info
from paramsurvey.checkpoint.gone_parts import gone_parts
from paramsurvey.checkpoint.plain_files import checkpoint_path
from paramsurvey.checkpoint.stored import (
    Tell,
    damage_text,
    duplicates_text,
    latest_failures,
    read_all,
    read_run_tolerantly,
    strange_text,
)
from paramsurvey.reporting.console import warn

TRIES = 20  # because parts may be merged while they are read
ROLES = ("pset", "result", "time")


def scan(
    path: str | os.PathLike[str],
    tell: Tell = warn,
    roles: Collection[str] = ROLES,
    lasting: bool = False,
) -> Any:
    """Return a checkpoint's finished psets as an Arrow dataset; see `paramsurvey.scan`.

    Parameters
    ----------
    path : path
    tell : callable
        Called with a message for each thing that is damaged.
    roles : collection of str
        The kinds of columns that the dataset has. ``'position'`` is the kind of the psets' numbers.
    lasting : bool
        Whether to read all files at once that may be merged while the run goes on, so that the dataset stays
        readable.
    """
    directory = checkpoint_path(path)
    run = read_run_tolerantly(directory, tell, set_aside=False)
    for gone in gone_parts(directory, run, [RESULTS]):
        tell(gone)
    for _ in range(TRIES):
        complaints = [strange_text(part) for part in strange_parts(directory / RESULTS)]
        try:
            parts = live_parts(directory / RESULTS)[0]
            schemas = _schemas(parts, complaints.append)
            common = _common_schema(schemas, roles, complaints.append)
            kept = {str(path): counts for path, counts in rows_that_count(parts).items()}
            small = [str(part.path) for part in parts if lasting and part.size < LARGEST_BYTES // 2]
            dataset = _dataset(schemas, common, kept, small)
        except FileNotFoundError:
            continue
        if kept:
            left_out = sum(int((~counts).sum()) for counts in kept.values())
            complaints.append(duplicates_text(directory / RESULTS, left_out))
        for complaint in complaints:
            tell(complaint)
        return dataset
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def failures_table(path: str | os.PathLike[str], tell: Tell) -> Any:
    """Return the psets that failed and have no result, as an Arrow table in the order of the psets.

    Besides the psets' columns, it has ``_kind``, ``_exception``, ``_traceback``, ``_attempts`` and, if they
    are known, ``_seconds``, ``_start``, ``_worker`` and ``_host``. It is None if nothing has failed. Objects
    stay pickled.
    """
    directory = checkpoint_path(path)
    for _ in range(TRIES):
        complaints: list[str] = []
        try:
            tables = list(read_all(directory / FAILURES, complaints.append, set_aside=False))
            finished = _finished(directory) if tables else FinishedRows(by_content=False)
        except FileNotFoundError:
            continue
        for complaint in complaints:
            tell(complaint)
        kept = [table for table in latest_failures(tables, finished) if len(table)]
        return join_tables(kept).sort_by(POSITION) if kept else None
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _finished(directory: Path) -> FinishedRows:
    """Return which psets have a result; only positions are read, unless two programs have written."""
    finished = FinishedRows(by_content=was_written_by_two(directory))
    for part in live_parts(directory / RESULTS)[0]:
        with suppress(PartDamaged, pa.ArrowInvalid, OSError):  # `scan` reports damaged parts
            if finished.by_content:
                finished.add(finished.keys_of(read_part(part)))
            else:
                finished.add(read_columns(part, [POSITION]).column(POSITION).to_numpy())
    return finished


def pset_keys(*tables: Any) -> tuple[str, ...]:
    """Return the names of the columns that are psets' keys, from the first dataset or table that has any."""
    for table in tables:
        fields = [] if table is None else list(table.schema)
        names = tuple(field.name for field in fields if field_info(field).get("role") == "pset")
        if names:
            return names
    return ()


def _dataset(
    schemas: Mapping[str, Any], common: Any, kept: Mapping[str, NDArray[np.bool_]], small: Collection[str]
) -> Any:
    """Return files as a dataset. Those in `kept` and `small` are read now, and only some rows of `kept`."""
    if not schemas:
        return ds.dataset(pa.table({}))
    read = [path for path in schemas if path in kept or path in small]
    whole = ds.dataset([path for path in schemas if path not in read], schema=common)
    some = [_kept_rows(ds.dataset(path, schema=common).to_table(), kept.get(path)) for path in read]
    return ds.dataset([whole, ds.dataset(some, schema=common)]) if some else whole


def _kept_rows(table: Any, kept: NDArray[np.bool_] | None) -> Any:
    return table if kept is None else table.filter(pa.array(kept))


def _schemas(parts: Sequence[Part], tell: Tell) -> dict[str, Any]:
    """Return the parts' schemas by their paths, without those that are damaged."""
    schemas = {}
    for part in parts:
        try:
            schemas[str(part.path)] = read_schema(part)
        except PartDamaged as damage:
            tell(damage_text(part, damage, moved=False))
    return schemas


def _common_schema(schemas: Mapping[str, Any], roles: Collection[str], tell: Tell) -> Any:
    """Return a schema with the columns of some roles, as which all parts can be read."""
    found: dict[str, dict[str, Any]] = {}
    for path, schema in schemas.items():
        for field in schema:
            if field_info(field).get("role") in roles:
                found.setdefault(field.name, {})[path] = field
    return pa.schema([field for fields in found.values() for field in _common_field(fields, tell)])


def _common_field(fields: Mapping[str, Any], tell: Tell) -> Iterator[Any]:
    """Yield a field as which the fields of all parts can be read, if there is one; they are by path."""
    *_, last = [field for field in fields.values() if not pa.types.is_null(field.type)] or fields.values()
    kind = _common_type(list(fields.values()))
    unit = _newest_unit(fields)
    metadata = {**last.metadata, **({} if unit is None else {UNITS: unit})}
    agreed = None if kind is None else pa.field(last.name, kind, metadata=metadata)
    if agreed is None or not all(_fits(path, field, agreed) for path, field in fields.items()):
        tell(
            f"the column {last.name!r} has values of different types in different parts of the "
            "checkpoint, and is left out: use paramsurvey.load(), which has it"
        )
        return
    yield agreed


def _newest_unit(fields: Mapping[str, Any]) -> Any:
    """Return the unit of a column; where parts have several, that of the part whose last pset began last."""
    units = {path: field.metadata[UNITS] for path, field in fields.items() if UNITS in field.metadata}
    if len(set(units.values())) < 2:
        return next(iter(units.values()), None)
    return units[max(reversed(list(units)), key=_latest_start)]


def _latest_start(path: str) -> int:
    part = Part.of(Path(path))
    assert part is not None  # else `live_parts` would not have it
    try:
        name = start_name(read_schema(part))
        return 0 if name is None else latest_start(read_columns(part, [name]))
    except PartDamaged:
        return 0


def _common_type(fields: list[Any]) -> Any:
    """Return a type that can hold the values of all fields, or most of them; None if there is none."""
    types = [field.type for field in fields]
    codecs = [field_info(field).get("codec") for field in fields if not pa.types.is_null(field.type)]
    if len({codec == "pickle" for codec in codecs}) > 1:
        return None
    kinds = dict.fromkeys(map(_in_utc, types) if len(set(types)) > 1 else types)
    schemas = [pa.schema([pa.field("x", kind)]) for kind in kinds]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return None


def _in_utc(kind: Any) -> Any:
    """Return the type of times with a zone that any such time fits in."""
    return pa.timestamp(kind.unit, "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def _fits(path: str, field: Any, agreed: Any) -> bool:
    """Tell whether a part's column can be read as `agreed`, by reading it unless the types say so."""
    if field.type == agreed.type or pa.types.is_null(field.type):
        return True
    try:
        ds.dataset(path, schema=pa.schema([agreed])).to_table()
    except pa.ArrowException:  # such as an integer that no float equals, or a time beyond nanoseconds
        return False
    return True
