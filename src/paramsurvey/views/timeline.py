"""When each worker was busy: from each pset's worker, start and seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.errors import NotStored
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import label
from paramsurvey.views.columns.groups import Floats
from paramsurvey.views.columns.source import CHUNK

BINS = 200
MOST_WORKERS = 64
MICROSECONDS = 1e6


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
        """From the first pset's start to the last one's end."""
        return float(self.edges[-1] - self.edges[0])

    @property
    def share(self) -> Floats:
        """The busy part of each cell's time, from 0 to 1 where no worker runs two psets at once."""
        width = np.diff(self.edges) * self.members[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            share: Floats = self.busy / width
        return share

    def to_frame(self) -> pd.DataFrame:
        """Return the busy seconds: workers down, the columns' starts across."""
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
    """Return how busy workers were, by arrays of when psets ran and for how long.

    Parameters
    ----------
    worker : array
        The worker of each pset: numbers or texts.
    start : float64 array
        When each pset began, in seconds on one clock.
    seconds : float64 array
        How long it took. A pset whose start or time is nan is left out.
    failed : bool array, optional
        Whether it failed.
    bins : int
        How many columns.
    most : int
        How many workers have a row of their own.
    """
    start, seconds = np.asarray(start, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    known = np.isfinite(start) & np.isfinite(seconds)
    worker = worker if isinstance(worker, pd.Categorical) else np.asarray(worker)
    failed = np.zeros(len(start), dtype=np.bool_) if failed is None else np.asarray(failed)
    if not known.all():
        worker, start, seconds, failed = worker[known], start[known], seconds[known], failed[known]
    codes, names = pd.factorize(worker)
    labels, row_of, members = _rows(codes, [label(name) for name in names.tolist()], start, most)
    first = float(start.min(initial=np.inf)) if len(start) else 0.0
    last = max((float((start[at] + seconds[at]).max()) for at in _pieces(len(start))), default=0.0)
    edges = np.linspace(0.0, max(last - first, 1e-9), bins + 1)
    counts = _Counts(len(labels), edges)
    for at in _pieces(len(start)):
        counts.add(row_of[codes[at]], start[at] - first, seconds[at], failed[at])
    return Timeline(tuple(labels), members, edges, counts.busy(), counts.begun, counts.failed)


def measured_timeline(table: pd.DataFrame, bins: int = BINS, most: int = MOST_WORKERS) -> Timeline:
    """Return how busy workers were, by the times that a map has measured.

    Parameters
    ----------
    table : DataFrame
        What `MapResults.timeline` returns.
    bins, most : int
        See `timeline_of`.

    Raises
    ------
    NotStored
        A ValueError: it is not known when the psets ran.
    """
    if not len(table):
        raise NotStored(
            "it is not known when and where these psets ran: an older version wrote the checkpoint, or "
            "the backend does not report it; let the worker function return it, and name the columns, "
            "timeline(worker='pid', start='began', seconds='took')"
        )
    hosts, names = pd.factorize(table["host"])
    number = table["worker"].to_numpy()
    codes, places = pd.factorize(number * len(names) + hosts)
    labels = [_worker_label(*divmod(int(at), len(names)), list(names)) for at in places]
    start = table["start"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return timeline_of(
        pd.Categorical.from_codes(codes, pd.Index(labels)),
        np.where(np.isnat(start), np.nan, start.astype(np.int64) / MICROSECONDS),
        table["seconds"],
        table["failed"],
        bins,
        most,
    )


def _worker_label(number: int, host: int, hosts: list[str]) -> str:
    """Return what a worker is called: its number, after the machine's name if there are several machines."""
    name = str(number) if number else "not known"
    return f"{hosts[host]} {name}" if len(hosts) > 1 and hosts[host] else name


def _pieces(count: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]


def _rows(
    codes: NDArray[np.int64], names: list[str], start: Floats, most: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows' names, the row of each worker, and how many workers each row stands for."""
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
    return labels, row, np.array([1] * own + [others] * bool(others), dtype=np.int64)


class _Counts:
    """What happened in each cell of a timeline: which psets began and ended, and how long before its end."""

    def __init__(self, workers: int, edges: Floats) -> None:
        self._edges = edges
        self._shape = (workers, len(edges) - 1)
        self.begun, self.failed, self._ended = (np.zeros(self._shape, dtype=np.int64) for _ in range(3))
        self._after_begins, self._after_ends = np.zeros(self._shape), np.zeros(self._shape)

    def add(self, rows: NDArray[np.int64], start: Floats, seconds: Floats, failed: NDArray[np.bool_]) -> None:
        """Take some psets."""
        begins, left = self._cells(rows, start)
        self.begun += self._count(begins)
        self.failed += self._count(begins[failed])
        self._after_begins += self._count(begins, left)
        ends, left = self._cells(rows, start + seconds)
        self._ended += self._count(ends)
        self._after_ends += self._count(ends, left)

    def busy(self) -> Floats:
        """Return the busy seconds in each cell: what ran before it or began in it, less what ended."""
        more = self.begun - self._ended
        running = np.cumsum(more, axis=1) - more
        busy = running * np.diff(self._edges) + self._after_begins - self._after_ends
        return np.asarray(np.maximum(busy, 0.0))

    def _cells(self, rows: NDArray[np.int64], times: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Return the cell of each time, and how long it is before the cell's right edge."""
        bins = self._shape[1]
        at = np.clip((times * (bins / self._edges[-1])).astype(np.int64), 0, bins - 1)
        return rows * bins + at, self._edges[1:][at] - times

    def _count(self, cells: NDArray[np.int64], weights: Floats | None = None) -> Any:
        return np.bincount(cells, weights, self._shape[0] * self._shape[1]).reshape(self._shape)
