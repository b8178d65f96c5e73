"""Results coming in, in any order, and standing in the order of the psets at the end."""

from __future__ import annotations

import traceback
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.columns import Column, rows_at, unpack_values
from paramsurvey.transport.isolation import IsolatedColumn
from paramsurvey.transport.messages import Failure, FailureKind, Group, Reply, ResultColumn, Rows, Values
from paramsurvey.transport.safe_repr import describe


@dataclass(frozen=True, slots=True)
class FailedPset:
    """A pset without a result: why, and after how many attempts."""

    failure: Failure
    attempts: int


class Collector:
    """Keeps what came of every pset.

    Parameters
    ----------
    keep_results : bool
        False: only failures are kept.
    """

    def __init__(self, keep_results: bool = True) -> None:
        self.keep_results = keep_results
        self.failed: dict[int, FailedPset] = {}
        self.output: dict[int, str] = {}  # what psets printed, where that is stored
        self._columns: dict[Hashable, Column] = {}
        self._ranks: dict[Hashable, tuple[int, int]] = {}  # first row with the key, and its place there
        self._landings = 0

    @property
    def columns(self) -> dict[Hashable, Column]:
        """The columns by key: those of the first pset, then what the second has beyond that, and so on."""
        return {key: self._columns[key] for key in sorted(self._columns, key=self._ranks.__getitem__)}

    def land(self, group: Group, reply: Reply, total: int) -> None:
        """Put a reply's results at their psets' rows; `total` psets are known by now."""
        if not self.keep_results:
            return
        self.output.update(
            (int(group.rows[offset]), text)
            for offset, text in reply.output.items()
            if offset not in reply.failures  # it comes with the failure, unless the pset is tried again
        )
        for key, segments in reply.columns.items():
            for segment in segments:
                self.restore(key, rows_at(group.rows, segment.offsets), unpack_values(segment.values), total)

    def restore(self, key: Hashable, rows: Rows, values: Values, total: int) -> None:
        """Put values of one key, also of an earlier run, at their psets' rows, which are in any order."""
        if len(rows) == 0:
            return
        column = self._columns.setdefault(key, Column())
        column.make_room(total)
        column.put(rows, values)
        rank = int(np.min(rows) if isinstance(rows, np.ndarray) else rows[0]), self._landings
        self._ranks[key] = min(rank, self._ranks.get(key, rank))
        self._landings += 1

    def fail(self, row: int, failure: Failure, attempts: int) -> None:
        """Note that a pset will not get a result."""
        self.failed[row] = FailedPset(failure, attempts)
        if failure.output:
            self.output[row] = failure.output

    def finished_rows(self, total: int) -> Rows:
        """Return which of `total` rows have a result, ascending."""
        if not self.failed:
            return range(total)
        finished = np.ones(total, dtype=np.bool_)
        finished[list(self.failed)] = False
        return np.flatnonzero(finished)

    def failed_rows(self) -> NDArray[np.int64]:
        """Return the rows that have none, ascending."""
        return np.array(sorted(self.failed), dtype=np.int64)


def unpickled_reply(reply: Reply) -> Reply:
    """Return the reply with its objects unpickled; one that cannot be is a failure of its pset alone."""
    failures = dict(reply.failures)
    columns = {
        key: tuple(_opened(key, segment, failures) for segment in segments)
        for key, segments in reply.columns.items()
    }
    if len(failures) > len(reply.failures):
        columns = {
            key: tuple(_without(segment, failures) for segment in segments)
            for key, segments in columns.items()
        }
    return replace(reply, columns=columns, failures=failures)


def _opened(key: Hashable, segment: ResultColumn, failures: dict[int, Failure]) -> ResultColumn:
    if not isinstance(segment.values, IsolatedColumn):
        return ResultColumn(segment.offsets, unpack_values(segment.values))
    values = []
    for offset, cell in zip(segment.offsets, segment.values, strict=True):
        try:
            values.append(cell.load())
        except Exception as error:  # anything may go wrong in what the user's objects do here
            values.append(None)
            failures.setdefault(offset, _unreadable(key, error))
    return ResultColumn(segment.offsets, values)


def _unreadable(key: Hashable, error: Exception) -> Failure:
    return Failure(
        FailureKind.UNSENDABLE,
        f'NotPicklable("the result {describe(key)} cannot be loaded here ({describe(error)}): '
        'return plain data instead")',
        "".join(traceback.format_exception(error)),
    )


def _without(segment: ResultColumn, failures: Mapping[int, Failure]) -> ResultColumn:
    there = [i for i, offset in enumerate(segment.offsets) if offset not in failures]
    values = segment.values
    chosen = values[there] if isinstance(values, np.ndarray) else [values[i] for i in there]
    return ResultColumn(np.array(segment.offsets, dtype=np.int64)[there], chosen)


def results_by_offset(reply: Reply) -> dict[int, dict[Hashable, Any]]:
    """Return a reply's results as dicts again, by offset; psets without extra columns have an empty one."""
    results: dict[int, dict[Hashable, Any]] = {
        offset: {} for offset in range(reply.start, reply.stop) if offset not in reply.failures
    }
    for offset, key, value in _cells(reply):
        results[offset][key] = value
    return results


def _cells(reply: Reply) -> Iterator[tuple[int, Hashable, Any]]:
    for key, segments in reply.columns.items():
        for segment in segments:
            values = segment.values
            offsets = np.asarray(segment.offsets).tolist()
            natives = values.tolist() if isinstance(values, np.ndarray) else values
            for offset, value in zip(offsets, natives, strict=True):
                yield offset, key, value
