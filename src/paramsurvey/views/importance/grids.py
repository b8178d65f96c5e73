"""Whether a survey's psets are a full grid, and which of their keys are its axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis, Codes, Range
from paramsurvey.views.columns.survey_data import SurveyData

DENSE_CELLS = 1 << 25  # as floats 270 MB: larger grids are estimated from some of their psets
LEAST_FILLED = 0.5  # of a grid's cells: with fewer psets than that, they are a sample
MOST_SUBSETS = 1000  # of axes that are considered
MOST_STEPS = 100_000  # of the search for them: many axes that are equally long have too many subsets
TRIES = 20  # of them are checked: a look at all psets, unless two of the first are in one cell


@dataclass(frozen=True)
class GridOfPsets:
    """The axes whose combinations tell all psets apart.

    Attributes
    ----------
    names : tuple of str
    shape : tuple of int
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]

    def places(self, codes: Mapping[str, Codes]) -> NDArray[np.int64]:
        """Return the cell of each row, given its place on each axis."""
        cells = codes[self.names[0]].astype(np.int64)
        for name, size in zip(self.names[1:], self.shape[1:], strict=True):
            cells *= size
            cells += codes[name]
        return cells

    def without(self, cells: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
        """Return the line of each cell along an axis: the cell without its place there."""
        below = math.prod(self.shape[axis + 1 :])
        return cells // (below * self.shape[axis]) * below + cells % below


def find_grid(data: SurveyData) -> GridOfPsets | None:
    """Return the grid that all psets are on, with and without a result; None if they are on none.

    Where no two psets are in one cell of some axes, all other keys follow from these axes: a running
    number, a computed column, one that is zipped with an axis. Full grids are preferred, then those with
    many axes, then keys that come first.
    """
    count = len(data)
    keys = data.varying()
    axes = [axis for axis in keys if len(axis) < count or len(keys) == 1]  # no running numbers
    axes = [axis for axis in axes if not isinstance(axis.values[0], Range)]
    if not axes or count > DENSE_CELLS:
        return None
    steps = islice(_subsets(axes, count, math.floor(count / LEAST_FILLED)), MOST_STEPS)
    found = list(islice((some for some in steps if some is not None), MOST_SUBSETS))
    found.sort(key=lambda some: (_size(some) != count, -len(some)))
    grids = (GridOfPsets(tuple(axis.name for axis in some), tuple(map(len, some))) for some in found[:TRIES])
    return next((grid for grid in grids if _tells_all_apart(data, grid)), None)


def _subsets(axes: Sequence[Axis], least: int, most: int) -> Iterator[tuple[Axis, ...] | None]:
    """Yield the subsets that have from `least` to `most` cells, those with the first axes first.

    For each step of the search it yields None, so that its caller can end a search that takes too long.
    """
    yield None
    if not axes:
        if least <= 1 <= most:
            yield ()
        return
    first, *rest = axes
    if len(first) <= most:
        for some in _subsets(rest, -(-least // len(first)), most // len(first)):
            yield None if some is None else (first, *some)
    if math.prod(map(len, rest)) >= least:
        yield from _subsets(rest, least, most)


def _size(axes: Sequence[Axis]) -> int:
    return math.prod(map(len, axes))


def _tells_all_apart(data: SurveyData, grid: GridOfPsets) -> bool:
    seen = np.zeros(math.prod(grid.shape), dtype=np.bool_)
    rows = 0
    for chunk in data.chunks(grid.names):
        seen[grid.places(chunk.codes)] = True
        rows += len(chunk.status)
        if np.count_nonzero(seen) < rows:
            return False
    return True
