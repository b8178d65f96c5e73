"""Who worked when: the busy part of each worker's time, from each pset's worker, start and seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.views.columns.axes import label
from paramsurvey.views.columns.groups import Floats

BINS = 200
MOST_WORKERS = 64


@dataclass(frozen=True, eq=False)
class Timeline:
    """How busy each worker was.

    Attributes
    ----------
    workers : tuple of str
        The rows: workers, in the order of their first pset; the last one stands for all others where
        there are more than `MOST_WORKERS`.
    members : int64 array
        How many workers each row stands for.
    edges : float64 array
        The times, in seconds since the first pset began: one more than there are columns.
    busy : float64 matrix
        The busy seconds of each row in each column.
    psets, failed : int64 matrices
        How many psets began there, and how many of them failed.
    """

    workers: tuple[str, ...]
    members: NDArray[np.int64]
    edges: Floats
    busy: Floats
    psets: NDArray[np.int64]
    failed: NDArray[np.int64]

    @property
    def seconds(self) -> float:
        """From the first pset's begin to the last one's end."""
        return float(self.edges[-1] - self.edges[0])

    @property
    def share(self) -> Floats:
        """The busy part of each cell's time, from 0 to 1 where no worker runs two psets at once."""
        width = np.diff(self.edges) * self.members[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            share: Floats = self.busy / width
        return share

    def to_frame(self) -> pd.DataFrame:
        """Return the busy seconds: workers down, the columns' begins across."""
        across = pd.Index(self.edges[:-1], name="seconds")
        return pd.DataFrame(self.busy, index=pd.Index(self.workers, name="worker"), columns=across)


def timeline_of(
    worker: Any,
    start: Any,
    seconds: Any,
    failed: Any = None,
    bins: int = BINS,
    most: int = MOST_WORKERS,
) -> Timeline:
    """Return how busy workers were.

    Parameters
    ----------
    worker : array
        The worker of each pset: numbers or texts.
    start : float64 array
        When each pset began, in seconds on one clock.
    seconds : float64 array
        How long it took. A pset whose begin or time is nan is left out.
    failed : bool array, optional
        Whether it failed.
    bins : int
        How many columns.
    most : int
        How many workers have a row of their own.
    """
    start, seconds = np.asarray(start, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    known = np.isfinite(start) & np.isfinite(seconds)
    codes, names = pd.factorize(np.asarray(worker)[known])
    start, seconds = start[known], seconds[known]
    went_wrong = np.zeros(len(start), dtype=np.bool_) if failed is None else np.asarray(failed)[known]
    if not len(start):
        none = np.zeros((0, bins))
        return Timeline(
            (),
            np.zeros(0, np.int64),
            np.linspace(0, 1, bins + 1),
            none,
            none.astype(np.int64),
            none.astype(np.int64),
        )
    rows, labels, members = _rows(codes, [label(name) for name in names.tolist()], start, most)
    start = start - start.min()
    edges = np.linspace(0.0, max(float((start + seconds).max()), 1e-9), bins + 1)
    cells = (len(labels), bins)
    begun = rows * bins + _bin(start, edges)
    return Timeline(
        tuple(labels),
        members,
        edges,
        _busy(rows, start, seconds, edges, len(labels)),
        np.bincount(begun, minlength=cells[0] * bins).reshape(cells),
        np.bincount(begun[went_wrong], minlength=cells[0] * bins).reshape(cells),
    )


def _rows(
    codes: NDArray[np.int64], names: list[str], start: Floats, most: int
) -> tuple[NDArray[np.int64], list[str], NDArray[np.int64]]:
    """Return the row of each pset, the rows' names, and how many workers each row stands for."""
    first = np.full(len(names), np.inf)
    np.minimum.at(first, codes, start)
    order = np.argsort(first, kind="stable")
    own = min(len(names), most if len(names) <= most else most - 1)
    row = np.empty(len(names), dtype=np.int64)
    row[order] = np.minimum(np.arange(len(names)), own)
    labels = [names[at] for at in order[:own].tolist()]
    others = len(names) - own
    if others:
        labels.append(f"{others} others")
    return row[codes], labels, np.array([1] * own + [others] * bool(others), dtype=np.int64)


def _bin(times: Floats, edges: Floats) -> NDArray[np.int64]:
    bins = len(edges) - 1
    places: NDArray[np.int64] = np.clip((times / edges[-1] * bins).astype(np.int64), 0, bins - 1)
    return places


def _busy(rows: NDArray[np.int64], start: Floats, seconds: Floats, edges: Floats, workers: int) -> Floats:
    """Return the busy seconds in each cell, without a loop over what runs through several of them.

    What was done until a time t is the sum of t - start over all that had begun, less the sum of t - end
    over all that had ended; its differences between the edges are the busy seconds.
    """
    done = _until(rows, start, edges, workers) - _until(rows, start + seconds, edges, workers)
    return np.maximum(np.diff(done, axis=1, prepend=0.0), 0.0)


def _until(rows: NDArray[np.int64], times: Floats, edges: Floats, workers: int) -> Floats:
    """Return, at the right edge of each bin, the sum of what has passed since the times before it."""
    bins = len(edges) - 1
    at = _bin(times, edges)
    cells, shape = rows * bins + at, (workers, bins)
    counts = np.bincount(cells, minlength=workers * bins).reshape(shape)
    inside = np.bincount(cells, edges[1:][at] - times, workers * bins).reshape(shape)
    earlier = np.cumsum(counts, axis=1) - counts
    widths = np.diff(edges)
    return np.cumsum(inside + earlier * widths, axis=1)
