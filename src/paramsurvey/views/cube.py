"""All slices of a survey at once: the moments of its values in the cells that several axes span."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis, Coarse
from paramsurvey.views.columns.groups import Floats, Moments
from paramsurvey.views.columns.survey_data import FAILED, FINISHED, NOT_RUN, SurveyData

MOST_CELLS = 1 << 20
MOST_PLACES, LEAST_PLACES = 24, 6  # of an axis

Matrix = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CellMoments:
    """What is known of a value's finite numbers in each cell.

    Attributes
    ----------
    counts : int64 array
        How many numbers there are.
    sums, squares : float64 arrays
        Of the numbers less `shift`, which keeps their digits.
    smallest, largest : float64 arrays
        inf and -inf where there is no number.
    shift : float
    """

    counts: Matrix
    sums: Floats
    squares: Floats
    smallest: Floats
    largest: Floats
    shift: float

    def reduced(self, dropped: tuple[int, ...]) -> CellMoments:
        """Return the same of fewer dimensions: cells that differ only in the `dropped` ones become one."""
        return CellMoments(
            self.counts.sum(dropped),
            self.sums.sum(dropped),
            self.squares.sum(dropped),
            self.smallest.min(dropped),
            self.largest.max(dropped),
            self.shift,
        )

    @property
    def means(self) -> Floats:
        """The mean in each cell, nan where there is no number."""
        with np.errstate(invalid="ignore"):
            means: Floats = self.sums / self.counts + self.shift
        return means


@dataclass(frozen=True, eq=False)
class Cube:
    """Psets and values in the cells that some axes span.

    Attributes
    ----------
    axes : tuple of Axis
        One for each dimension of the arrays.
    finished, failed, not_run : int64 arrays
        How many psets there are of each state.
    values : mapping of str to CellMoments
        By column.
    """

    axes: tuple[Axis, ...]
    finished: Matrix
    failed: Matrix
    not_run: Matrix
    values: Mapping[str, CellMoments]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each cell that has psets: how many of each state, and the mean of each value."""
        index = pd.MultiIndex.from_product([axis.labels() for axis in self.axes])
        index.names = [axis.name for axis in self.axes]
        states = {"finished": self.finished, "failed": self.failed, "not_run": self.not_run}
        columns = {**states, **{name: value.means for name, value in self.values.items()}}
        frame = pd.DataFrame({name: cells.ravel() for name, cells in columns.items()}, index=index)
        return frame[(self.finished + self.failed + self.not_run).ravel() > 0]

    def onto(self, kept: Sequence[int]) -> Cube:
        """Return the cube that some of the axes span, in their order; the others are reduced away."""
        dropped = tuple(at for at in range(len(self.axes)) if at not in kept)
        return Cube(
            tuple(self.axes[at] for at in kept),
            self.finished.sum(dropped),
            self.failed.sum(dropped),
            self.not_run.sum(dropped),
            {name: value.reduced(dropped) for name, value in self.values.items()},
        )


def cube_of(
    data: SurveyData,
    names: Sequence[str],
    values: Sequence[str],
    most: int = MOST_PLACES,
    cells: int = MOST_CELLS,
) -> Cube:
    """Return what is in the cells that some axes span.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    names : sequence of str
        The axes, the most important first: if there are too many cells, the last ones are left out.
    values : sequence of str
        Columns with numbers.
    most : int
        How many places an axis may have, at most; neighbours are put together.
    cells : int
        How many cells there may be.

    Raises
    ------
    KeyError
        When there is no such column.
    """
    coarse = _coarse([data.axis(name) for name in names], most, cells)
    names = [one.axis.name for one in coarse]
    shape = tuple(len(one.axis) for one in coarse)
    count = math.prod(shape)
    states = np.zeros((3, count), dtype=np.int64)
    moments = {value: Moments(count, extremes=True) for value in values}
    for chunk in data.chunks(names, values):
        places: NDArray[Any] = np.zeros(len(chunk.status), dtype=np.int64)
        for one in coarse:
            places = places * len(one.axis) + one.table[chunk.codes[one.axis.name]]
        for state in (FINISHED, FAILED, NOT_RUN):
            here = chunk.status == state
            if here.any():
                states[state] += np.bincount(places if here.all() else places[here], minlength=count)
        for value, moment in moments.items():
            moment.add(places, chunk.values[value])
    finished, failed, not_run = (state.reshape(shape) for state in states)
    return Cube(
        tuple(one.axis for one in coarse),
        finished,
        failed,
        not_run,
        {value: _of_cells(moment, shape) for value, moment in moments.items()},
    )


def _coarse(axes: Sequence[Axis], most: int, cells: int) -> list[Coarse]:
    """Return axes with few enough places that there are not too many cells."""
    for places in range(most, LEAST_PLACES - 1, -2):
        coarse = [axis.coarse(places) for axis in axes]
        if math.prod(len(one.axis) for one in coarse) <= cells:
            return coarse
    return _coarse(axes[:-1], most, cells)


def _of_cells(moments: Moments, shape: tuple[int, ...]) -> CellMoments:
    sums, squares = moments.shifted()
    return CellMoments(
        moments.counts.reshape(shape),
        sums.reshape(shape),
        squares.reshape(shape),
        moments.smallest.reshape(shape),
        moments.largest.reshape(shape),
        moments.shift,
    )
