"""When and where psets ran, and for how long: for `results.seconds` and `results.timeline()`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.engine.collecting.pset_times import PsetTimes
from paramsurvey.transport.messages import Ran, Rows

MICROSECONDS = 1e6
NOT_A_TIME = np.iinfo(np.int64).min  # numpy's NaT, as an integer


class KnownTimes:
    """The times of the finished psets of a map.

    Parameters
    ----------
    times : PsetTimes, optional
    rows : Rows
        The psets' numbers in the survey, in the order of the results.
    """

    def __init__(self, times: PsetTimes | None = None, rows: Rows = range(0)) -> None:
        self._times = PsetTimes() if times is None else times
        self._rows = rows

    @property
    def rows(self) -> Rows:
        """The psets' numbers in the survey, in the order of the results."""
        return self._rows

    def seconds(self, index: pd.Index) -> pd.Series[Any]:
        """Return how long psets ran, by their labels, which are their places in the results."""
        found = pd.Series(self._times.seconds(self._rows), name="seconds", copy=False)
        return found if found.index.equals(index) else found.reindex(index)

    def table(self, failed: Sequence[int], runs: Sequence[Ran], attempts: Sequence[int]) -> pd.DataFrame:
        """Return a row for each pset whose time is known, in the order of the psets.

        Parameters
        ----------
        failed : sequence of int
            The numbers of psets without a result.
        runs : sequence of Ran
            When and where each of them ran.
        attempts : sequence of int
            How often each of them was tried.
        """
        tables = [self._finished(), _failed(failed, runs, attempts)]
        not_empty = [table for table in tables if len(table)] or tables[:1]
        return pd.concat(not_empty).sort_values("pset", ignore_index=True)

    def _finished(self) -> pd.DataFrame:
        times = self._times.times(self._rows)
        known = np.flatnonzero(np.isfinite(times.seconds))
        numbers, times = np.asarray(self._rows, dtype=np.int64)[known], times.at(known)
        attempts = np.ones(len(known), dtype=np.int64)
        attempts[list(times.attempts)] = list(times.attempts.values())
        hosts = pd.Categorical.from_codes(times.host, pd.Index(times.hosts, dtype="str"))
        return _table(numbers, times.worker, hosts, times.began, times.seconds, attempts, failed=False)


def _failed(numbers: Sequence[int], runs: Sequence[Ran], attempts: Sequence[int]) -> pd.DataFrame:
    seconds = np.array([ran.seconds for ran in runs], dtype=np.float32)
    known = np.flatnonzero(np.isfinite(seconds))
    return _table(
        np.array(numbers, dtype=np.int64)[known],
        np.array([ran.worker for ran in runs], dtype=np.int64)[known],
        [runs[at].host for at in known.tolist()],
        np.array([ran.began for ran in runs], dtype=np.float64)[known],
        seconds[known],
        np.array(attempts, dtype=np.int64)[known],
        failed=True,
    )


def _table(
    pset: NDArray[np.int64],
    worker: NDArray[np.int64],
    host: Any,
    began: NDArray[np.float64],
    seconds: NDArray[np.float32],
    attempts: NDArray[np.int64],
    failed: bool,
) -> pd.DataFrame:
    columns = {
        "pset": pset,
        "worker": worker,
        "host": pd.Series(host).astype("str"),
        "start": pd.Series(_datetimes(began)).dt.tz_localize("UTC"),
        "seconds": seconds,
        "attempts": attempts,
        "failed": np.full(len(pset), failed),
    }
    return pd.DataFrame(columns)


def _datetimes(began: NDArray[np.float64]) -> NDArray[np.datetime64]:
    known = np.isfinite(began)
    microseconds = np.rint(np.where(known, began, 0.0) * MICROSECONDS)
    return np.where(known, microseconds.astype(np.int64), NOT_A_TIME).view("M8[us]")
