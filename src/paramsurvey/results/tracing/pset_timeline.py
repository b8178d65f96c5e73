"""The table that `results.timeline()` returns: a DataFrame that can be written as a trace."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.errors import NotStored
from paramsurvey.transport.messages import Rows

NEEDED = ("pset", "worker", "host", "start", "seconds", "failed")


class PsetTimeline(pd.DataFrame):
    """When and where each pset ran; `MapResults.timeline` says what its columns are.

    Rows selected from it are a `PsetTimeline`, too, so that a part can be written as a trace.

    Examples
    --------
    >>> timeline = results.timeline()  # doctest: +SKIP
    >>> timeline[timeline["seconds"] > 1].to_trace("slow.json.gz")  # doctest: +SKIP
    """

    _metadata = ["_results"]  # noqa: RUF012  (pandas' own protocol)
    _results: KeysOfPsets | None = None

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return PsetTimeline

    def to_trace(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Write it as a trace for https://ui.perfetto.dev, with a row for each worker, and marks at failures.

        The format is Chrome's trace events, as JSON. Each pset is a block, with its keys and values. If there
        are more than 20,000 psets, tiny neighbours on a row become one block, so that the file stays small;
        a block is as long as its psets ran.

        Parameters
        ----------
        path : path, optional
            The file, such as ``'run.json.gz'``. It is compressed if its name ends with ``.gz``. An existing
            file is replaced.

        Returns
        -------
        str or None
            The JSON, if no path is given.

        Raises
        ------
        NotStored
            A ValueError: columns of `MapResults.timeline` were removed.
        OSError
            The file cannot be written.

        Examples
        --------
        >>> results.timeline().to_trace("run.json.gz")  # doctest: +SKIP
        """
        from paramsurvey.results.tracing.timed_psets import timed_table
        from paramsurvey.results.tracing.trace_file import trace_of, write_trace

        lacking = [name for name in NEEDED if name not in self.columns]
        if lacking:
            raise NotStored(
                f"a trace needs all columns of results.timeline(), but {', '.join(lacking)} is missing: "
                "select rows only"
            )
        keys = self._results or KeysOfPsets()
        text = trace_of(timed_table(self), keys.describe, keys.name)
        if path is None:
            return text
        write_trace(text, path)
        return None


class KeysOfPsets:
    """The keys of the psets of a map, by their numbers in the survey.

    Parameters
    ----------
    results : MapResults, optional
        They are not pickled with this, because a timeline is small, and a survey may not be.
    finished : sequence of int
        The numbers of the psets that have a row in `results`, in its order.
    """

    def __init__(self, results: Any = None, finished: Rows = range(0)) -> None:
        self._results = results
        self._finished = finished

    def __getstate__(self) -> dict[str, Any]:
        return {"_results": None, "_finished": range(0)}

    @property
    def name(self) -> str:
        """The map's name."""
        return "survey" if self._results is None else self._results.progress.name

    def describe(self, numbers: Sequence[int]) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the names of psets, and their keys and values as far as they are known."""
        from paramsurvey.reporting.snapshot import pset_text

        found = self._keys(numbers)
        return [(pset_text(number, found.get(number)), found.get(number, {})) for number in numbers]

    def _keys(self, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
        if self._results is None:
            return {}
        from paramsurvey.views import data_of

        data = data_of(self._results)
        wanted, lost = np.unique(np.asarray(numbers, dtype=np.int64)), self._results.missing.numbers()
        finished = np.asarray(self._finished, dtype=np.int64)
        rows = _places(wanted, finished[: len(data.finished)], 0)
        rows |= _places(wanted, np.asarray(lost, dtype=np.int64), len(data.finished))
        return dict(zip(rows, data.psets(list(rows.values())), strict=True)) if data.keys else {}


def _places(wanted: Any, known: Any, first: int) -> dict[int, int]:
    """Return which of the ascending numbers `wanted` are among `known`, and their places there."""
    if not len(known):
        return {}
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)
    there = known[order[at]] == wanted
    return dict(zip(wanted[there].tolist(), (first + order[at[there]]).tolist(), strict=True))
