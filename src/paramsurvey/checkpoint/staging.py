"""Results and failures that are waiting to be written, and the tables that are made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.checkpoint.format.codec_table import PICKLES
from paramsurvey.checkpoint.format.codecs import Piece, encode, encode_cells, shifted
from paramsurvey.checkpoint.format.dtype_text import dtype_text
from paramsurvey.checkpoint.format.schema import (
    StoredColumn,
    printed_column,
    pset_column,
    storable_text,
    to_table,
)
from paramsurvey.checkpoint.format.time_columns import TIME_TYPES, failed_time_columns, time_columns
from paramsurvey.engine.checkpoint import no_rows
from paramsurvey.engine.collecting.finished_rows import finished_places
from paramsurvey.engine.collecting.pset_times import Times, times_of
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.dataframes import units_of_psets
from paramsurvey.params.sources import CategoryCodes, ColumnValues, PsetSource
from paramsurvey.transport.column_by_row import rows_at, unpack_values
from paramsurvey.transport.messages import Failure, Group, Offsets, Reply, Rows, Values

NUMBER_BYTES = 8
OTHER_COLUMNS = 1 + len(TIME_TYPES)  # the row's position, and when and where its pset ran
OBJECT_BYTES = 100  # roughly what a value that is not a number takes, without its content
MEASURED, MEASURED_DEPTH = 16, 3  # values of a column or list; lists in lists: all would take too long
FAILURE_BYTES = 200  # roughly what a failure takes, without what the pset printed


@dataclass(frozen=True, slots=True)
class StagedReply:
    """Results as they arrived, with the psets that they belong to."""

    rows: Rows
    psets: Mapping[str, ColumnValues]
    columns: Mapping[Any, list[Piece]]
    printed: Mapping[int, str]  # by index among the rows
    times: Times

    @classmethod
    def of(cls, group: Group, reply: Reply, source: PsetSource) -> StagedReply | None:
        """Return the results of a reply, or None if all its psets failed."""
        rows, times = group.rows[reply.start : reply.stop], times_of(reply)
        places: NDArray[np.int64] | None = None  # for each of the reply's psets, its index among the results
        if reply.failures:
            good = finished_places(reply)
            places = np.zeros(len(rows), dtype=np.int64)
            places[good] = np.arange(len(good))
            rows, times = rows_at(rows, good), times.at(good)
        if len(rows) == 0:
            return None
        columns = {
            key: [
                (_place(segment.offsets, reply.start, len(rows), places), unpack_values(segment.values))
                for segment in segments
            ]
            for key, segments in reply.columns.items()
        }
        printed = {
            offset - reply.start if places is None else int(places[offset - reply.start]): text
            for offset, text in reply.output.items()
            if offset not in reply.failures
        }
        return cls(rows, source.columns(rows), columns, printed, times)

    def halves(self) -> list[StagedReply]:
        """Return it in two halves, or an empty list if it has only one pset."""
        count = len(self.rows)
        if count < 2:
            return []
        return [self._between(0, count // 2), self._between(count // 2, count)]

    def _between(self, start: int, stop: int) -> StagedReply:
        columns = {
            key: [some for piece in pieces if (some := _between(piece, start, stop)) is not None]
            for key, pieces in self.columns.items()
        }
        return StagedReply(
            self.rows[start:stop],
            {name: _cells_between(cells, start, stop) for name, cells in self.psets.items()},
            {key: pieces for key, pieces in columns.items() if pieces},
            {at - start: text for at, text in self.printed.items() if start <= at < stop},
            self.times.at(slice(start, stop)),
        )

    @property
    def size(self) -> int:
        """About how many bytes its rows take in a table, which is more than it takes itself."""
        values = [values for pieces in self.columns.values() for _, values in pieces]
        objects = [cells for cells in [*values, *self.psets.values()] if isinstance(cells, list)]
        numbers = len(self.rows) * (len(self.columns) + len(self.psets) + OTHER_COLUMNS)
        content = sum(map(_content_of_all, objects)) + sum(map(len, self.printed.values()))
        return NUMBER_BYTES * numbers + OBJECT_BYTES * sum(map(len, objects)) + content


def _content_of_all(values: Sequence[Any], depth: int = MEASURED_DEPTH) -> int:
    """Return about how many bytes the content of some objects takes, judging by a few of them."""
    some = values[:: -(-len(values) // MEASURED) or 1]
    return len(values) * sum(_content(value, depth) for value in some) // max(1, len(some))


def _content(value: Any, depth: int) -> int:
    """Return about how many bytes the content of an object takes: a text's, an array's, a list's."""
    try:
        if isinstance(value, (str, bytes, bytearray)):
            return len(value)
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            return NUMBER_BYTES * len(value) + (_content_of_all(value, depth - 1) if depth else 0)
        return int(getattr(value, "nbytes", 0))
    except Exception:  # the user's objects may raise anything, also lists and dicts of classes of their own
        return 0


def _between(piece: Piece, start: int, stop: int) -> Piece | None:
    """Return the piece's values for some rows, counted from the first of these rows; None if it has none."""
    at, values = piece
    if isinstance(at, slice):
        first, last = max(at.start, start), min(at.stop, stop)
        inside: slice | NDArray[np.int64] = slice(first - at.start, last - at.start)
        shifted_at: slice | NDArray[np.int64] = slice(first - start, last - start)
        return (shifted_at, values[inside]) if first < last else None
    chosen = np.flatnonzero((at >= start) & (at < stop))
    some = values[chosen] if isinstance(values, np.ndarray) else [values[i] for i in chosen.tolist()]
    return (at[chosen] - start, some) if len(chosen) else None


def _cells_between(cells: ColumnValues, start: int, stop: int) -> ColumnValues:
    if isinstance(cells, CategoryCodes):
        return CategoryCodes(cells.codes[start:stop], cells.categories)
    return cells[start:stop]


def _place(
    offsets: Offsets, start: int, count: int, places: NDArray[np.int64] | None
) -> slice | NDArray[np.int64]:
    if len(offsets) == count and places is None:
        return slice(0, count)
    at: NDArray[np.int64] = np.asarray(offsets, dtype=np.int64) - start
    return at if places is None else places[at]


@dataclass(frozen=True, slots=True)
class StagedFailure:
    """A pset without a result."""

    row: int
    failure: Failure
    attempts: int

    def halves(self) -> list[StagedFailure]:
        """Return an empty list, because it is a single pset."""
        return []

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return FAILURE_BYTES + len(self.failure.output)


class Positions:
    """Where rows are stored: one after another, except those that an earlier run has stored elsewhere.

    Attributes
    ----------
    first : int
        The position of row 0.
    """

    def __init__(self) -> None:
        self.first = 0
        self._kept: dict[int, int] = {}
        self._moved = no_rows().reshape(2, 0)  # rows, ascending, and their positions

    def keep(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> None:
        """Leave rows where they were stored, once `note_moved` is called."""
        self._kept.update(zip(rows.tolist(), positions.tolist(), strict=True))

    def note_moved(self) -> None:
        """Note which of the kept rows are not where `first` says."""
        shifted = sorted((row, at) for row, at in self._kept.items() if at != self.first + row)
        self._moved = np.array(shifted, dtype=np.int64).reshape(-1, 2).T

    def of(self, rows: Rows) -> NDArray[np.int64]:
        """Return the positions of rows."""
        if isinstance(rows, range):
            positions = np.arange(rows.start + self.first, rows.stop + self.first, dtype=np.int64)
        else:
            positions = rows + self.first
        moved_rows, moved_to = self._moved
        if len(moved_rows):
            at = np.minimum(np.searchsorted(moved_rows, rows), len(moved_rows) - 1)
            positions = np.where(moved_rows[at] == rows, moved_to[at], positions)
        return positions


class StagingTables:
    """Makes the tables that are written to disk.

    Parameters
    ----------
    source : PsetSource
        The survey's psets.
    positions : Positions
        Where their rows are stored.
    """

    def __init__(self, source: PsetSource, positions: Positions) -> None:
        self._source = source
        self._positions = positions
        self._dtypes = {name: dtype_text(dtype) for name, dtype in source.dtypes().items()}
        self._units = units_of_psets(source.frame(range(0)))

    def of_results(self, batch: Sequence[StagedReply]) -> Any:
        """Return the results of several replies as one table."""
        batch = sorted(batch, key=lambda reply: int(reply.rows[0]))  # rows of neighbouring groups in order
        starts = np.cumsum([0, *(len(reply.rows) for reply in batch)]).tolist()
        psets = self._pset_columns([reply.psets for reply in batch], starts)
        results = _result_columns(batch, starts)
        pairs = zip(starts, batch, strict=False)
        printed = {start + at: text for start, reply in pairs for at, text in reply.printed.items()}
        columns = [*psets, *results, *printed_column(printed, starts[-1])]
        positions = pa.chunked_array([self._positions.of(reply.rows) for reply in batch])
        times = time_columns([reply.times for reply in batch])
        return to_table(positions, columns, [str(column.key) for column in psets], times, self._units)

    def of_failures(self, batch: Sequence[StagedFailure]) -> Any:
        """Return several failures as one table."""
        rows = np.array([failed.row for failed in batch], dtype=np.int64)
        psets = self._pset_columns([self._source.columns(rows)], [0, len(rows)])
        printed = {at: failed.failure.output for at, failed in enumerate(batch) if failed.failure.output}
        columns = [*psets, *_failure_columns(batch), *printed_column(printed, len(rows))]
        positions = pa.array(self._positions.of(rows))
        times = failed_time_columns([failed.failure.ran for failed in batch])
        return to_table(positions, columns, [str(column.key) for column in psets], times, self._units)

    def _pset_columns(
        self, batch: Sequence[Mapping[str, ColumnValues]], starts: list[int]
    ) -> list[StoredColumn]:
        names = dict.fromkeys(name for psets in batch for name in psets)
        return [
            _pset_column(name, [psets.get(name) for psets in batch], starts, self._dtypes.get(name, ""))
            for name in names
        ]


def _pset_column(
    name: str, found: Sequence[ColumnValues | None], starts: list[int], dtype: str
) -> StoredColumn:
    """Return the column of one key of the psets; it is missing for psets that do not have the key."""
    coded = [cells for cells in found if isinstance(cells, CategoryCodes)]
    if len(coded) == len(found) and all(each.categories is coded[0].categories for each in coded):
        cells = CategoryCodes(np.concatenate([each.codes for each in coded]), coded[0].categories)
        column = encode_cells(cells)
        if column.codec not in PICKLES:
            return StoredColumn("pset", name, column, dtype)
    pieces: list[Piece] = [
        (slice(start, stop), cells.values() if isinstance(cells, CategoryCodes) else cells)
        for start, stop, cells in zip(starts[:-1], starts[1:], found, strict=True)
        if cells is not None
    ]
    return pset_column(name, encode(pieces, starts[-1]), pieces, dtype)


def _result_columns(batch: Sequence[StagedReply], starts: list[int]) -> Iterator[StoredColumn]:
    gathered: dict[Any, list[Piece]] = {}
    for start, reply in zip(starts, batch, strict=False):
        for key, pieces in reply.columns.items():
            gathered.setdefault(key, []).extend(shifted(piece, start) for piece in pieces)
    for key, pieces in gathered.items():
        yield StoredColumn("result", key, encode(pieces, starts[-1]))


def _failure_columns(batch: Sequence[StagedFailure]) -> Iterator[StoredColumn]:
    """Yield the columns that `stored.failure_cells` reads."""
    columns: dict[str, Values] = {
        "kind": [str(failed.failure.kind) for failed in batch],
        "exception": [storable_text(failed.failure.exception) for failed in batch],
        "traceback": [storable_text(failed.failure.traceback) for failed in batch],
        "attempts": np.array([failed.attempts for failed in batch], dtype=np.int64),
    }
    for key, values in columns.items():
        yield StoredColumn("failure", key, encode([(slice(0, len(batch)), values)], len(batch)))
