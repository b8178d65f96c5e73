"""What the driver knows of a group that a worker has."""

from __future__ import annotations

from dataclasses import field

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Failure, FailureKind, Group, Reply, Rows

FORGED_REPLY = Failure(
    FailureKind.CRASHED,
    "WorkerDied('its worker answered for psets that it did not have, and was stopped: change the function so "
    "that it does not write into memory or file descriptors that are not its own')",
)


@dataclass(slots=True)
class SentGroup:
    """A group that was sent to a worker.

    Attributes
    ----------
    group : Group
        Without its payload.
    answered : int
        The offset up to which replies have covered it.
    stop : int
        The offset from which its psets were given back.
    recalled : bool
        Whether the worker was asked to give back what it has not begun.
    """

    group: Group
    answered: int = 0
    stop: int = field(init=False)
    recalled: bool = False

    def __post_init__(self) -> None:
        self.stop = len(self.group)

    def is_continued_by(self, reply: Reply) -> bool:
        """Tell whether a reply covers nothing, or covers psets of the worker from where the last one ended.

        Any other reply is forged: a worker function has written into its worker's memory or connection.
        """
        return reply.start == reply.stop or self.answered == reply.start < reply.stop <= self.stop

    def place_of(self, offset: int | None) -> int | None:
        """Return the place among `unanswered` of the pset at an offset; None if it is not among them."""
        if offset is None or not self.answered <= offset < self.stop:
            return None
        return offset - self.answered

    def unanswered(self) -> Rows:
        """Return the rows that no reply has covered, except those that were given back."""
        return self.group.rows[self.answered : self.stop]

    def give_back(self, offset: int) -> Rows:
        """Take the rows from `offset` on away from the worker, and return them."""
        rows = self.group.rows[offset : self.stop]
        self.stop = min(offset, self.stop)
        return rows

    def count_not_begun(self, running: tuple[int, float] | None) -> int:
        """Return how many of its psets have not begun, given what `Backend.running` returns."""
        begun = self.answered if running is None else max(running[0] + 1, self.answered)
        return max(self.stop - begun, 0)

    def count_unreported(self, running: tuple[int, float] | None) -> int:
        """Return how many of its psets have ended without an answer, given what `Backend.running` returns."""
        return 0 if running is None else self.place_of(running[0]) or 0
