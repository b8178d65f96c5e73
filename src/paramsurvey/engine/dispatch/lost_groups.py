"""What becomes of the psets of a lost group: which one is to blame, and how the others run again."""

from __future__ import annotations

from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.transport.messages import FailureKind, LostGroup, Rows

MOST_NODE_LOSSES = 3  # of a pset's groups; from then on it runs alone, and another loss is its own failure


class LostGroups:
    """Puts the psets of lost groups back into the queue.

    Parameters
    ----------
    queue : PsetQueue
    in_batches : bool
        Whether the user's function is called once for a whole group.
    """

    def __init__(self, queue: PsetQueue, in_batches: bool) -> None:
        self._queue = queue
        self._in_batches = in_batches
        self._node_losses: dict[int, int] = {}  # by row; such a loss does not count as an attempt of the pset

    def put_back(self, rows: Rows, running: int | None, loss: LostGroup) -> int | None:
        """Put the rows of a lost group back, except that of the pset to blame, which is returned.

        If a batch was running, no pset is blamed yet: each half of it runs as a batch of its own.

        Parameters
        ----------
        rows : Rows
            The rows that no reply had covered.
        running : int or None
            The place among `rows` of the pset that was running; None if that is not known.
        loss : LostGroup

        Returns
        -------
        int or None
            The row to blame; None if there is none.
        """
        if loss.failure.kind is FailureKind.NODE_LOST and self._put_back_of_node(rows):
            return None
        if len(rows) == 1:
            running = 0
        if self._in_batches and len(rows) - (running or 0) > 1:
            self._queue.put_halves(rows, running or 0)
            return None
        if running is None:
            self._queue.put_alone(rows)  # so that the next loss shows which pset caused it
            return None
        self._queue.put_first(rows[running + 1 :])
        self._queue.put_first(rows[:running])
        return int(rows[running])

    def _put_back_of_node(self, rows: Rows) -> bool:
        """Put back rows whose node was lost; return False if that has happened to one of them too often."""
        losses = [self._node_losses.get(int(row), 0) + 1 for row in rows]
        if max(losses) > MOST_NODE_LOSSES:
            return False
        self._node_losses.update(zip(map(int, rows), losses, strict=True))
        if max(losses) < MOST_NODE_LOSSES:
            self._queue.put_first(rows)
        elif self._in_batches and len(rows) > 1:
            self._queue.put_halves(rows, 0)
        else:
            self._queue.put_alone(rows)
        return True
