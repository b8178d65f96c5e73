"""The checkpoint in a directory, as a map uses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.checkpoint.duplicates import FinishedRows, was_written_by_two
from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.gone_parts import gone_parts
from paramsurvey.checkpoint.locking.lock import Lock
from paramsurvey.checkpoint.part_set import PartSet
from paramsurvey.checkpoint.resume import MatchedRows, ResumeSearch, rows_left
from paramsurvey.checkpoint.run_json.live_file import NAME as LIVE
from paramsurvey.checkpoint.run_json.run_file import NAME as RUN
from paramsurvey.checkpoint.run_json.run_file import RunUnreadable, read_run
from paramsurvey.checkpoint.run_json.run_record import RunRecord
from paramsurvey.checkpoint.same_program import Program, refuse_or_warn
from paramsurvey.checkpoint.staging import Positions, StagedFailure, StagedReply, StagingTables
from paramsurvey.checkpoint.stored import (
    BAD_RUN,
    duplicates_text,
    failure_cells,
    latest_failures,
    read_all,
    read_run_tolerantly,
)
from paramsurvey.checkpoint.writer import Build, Writer
from paramsurvey.engine.checkpoint import Resumed, Status, no_rows
from paramsurvey.engine.map_state import MapState
from paramsurvey.errors import CheckpointError, NotACheckpoint
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import distinct_rows
from paramsurvey.transport.messages import Failure, Group, Reply
from paramsurvey.transport.new_files import make_directory

Tell = Callable[[str], None]
OURS = frozenset({RUN, LIVE, BAD_RUN, "lock.json", RESULTS, FAILURES})


@dataclass(frozen=True, slots=True)
class CheckpointOptions:
    """The options of a checkpoint; `keep` is what to type to keep the results of a changed program."""

    path: str
    retry_failed: bool = True
    on_change: str = "warn"
    keep: str = "on_change='ignore'"


class DirectoryCheckpoint:
    """Keeps what a map has finished in a directory, where the next map finds it.

    Parameters
    ----------
    options : CheckpointOptions
    program : Program
        The function and its arguments.
    state : MapState
        The state of the survey. Its collector gets what earlier runs have finished.
    tell : callable
        Says a line to the user. It is called from several threads.
    warn : callable
        The same if results would be lost, and shown even to a user who wants to read nothing else.

    Raises
    ------
    CheckpointError
        The directory is not a checkpoint, in use, or not writable; or the program has changed and `on_change`
        is ``'error'``.
    """

    def __init__(
        self,
        options: CheckpointOptions,
        program: Program,
        state: MapState,
        tell: Tell,
        warn: Tell,
    ) -> None:
        self._options = options
        self._source = state.source
        self._collector = state.collector
        self._progress = state.progress
        self._tell, self._warn = tell, warn
        self._path = Path(options.path).absolute()
        self._searches: tuple[ResumeSearch, ResumeSearch] | None = None
        self._writer: Writer | None = None
        self._positions = Positions()
        self._tables = StagingTables(self._source, self._positions)
        self._closed = self._is_taken_over = False
        self._check_lock = threading.Lock()
        self._began = time.monotonic()
        with self._writing():
            _make_directory(self._path)
            self._lock = Lock(self._path, warn)
        try:
            self._open(program)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, program: Program) -> None:
        before = self._run_before()
        if before is not None:
            refuse_or_warn(Program.from_json(before), program, self._options, self._tell)
        self._positions.first = 0 if before is None else int(before["first_position"])
        self._record = RunRecord(self._path, program, self._progress, before, self._began)
        with self._writing():
            self._written_by_two = was_written_by_two(self._path)
            self._part_sets = {
                kind: PartSet(self._path / kind, self._lock.token, self._may_write)
                for kind in (RESULTS, FAILURES)
            }
            self._drop_duplicates()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raise an error that names the remedy if the disk refuses a write before there are results."""
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint {self._options.path!r} cannot be written ({error}): "
                "give a directory where you may write, on a disk with room"
            ) from error

    def _drop_duplicates(self) -> None:
        for kind, part_set in self._part_sets.items():
            left_out = part_set.drop_duplicates()
            if left_out is not None:
                self._tell(duplicates_text(self._path / kind, left_out))

    def _run_before(self) -> Mapping[str, Any] | None:
        """Return the run.json of the last run, which no other program changes while we hold the lock."""
        if not (self._path / RUN).exists():
            return None
        run = read_run_tolerantly(self._path, self._tell, set_aside=True)
        for gone in gone_parts(self._path, run, ours=True):
            self._tell(gone)
        return run

    @property
    def started(self) -> str:
        """When this run began, as ``run.json`` says."""
        return self._record.started

    # what earlier runs did

    def resume(self, rows: range) -> Resumed:
        """Look up what earlier runs did for rows that have just become known, and begin to write."""
        first = self._searches is None
        resumed = self._resume_in_place(rows) if first else self._resume_elsewhere(rows, no_rows(), no_rows())
        self._positions.note_moved()
        if first:
            for part_set in self._part_sets.values():
                part_set.drop_missing()  # damaged ones, which were set aside
            self._start_writer()
        return resumed

    def _resume_in_place(self, rows: range) -> Resumed:
        """Look first where the psets were last time, which is fast and nearly always enough."""
        first = self._positions.first
        self._searches = ResumeSearch(self._source, first), ResumeSearch(self._source, first)
        done, highest = [], -1
        stored = FinishedRows(by_content=self._written_by_two)
        for table in read_all(self._path / RESULTS, self._tell, set_aside=True, unpickle=True):
            stored.add(stored.keys_of(table))
            highest = int(table.positions.max(initial=highest))
            for found in self._searches[0].in_place(table, no_rows()):
                self._add_stored(found)
                done.append(found.rows)
        finished = distinct_rows(done)
        failed = []
        for table in self._open_failures(stored):
            highest = int(table.positions.max(initial=highest))
            failed += [self._settle_failures(found) for found in self._searches[1].in_place(table, finished)]
        resumed = self._resume_elsewhere(rows, finished, distinct_rows(failed))
        self._place_new_rows(highest)
        return resumed

    def _open_failures(self, finished: FinishedRows) -> list[PartTable]:
        """Return the last failure of each pset that has not finished in a later run."""
        tables = list(read_all(self._path / FAILURES, self._tell, set_aside=True, unpickle=True))
        return latest_failures(tables, finished)

    def _resume_elsewhere(
        self, rows: range, finished: NDArray[np.int64], failed: NDArray[np.int64]
    ) -> Resumed:
        """Look for psets that are not where they were."""
        assert self._searches is not None
        results, failures = self._searches
        elsewhere = [finished]
        for found in results.elsewhere(rows_left(rows, distinct_rows([finished, failed]))):
            self._add_stored(found)
            elsewhere.append(found.rows)
        finished = distinct_rows(elsewhere)
        moved = failures.elsewhere(rows_left(rows, distinct_rows([finished, failed])))
        failed = distinct_rows([failed, *(self._settle_failures(found) for found in moved)])
        return Resumed(rows_left(rows, distinct_rows([finished, failed])), finished, failed)

    def _settle_failures(self, found: MatchedRows) -> NDArray[np.int64]:
        """Keep failures and return their rows; or return none, to run their psets again in the same place."""
        if self._options.retry_failed:
            self._positions.keep(found.rows, found.table.positions)
            return no_rows()
        for row, failure, attempts in zip(found.rows.tolist(), *failure_cells(found.table), strict=True):
            self._collector.add_failure(row, failure, attempts)
        return found.rows

    def _place_new_rows(self, highest: int) -> None:
        """Choose positions for new rows: the same as last time, unless other psets are stored there."""
        assert self._searches is not None
        is_stream = len(self._source) == 0
        if is_stream or any(search.inexact for search in self._searches):
            self._positions.first = highest + 1

    def _add_stored(self, found: MatchedRows) -> None:
        if not self._collector.keep_results:
            return
        self._collector.times.add(found.rows, found.table.times(), len(self._source))
        self._collector.output.update(found.table.printed(found.rows))
        for stored in found.table.columns("result"):
            for at, values in found.table.pieces(stored):
                self._collector.add_values(stored.key, found.rows[at], values, len(self._source))

    # what this run does

    def _start_writer(self) -> None:
        part_sets: dict[str, tuple[PartSet, Build]] = {
            RESULTS: (self._part_sets[RESULTS], self._tables.of_results),
            FAILURES: (self._part_sets[FAILURES], self._tables.of_failures),
        }
        with self._writing():
            self._write_run()
        self._writer = Writer(part_sets, self._tick, self._tell, self._warn)
        self._writer.start()

    def add_reply(self, group: Group, reply: Reply) -> None:
        """Keep the results of a reply."""
        try:
            batch = StagedReply.of(group, reply, self._source)
        except MemoryError:  # the results themselves are in memory already
            returned = "map() returns them all the same, and " * self._collector.keep_results
            self._warn(
                f"too little memory is free to store {len(reply.walls):,} results in the checkpoint: "
                f"{returned}resuming runs their psets again"
            )
            return
        if batch is None:
            return
        assert self._writer is not None
        self._writer.add(RESULTS, batch, batch.size)

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        """Keep why a pset has no result."""
        assert self._writer is not None
        failed = StagedFailure(row, failure, attempts)
        self._writer.add(FAILURES, failed, failed.size)

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until not too much is left to be written; tell whether that is the case."""
        return self._writer is None or self._writer.wait_for_room(seconds)

    def _tick(self) -> None:
        self._record.note_versions()
        self._lock.beat()
        self._write_run()
        if not self._is_taken_over:
            self._record.write_live()

    def _may_write(self) -> bool:
        """Tell whether the directory is still ours. Each thread calls this before it writes."""
        with self._check_lock:
            owner = None if self._is_taken_over else self._lock.check()
            if owner is not None:
                self._is_taken_over = True
                remedy = (
                    "the survey goes on in memory; save its results elsewhere"
                    if self._collector.keep_results
                    else "keep_results=False keeps no results elsewhere; stop this program"
                )
                self._warn(
                    f"the checkpoint {self._options.path!r} was taken over by {owner}: nothing more is "
                    f"written to it, and {remedy}"
                )
        return not self._is_taken_over

    def _write_run(self) -> None:
        if not self._may_write():
            if self._writer is not None:
                self._writer.stop()
            return
        stored = {kind: part_set.rows() for kind, part_set in self._part_sets.items()}
        # before the end, every pset may still run, so that none counts as not run
        failed = self._collector.failed.values() if self._closed else ()
        self._record.write(stored, self._positions.first, failed)

    def close(self, status: Status) -> None:
        """Write what is not written yet, and release the directory."""
        if self._closed:
            return
        self._closed = True
        try:
            unwritten = 0 if self._writer is None else self._writer.close()
            if self._writer is not None:
                self._end_run(status)
        finally:
            self._lock.release()
        refused = 0 if self._writer is None else self._writer.refused
        if refused > 1:  # the first one has been reported
            self._warn(
                f"{refused} psets cannot be stored in the checkpoint {self._options.path!r}, and will run "
                "again when the survey is resumed: let the function return plain data"
            )
        if unwritten:
            remedy = (
                "its results are complete in memory; save them elsewhere"
                if self._collector.keep_results
                else "keep_results=False keeps them nowhere else; make room, and run the survey again, which "
                "computes what is missing"
            )
            self._warn(
                "the end of the survey could not be written to the checkpoint "
                f"{self._options.path!r}: {remedy}"
            )

    def _end_run(self, status: Status) -> None:
        self._record.note_versions()
        self._record.note_end(status)
        if not self._is_taken_over:
            self._record.remove_live()
        with suppress(OSError):  # the user has been told already that nothing can be written
            self._write_run()


def _make_directory(path: Path) -> None:
    """Make the directory, or check that the one that is there is a checkpoint."""
    if path.exists() and not path.is_dir():
        raise NotACheckpoint(
            f"{str(path)!r} is a file: give an empty directory as the checkpoint, or one that does not exist"
        )
    make_directory(path)
    entries = {entry.name for entry in path.iterdir()}
    if RUN in entries:
        with suppress(RunUnreadable):  # it is set aside once we hold the lock
            read_run(path)
        return
    foreign = sorted(name for name in entries - OURS if not name.startswith("."))
    if foreign:
        raise NotACheckpoint(
            f"{str(path)!r} is not a checkpoint, because it has no {RUN}, but other files "
            f"(such as {foreign[0]!r}): give an empty directory, or one that does not exist"
        )


if TYPE_CHECKING:
    from paramsurvey.engine.checkpoint import Checkpoint

    def _proof(checkpoint: DirectoryCheckpoint) -> Checkpoint:
        return checkpoint
