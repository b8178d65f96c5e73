"""When and where psets ran, as arrays, from a table or from a checkpoint that is read in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass

MICROSECONDS = 1e6
TIMES = ("_worker", "_host", "_start", "_seconds")
"""The columns of a checkpoint that say when and where psets ran."""

Place = tuple[str, int]
"""A worker: its machine and its number there; 0 if the number is not known."""


@dataclass(frozen=True, eq=False)
class TimedPsets:
    """Psets whose times are known.

    Attributes
    ----------
    places : sequence of (str, int)
        The workers.
    worker : int64 array
        The index of each pset's worker among `places`.
    start, seconds : float64 arrays
        When it began, in seconds since 1970, and how long it took.
    failed : bool array
    row : int64 array
        Each pset's number in the survey, if they come from a table, or row, if they come from a checkpoint.
    """

    places: Sequence[Place]
    worker: NDArray[np.int64]
    start: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failed: NDArray[np.bool_]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.worker)

    def in_order(self) -> TimedPsets:
        """Return the same with the workers sorted by machine and number."""
        order = sorted(range(len(self.places)), key=lambda at: self.places[at])
        new = np.empty(len(order), dtype=np.int64)
        new[order] = np.arange(len(order))
        return replace(self, places=[self.places[at] for at in order], worker=new[self.worker])

    def labels(self) -> list[str]:
        """Return the workers' names: their numbers, after the machine's name if there are several."""
        several = len({host for host, _ in self.places}) > 1
        names = [str(number) if number else "not known" for _, number in self.places]
        hosts = [host if several else "" for host, _ in self.places]
        return [f"{host} {name}".lstrip() for host, name in zip(hosts, names, strict=True)]


def timed_table(table: pd.DataFrame) -> TimedPsets:
    """Return the times in a table that has the columns of `MapResults.timeline`."""
    hosts, names = pd.factorize(table["host"])
    start = table["start"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    number = table["worker"].to_numpy(dtype=np.int64)
    codes, both = pd.factorize(number * max(len(names), 1) + hosts)
    places = [(str(names[at % len(names)]), at // len(names)) for at in both.tolist()]
    seconds = table["seconds"].to_numpy(dtype=np.float64)
    known = np.flatnonzero(~np.isnat(start) & np.isfinite(seconds))
    return TimedPsets(
        places,
        codes.astype(np.int64)[known],
        start.astype(np.int64)[known] / MICROSECONDS,
        seconds[known],
        table["failed"].to_numpy(dtype=np.bool_)[known],
        table["pset"].to_numpy(dtype=np.int64)[known],
    )


def timed_checkpoint(finished: Any, failures: Any) -> TimedPsets:
    """Return the times in a checkpoint, whose columns are read in pieces.

    Parameters
    ----------
    finished : Dataset
    failures : Table or None
        Its rows are numbered after those of `finished`.
    """
    pieces = [*_pieces(finished, 0, failed=False)]
    if failures is not None:
        pieces += _pieces(failures, finished.count_rows(), failed=True)
    distinct = dict.fromkeys(place for piece in pieces for place in piece.places)
    index = {place: at for at, place in enumerate(distinct)}
    codes = [np.array([index[place] for place in piece.places], np.int64)[piece.worker] for piece in pieces]
    return TimedPsets(
        list(index),
        np.concatenate([np.zeros(0, dtype=np.int64), *codes]),
        np.concatenate([np.zeros(0), *(piece.start for piece in pieces)]),
        np.concatenate([np.zeros(0), *(piece.seconds for piece in pieces)]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *(piece.failed for piece in pieces)]),
        np.concatenate([np.zeros(0, dtype=np.int64), *(piece.row for piece in pieces)]),
    )


def _pieces(data: Any, first: int, failed: bool) -> Iterator[TimedPsets]:
    """Yield the times in each batch of a dataset or table whose first row has the number `first`."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if not set(TIMES) <= set(data.schema.names):
        return
    dataset = ds.dataset(data) if isinstance(data, pa.Table) else data
    for batch in dataset.to_batches(columns=list(TIMES)):
        yield _piece(batch, first, failed)
        first += batch.num_rows


def _piece(batch: Any, first: int, failed: bool) -> TimedPsets:
    import pyarrow as pa
    import pyarrow.compute as pc

    worker, host, start, seconds = batch.columns
    known = pc.and_(start.is_valid(), seconds.is_valid()).to_numpy(zero_copy_only=False)
    at = np.flatnonzero(known.astype(np.bool_))
    hosts = host.fill_null("").dictionary_encode()
    names = hosts.dictionary.to_pylist()
    number = worker.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)[at]
    codes = hosts.indices.to_numpy(zero_copy_only=False)[at]
    both, places = np.unique(number * max(len(names), 1) + codes, return_inverse=True)
    began = start.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)[at] / MICROSECONDS
    return TimedPsets(
        [(names[code % len(names)], code // len(names)) for code in both.tolist()],
        places.astype(np.int64),
        began,
        seconds.to_numpy(zero_copy_only=False)[at].astype(np.float64),
        np.full(len(at), failed),
        first + at,
    )
