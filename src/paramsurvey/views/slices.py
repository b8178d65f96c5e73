"""Two axes, and a reduction of a value over all the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis, Coarse
from paramsurvey.views.columns.groups import Floats, Moments, chosen, group_quantiles
from paramsurvey.views.columns.survey_data import FAILED, FAILING, FINISHED, NOT_RUN, Chunk, SurveyData

Reduction = Literal["mean", "median", "min", "max", "std", "count", "failures"]
REDUCTIONS: Final = get_args(Reduction)

MOST_PLACES = 60  # of an axis: a picture has no room for more
LEAST_PLACES = 8  # of an axis that is cut into ranges
PSETS_PER_CELL = 8  # on average: with fewer, most cells would be empty
MEDIAN_ROWS = 1 << 22  # medians of more rows are those of as many, chosen at random

NO_PSET, ONLY_FAILED, ONLY_NOT_RUN, ONLY_NAN, SHOWN = range(5)

Matrix = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Slice:
    """A value by two axes; matrices have a row for each place of `y` and a column for each of `x`.

    Attributes
    ----------
    value : str
        What is reduced.
    reduction : str
        How: one of `REDUCTIONS`.
    x, y : Axis
        `y` has one place where only one axis was asked for.
    values : float64 matrix
        nan where nothing is known.
    psets, finished, failed, not_run, numbers : int64 matrices
        How many psets there are, finished, failed, did not run, and have a finite value.
    """

    value: str
    reduction: str
    x: Axis
    y: Axis
    values: Floats
    psets: Matrix
    finished: Matrix
    failed: Matrix
    not_run: Matrix
    numbers: Matrix

    @property
    def states(self) -> NDArray[np.uint8]:
        """Why a cell shows no value: `NO_PSET`, `ONLY_FAILED`, `ONLY_NOT_RUN`, `ONLY_NAN`; else `SHOWN`."""
        states = np.full(self.values.shape, SHOWN, dtype=np.uint8)
        empty = np.isnan(self.values)
        states[empty] = ONLY_NAN
        states[empty & (self.finished == 0)] = ONLY_FAILED
        states[empty & (self.finished == 0) & (self.failed == 0)] = ONLY_NOT_RUN
        states[self.psets == 0] = NO_PSET
        return states

    @property
    def without_failed(self) -> NDArray[np.bool_]:
        """Where a value comes only from psets that finished, while others failed."""
        left_out: NDArray[np.bool_] = (self.failed > 0) & (self.numbers <= self.finished)  # seconds have both
        left_out &= self.states == SHOWN
        return left_out

    def to_frame(self) -> pd.DataFrame:
        """Return the values as a table: the places of `y` down, those of `x` across."""
        across = pd.Index(self.x.labels(), name=self.x.name)
        return pd.DataFrame(self.values, index=pd.Index(self.y.labels(), name=self.y.name), columns=across)


def slice_of(
    data: SurveyData,
    x: str,
    y: str | None = None,
    value: str = FAILING,
    reduction: Reduction = "mean",
    at: Mapping[str, Any] | None = None,
    most: int = MOST_PLACES,
) -> Slice:
    """Return a value by one or two axes, reduced over all others.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    x, y : str
        Columns. One with more than `most` different values is shown in ranges.
    value : str
        A column with numbers, or `FAILING`.
    reduction : str
        ``'mean'``, ``'median'``, ``'min'``, ``'max'``, ``'std'``: of the finite values.
        ``'count'``: how many psets finished. ``'failures'``: how many failed.
    at : mapping, optional
        Other columns, each held at one value.
    most : int
        How many places an axis may have; one that has more is cut into fewer, so that cells are not empty.

    Raises
    ------
    KeyError
        When there is no such column.
    ValueError
        When there is no such reduction, or an axis does not have the value in `at`.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"there is no reduction {reduction!r}: choose one of {', '.join(REDUCTIONS)}")
    cells = _Cells(data, x, y, dict(at or {}), most)
    count = cells.x.axis.counts.size * cells.y.axis.counts.size
    states, moments = (
        np.zeros((3, count), dtype=np.int64),
        Moments(count, extremes=reduction in ("min", "max")),
    )
    needs_value = reduction not in ("count", "failures")
    kept: list[tuple[NDArray[np.int64], Floats]] = []
    for chunk, places in cells.chunks([value] if needs_value else []):
        for state in (FINISHED, FAILED, NOT_RUN):
            states[state] += np.bincount(places[chunk.status == state], minlength=count)
        if needs_value:
            moments.add(places, chunk.values[value])
        if reduction == "median":
            kept.append(_finite(chunk, places, chunk.values[value], MEDIAN_ROWS / max(1, len(data))))
    found = _medians(kept, count) if reduction == "median" else _reduced(reduction, moments, states)
    shape = (len(cells.y.axis), len(cells.x.axis))
    matrices = [each.reshape(shape) for each in (states.sum(axis=0), *states, moments.counts)]
    return Slice(value, reduction, cells.x.axis, cells.y.axis, found.reshape(shape), *matrices)


class _Cells:
    """The cells of a slice, and which rows belong to each."""

    def __init__(self, data: SurveyData, x: str, y: str | None, at: Mapping[str, Any], most: int) -> None:
        self._data = data
        axes = [data.axis(name) for name in (x, y) if name is not None]
        long = [axis for axis in axes if len(axis) > most]
        others = math.prod(len(axis) for axis in axes if axis not in long)
        enough = int((len(data) / PSETS_PER_CELL / max(1, others)) ** (1 / max(1, len(long))))
        places = min(most, max(LEAST_PLACES, enough))
        coarse = [axis.coarse(places if axis in long else most) for axis in axes]
        self.x, self.y = coarse[0], coarse[1] if y is not None else _single()
        self._names = [x] if y is None else [x, y]
        self._at = {name: data.axis(name).place_of(wanted) for name, wanted in at.items()}

    def chunks(self, values: list[str]) -> Iterator[tuple[Chunk, NDArray[np.int64]]]:
        """Yield the rows that belong to the slice, and the cell of each."""
        for chunk in self._data.chunks([*self._names, *self._at], values):
            places = self.x.table[chunk.codes[self._names[0]]].astype(np.int64)
            if len(self._names) > 1:
                places += self.y.table[chunk.codes[self._names[1]]] * np.int64(len(self.x.axis))
            if self._at:
                among = np.logical_and.reduce([chunk.codes[name] == at for name, at in self._at.items()])
                rows = np.flatnonzero(among)
                chunk, places = chunk.at(rows), places[rows]
            yield chunk, places


def _single() -> Coarse:
    return Coarse(Axis("", ("",), np.zeros(1, dtype=np.int64), ordered=False), np.zeros(1, dtype=np.uint16))


def _finite(
    chunk: Chunk, places: NDArray[np.int64], values: Floats, share: float
) -> tuple[NDArray[np.int64], Floats]:
    keep = np.isfinite(values)
    if share < 1:
        keep &= chosen(chunk.rows, share)
    return places[keep], values[keep]


def _medians(kept: list[tuple[NDArray[np.int64], Floats]], count: int) -> Floats:
    if not kept:
        return np.full(count, np.nan)
    places, values = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    medians: Floats = group_quantiles(places, values, count, [0.5])[0]
    return medians


def _reduced(reduction: str, moments: Moments, states: Matrix) -> Floats:
    smallest, largest = moments.extremes()
    psets = states.sum(axis=0)
    counted = {"count": states[FINISHED], "failures": states[FAILED]}
    if reduction in counted:
        return np.where(psets > 0, counted[reduction], np.nan)
    return {"mean": moments.means, "std": moments.deviations, "min": smallest, "max": largest}[reduction]
