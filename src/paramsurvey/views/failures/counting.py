"""Failures and psets that ran, counted by axes and by pairs of axes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from paramsurvey.views.columns.axes import Coarse
from paramsurvey.views.columns.survey_data import Chunk, SurveyData
from paramsurvey.views.failures.rates import Rates, concentration

Counts = NDArray[np.int64]
Group = tuple[Coarse, ...]


class Counted:
    """Counts by some groups of one axis or two.

    Parameters
    ----------
    data : SurveyData
    groups : iterable of tuples of Coarse
    slots : int array
        For each pset without a result, in which of `count` kinds of failures it is counted; -1: it was
        not run.
    count : int
        How many kinds there are.
    """

    def __init__(self, data: SurveyData, groups: Iterable[Group], slots: Counts, count: int) -> None:
        self.groups = list(groups)
        self._first, self._slots = len(data.finished), slots
        sizes = [math.prod(len(one.axis) for one in group) for group in self.groups]
        self._psets = [np.zeros(size, dtype=np.int64) for size in sizes]
        self._failures = [np.zeros((count, size), dtype=np.int64) for size in sizes]
        for chunk in data.chunks({one.axis.name for group in self.groups for one in group}):
            self._add(chunk)

    def concentrations(self, wanted: NDArray[np.bool_]) -> list[float]:
        """Return how much each group tells about the failures of the wanted kinds."""
        return [self.rates(number, wanted).concentration for number in range(len(self.groups))]

    def rates(self, number: int, wanted: NDArray[np.bool_]) -> Rates:
        """Return the failures of the wanted kinds in one of the groups."""
        axes = tuple(one.axis for one in self.groups[number])
        shape = tuple(map(len, axes))
        failures, psets = self._failures[number][wanted].sum(axis=0), self._psets[number]
        known = concentration(failures, psets)
        return Rates(axes, failures.reshape(shape), psets.reshape(shape), known)

    def _add(self, chunk: Chunk) -> None:
        slots = np.zeros(0, dtype=np.int64)  # of what failed; finished and missing psets share no chunk
        if chunk.rows[0] >= self._first:
            slots = self._slots[chunk.rows - self._first]
            chunk, slots = chunk.at(np.flatnonzero(slots >= 0)), slots[slots >= 0]
        for group, psets, failures in zip(self.groups, self._psets, self._failures, strict=True):
            places = np.zeros(len(chunk.rows), dtype=np.int64)
            for one in group:
                places *= len(one.axis)
                places += one.table[chunk.codes[one.axis.name]]
            psets += np.bincount(places, minlength=len(psets))
            if len(slots):
                at = slots * len(psets) + places
                failures += np.bincount(at, minlength=failures.size).reshape(failures.shape)
