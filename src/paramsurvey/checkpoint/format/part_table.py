"""The rows of a part, as they are read, and the rows of several parts as one table."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from paramsurvey.checkpoint.format.codec_table import PICKLES
from paramsurvey.checkpoint.format.codecs import Encoded, Piece, decode, encode, shifted
from paramsurvey.checkpoint.format.pickles import dumps
from paramsurvey.checkpoint.format.schema import (
    POSITION,
    StoredColumn,
    check_columns,
    field_info,
    key_of,
    pset_column,
    to_table,
)
from paramsurvey.checkpoint.format.time_columns import TIME_TYPES, join_times, read_times
from paramsurvey.checkpoint.plain_values import is_absent
from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, hash_values
from paramsurvey.engine.collecting.pset_times import Times
from paramsurvey.errors import CheckpointError
from paramsurvey.params.dataframes import units_of_fields
from paramsurvey.transport.column_by_row import as_array
from paramsurvey.transport.messages import Rows, Values
from paramsurvey.transport.safe_repr import describe


class PartTable:
    """A part's rows, in memory.

    Parameters
    ----------
    table : pyarrow.Table
    unpickle : bool
        Whether its objects may be unpickled, which runs code chosen by whoever wrote them. If not, a text
        stands for each of them.

    Raises
    ------
    ValueError
        The metadata of the columns are not what we write.
    """

    def __init__(self, table: Any, unpickle: bool = False) -> None:
        self._table = table
        self._unpickle = unpickle
        self._infos = {field.name: field_info(field) for field in table.schema}
        check_columns(table.schema, self._infos)
        self._helpers = {
            (info["role"], info["of"]): name for name, info in self._infos.items() if "of" in info
        }

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def positions(self) -> NDArray[np.int64]:
        """The positions of the rows among all that were ever stored."""
        positions: NDArray[np.int64] = self._array(POSITION).to_numpy()
        return positions

    @property
    def arrow(self) -> Any:
        """The rows as they are stored."""
        return self._table

    def take(self, rows: NDArray[np.int64]) -> PartTable:
        """Return some of the rows."""
        return PartTable(self._table.take(pa.array(rows)), self._unpickle)

    def moved(self, positions: NDArray[np.int64], workers_before: int) -> Any:
        """Return the rows as they are written at other positions, with larger numbers of their workers."""
        changed = {POSITION: pa.array(positions)}
        if name := self._time_names().get("worker"):
            changed[name] = pc.add(self._table.column(name), pa.scalar(workers_before, TIME_TYPES["worker"]))
        schema = self._table.schema
        arrays = [changed.get(name, self._table.column(name)) for name in schema.names]
        return pa.Table.from_arrays(arrays, schema=schema)

    def slices(self, length: int) -> Iterator[PartTable]:
        """Yield all rows, at most `length` at a time, without copying any."""
        for start in range(0, len(self), length):
            yield PartTable(self._table.slice(start, length), self._unpickle)

    def columns(self, role: str) -> Iterator[StoredColumn]:
        """Yield the columns that have a role."""
        for name, info in self._infos.items():
            if info.get("role") == role:
                column = Encoded(self._table.column(name), info["codec"], self._kinds(name))
                key = key_of(info["key"], self._unpickle)
                yield StoredColumn(role, key, column, info["dtype"], self._hashes(name))

    def pieces(self, stored: StoredColumn) -> list[Piece]:
        """Return a column's values, and where they belong.

        Raises
        ------
        CheckpointError
            They are not what the metadata say, or cannot be unpickled.
        """
        column = stored.column
        try:
            return decode(column.array, column.codec, column.kinds, self._unpickle)
        except CheckpointError:
            raise
        except Exception as error:  # this package did not write it
            raise CheckpointError(
                f"a column of the checkpoint does not hold what it says it does ({describe(error)}): "
                "check where the checkpoint comes from"
            ) from error

    @property
    def units(self) -> dict[str, str]:
        """The units that the psets came with."""
        return {self._infos[name]["key"][1:]: u for name, u in units_of_fields(self._table.schema).items()}

    def printed(self, rows: Rows) -> dict[int, str]:
        """Return what the psets printed, by the numbers of their `rows`."""
        numbers, found = as_array(rows), dict[int, str]()
        for stored in self.columns("output"):
            for at, texts in self.pieces(stored):
                found.update(zip(numbers[at].tolist(), texts, strict=True))
        return found

    def times(self) -> Times:
        """Return when and where the psets ran, which a part from an older version does not know."""
        return read_times({key: self._array(name) for key, name in self._time_names().items()}, len(self))

    def time_arrays(self) -> dict[str, Any]:
        """Return the times as they are stored, with nulls for those that are not."""
        names, count = self._time_names(), len(self)
        return {
            key: self._table.column(names[key]) if key in names else pa.chunked_array([pa.nulls(count, kind)])
            for key, kind in TIME_TYPES.items()
        }

    def _time_names(self) -> dict[str, str]:
        return {info["key"][1:]: name for name, info in self._infos.items() if info.get("role") == "time"}

    def pset_columns(self) -> dict[str, Values | HashPairs]:
        """Return what the psets' identities are computed from, without unpickling anything."""
        return {str(stored.key): self.comparable(stored) for stored in self.columns("pset")}

    def comparable(self, stored: StoredColumn) -> Values | HashPairs:
        """Return what identifies a column's values: their hashes, if they are pickled."""
        if stored.hashes is not None:
            return stored.hashes
        pieces = self.pieces(stored)
        if len(pieces) == 1 and isinstance(pieces[0][0], slice):
            return pieces[0][1]
        hashes = hash_values(np.full(len(self), np.nan))
        for at, values in pieces:
            hashes.put(at, hash_values(values))
        return hashes

    def keeps_pickled(self, stored: StoredColumn) -> bool:
        """Tell whether a column is pickled, and may not be unpickled."""
        return not self._unpickle and stored.column.codec in PICKLES

    def pickles(self, stored: StoredColumn) -> list[bytes | None]:
        """Return a column's values as pickles, without unpickling any; None stands for None and nan."""
        if self.keeps_pickled(stored):
            return list(stored.column.array.to_pylist())
        found: list[bytes | None] = [None] * len(self)
        for at, values in self.pieces(stored):
            natives = values.tolist() if isinstance(values, np.ndarray) else values
            for row, value in zip(np.arange(len(self))[at].tolist(), natives, strict=True):
                found[row] = None if is_absent(value) else dumps(value)
        return found

    def _array(self, name: str) -> Any:
        column = self._table.column(name)
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

    def _kinds(self, name: str) -> NDArray[np.int8] | None:
        helper = self._helpers.get(("kinds", name))
        return None if helper is None else self._array(helper).to_numpy()

    def _hashes(self, name: str) -> HashPairs | None:
        helper = self._helpers.get(("identity", name))
        if helper is None:
            return None
        array = self._array(helper)
        pairs = np.frombuffer(array.buffers()[1], dtype=np.uint64).reshape(-1, 2)
        pairs = pairs[array.offset : array.offset + len(array)]
        return HashPairs(pairs[:, 0].copy(), pairs[:, 1].copy())


def join_tables(tables: Sequence[PartTable], times: Mapping[str, Any] | None = None) -> Any:
    """Return one table with the rows of several, whose columns need not be the same.

    Parameters
    ----------
    tables : sequence of PartTable
    times : mapping, optional
        Columns as `time_columns` returns them, to replace those of the tables.
    """
    starts = np.cumsum([0, *map(len, tables)]).tolist()
    gathered: dict[tuple[str, Hashable], list[tuple[int, PartTable, StoredColumn]]] = {}
    for start, table in zip(starts, tables, strict=False):
        for stored in chain(*map(table.columns, ("pset", "result", "failure", "output"))):
            gathered.setdefault((stored.role, stored.key), []).append((start, table, stored))
    columns = [_join_column(found, starts) for found in gathered.values()]
    positions = pa.chunked_array([table.positions for table in tables])
    return to_table(
        positions,
        columns,
        [str(key) for role, key in gathered if role == "pset"],
        join_times([table.time_arrays() for table in tables]) if times is None else times,
        newest_units(tables),
    )


def newest_units(tables: Sequence[PartTable]) -> dict[str, str]:
    """Return the units of several parts; where they differ, those of the psets that began last."""
    in_order = sorted(tables, key=lambda table: latest_start(table.arrow))
    return {key: unit for table in in_order for key, unit in table.units.items()}


def latest_start(table: Any) -> int:
    """Return when the last one of some psets began, in microseconds; 0 if that is not known."""
    name = start_name(table.schema)
    latest = None if name is None else pc.max(table.column(name)).cast(pa.int64()).as_py()
    return latest or 0


def start_name(schema: Any) -> str | None:
    """Return the name of the column that says when psets began; None if there is none."""
    infos = ((field.name, field_info(field)) for field in schema)
    names = (name for name, info in infos if info.get("role") == "time" and info["key"][1:] == "start")
    return next(names, None)


def _join_column(found: list[tuple[int, PartTable, StoredColumn]], starts: list[int]) -> StoredColumn:
    first, count = found[0][2], starts[-1]
    alike = len(found) == len(starts) - 1 and all(_alike(stored, first) for _, _, stored in found)
    if alike:
        chunks = [chunk for _, _, stored in found for chunk in stored.column.array.chunks]
        array = pa.chunked_array(chunks, first.column.array.type)  # no copy: parts are large
        hashes = [stored.hashes for _, _, stored in found if stored.hashes is not None]
        return StoredColumn(
            first.role,
            first.key,
            Encoded(array, first.column.codec),
            first.dtype,
            HashPairs.joined(hashes) if hashes else None,
        )
    if first.role == "pset" and any(table.keeps_pickled(stored) for _, table, stored in found):
        return _join_pickles(found, count)
    pieces = [shifted(piece, start) for start, table, stored in found for piece in table.pieces(stored)]
    column = encode(pieces, count)
    dtypes = {stored.dtype for _, _, stored in found}
    return pset_column(first.key, column, pieces, dtypes.pop() if len(dtypes) == 1 else "", first.role)


def _join_pickles(found: list[tuple[int, PartTable, StoredColumn]], count: int) -> StoredColumn:
    """Return a key's column as pickles, because some tables have pickles of it; none is unpickled."""
    first, hashes = found[0][2], hash_values(np.full(count, np.nan))
    contents: list[bytes | None] = [None] * count
    for start, table, stored in found:
        rows = slice(start, start + len(table))
        contents[rows] = table.pickles(stored)
        hashes.put(rows, Hasher().column("", table.comparable(stored)))
    column = Encoded(pa.chunked_array([pa.array(contents, pa.binary())]), "mixed")
    return StoredColumn(first.role, first.key, column, "", hashes)


def _alike(one: StoredColumn, other: StoredColumn) -> bool:
    return (
        one.column.kinds is None
        and other.column.kinds is None
        and (one.column.codec, one.column.array.type, one.dtype)
        == (other.column.codec, other.column.array.type, other.dtype)
    )
