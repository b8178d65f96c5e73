"""The checkpoint in a directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.checkpoint.archive import FAILURES, RESULTS, Found, Search, read_all, rest
from paramsurvey.checkpoint.base import Resumed, Status, no_rows
from paramsurvey.checkpoint.dtypes import dtype_text
from paramsurvey.checkpoint.encoding import Piece, encode, encode_cells
from paramsurvey.checkpoint.files import replace_json
from paramsurvey.checkpoint.lock import Lock
from paramsurvey.checkpoint.parts import PartTable, Stored, printed_column, pset_column, to_table
from paramsurvey.checkpoint.run_file import (
    FORMAT,
    NAME,
    Program,
    git_state,
    history,
    now,
    read_run,
    surroundings,
    versions,
)
from paramsurvey.checkpoint.shelf import Shelf
from paramsurvey.checkpoint.writer import Build, Writer
from paramsurvey.collect import Collector
from paramsurvey.columns import landed
from paramsurvey.errors import CheckpointChanged, CheckpointError, NotACheckpoint
from paramsurvey.messages import Failure, FailureKind, Group, Offsets, Reply, Rows, Values
from paramsurvey.progress import MapProgress
from paramsurvey.psets import Cells, Coded, PsetSource

Tell = Callable[[str], None]
OURS = frozenset({NAME, "lock.json", RESULTS, FAILURES})


@dataclass(frozen=True, slots=True)
class Landed:
    """Results as they arrived, with the psets that they belong to."""

    rows: Rows
    psets: Mapping[str, Cells]
    columns: Mapping[Any, list[Piece]]
    printed: Mapping[int, str]  # by place among the rows


@dataclass(frozen=True, slots=True)
class Failed:
    """A pset without a result."""

    row: int
    failure: Failure
    attempts: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants of a checkpoint."""

    path: str
    retry_failed: bool = True
    on_change: str = "warn"


class DirectoryCheckpoint:
    """Keeps what a map finished in a directory, where the next one finds it.

    Parameters
    ----------
    wishes : Wishes
    program : Program
        The function and its arguments.
    source : PsetSource
    collector : Collector
        Gets what earlier runs have finished.
    progress : MapProgress
        The survey's counters, for ``run.json``.
    tell : callable
        Says a line to the user; called from several threads.

    Raises
    ------
    CheckpointError
        The directory cannot be used: it is something else, in use, or not writable; or the program
        has changed and `on_change` is ``'error'``.
    """

    def __init__(
        self,
        wishes: Wishes,
        program: Program,
        source: PsetSource,
        collector: Collector,
        progress: MapProgress,
        tell: Tell,
    ) -> None:
        self._wishes = wishes
        self._source = source
        self._collector = collector
        self._progress = progress
        self._tell = tell
        self._path = Path(wishes.path).absolute()
        self._positions: dict[int, int] = {}  # of rows that do not have their natural one
        self._searches: tuple[Search, Search] | None = None
        self._writer: Writer | None = None
        self._dtypes = {name: dtype_text(dtype) for name, dtype in source.dtypes().items()}
        self._closed = self._lost = False
        self._began = time.monotonic()
        try:
            before = _make_directory(self._path)
            self._lock = Lock(self._path)
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint {wishes.path!r} cannot be written ({error}): "
                "give a directory where you may write, on a disk with room"
            ) from error
        try:
            self._begin(before, program)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, before: Mapping[str, Any] | None, program: Program) -> None:
        if before is not None:
            before = read_run(self._path)  # again: by now nobody else writes it
            self._compare(Program.from_json(before), program)
        self._first_position = 0 if before is None else int(before["first_position"])
        self._run = {
            "format": FORMAT,
            "name": self._progress.name,
            "status": Status.RUNNING,
            **program.to_json(),
            **surroundings(),
            "versions": {},
            "git": None,
            "started": now(),
            "ended": None,
            "history": history(before),
        }
        self._git_directory = str(Path(program.file).parent) if program.file else str(Path.cwd())
        try:
            self._shelves = {kind: Shelf(self._path / kind) for kind in (RESULTS, FAILURES)}
            if before is None:
                self._write_run()
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint {self._wishes.path!r} cannot be written ({error}): "
                "give a directory where you may write, on a disk with room"
            ) from error

    def _compare(self, before: Program, program: Program) -> None:
        difference = before.difference(program) if self._wishes.on_change != "ignore" else ""
        if difference and self._wishes.on_change == "error":
            raise CheckpointChanged(
                f"the checkpoint {self._wishes.path!r} was made by another program: {difference}\n"
                "give another directory, or on_change='ignore' where the results stay the same"
            )
        if difference:
            self._tell(
                f"the results in the checkpoint {self._wishes.path!r} were computed differently: "
                f"{difference}\n"
                "they are used nevertheless; give another directory to compute all of them again, "
                "or on_change='ignore' to silence this"
            )

    # what earlier runs did

    def resume(self, rows: range) -> Resumed:
        """Look up what earlier runs did for rows that have become known, and begin to write."""
        first = self._searches is None
        resumed = self._resume_first(rows) if first else self._resume_rest(rows, no_rows(), no_rows())
        self._note_moved()
        if first:
            self._start_writer()
        return resumed

    def _resume_first(self, rows: range) -> Resumed:
        """Look first where the psets were the last time: that is fast, and nearly always right."""
        self._searches = tuple(Search(self._source, self._first_position) for _ in range(2))  # type: ignore[assignment]
        assert self._searches is not None
        done, positions, highest = [], [], -1
        for table in read_all(self._path / RESULTS, self._tell, set_aside=True):
            positions.append(table.positions)
            highest = max(highest, int(positions[-1].max(initial=-1)))
            for found in self._searches[0].in_place(table, no_rows()):
                self._land_stored(found)
                done.append(found.rows)
        finished = _sorted(done)
        failed = []
        for table in self._open_failures(positions):
            highest = max(highest, int(table.positions.max(initial=-1)))
            failed += [self._settle_failures(found) for found in self._searches[1].in_place(table, finished)]
        resumed = self._resume_rest(rows, finished, _sorted(failed))
        self._place_new_rows(highest)
        return resumed

    def _open_failures(self, finished: list[NDArray[np.int64]]) -> list[PartTable]:
        """Return the failures that no later run has made good, the last one of each pset."""
        tables = list(read_all(self._path / FAILURES, self._tell, set_aside=True))
        return latest(tables, finished)

    def _resume_rest(self, rows: range, finished: NDArray[np.int64], failed: NDArray[np.int64]) -> Resumed:
        """Look for the psets that are not where they were."""
        assert self._searches is not None
        results, failures = self._searches
        elsewhere = [finished]
        for found in results.elsewhere(rest(rows, _sorted([finished, failed]))):
            self._land_stored(found)
            elsewhere.append(found.rows)
        finished = _sorted(elsewhere)
        moved = failures.elsewhere(rest(rows, _sorted([finished, failed])))
        failed = _sorted([failed, *(self._settle_failures(found) for found in moved)])
        return Resumed(rest(rows, _sorted([finished, failed])), finished, failed)

    def _settle_failures(self, found: Found) -> NDArray[np.int64]:
        """Keep failures as they are and return their rows, or let them run again in their place."""
        if self._wishes.retry_failed:
            self._positions.update(zip(found.rows.tolist(), found.table.positions.tolist(), strict=True))
            return no_rows()
        for row, failure, attempts in zip(found.rows.tolist(), *failure_cells(found.table), strict=True):
            self._collector.fail(row, failure, attempts)
        return found.rows

    def _place_new_rows(self, highest: int) -> None:
        """Choose positions for what is new: those of the last time, where nothing else is there."""
        assert self._searches is not None
        is_stream = len(self._source) == 0
        if is_stream or any(search.inexact for search in self._searches):
            self._first_position = highest + 1

    def _note_moved(self) -> None:
        """Note which rows run again in the place where they failed before."""
        moved = sorted((row, at) for row, at in self._positions.items() if at != self._first_position + row)
        self._moved_rows, self._moved_to = np.array(moved, dtype=np.int64).reshape(-1, 2).T

    def _land_stored(self, found: Found) -> None:
        if not self._collector.keep_results:
            return
        self._collector.output.update(found.table.printed(found.rows))
        for stored in found.table.columns("result"):
            for at, values in found.table.pieces(stored):
                self._collector.restore(stored.key, found.rows[at], values, len(self._source))

    # what this run does

    def _start_writer(self) -> None:
        shelves: dict[str, tuple[Shelf, Build]] = {
            RESULTS: (self._shelves[RESULTS], self._results_table),
            FAILURES: (self._shelves[FAILURES], self._failures_table),
        }
        self._write_run()
        self._writer = Writer(shelves, self._tick, self._tell)

    def land(self, group: Group, reply: Reply) -> None:
        """Keep the results of a reply."""
        rows = group.rows[reply.start : reply.stop]
        places: NDArray[np.int64] | None = None
        if reply.failures:
            good = np.ones(len(rows), dtype=np.bool_)
            good[np.array(list(reply.failures), dtype=np.int64) - reply.start] = False
            places = np.cumsum(good) - 1
            rows = np.asarray(rows, dtype=np.int64)[good]
        if len(rows) == 0:
            return
        columns = {
            key: [
                (_place(segment.offsets, reply.start, len(rows), places), landed(segment.values))
                for segment in segments
            ]
            for key, segments in reply.columns.items()
        }
        printed = {
            offset - reply.start if places is None else int(places[offset - reply.start]): text
            for offset, text in reply.output.items()
            if offset not in reply.failures
        }
        batch = Landed(rows, self._source.cells(rows), columns, printed)
        assert self._writer is not None
        self._writer.add(RESULTS, batch, _size(batch))

    def fail(self, row: int, failure: Failure, attempts: int) -> None:
        """Keep why a pset has no result."""
        assert self._writer is not None
        self._writer.add(FAILURES, Failed(row, failure, attempts), 200 + len(failure.output))

    def _results_table(self, batch: Sequence[Landed]) -> Any:
        batch = sorted(batch, key=lambda one: int(one.rows[0]))  # neighbours become neighbours again
        starts = np.cumsum([0, *(len(one.rows) for one in batch)]).tolist()
        columns = self._pset_columns([one.psets for one in batch], starts)
        gathered: dict[Any, list[Piece]] = {}
        for start, one in zip(starts, batch, strict=False):
            for key, pieces in one.columns.items():
                gathered.setdefault(key, []).extend(_moved(piece, start) for piece in pieces)
        names = [str(column.key) for column in columns]
        columns += [Stored("result", key, encode(pieces, starts[-1])) for key, pieces in gathered.items()]
        pairs = zip(starts, batch, strict=False)
        printed = {start + at: text for start, one in pairs for at, text in one.printed.items()}
        columns += printed_column(printed, starts[-1])
        positions = pa.chunked_array([self._positions_of(one.rows) for one in batch])
        return to_table(positions, columns, names)

    def _failures_table(self, batch: Sequence[Failed]) -> Any:
        rows = np.array([failed.row for failed in batch], dtype=np.int64)
        psets = self._pset_columns([self._source.cells(rows)], [0, len(rows)])
        said: dict[str, Values] = {
            "kind": [str(failed.failure.kind) for failed in batch],
            "exception": [failed.failure.exception for failed in batch],
            "traceback": [failed.failure.traceback for failed in batch],
            "attempts": np.array([failed.attempts for failed in batch], dtype=np.int64),
        }
        why = [
            Stored("failure", key, encode([(slice(0, len(rows)), values)], len(rows)))
            for key, values in said.items()
        ]
        printed = {at: one.failure.output for at, one in enumerate(batch) if one.failure.output}
        why += printed_column(printed, len(rows))
        positions = pa.array(self._positions_of(rows))
        return to_table(positions, [*psets, *why], [str(column.key) for column in psets])

    def _pset_columns(self, batch: Sequence[Mapping[str, Cells]], starts: list[int]) -> list[Stored]:
        names = dict.fromkeys(name for psets in batch for name in psets)
        return [
            _pset_column(name, [psets.get(name) for psets in batch], starts, self._dtypes.get(name, ""))
            for name in names
        ]

    def _positions_of(self, rows: Rows) -> NDArray[np.int64]:
        first = self._first_position
        if isinstance(rows, range):
            positions = np.arange(rows.start + first, rows.stop + first, dtype=np.int64)
        else:
            positions = rows + first
        if len(self._moved_rows):
            at = np.minimum(np.searchsorted(self._moved_rows, rows), len(self._moved_rows) - 1)
            positions = np.where(self._moved_rows[at] == rows, self._moved_to[at], positions)
        return positions

    # run.json

    def _tick(self) -> None:
        self._note_versions()
        if not self._lock.beat():
            assert self._writer is not None
            self._writer.stop()
            self._tell(
                f"the checkpoint {self._wishes.path!r} was taken over by another program: "
                "nothing more is written to it, and the survey goes on in memory"
            )
            self._lost = True
        if not self._lost:
            self._write_run()

    def _note_versions(self) -> None:
        """Note of what the program consists: once, and beside the survey, for it takes a while."""
        if self._git_directory:
            self._run["versions"] = versions()
            self._run["git"], self._git_directory = git_state(self._git_directory), ""

    def _write_run(self) -> None:
        progress = self._progress
        counts = {
            "total": progress.total,
            "active": progress.active,
            "finished": progress.finished,
            "failures": progress.failures,
            "not_run": self._not_run(),
            "exceptions": progress.exceptions,
            "retried": progress.retried,
            "resumed": progress.resumed,
        }
        moving = {
            "updated": now(),
            "elapsed": round(time.monotonic() - self._began, 3),
            "counts": counts,
            "stored": {kind: shelf.rows() for kind, shelf in self._shelves.items()},
            "first_position": self._first_position,
        }
        replace_json(self._path / NAME, {**self._run, **moving})

    def _not_run(self) -> int:
        """Return how many of the failures are psets whose turn did not come: none before the end."""
        if not self._closed:
            return 0
        failed = self._collector.failed.values()
        return sum(one.failure.kind is FailureKind.NOT_RUN for one in failed)

    def close(self, status: Status) -> None:
        """Write what is not written yet, and end."""
        if self._closed:
            return
        self._closed = True
        try:
            unwritten = 0 if self._writer is None else self._writer.close()
            if self._writer is not None and not self._lost:
                self._end_run(status)
        finally:
            self._lock.release()
        if unwritten:
            self._tell(
                f"the end of the survey could not be written to the checkpoint {self._wishes.path!r}: "
                "its results are complete in memory; save them elsewhere"
            )

    def _end_run(self, status: Status) -> None:
        self._note_versions()
        self._run["status"], self._run["ended"] = status, now()
        with suppress(OSError):  # it has been told that nothing can be written
            self._write_run()


def _make_directory(path: Path) -> dict[str, Any] | None:
    """Make the directory, or return the run.json of the one that is there."""
    path.mkdir(parents=True, exist_ok=True)
    entries = {entry.name for entry in path.iterdir()}
    if NAME in entries:
        return read_run(path)
    foreign = sorted(name for name in entries - OURS if not name.startswith("."))
    if foreign:
        raise NotACheckpoint(
            f"{str(path)!r} is not a checkpoint, for it has no {NAME} but other files "
            f"(such as {foreign[0]!r}): give an empty directory, or one that does not exist"
        )
    return None


def _sorted(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.sort(np.concatenate([no_rows(), *rows]))


def _size(landed: Landed) -> int:
    pieces = [values for pieces in landed.columns.values() for _, values in pieces]
    cells = [cells.codes if isinstance(cells, Coded) else cells for cells in landed.psets.values()]
    size = sum(v.nbytes if isinstance(v, np.ndarray) else 100 * len(v) for v in [*pieces, *cells])
    return size + sum(map(len, landed.printed.values()))


def _place(
    offsets: Offsets, start: int, count: int, places: NDArray[np.int64] | None
) -> slice | NDArray[np.int64]:
    if len(offsets) == count and places is None:
        return slice(0, count)
    at: NDArray[np.int64] = np.asarray(offsets, dtype=np.int64) - start
    return at if places is None else places[at]


def _moved(piece: Piece, by: int) -> Piece:
    at, values = piece
    return (slice(at.start + by, at.stop + by) if isinstance(at, slice) else at + by), values


def _pset_column(name: str, found: Sequence[Cells | None], starts: list[int], dtype: str) -> Stored:
    """Store one pset key; where a pset does not have it, it is missing."""
    coded = [cells for cells in found if isinstance(cells, Coded)]
    if len(coded) == len(found) and all(one.categories is coded[0].categories for one in coded):
        cells = Coded(np.concatenate([one.codes for one in coded]), coded[0].categories)
        column = encode_cells(cells)
        if column.codec != "pickle":
            return Stored("pset", name, column, dtype)
    pieces: list[Piece] = [
        (slice(start, stop), _plain(cells))
        for start, stop, cells in zip(starts[:-1], starts[1:], found, strict=True)
        if cells is not None
    ]
    return pset_column(name, encode(pieces, starts[-1]), pieces, dtype)


def _plain(cells: Cells) -> Any:
    if isinstance(cells, Coded):
        return [cells.categories[code] for code in cells.codes.tolist()]
    return cells


def latest(tables: list[PartTable], finished: list[NDArray[np.int64]]) -> list[PartTable]:
    """Return the failures that are not finished, and the last of those with the same position."""
    if not tables:
        return []
    positions = np.concatenate([table.positions for table in tables])
    last = np.zeros(len(positions), dtype=np.bool_)
    _, from_end = np.unique(positions[::-1], return_index=True)
    last[len(positions) - 1 - from_end] = True
    if finished:
        last &= ~np.isin(positions, np.concatenate(finished))
    starts = np.cumsum([0, *map(len, tables)]).tolist()
    return [
        table.take(np.flatnonzero(last[start : start + len(table)]))
        for start, table in zip(starts, tables, strict=False)
    ]


def failure_cells(table: PartTable) -> tuple[list[Failure], list[int]]:
    """Return the failures in a table, and after how many attempts each."""
    columns = {stored.key: table.pieces(stored) for stored in table.columns("failure")}
    cells = {str(key): list(pieces[0][1]) if pieces else [] for key, pieces in columns.items()}
    said = zip(cells["kind"], cells["exception"], cells["traceback"], strict=True)
    printed = table.printed(range(len(table)))
    failures = [
        Failure(FailureKind(kind), exception, traceback, printed.get(at, ""))
        for at, (kind, exception, traceback) in enumerate(said)
    ]
    return failures, [int(count) for count in cells["attempts"]]


if TYPE_CHECKING:
    from paramsurvey.checkpoint.base import Checkpoint

    def _proof(checkpoint: DirectoryCheckpoint) -> Checkpoint:
        return checkpoint
