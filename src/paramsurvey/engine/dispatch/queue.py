"""The queue of psets that wait to be sent. Each row of a survey is in it, or at a worker, or settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Rows


@dataclass(frozen=True, slots=True)
class QueuedRows:
    """Rows that stand together in the queue.

    Attributes
    ----------
    rows : Rows
    alone : bool
        Whether each of them gets a group of its own.
    apart : bool
        Whether they never share a group with other rows.
    """

    rows: Rows
    alone: bool = False
    apart: bool = False


class PsetQueue:
    """A queue of rows, from which groups of any size are taken.

    Parameters
    ----------
    rows : range or int array
        All rows to run, in order.
    options : sequence, optional
        The backend options of each row of the survey; None for a row without any. Rows with different options
        are never in the same group.
    """

    def __init__(self, rows: Rows, options: Sequence[Any] | None = None) -> None:
        self._runs = deque([QueuedRows(rows)] if len(rows) else [])
        self._options = options
        self._count = len(rows)

    def __len__(self) -> int:
        return self._count

    def take(self, most: int) -> Rows:
        """Remove and return the next rows: at least one, at most `most`. The queue must not be empty."""
        run = self._runs.popleft()
        size = 1 if run.alone else self._with_same_options(run.rows, min(most, len(run.rows)))
        if size < len(run.rows):
            self._runs.appendleft(replace(run, rows=run.rows[size:]))
        self._count -= size
        return run.rows[:size]

    def put_first(self, rows: Rows) -> None:
        """Put rows at the head of the queue, to be taken next."""
        self._add(QueuedRows(rows), first=True)

    def put_halves(self, rows: Rows, first: int) -> None:
        """Put the rows of a lost batch at the head of the queue, as two halves that never mix with others.

        The batch began at `first`. The rows before that are not to blame, and may share a group with others.
        """
        middle = (first + len(rows)) // 2
        for half in (rows[middle:], rows[first:middle]):
            self._add(QueuedRows(half, apart=True), first=True)
        self.put_first(rows[:first])

    def put_alone(self, rows: Rows) -> None:
        """Put rows at the end of the queue, each to be taken alone."""
        self._add(QueuedRows(rows, alone=True), first=False)

    def waiting(self, most: int) -> Rows:
        """Return the rows of the queue in order; if there are more than `most`, an evenly spread sample."""
        step = -(-self._count // most)
        offset, parts = 0, [np.empty(0, dtype=np.int64)]
        for run in self._runs:
            parts.append(np.asarray(run.rows[offset::step], dtype=np.int64))
            offset = (offset - len(run.rows)) % step
        return np.concatenate(parts)

    def take_unordered(self) -> NDArray[np.int64]:
        """Remove and return all rows except those to be taken alone, or apart from others."""
        kept = [run for run in self._runs if run.alone or run.apart]
        taken = [run for run in self._runs if not (run.alone or run.apart)]
        parts = [np.asarray(run.rows, dtype=np.int64) for run in taken]
        self._runs = deque(kept)
        self._count = sum(len(run.rows) for run in kept)
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def clear(self) -> list[int]:
        """Remove and return all rows."""
        rows = [int(row) for run in self._runs for row in run.rows]
        self._runs.clear()
        self._count = 0
        return rows

    def _add(self, run: QueuedRows, first: bool) -> None:
        if len(run.rows) == 0:
            return
        (self._runs.appendleft if first else self._runs.append)(run)
        self._count += len(run.rows)

    def _with_same_options(self, rows: Rows, most: int) -> int:
        """Return how many of the first `most` rows have the same options as the first."""
        if self._options is None:
            return most
        own = self._options[rows[0]]
        return next((i for i in range(1, most) if self._options[rows[i]] != own), most)
