"""The cause of each pset that failed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.engine.failure_causes import Cause, cause_of
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.views.columns.survey_data import KIND, NOT_RUN, SurveyData, chunks_of

EXCEPTION, TRACEBACK = "_exception", "_traceback"

Counts = NDArray[np.int64]


class CausesOfRows:
    """The causes of a survey's failures.

    Attributes
    ----------
    found : list of Cause
    of_row : int32 array
        For each pset without a result the place of its cause among these; -1 where it was not run.
    counts : int64 array
        How many failures each cause has.
    most_frequent : list of int
        The places of the causes, the most frequent first.
    """

    def __init__(self, data: SurveyData) -> None:
        self.found: list[Cause] = []
        self.of_row = np.full(data.missing_count, -1, dtype=np.int32)  # -1: it was not run
        numbers: dict[Cause, int] = {}
        for start, texts, codes in _texts(data):
            causes = [cause_of(*text) for text in texts]
            known = [numbers.setdefault(cause, len(numbers)) for cause in causes]
            self.of_row[start : start + len(codes)] = np.array(known, dtype=np.int32)[codes]
        self.of_row[data.states == NOT_RUN] = -1
        self.found = list(numbers)
        self.counts = np.bincount(self.of_row + 1, minlength=len(numbers) + 1)[1:]
        order = np.argsort(-self.counts, kind="stable").tolist()
        self.most_frequent = [number for number in order if self.counts[number]]

    def rows(self, number: int | None) -> Counts:
        """Return the rows, among the psets without a result, that failed for this cause, or for any."""
        return np.flatnonzero(self.of_row >= 0 if number is None else self.of_row == number)


def _texts(data: SurveyData) -> Iterator[tuple[int, list[tuple[str, ...]], Counts]]:
    """Yield, for each chunk of missing psets, its first row, the failures' texts, and which row has which."""
    names, start = (KIND, EXCEPTION, TRACEBACK), 0
    for cells, count in chunks_of(data.missing, names):
        codes = np.zeros(count, dtype=np.int64)
        texts: list[tuple[str, ...]] = [()]
        for name in names:
            places, values = _coded_texts(cells[name], count)
            codes, firsts = pd.factorize(codes * len(values) + places)
            texts = [(*texts[pair // len(values)], values[pair % len(values)]) for pair in firsts.tolist()]
        yield start, texts, codes
        start += count


def _coded_texts(cells: ColumnValues, count: int) -> tuple[Counts, list[str]]:
    if isinstance(cells, CategoryCodes):
        codes, values = cells.codes.astype(np.int64), cells.categories
        codes[codes < 0] = len(values) - 1
    else:
        codes, found = pd.factorize(np.asarray(cells, dtype=object), use_na_sentinel=False)
        values = found.tolist()
    return codes, [value if isinstance(value, str) else "" for value in values] or [""]
