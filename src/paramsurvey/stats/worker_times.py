"""The times that a worker sends with its reply, added to the statistics of the map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paramsurvey.stats.perf_stats import PerfStats
from paramsurvey.transport.even_seconds import EvenSeconds
from paramsurvey.transport.messages import Reply


def add_times(stats: PerfStats, name: str, reply: Reply) -> float:
    """Add a reply's times to the statistics of the map with this name; return its seconds."""
    stats.copying += reply.copying
    seconds = _add_walls(stats, name, reply)
    for timer, recorded in reply.timings.items():
        stats.add(timer, np.asarray(recorded))
    return seconds


def _add_walls(stats: PerfStats, name: str, reply: Reply) -> float:
    if isinstance(reply.walls, EvenSeconds):
        _add_batches(stats, name, reply.walls, reply.idle)
        return reply.walls.total()
    walls = np.asarray(reply.walls, dtype=np.float64)
    stats.add(f"{name}_wallclock", walls)
    stats.add(f"{name}_iowait", _idle_seconds(walls, reply.idle))
    return float(walls.sum())


def _add_batches(stats: PerfStats, name: str, walls: EvenSeconds, idle: Sequence[tuple[int, float]]) -> None:
    """Add the times of batches; the worker has measured how idle it was during each of them."""
    stop, shares = 0, dict(idle)
    for count, seconds in walls.runs:
        stop += count
        stats.add_equal(f"{name}_wallclock", seconds, count)
        stats.add_equal(f"{name}_iowait", seconds * shares.get(stop, 0.0), count)


def _idle_seconds(walls: NDArray[np.float64], idle: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """Return, for each pset, the seconds that passed without CPU work; see `Reply.idle`."""
    if len(idle) == 1:  # the usual case in small groups, which need this to be fast
        return walls * idle[0][1]
    stops = np.array([stop for stop, _ in idle], dtype=np.int64)
    shares: NDArray[np.float64] = np.repeat([share for _, share in idle], np.diff(stops, prepend=0))
    return walls * shares
