"""Reading a checkpoint's parts lazily, as one Arrow dataset, even while it is being written."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from paramsurvey.checkpoint.duplicates import FinishedRows, rows_that_count, was_written_by_two
from paramsurvey.checkpoint.format.common_type import cast_exactly, common_type
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
from paramsurvey.checkpoint.format.part_table import PartTable, join_tables, latest_start, start_name
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
from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, hash_values
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.reporting.console import warn

TRIES = 20  # because parts may be merged while they are read
ROLES = ("pset", "result", "time")


@dataclass(frozen=True, slots=True)
class Scanned:
    """The finished psets of a checkpoint.

    Attributes
    ----------
    dataset : Dataset
    keys : tuple of str
        The psets' keys, including those that the dataset does not have.
    left_out : mapping of str to HashPairs or None
        The columns whose values have no common type. For a key of the psets, the identities of its values, in
        the order of the dataset's rows.
    """

    dataset: Any
    keys: tuple[str, ...]
    left_out: Mapping[str, HashPairs | None]


def scan(path: str | os.PathLike[str]) -> Any:
    """Return a checkpoint's finished psets as an Arrow dataset; see `paramsurvey.scan`."""
    return scan_columns(path, warn, ROLES).dataset


def scan_columns(
    path: str | os.PathLike[str], tell: Tell, roles: Collection[str], lasting: bool = False
) -> Scanned:
    """Return a checkpoint's finished psets.

    Parameters
    ----------
    path : path
    tell : callable
        Called with a message for each thing that is damaged.
    roles : collection of str
        The kinds of columns that the dataset has. ``'position'`` is the kind of the psets' numbers, and
        ``'identity'`` what tells pickled values of the psets apart.
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
            common, left_out = _common_schema(schemas, roles, complaints.append)
            kept = {str(path): counts for path, counts in rows_that_count(parts).items()}
            small = [str(part.path) for part in parts if lasting and part.size < LARGEST_BYTES // 2]
            read = [path for path in schemas if path in kept or path in small]
            dataset = _dataset(schemas, common, kept, read)
            in_order = [path for path in schemas if path not in read] + read
            found = {
                name: _identities(name, in_order, kept) if role == "pset" and "identity" in roles else None
                for name, role in left_out.items()
            }
        except FileNotFoundError:
            continue
        if kept:
            twice = sum(int((~counts).sum()) for counts in kept.values())
            complaints.append(duplicates_text(directory / RESULTS, twice))
        for complaint in complaints:
            tell(complaint)
        return Scanned(dataset, pset_keys(*schemas.values()), found)
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


def pset_keys(*schemas: Any) -> tuple[str, ...]:
    """Return the names of the columns that are psets' keys, from all schemas or tables."""
    fields = [field for schema in schemas for field in getattr(schema, "schema", schema)]
    return tuple(dict.fromkeys(field.name for field in fields if field_info(field).get("role") == "pset"))


def _identities(name: str, paths: Sequence[str], kept: Mapping[str, NDArray[np.bool_]]) -> HashPairs:
    """Return what tells the values of a pset's key apart, in the order of a dataset; nothing is unpickled."""
    return HashPairs.joined([_identities_in(name, path)[kept.get(path, slice(None))] for path in paths])


def _identities_in(name: str, path: str) -> HashPairs:
    part = _part_at(path)
    fields = {field.name: field_info(field) for field in read_schema(part)}
    names = [other for other, info in fields.items() if other == name or info.get("of") == name]
    if fields.get(name, {}).get("role") != "pset":  # a result may have the name of another run's key
        return hash_values(np.full(part.rows, np.nan))
    table = PartTable(read_columns(part, [POSITION, *names]))
    return Hasher().column(name, table.pset_columns()[fields[name]["key"][1:]])


def _dataset(
    schemas: Mapping[str, Any], common: Any, kept: Mapping[str, NDArray[np.bool_]], read: Sequence[str]
) -> Any:
    """Return files as a dataset. Those in `read` are read now and come last; `kept` says which rows count."""
    if not schemas:
        return ds.dataset(pa.table({}))
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


def _common_schema(
    schemas: Mapping[str, Any], roles: Collection[str], tell: Tell
) -> tuple[Any, dict[str, str]]:
    """Return a schema with which all parts can be read, and the roles of the columns that it leaves out."""
    found: dict[str, dict[str, Any]] = {}
    for path, schema in schemas.items():
        for field in schema:
            found.setdefault(field.name, {})[path] = field
    wanted = {
        name: {path: field for path, field in fields.items() if field_info(field).get("role") in roles}
        for name, fields in found.items()
    }
    agreed = {name: _common_field(fields, found[name], tell) for name, fields in wanted.items() if fields}
    left_out = {
        name: field_info(next(iter(wanted[name].values())))["role"]
        for name, field in agreed.items()
        if field is None
    }
    kept = [field for field in agreed.values() if field is not None]
    return pa.schema([field for field in kept if field_info(field).get("of") not in left_out]), left_out


def _common_field(fields: Mapping[str, Any], namesakes: Mapping[str, Any], tell: Tell) -> Any:
    """Return a field that can hold those of all parts, which are given by path; None if there is none.

    A dataset finds its columns by name, so the field must hold `namesakes` as well: all fields of the name,
    whatever their role.
    """
    *_, last = [field for field in fields.values() if not pa.types.is_null(field.type)] or fields.values()
    kind = _common_type(list(fields.values()))
    unit = _newest_unit(fields)
    metadata = {**last.metadata, **({} if unit is None else {UNITS: unit})}
    agreed = None if kind is None else pa.field(last.name, kind, metadata=metadata)
    if agreed is None or not all(_fits(path, field, agreed) for path, field in namesakes.items()):
        tell(
            f"the column {last.name!r} has values for which Arrow has no common type, such as numbers and "
            "text, or text that is not Unicode, and is left out: use paramsurvey.load(), which has it"
        )
        return None
    return agreed


def _newest_unit(fields: Mapping[str, Any]) -> Any:
    """Return the unit of a column; where parts have several, that of the part whose last pset began last."""
    units = {path: field.metadata[UNITS] for path, field in fields.items() if UNITS in field.metadata}
    if len(set(units.values())) < 2:
        return next(iter(units.values()), None)
    return units[max(reversed(list(units)), key=_latest_start)]


def _part_at(path: str) -> Part:
    part = Part.of(Path(path))
    assert part is not None  # else `live_parts` would not have it
    return part


def _latest_start(path: str) -> int:
    part = _part_at(path)
    try:
        name = start_name(read_schema(part))
        return 0 if name is None else latest_start(read_columns(part, [name]))
    except PartDamaged:
        return 0


def _common_type(fields: list[Any]) -> Any:
    """Return a type that can hold the values of all fields, or most of them; None if there is none."""
    codecs = [str(field_info(field).get("codec")) for field in fields if not pa.types.is_null(field.type)]
    if "mixed" in codecs or len({codec == "pickle" for codec in codecs}) > 1:
        return None
    return common_type(field.type for field in fields)


def _fits(path: str, field: Any, agreed: Any) -> bool:
    """Tell whether a part's column can be read as `agreed`, by reading it unless the types say so."""
    if field.type == agreed.type or pa.types.is_null(field.type):
        return True
    stored = ds.dataset(path, schema=pa.schema([field])).to_table().column(0)
    return cast_exactly(stored, agreed.type) is not None
