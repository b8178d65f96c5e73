"""What can be seen of a survey while it runs: which psets run, where and for how long, and which wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.engine.backend import WorkerPlace, places_of

if TYPE_CHECKING:
    from paramsurvey.engine.survey import Survey
    from paramsurvey.transport.messages import Pset, Rows


class Overview:
    """Answers what reporters ask about a survey. It changes nothing.

    Parameters
    ----------
    survey : Survey

    Attributes
    ----------
    progress : MapProgress
    stats : PerfStats
    costs : CostModel
    in_batches : bool
        As those of the survey.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self.progress = survey.progress
        self.stats = survey.stats
        self.costs = survey.costs
        self.in_batches = survey.in_batches

    def running(self) -> list[tuple[int, float]]:
        """Return (row, seconds) of every pset that is known to run now, the longest first."""
        return sorted(self.running_and_unreported()[0], key=lambda row_and_seconds: -row_and_seconds[1])

    def running_and_unreported(self) -> tuple[list[tuple[int, float]], int]:
        """Return (row, seconds) of each pset known to run, and how many have ended without an answer."""
        backend, sent_groups = self._survey.backend, self._survey.sent
        states = [(sent, sent.group.rows, backend.running(i)) for i, sent in sent_groups.items()]
        rows = [(int(rows[now[0]]), now[1]) for _, rows, now in states if now and now[0] < len(rows)]
        return rows, sum(sent.count_unreported(now) for sent, _, now in states)

    def workers(self) -> list[tuple[WorkerPlace, int | None]]:
        """Return the workers that the backend lists, each with the row that it runs."""
        return [(place, self._running_row(place.group_id)) for place in places_of(self._survey.backend)]

    def _running_row(self, group_id: int | None) -> int | None:
        """Return the row that runs in a group; None if that is not known."""
        sent = None if group_id is None else self._survey.sent.get(group_id)
        running = None if sent is None else self._survey.backend.running(sent.group.id)
        if sent is None or running is None or running[0] >= len(sent.group):
            return None
        return int(sent.group.rows[running[0]])

    def waiting(self, most: int) -> Rows:
        """Return the rows that wait to be sent; if there are more than `most`, an evenly spread sample."""
        return self._survey.queue.waiting(most)

    def core_count(self) -> int:
        """Return how many cores the workers use now."""
        return self._survey.backend.core_count()

    def pset(self, row: int) -> Pset:
        """Return one pset, as a worker gets it."""
        return self._survey.pset(row)
