"""Finding the axes of a table of psets, so that its results can be put into an N-dimensional array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass

LEAST_FILLED = 0.5  # of a grid's cells: with fewer psets, it is not a grid but a sample

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class DetectedAxis:
    """One key of the psets: its values in order of appearance, and each pset's place among them."""

    name: str
    values: Sequence[Any]
    codes: Codes

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class DetectedGrid:
    """The axes that distinguish all psets.

    Attributes
    ----------
    axes : list of DetectedAxis
    places : tuple of arrays
        The place of each pset: one index array per axis.
    """

    axes: list[DetectedAxis]

    @property
    def places(self) -> tuple[Codes, ...]:
        return tuple(axis.codes for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    def determining(self, codes: Codes) -> DetectedAxis | None:
        """Return the axis that alone determines a key with these codes; None if none does."""
        return next((axis for axis in self.axes if _determines(axis.codes, codes)), None)


def find_grid(psets: pd.DataFrame) -> DetectedGrid | None:
    """Return the grid that psets are on; None if they are not on one.

    A key whose value follows from the axes before it is not an axis: the pset's number, a computed column, or
    one that is zipped with another. A grid may have holes; `LEAST_FILLED` is how much of it must have psets.

    Examples
    --------
    >>> from paramsurvey import params
    >>> psets = params.product({"a": [1, 2], "b": [3, 4, 5]})
    >>> find_grid(psets).shape
    (2, 3)
    """
    try:
        keys = [_axis(psets[name]) for name in psets.columns]
    except TypeError:  # unhashable values cannot be an axis
        return None
    count = len(psets)
    if count == 0 or not keys:
        return None
    unique_keys = [key for key in keys if count > 1 and len(key) == count]
    axes = _independent([key for key in keys if key not in unique_keys], count)
    if axes is None and len(unique_keys) == 1:
        axes = _independent(keys, count)
    return None if axes is None else DetectedGrid(axes)


def _axis(column: pd.Series[Any]) -> DetectedAxis:
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return DetectedAxis(str(column.name), values.tolist(), codes.astype(np.int64))


def _independent(keys: Sequence[DetectedAxis], count: int) -> list[DetectedAxis] | None:
    """Return the keys that do not follow from those before them; None if they do not make a grid."""
    axes: list[DetectedAxis] = []
    place = np.zeros(count, dtype=np.int64)
    for key in keys:
        if len(key) > 1 and _determines(place, key.codes):
            continue
        axes.append(key)
        place = _renumbered(place * len(key) + key.codes)
    cells = math.prod(len(axis) for axis in axes)
    is_grid = axes and place.max() + 1 == count >= LEAST_FILLED * cells
    return axes if is_grid else None


def _determines(codes: Codes, others: Codes) -> bool:
    """Tell whether rows with the same code also have the same one in `others`."""
    pairs = _renumbered(codes * (int(others.max()) + 1) + others)
    return bool(pairs.max() == _renumbered(codes).max())


def _renumbered(codes: Codes) -> Codes:
    """Return codes for the same classes that are as small as possible."""
    return pd.factorize(codes)[0].astype(np.int64)
