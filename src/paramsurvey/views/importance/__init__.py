"""Which axes matter: how much of a value's variance each axis, and each pair of axes, explains.

On full grids the shares are exact (`exact`), on samples and on grids with holes they are estimates with
intervals (`estimate`); `grids` finds out which of them the psets are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.views.columns.groups import chosen
from paramsurvey.views.columns.survey_data import FAILING, SurveyData
from paramsurvey.views.importance.estimate import ESTIMATE_ROWS, first_and_pairs, totals
from paramsurvey.views.importance.exact import on_full_grid
from paramsurvey.views.importance.grids import Grid, find_grid
from paramsurvey.views.importance.indices import Indices

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Importance:
    """The shares of a value's variance that axes explain.

    Attributes
    ----------
    value : str
        What varies.
    axes : tuple of str
    exact : bool
        Whether the shares are those of a full grid; otherwise they are estimates.
    indices : Indices
        The shares, and half the widths of their 95 % intervals.
    psets : int
        How many there are.
    used : int
        How many have a finite value, and were used.
    note : str
        How the shares came about, in a sentence.
    """

    value: str
    axes: tuple[str, ...]
    exact: bool
    indices: Indices
    psets: int
    used: int
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each axis, the most important first: shares with the ends of their intervals."""
        found = self.indices
        columns = {
            "first": found.first,
            "first_low": found.first - found.first_error,
            "first_high": found.first + found.first_error,
            "total": found.total,
            "total_low": found.total - found.total_error,
            "total_high": found.total + found.total_error,
        }
        frame = pd.DataFrame(columns, index=pd.Index(self.axes, name="axis"))
        order = np.argsort(-np.nan_to_num(np.fmax(found.first, found.total), nan=-1.0), kind="stable")
        return frame.iloc[order]

    def pairs(self) -> pd.DataFrame:
        """Return a row for each pair of axes, the strongest interaction first."""
        one, other = np.triu_indices(len(self.axes), 1)
        share, error = self.indices.pairs[one, other], self.indices.pairs_error[one, other]
        frame = pd.DataFrame(
            {
                "x": [self.axes[at] for at in one],
                "y": [self.axes[at] for at in other],
                "share": share,
                "low": share - error,
                "high": share + error,
            }
        )
        return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def importance_of(data: SurveyData, value: str = FAILING) -> Importance:
    """Return how much each axis and each pair of axes explains of a value's variance.

    Where the psets are a full grid and all have a finite value, the shares are exact. Otherwise they are
    estimates with 95 % intervals, and say so. Of a sample the total shares are not known (nan).

    Parameters
    ----------
    data : SurveyData
    value : str
        A column with numbers; `FAILING` for what makes psets fail.

    Raises
    ------
    KeyError
        When there is no such column.
    """
    grid = find_grid(data)
    if grid is None:
        return _of_sample(data, value)
    values, known = _spread(data, grid, value)
    if known.all():
        found = on_full_grid(values)
        note = "exact: every combination of the axes' values is there"
        return Importance(value, grid.names, True, found, len(data), len(data), note)
    return _with_holes(data, value, grid, values, known)


def _spread(data: SurveyData, grid: Grid, value: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a value's numbers in the cells of a grid, and where there are any."""
    values, known = np.zeros(grid.shape), np.zeros(grid.shape, dtype=np.bool_)
    for chunk in data.chunks(grid.names, [value]):
        cells, numbers = grid.places(chunk.codes), chunk.values[value]
        finite = np.isfinite(numbers)
        if not finite.all():
            cells, numbers = cells[finite], numbers[finite]
        values.reshape(-1)[cells] = numbers
        known.reshape(-1)[cells] = True
    return values, known


def _with_holes(
    data: SurveyData, value: str, grid: Grid, values: Floats, known: NDArray[np.bool_]
) -> Importance:
    total, total_error = totals(values, known)
    cells = np.flatnonzero(known)
    used = len(cells)
    if used > ESTIMATE_ROWS:
        cells = cells[chosen(cells, ESTIMATE_ROWS / used)]
    codes = np.unravel_index(cells, grid.shape)
    axes = [data.axis(name) for name in grid.names]
    found = first_and_pairs(axes, codes, values.reshape(-1)[cells], cells, values.size)
    note = (
        f"estimated: {used:,} of the {values.size:,} combinations of the axes' values are known, "
        "and the others are taken to be like them"
    )
    found = replace(found, total=total, total_error=total_error)
    return Importance(value, grid.names, False, found, len(data), used, note)


def _of_sample(data: SurveyData, value: str) -> Importance:
    axes = data.varying()
    names = tuple(axis.name for axis in axes)
    some = data.sample(names, [value], ESTIMATE_ROWS)
    some = some.at(np.flatnonzero(np.isfinite(some.values[value])))
    codes = [some.codes[name] for name in names]
    found = first_and_pairs(axes, codes, some.values[value], some.rows)
    used = len(some.status)
    note = f"estimated from {used:,} psets, which are not all combinations of their keys' values"
    return Importance(value, names, False, found, len(data), used, note)
