"""The order of ``order='longest'``: psets that will probably take longest go first.

A long pset that begins last keeps one core busy while all others wait. When the long ones go first, short
ones fill the gaps at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy as np

from paramsurvey.engine.cost_model import CostModel
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.fast_dataclass import dataclass

EXPLORED = 16  # psets per core, at random places, that begin before the others while nothing is known
FIRST_SORT = 2  # psets per core that must have run before the order is first made
GROWTH = 1.5  # how many times more psets must have run before it is made again
SHARE = 0.02  # of the time that passes may be spent on sorting
SHORT_SECONDS = 1e-3  # per pset: the order of shorter ones makes no difference
SEED = 20261128  # so that the same survey begins with the same psets


@dataclass
class LongestFirst:
    """Sorts the queue again and again, as more is known of how long psets take.

    Parameters
    ----------
    costs : CostModel
        Learns how long psets take.
    clock : callable
        Returns the time in seconds.
    """

    costs: CostModel
    clock: Callable[[], float]
    _next_sort: int = field(default=0, init=False)  # when so many psets have run
    _not_before: float = field(default=-np.inf, init=False)
    _explores: bool = field(default=True, init=False)

    def arrange(self, queue: PsetQueue, cores: int) -> None:
        """Sort the queue, if there is something new to know. Psets that are to run alone stay at the end."""
        if self._explores:
            self._explores = False
            self._next_sort = FIRST_SORT * cores
            self._put_some_first(queue, EXPLORED * cores)
        known = self.costs.psets
        if known < self._next_sort or not queue or self.clock() < self._not_before:
            return
        self._next_sort = max(known + 1, int(GROWTH * known))
        if self.costs.seconds < SHORT_SECONDS * known:
            return
        began = self.clock()
        rows = queue.take_unordered()
        expected = self.costs.expected_seconds(rows)
        queue.put_first(rows[np.argsort(-expected, kind="stable")])
        now = self.clock()
        self._not_before = now + (now - began) / SHARE

    def _put_some_first(self, queue: PsetQueue, count: int) -> None:
        """Begin with psets from all over the survey, so that the values of all axes are seen soon."""
        rows = queue.take_unordered()
        chosen = np.random.default_rng(SEED).permutation(len(rows))[:count]
        rest = np.delete(rows, chosen)
        queue.put_first(rest)
        queue.put_first(rows[np.sort(chosen)])
