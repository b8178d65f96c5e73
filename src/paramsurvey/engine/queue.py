"""The psets that are still to be run: each row is in here, in a worker's hands, or settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paramsurvey.transport.messages import Rows


@dataclass(frozen=True, slots=True)
class QueuedRows:
    """Neighbours in the queue; `alone`: each of them gets a group of its own."""

    rows: Rows
    alone: bool = False


class PsetQueue:
    """A queue of rows, handed out in pieces of any size.

    Parameters
    ----------
    rows : range or int array
        All rows to run, in order.
    options : sequence, optional
        For every row of the survey its own backend options, or None where it has none: rows with
        different ones never travel together.
    """

    def __init__(self, rows: Rows, options: Sequence[Any] | None = None) -> None:
        self._pieces = deque([QueuedRows(rows)] if len(rows) else [])
        self._options = options
        self._count = len(rows)

    def __len__(self) -> int:
        return self._count

    def take(self, most: int) -> Rows:
        """Return the next rows, at most `most` of them, at least one. Only while there are any."""
        piece = self._pieces.popleft()
        size = 1 if piece.alone else self._alike(piece.rows, min(most, len(piece.rows)))
        if size < len(piece.rows):
            self._pieces.appendleft(QueuedRows(piece.rows[size:], piece.alone))
        self._count -= size
        return piece.rows[:size]

    def put_back(self, rows: Rows) -> None:
        """Take back rows that were not run: they are next."""
        self._add(QueuedRows(rows), first=True)

    def put_alone(self, rows: Rows) -> None:
        """Take back rows that shall be run again by themselves, when the others are handed out."""
        self._add(QueuedRows(rows, alone=True), first=False)

    def clear(self) -> list[int]:
        """Give up, and return the rows that will not be run."""
        rows = [int(row) for piece in self._pieces for row in piece.rows]
        self._pieces.clear()
        self._count = 0
        return rows

    def _add(self, piece: QueuedRows, first: bool) -> None:
        if len(piece.rows) == 0:
            return
        (self._pieces.appendleft if first else self._pieces.append)(piece)
        self._count += len(piece.rows)

    def _alike(self, rows: Rows, most: int) -> int:
        """Return how many of the first `most` rows have the same options as the first."""
        if self._options is None:
            return most
        own = self._options[rows[0]]
        return next((i for i in range(1, most) if self._options[rows[i]] != own), most)
