"""The collector puts results, which arrive in any order, into columns in the order of the psets."""

from __future__ import annotations

import traceback
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.engine.collecting.finished_rows import finished_rows
from paramsurvey.engine.collecting.pset_times import PsetTimes
from paramsurvey.engine.collecting.row_set import RowSet
from paramsurvey.engine.collecting.wide_columns import joined_columns
from paramsurvey.errors import INTERRUPTIONS
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import Column, rows_at, unpack_values
from paramsurvey.transport.isolation import IsolatedColumn, unique_key
from paramsurvey.transport.messages import Failure, FailureKind, Group, Reply, ResultColumn, Rows, Values
from paramsurvey.transport.safe_repr import describe
from paramsurvey.transport.wide_results import Columns, WideResults

MOST_WIDE_VALUES = 1 << 18  # kept before they are put into columns


@dataclass(frozen=True, slots=True)
class FailedPset:
    """Why a pset has no result, and after how many attempts."""

    failure: Failure
    attempts: int


class Collector:
    """Keeps the results and failures of all psets.

    Parameters
    ----------
    keep_results : bool
        False: keep only failures.

    Attributes
    ----------
    finished : RowSet
        The rows that have a result, from this run or an earlier one. A row is added after its values, so that
        an interruption cannot leave a finished row without values.
    failed : dict of int to FailedPset
        By row.
    output : dict of int to str
        What psets printed, by row, if output is stored.
    times : PsetTimes
        When and where finished psets ran; empty if `keep_results` is False.
    """

    def __init__(self, keep_results: bool = True) -> None:
        self.keep_results = keep_results
        self.finished = RowSet()
        self.failed: dict[int, FailedPset] = {}
        self.output: dict[int, str] = {}
        self.times = PsetTimes()
        self._columns: dict[Hashable, Column] = {}
        # (first row with the key, a running number to break ties, the key as that row spells it: 1, 1.0 and
        # True are equal)
        self._ranks: dict[Hashable, tuple[int, int, Hashable]] = {}
        self._numbers = count()
        self._wide: list[tuple[Rows, WideResults]] = []  # not in columns yet
        self._wide_values = self._total = 0

    @property
    def columns(self) -> dict[Hashable, Column]:
        """The columns by key: the keys of the first pset, then those that the second one adds, and so on."""
        self._take_wide()
        ranks = sorted(self._ranks[key] for key in self._columns)
        return {key: self._columns[key] for _, _, key in ranks}

    def add_reply(self, group: Group, reply: Reply, total: int) -> None:
        """Add a reply's results; `total` is the number of psets that are known so far."""
        if self.keep_results:
            self._add_results(group, reply, total)
        self.finished.add(finished_rows(group, reply))

    def _add_results(self, group: Group, reply: Reply, total: int) -> None:
        self.times.add_reply(group.rows[reply.start : reply.stop], reply, total)
        self.output.update(
            (int(group.rows[offset]), text)
            for offset, text in reply.output.items()
            if offset not in reply.failures  # `add_failure` adds those, unless the pset is tried again
        )
        if isinstance(reply.columns, WideResults):
            self._add_wide(group, reply.columns, total)
        else:
            self._add_columns(group, reply.columns, total)

    def _add_columns(self, group: Group, columns: Columns, total: int) -> None:
        for key, segments in columns.items():
            for segment in segments:
                self.add_values(
                    key, rows_at(group.rows, segment.offsets), unpack_values(segment.values), total
                )

    def _add_wide(self, group: Group, results: WideResults, total: int) -> None:
        """Keep results with very many keys until there are enough to make filling the columns worthwhile."""
        self._total = max(self._total, total)
        self._wide.append((rows_at(group.rows, results.offsets), results))
        self._wide_values += len(results.cells)
        if self._wide_values > MOST_WIDE_VALUES:
            self._take_wide()

    def _take_wide(self) -> None:
        """Put the kept results into columns. If an exception interrupts this, they stay where they are."""
        for first, key, pieces in joined_columns(self._wide):
            for rows, values in pieces:
                self._put(key, first, rows, values, self._total)
        self._wide, self._wide_values = [], 0

    def add_values(self, key: Hashable, rows: Rows, values: Values, total: int) -> None:
        """Add values of one key, from this run or an earlier one; `rows` may be in any order."""
        if len(rows):
            first = int(np.min(rows) if isinstance(rows, np.ndarray) else rows[0])
            self._put(key, first, rows, values, total)

    def _put(self, key: Hashable, first: int, rows: Rows, values: Values, total: int) -> None:
        """Put values into the column of a key; `first` is the first row of this reply that has the key."""
        key = unique_key(key)
        rank = first, next(self._numbers), key
        self._ranks[key] = min(rank, self._ranks.get(key, rank))  # first, since every column must have a rank
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = Column()
        column.make_room(total)
        column.put(rows, values)

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        """Add the failure of a pset that will not be tried again."""
        self.failed[row] = FailedPset(failure, attempts)
        if failure.output:
            self.output[row] = failure.output

    def finished_rows(self, total: int) -> Rows:
        """Return the rows below `total` that have finished, ascending."""
        return range(total) if len(self.finished) == total else self.finished.below(total)

    def unsettled_rows(self, total: int) -> list[int]:
        """Return the rows below `total` that have neither finished nor failed, ascending."""
        if len(self.finished) + len(self.failed) == total:
            return []
        return [row for row in self.finished.absent_below(total).tolist() if row not in self.failed]

    def failed_rows(self) -> NDArray[np.int64]:
        """Return the rows that have failed, ascending."""
        return np.array(sorted(self.failed), dtype=np.int64)


def unpickled_reply(reply: Reply) -> Reply:
    """Return the reply with its objects unpickled. One that cannot be unpickled fails only its own pset."""
    if isinstance(reply.columns, WideResults):
        return reply
    if not any(isinstance(segment.values, IsolatedColumn) for segment in chain(*reply.columns.values())):
        return reply
    failures = dict(reply.failures)
    columns = {
        key: tuple(_unpickled(key, segment, failures) for segment in segments)
        for key, segments in reply.columns.items()
    }
    if len(failures) > len(reply.failures):
        columns = {
            key: tuple(_without_failed(segment, failures) for segment in segments)
            for key, segments in columns.items()
        }
    return replace(reply, columns=columns, failures=failures)


def _unpickled(key: Hashable, segment: ResultColumn, failures: dict[int, Failure]) -> ResultColumn:
    """Return the column with its objects unpickled; where that fails, add the pset to `failures`."""
    if not isinstance(segment.values, IsolatedColumn):
        return segment
    values = []
    for offset, pickled in zip(segment.offsets, segment.values, strict=True):
        try:
            values.append(pickled.load())
        except INTERRUPTIONS:
            raise
        except BaseException as error:  # unpickling runs code of the user's classes: also SystemExit
            values.append(None)
            failures.setdefault(offset, _load_failure(key, error))
    return ResultColumn(segment.offsets, values)


def _load_failure(key: Hashable, error: BaseException) -> Failure:
    return Failure(
        FailureKind.UNSENDABLE,
        f'NotPicklable("the result {describe(key)} cannot be loaded here ({describe(error)}): '
        'return plain data instead")',
        "".join(traceback.format_exception(error)),
    )


def _without_failed(segment: ResultColumn, failures: Mapping[int, Failure]) -> ResultColumn:
    """Return the column without the values of failed psets."""
    kept = [i for i, offset in enumerate(segment.offsets) if offset not in failures]
    values = unpack_values(segment.values)
    chosen = values[kept] if isinstance(values, np.ndarray) else [values[i] for i in kept]
    return ResultColumn(np.array(segment.offsets, dtype=np.int64)[kept], chosen)


def results_by_offset(reply: Reply) -> dict[int, dict[Hashable, Any]]:
    """Return a reply's results as dicts, by offset. The dict is empty where the function returned None."""
    results: dict[int, dict[Hashable, Any]] = {
        offset: {} for offset in range(reply.start, reply.stop) if offset not in reply.failures
    }
    if isinstance(reply.columns, WideResults):
        results.update(reply.columns.results())
        return results
    for offset, key, value in _values(reply):
        results[offset][key] = value
    return results


def _values(reply: Reply) -> Iterator[tuple[int, Hashable, Any]]:
    for key, segments in reply.columns.items():
        for segment in segments:
            values = unpack_values(segment.values)
            offsets = np.asarray(segment.offsets).tolist()
            natives = values.tolist() if isinstance(values, np.ndarray) else values
            for offset, value in zip(offsets, natives, strict=True):
                yield offset, key, value
