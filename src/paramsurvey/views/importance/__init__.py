"""Which axes matter: how much of a value's variance each axis, and each pair of axes, explains.

On full grids the shares are exact (`exact`), on samples and on grids with holes they are estimates with
intervals (`estimate`); `grids` finds out which of them the psets are. Values of axes about
which nothing is known are left out (`unknown_places`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.columns.groups import chosen
from paramsurvey.views.columns.survey_data import FAILING, SurveyData
from paramsurvey.views.importance.estimate import ESTIMATE_ROWS, first_and_pairs, totals
from paramsurvey.views.importance.exact import on_full_grid
from paramsurvey.views.importance.grids import GridOfPsets, find_grid
from paramsurvey.views.importance.indices import Indices
from paramsurvey.views.importance.unknown_places import known_places, left_out

Floats = NDArray[np.float64]

MOST_EXPONENT = 400  # of two: squares of larger numbers, or of smaller ones, can hardly be added up
MOST_NAMED = 5  # places of axes that are left out


@dataclass(frozen=True, eq=False)
class Importance:
    """The shares of a value's variance that axes explain.

    Attributes
    ----------
    value : str
        What varies.
    axes : tuple of str
    exact : bool
        Whether the shares are those of a full grid, perhaps without some values of axes of which nothing is
        known; otherwise they are estimates.
    indices : Indices
        The shares, and half the widths of their 95 % intervals.
    psets : int
        How many there are.
    used : int
        How many have a finite value, and were used.
    note : str
        How the shares were computed, in a sentence.
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
    estimates with 95 % intervals, and say so. For a sample, the total shares are not known (nan).

    Values of axes for which no pset has a finite value, as where all of them fail, are left out, and the note
    names them: what is left of a full grid is often one, too.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
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
    values = with_squares(values)
    if known.all():
        found = on_full_grid(values)
        note = "exact: every combination of the axes' values is there"
        return Importance(value, grid.names, True, found, len(data), len(data), note)
    return _of_part(data, value, grid, values, known)


def with_squares(values: Floats) -> Floats:
    """Return values whose squares can be added up: where they are huge or minute, in units of a power of two.

    Shares of a variance are the same in all units.

    Examples
    --------
    >>> with_squares(np.array([1e300, -2e300])).round(3).tolist(), with_squares(np.array([3.0])).tolist()
    ([0.373, -0.747], [3.0])
    """
    exponent = int(np.frexp(max(values.max(initial=0.0), -values.min(initial=0.0)))[1])
    return values if abs(exponent) < MOST_EXPONENT else np.ldexp(values, -exponent)


def _spread(data: SurveyData, grid: GridOfPsets, value: str) -> tuple[Floats, NDArray[np.bool_]]:
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


def _of_part(
    data: SurveyData, value: str, grid: GridOfPsets, values: Floats, known: NDArray[np.bool_]
) -> Importance:
    """Return the importance where not all values are known."""
    axes, kept = [data.axis(name) for name in grid.names], known_places(known)
    gone = left_out(grid.names, [axis.labels() for axis in axes], kept)
    if gone:
        values, known = values[np.ix_(*kept)], known[np.ix_(*kept)]
        axes = [axis.only(places) for axis, places in zip(axes, kept, strict=True)]
    used = int(np.count_nonzero(known))
    if known.all():
        found, how = on_full_grid(values), f"exact for the {used:,} psets with a value"
    else:
        found, how = _with_holes(axes, values, known), _how_estimated(used, values.size)
    return Importance(value, grid.names, bool(known.all()), found, len(data), used, how + _without(gone))


def _how_estimated(used: int, cells: int) -> str:
    return (
        f"estimated: {used:,} of the {cells:,} combinations of the axes' values are known, "
        "and the others are assumed to be like them"
    )


def _without(gone: Sequence[str]) -> str:
    """Return what the note says about places that are left out."""
    if not gone:
        return ""
    more = f" and {len(gone) - MOST_NAMED:,} more" if len(gone) > MOST_NAMED else ""
    return f"; without {', '.join(gone[:MOST_NAMED])}{more}, where no pset has a value"


def _with_holes(axes: Sequence[Axis], values: Floats, known: NDArray[np.bool_]) -> Indices:
    total, total_error = totals(values, known)
    cells = np.flatnonzero(known)
    used = len(cells)
    if used > ESTIMATE_ROWS:
        cells = cells[chosen(cells, ESTIMATE_ROWS / used)]
    codes = np.unravel_index(cells, values.shape)
    found = first_and_pairs(axes, codes, values.reshape(-1)[cells], cells, values.size)
    return _consistent(replace(found, total=total, total_error=total_error))


def _consistent(found: Indices) -> Indices:
    """Return estimates in which no axis explains more alone than with its interactions.

    If holes are not at random places, an axis that has no effect may seem to have that of another one: where
    it has its holes, the other one has only some of its values. The total share compares psets that
    differ in the axis alone, so this cannot happen to it: its interval holds the first one.
    """
    known = np.isfinite(found.first) & np.isfinite(found.total_error)
    first = np.where(known, np.minimum(found.first, found.total + found.total_error), found.first)
    total = np.where(known, np.maximum(found.total, first), found.total)
    return replace(found, first=first, total=total)


def _of_sample(data: SurveyData, value: str) -> Importance:
    axes = data.varying()
    names = tuple(axis.name for axis in axes)
    some = data.sample(names, [value], ESTIMATE_ROWS)
    some = some.at(np.flatnonzero(np.isfinite(some.values[value])))
    codes = [some.codes[name] for name in names]
    found = first_and_pairs(axes, codes, with_squares(some.values[value]), some.rows)
    used = len(some.status)
    note = f"estimated from {used:,} psets, which are not all combinations of their keys' values"
    return Importance(value, names, False, found, len(data), used, note)
