"""The order of ``order='longest'``: psets that will probably take longest go first.

A long pset that begins last keeps one core busy while all others idle. When the long ones go first, short
ones fill the gaps at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy as np

from paramsurvey.engine.cost_model import CostModel
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.fast_dataclass import dataclass

EXPLORED = 16  # psets per core, chosen at random, that go first while nothing is known
FIRST_SORT = 2  # psets per core that must have run before the queue is sorted for the first time
GROWTH = 1.5  # how many times as many psets must have run before it is sorted again
SORTING_SHARE = 0.02  # of the time that may be spent on sorting
SHORT_SECONDS = 1e-3  # per pset: the order of shorter ones makes no difference
SEED = 20261128  # so that the same survey begins with the same psets


@dataclass
class LongestFirst:
    """Sorts the queue again and again, as more is learned of how long psets take.

    Parameters
    ----------
    costs : CostModel
        Predicts how long psets will take.
    clock : callable
        Returns the time in seconds.
    """

    costs: CostModel
    clock: Callable[[], float]
    _sort_at_count: int = field(default=0, init=False)  # of psets that have run
    _not_before: float = field(default=-np.inf, init=False)
    _has_begun: bool = field(default=False, init=False)

    def arrange(self, queue: PsetQueue, cores: int) -> None:
        """Sort the queue if enough has been learned since last time. Psets that must run alone stay last."""
        if not self._has_begun:
            self._has_begun = True
            self._sort_at_count = FIRST_SORT * cores
            self._put_sample_first(queue, EXPLORED * cores)
        known = self.costs.psets
        if known < self._sort_at_count or not queue or self.clock() < self._not_before:
            return
        self._sort_at_count = max(known + 1, int(GROWTH * known))
        if self.costs.seconds < SHORT_SECONDS * known:
            return
        began = self.clock()
        rows = queue.take_unordered()
        expected = self.costs.expected_seconds(rows)
        queue.put_first(rows[np.argsort(-expected, kind="stable")])
        now = self.clock()
        self._not_before = now + (now - began) / SORTING_SHARE

    def _put_sample_first(self, queue: PsetQueue, count: int) -> None:
        """Begin with psets from all over the survey, so that every axis shows most of its values soon."""
        rows = queue.take_unordered()
        chosen = np.random.default_rng(SEED).permutation(len(rows))[:count]
        rest = np.delete(rows, chosen)
        queue.put_first(rest)
        queue.put_first(rows[np.sort(chosen)])
