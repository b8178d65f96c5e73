"""Psets as blocks on their workers' rows: tiny neighbours are one block, so that a picture stays small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.groups import Floats

MOST_BLOCKS = 20_000  # of one pset each; if there are more psets, tiny neighbours share a block
SAME_TIME = 1e-4  # seconds: starts are known to the microsecond, and seconds are float32
SAME_BEGIN = 1e-6  # seconds: of two starts that are this close, it is not known which was first

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Blocks:
    """What workers did, one entry per block, by rows and starts.

    Attributes
    ----------
    lanes : tuple of (int, int)
        The rows: a worker's number in what was given, and a lane of that worker. There are several lanes
        only where psets of one worker ran at the same time.
    lane : int64 array
        The row of each block.
    begin, seconds : float64 arrays
        When it began, after the first pset's start, and how long its psets ran, all together. A block of
        several psets ends earlier than the last one of them if there was time between them.
    psets, failed : int64 arrays
        How many psets it stands for, and how many of them failed.
    first, first_failed : int64 arrays
        The places of its first pset, and of its first one that failed, in what was given; -1: none.
    """

    lanes: tuple[tuple[int, int], ...]
    lane: Integers
    begin: Floats
    seconds: Floats
    psets: Integers
    failed: Integers
    first: Integers
    first_failed: Integers

    def __len__(self) -> int:
        return len(self.lane)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each block."""
        workers = np.array([worker for worker, _ in self.lanes], dtype=np.int64)
        columns = {
            "worker": workers[self.lane],
            "begin": self.begin,
            "seconds": self.seconds,
            "psets": self.psets,
            "failed": self.failed,
        }
        return pd.DataFrame(columns)


def blocks_of(worker: Any, start: Any, seconds: Any, failed: Any, most: int = MOST_BLOCKS) -> Blocks:
    """Return what workers did as blocks, whose seconds are those of the psets.

    Where there are more than `most` psets, those become one block that are shorter than the time of all
    workers divided by `most`, and began on the same worker within such a time.

    Parameters
    ----------
    worker : int64 array
        The worker of each pset, by its number.
    start : float64 array
        When each pset began, in seconds on one clock.
    seconds : float64 array
        How long it took. A pset whose begin or time is nan is left out.
    failed : bool array
        Whether it failed.
    most : int
        How many psets are blocks of their own in any case.
    """
    start, seconds = np.asarray(start, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(start) & np.isfinite(seconds))
    worker = np.asarray(worker, dtype=np.int64)
    order = _in_order(known, worker, start, seconds)
    if not len(order):
        nothing, floats = np.zeros(0, dtype=np.int64), np.zeros(0)
        return Blocks((), nothing, floats, floats, nothing, nothing, nothing, nothing)
    start, seconds, worker = start[order] - start[order].min(), seconds[order], worker[order]
    failed = np.asarray(failed, dtype=np.bool_)[order]
    first = _block_starts(worker, start, seconds, most)
    psets = np.diff(first, append=len(order))
    first_failed = _first_failed(first, failed)
    blocks = Blocks(
        (),
        worker[first],
        np.minimum.reduceat(start, first),
        np.add.reduceat(seconds, first),
        psets,
        np.add.reduceat(failed.astype(np.int64), first),
        order[first],
        np.where(first_failed < 0, -1, order[first_failed]),
    )
    return _in_lanes(blocks)


def _in_order(known: Integers, worker: Integers, start: Floats, seconds: Floats) -> Integers:
    """Return psets by worker and start; if starts are too close to tell, by the middle of their time.

    A pset that took no time would otherwise seem to run at the same time as the next one, which is long.
    """
    order = known[np.lexsort((start[known], worker[known]))]
    close = np.diff(start[order], prepend=-np.inf) <= SAME_BEGIN
    if not close.any():
        return order
    middle, group = start[order] + seconds[order] / 2, np.cumsum(~close)
    return order[np.lexsort((middle, group, worker[order]))]


def _block_starts(worker: Integers, start: Floats, seconds: Floats, most: int) -> Integers:
    """Return which psets begin a block; they are sorted by worker and start."""
    if len(start) <= most:
        return np.arange(len(start))
    workers = 1 + int(np.count_nonzero(np.diff(worker)))
    whole = max(float((start + seconds).max()) * workers, float(seconds.sum()))
    width = max(whole / most, 1e-12)
    tiny, cell = seconds < width, (start / width).astype(np.int64)
    apart = (np.diff(worker) != 0) | (np.diff(cell) != 0) | ~tiny[1:] | ~tiny[:-1]
    return np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(apart) + 1])


def _first_failed(first: Integers, failed: NDArray[np.bool_]) -> Integers:
    """Return the place of the first failed pset of each block; -1: none."""
    places = np.flatnonzero(failed)
    if not len(places):
        return np.full(len(first), -1)
    at = np.searchsorted(places, first)
    found = places[np.minimum(at, len(places) - 1)]
    inside = (at < len(places)) & (found < np.append(first[1:], len(failed)))
    return np.where(inside, found, -1)


def _in_lanes(blocks: Blocks) -> Blocks:
    """Return the blocks in lanes, in which none begins before the one before it has ended."""
    ends: dict[int, list[float]] = {}
    lane_of: dict[tuple[int, int], int] = {}
    lane, begin = np.empty(len(blocks), dtype=np.int64), blocks.begin.copy()
    for at, (worker, began, seconds) in enumerate(
        zip(blocks.lane.tolist(), blocks.begin.tolist(), blocks.seconds.tolist(), strict=True)
    ):
        taken = ends.setdefault(worker, [])
        free = next((number for number, end in enumerate(taken) if began >= end - SAME_TIME), len(taken))
        if free == len(taken):
            taken.append(0.0)
        begin[at] = max(began, taken[free])
        taken[free] = begin[at] + seconds
        lane[at] = lane_of.setdefault((worker, free), len(lane_of))
    return _by_lane(replace(blocks, lanes=tuple(lane_of), lane=lane, begin=begin))


def _by_lane(blocks: Blocks) -> Blocks:
    """Return the blocks sorted by their rows, which are sorted by worker, and by their begins."""
    order = sorted(range(len(blocks.lanes)), key=lambda at: blocks.lanes[at])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    lane = place[blocks.lane]
    at = np.lexsort((blocks.begin, lane))
    return Blocks(
        tuple(blocks.lanes[old] for old in order),
        lane[at],
        blocks.begin[at],
        blocks.seconds[at],
        blocks.psets[at],
        blocks.failed[at],
        blocks.first[at],
        blocks.first_failed[at],
    )
