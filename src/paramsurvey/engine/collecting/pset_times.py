"""When and where each finished pset ran, and for how long.

This takes four bytes per pset and one entry per reply: a worker runs the psets of a reply one after the
other, so the start of the first one and the seconds of each tell when every one of them began.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import field, replace

import numpy as np
from numpy.typing import NDArray

from paramsurvey.engine.collecting.finished_rows import finished_places
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import as_array, numpy_index, rows_at
from paramsurvey.transport.messages import Failure, Ran, Reply, Rows

Seconds = NDArray[np.float32]
Begins = NDArray[np.float64]
SAME_BEGIN = 1e-4  # seconds; checkpoints round start times to microseconds


@dataclass(frozen=True, slots=True)
class Times:
    """When and where some psets ran, in the order of their rows.

    Attributes
    ----------
    seconds : float32 array
        How long each ran; nan where unknown.
    began : float64 array
        In seconds since 1970; nan where unknown.
    worker : int64 array
        The workers' numbers; 0 where unknown.
    host : int64 array
        The workers' machines, as indices into `hosts`.
    hosts : tuple of str
        Names of machines; empty for an unknown machine.
    attempts : mapping of int to int
        How often each pset that failed at first was tried, by its place in these arrays.
    """

    seconds: Seconds
    began: Begins
    worker: NDArray[np.int64]
    host: NDArray[np.int64]
    hosts: tuple[str, ...]
    attempts: Mapping[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.seconds)

    def at(self, places: slice | NDArray[np.int64]) -> Times:
        """Return the times of the psets at `places`, which must ascend."""
        attempts: dict[int, int] = {}
        if self.attempts:
            kept = np.arange(len(self))[places].tolist()
            attempts = {new: self.attempts[old] for new, old in enumerate(kept) if old in self.attempts}
        return Times(
            self.seconds[places],
            self.began[places],
            self.worker[places],
            self.host[places],
            self.hosts,
            attempts,
        )

    def ran(self, place: int) -> Ran:
        """Return the times of one pset."""
        return Ran(
            float(self.seconds[place]),
            float(self.began[place]),
            int(self.worker[place]),
            self.hosts[self.host[place]],
        )


def times_of(reply: Reply) -> Times:
    """Return the times of the psets that a reply covers, failed ones included."""
    count = reply.stop - reply.start
    walls = np.asarray(reply.walls, dtype=np.float64)
    began = np.cumsum(walls)
    began -= walls
    began += reply.began
    first = max(0, len(walls) - count)
    seconds, began = walls[first:].astype(np.float32), began[first:]
    if len(seconds) < count:
        unknown = np.full(count - len(seconds), np.nan)
        seconds = np.concatenate([unknown.astype(np.float32), seconds])
        began = np.concatenate([unknown, began])
    return Times(
        seconds,
        began,
        np.broadcast_to(np.int64(reply.worker), count),
        np.broadcast_to(np.int64(0), count),
        (reply.host,),
        {offset - reply.start: tried for offset, tried in reply.attempts.items()},
    )


def timed_failures(reply: Reply) -> Mapping[int, Failure]:
    """Return the reply's failures, each with the time and place where it happened."""
    times = times_of(reply)
    return {
        offset: replace(failure, ran=times.ran(offset - reply.start))
        for offset, failure in reply.failures.items()
    }


class PsetTimes:
    """The times of all finished psets of a survey; they may arrive in any order."""

    def __init__(self) -> None:
        self._seconds: Seconds = np.zeros(0, dtype=np.float32)
        self._attempts: dict[int, int] = {}
        self._workers: dict[tuple[int, str], int] = {}
        # spans of rows that one worker ran in succession: first row, how many, start of the first, worker
        self._first, self._count, self._began, self._worker = array("q"), array("q"), array("d"), array("q")

    def add_reply(self, rows: Rows, reply: Reply, total: int) -> None:
        """Add the times of a reply's finished psets. `rows` are all that it covers, failed ones included."""
        before = len(reply.walls) - len(rows)  # psets whose times an early reply has already brought
        if isinstance(rows, range) and rows.step == 1 and before >= 0 and rows and not reply.failures:
            self._add_span(rows, reply, before, total)
            return
        times = times_of(reply)
        if reply.failures:
            places = finished_places(reply)
            rows, times = rows_at(rows, places), times.at(places)
        self.add(rows, times, total)

    def _add_span(self, rows: range, reply: Reply, before: int, total: int) -> None:
        """Add the times of consecutive rows. Most replies have these, and small groups need it to be fast."""
        self._make_room(total)
        self._seconds[rows.start : rows.stop] = reply.walls[before:]
        for offset, tried in reply.attempts.items():
            self._attempts[rows.start + offset - reply.start] = tried
        if math.isfinite(reply.began):
            worker = reply.worker, reply.host
            self._first.append(rows.start)
            self._count.append(len(rows))
            self._began.append(reply.began + sum(reply.walls[:before]))
            self._worker.append(self._workers.setdefault(worker, len(self._workers)))

    def add(self, rows: Rows, times: Times, total: int) -> None:
        """Add times; `total` is the number of psets known so far."""
        if len(rows) == 0:
            return
        self._make_room(total)
        self._seconds[numpy_index(rows)] = times.seconds
        for place, tried in times.attempts.items():
            self._attempts[int(rows[place])] = tried
        starts = _span_starts(rows, times)
        counts = np.diff(starts, append=len(rows))
        known = np.isfinite(times.began[starts])
        if not known.all():
            starts, counts = starts[known], counts[known]
        numbers = as_array(rows)[starts]
        self._first.frombytes(numbers.astype(np.int64).tobytes())
        self._count.frombytes(counts.astype(np.int64).tobytes())
        self._began.frombytes(times.began[starts].astype(np.float64).tobytes())
        self._worker.extend(
            self._workers.setdefault((worker, times.hosts[host]), len(self._workers))
            for worker, host in zip(times.worker[starts].tolist(), times.host[starts].tolist(), strict=True)
        )

    def seconds(self, rows: Rows) -> Seconds:
        """Return how long each of these psets ran; nan where that is unknown."""
        self._make_room(int(rows[-1]) + 1 if len(rows) else 0)
        return self._seconds[numpy_index(rows)]

    def attempts(self, rows: Rows) -> NDArray[np.int64]:
        """Return how often each of these psets was tried."""
        tried = np.ones(len(rows), dtype=np.int64)
        if self._attempts:
            known = np.array(sorted(self._attempts), dtype=np.int64)
            counts = np.array([self._attempts[row] for row in known.tolist()], dtype=np.int64)
            at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
            tried = np.where(known[at] == as_array(rows), counts[at], tried)
        return tried

    def times(self, rows: Rows) -> Times:
        """Return the times of these psets, whose rows must ascend."""
        began, place = self._begins(as_array(rows))
        hosts = tuple(dict.fromkeys(["", *(host for _, host in self._workers)]))
        worker = np.array([number for number, _ in self._workers] + [0], dtype=np.int64)[place]
        host = np.array([hosts.index(name) for _, name in self._workers] + [0], dtype=np.int64)[place]
        tried = self.attempts(rows)
        retried = {at: int(tried[at]) for at in np.flatnonzero(tried > 1).tolist()}
        return Times(self.seconds(rows), began, worker, host, hosts, retried)

    def _begins(self, rows: NDArray[np.int64]) -> tuple[Begins, NDArray[np.int64]]:
        """Return when each of these psets began (or nan), and its worker's place in `_workers` (or -1)."""
        began, place = np.full(len(rows), np.nan), np.full(len(rows), -1, dtype=np.int64)
        first = np.frombuffer(self._first, dtype=np.int64)
        if len(first) == 0 or len(rows) == 0:
            return began, place
        order = np.argsort(first, kind="stable")
        first = first[order]
        span = np.searchsorted(first, rows, side="right") - 1
        count = np.frombuffer(self._count, dtype=np.int64)[order]
        inside = (span >= 0) & (rows < first[span] + count[span])
        span, rows = span[inside], rows[inside]
        before = np.concatenate([[0.0], np.cumsum(np.nan_to_num(self._seconds), dtype=np.float64)])
        span_began = np.frombuffer(self._began, dtype=np.float64)[order][span]
        began[inside] = span_began + (before[rows] - before[first[span]])
        place[inside] = np.frombuffer(self._worker, dtype=np.int64)[order][span]
        return began, place

    def _make_room(self, total: int) -> None:
        room = len(self._seconds)
        if total > room:
            longer = np.full(total if room == 0 else max(total, 2 * room), np.nan, dtype=np.float32)
            longer[:room] = self._seconds
            self._seconds = longer


def _span_starts(rows: Rows, times: Times) -> NDArray[np.int64]:
    """Return where spans begin: in one, each pset begins when the one before it ends, in the same worker."""
    ends = np.cumsum(times.seconds, dtype=np.float64)
    offset = times.began - (ends - times.seconds)
    with np.errstate(invalid="ignore"):
        apart = ~(np.abs(np.diff(offset)) < SAME_BEGIN)
    apart |= (np.diff(times.worker) != 0) | (np.diff(times.host) != 0)
    if not (isinstance(rows, range) and rows.step == 1):
        apart |= np.diff(rows) != 1
    apart |= _has_drifted(offset, apart)
    return np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(apart) + 1])


def _has_drifted(offset: Begins, apart: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell where the pauses since a span began add up to `SAME_BEGIN`, however short each of them is."""
    span = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(apart)])
    first = offset[np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(apart) + 1])]
    drift = np.nan_to_num(offset - first[span])
    apart_enough = span * (2 * float(np.abs(drift).max()) + SAME_BEGIN)
    largest = np.maximum.accumulate(drift + apart_enough) - apart_enough  # in each span, so far
    steps: NDArray[np.float64] = np.diff(np.floor(largest / SAME_BEGIN))
    return (steps > 0) & ~apart
