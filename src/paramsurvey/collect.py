"""Results coming in, in any order, and standing in the order of the psets at the end."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.columns import Column, pick
from paramsurvey.messages import Failure, Group, Reply, Rows


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
        self.columns: dict[Hashable, Column] = {}
        self.failed: dict[int, FailedPset] = {}

    def land(self, group: Group, reply: Reply, total: int) -> None:
        """Put a reply's results at their psets' rows; `total` psets are known by now."""
        if not self.keep_results:
            return
        for key, segments in reply.columns.items():
            if key not in self.columns:
                self.columns[key] = Column()
            self.columns[key].make_room(total)
            for segment in segments:
                self.columns[key].put(pick(group.rows, segment.offsets), segment.values)

    def fail(self, row: int, failure: Failure, attempts: int) -> None:
        """Note that a pset will not get a result."""
        self.failed[row] = FailedPset(failure, attempts)

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


def results_of(reply: Reply) -> dict[int, dict[Hashable, Any]]:
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
            natives = values.tolist() if isinstance(values, np.ndarray) else values
            for offset, value in zip(segment.offsets.tolist(), natives, strict=True):
                yield offset, key, value
