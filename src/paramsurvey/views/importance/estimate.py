"""Estimated shares of variance, with intervals: of samples, and of grids with holes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from paramsurvey.views.columns.axes import Axis, Codes
from paramsurvey.views.columns.groups import hashed
from paramsurvey.views.confidence import NORMAL
from paramsurvey.views.importance.indices import Indices

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

ESTIMATE_ROWS = 1 << 19  # of more psets, this many are drawn at random: shares are then known to 0.002
GROUPS = 32  # of psets, of which the jackknife leaves out one at a time
MOST_BINS, LEAST_PER_BIN = 256, 8  # of an axis; psets in each, on average
# Values that are cut into ranges are probably a sample. Points that are more even than chance, such as
# Sobol's, differ less within a range than the correction for chance supposes: it takes away too much, the
# more so the more ranges.
LEAST_RANGES, LEAST_PER_RANGE = 12, 24
MOST_PAIR_BINS, LEAST_PER_CELL = 64, 2  # of each axis of a pair; psets in each cell, on average


def first_and_pairs(
    axes: Sequence[Axis], codes: Sequence[Codes], values: Floats, rows: Places, cells: float = np.inf
) -> Indices:
    """Return the first-order and pairwise shares of variance of given psets, with their intervals.

    An axis with many values is cut into ranges with about as many psets each. The share of an axis is the
    part of the variance that lies between its bins; that of a pair lies between their cells, less the two
    axes' own. Source of such estimates from given data: E. Plischke, E. Borgonovo and C. L. Smith, "Global
    sensitivity measures from given data", European Journal of Operational Research 226 (2013). What few
    psets per bin add by chance is taken away, as in T. L. Kelley, "An unbiased correlation ratio
    measure", PNAS 21 (1935), so a share may come out a little below 0. The half intervals are those of
    the delete-a-group jackknife: P. S. Kott, "The delete-a-group jackknife", Journal of Official
    Statistics 17 (2001).

    Where the psets' keys depend on each other, the shares of axes overlap.

    Parameters
    ----------
    axes : sequence of Axis
    codes : sequence of int array
        Each pset's place on each axis.
    values : float64 array
        All finite.
    rows : int64 array
        The psets' numbers, which decide what group each is in.
    cells : float
        Of the grid that the psets are some cells of, at random; infinite for a sample of anything.
    """
    count, split = len(axes), _Split(values, rows, cells)
    first, first_error, total, total_error = np.full((4, count), np.nan)
    pairs, pairs_error = np.full((2, count, count), np.nan)
    most = min(MOST_BINS, max(2, len(values) // LEAST_PER_BIN))
    single = _binned(axes, codes, most, max(LEAST_RANGES, len(values) // LEAST_PER_RANGE))
    vary = [at for at, axis in enumerate(axes) if axis.varies]
    for axis in vary:
        first[axis], first_error[axis] = split.interval(split.explained(*single[axis]))
    most = min(MOST_PAIR_BINS, max(2, int((len(values) / LEAST_PER_CELL) ** 0.5)))
    paired = _binned(axes, codes, most, most)
    alone = [split.explained(places, bins) for places, bins in paired] if count > 1 else []
    for one, other in combinations(vary, 2):
        (left, bins), (right, more) = paired[one], paired[other]
        both = split.explained(left * more + right, bins * more) - alone[one] - alone[other]
        pairs[one, other], pairs_error[one, other] = split.interval(both)
    for matrix in (pairs, pairs_error):
        matrix.T[np.triu_indices(count, 1)] = matrix[np.triu_indices(count, 1)]
    return Indices(first, total, pairs, first_error, total_error, pairs_error)


def _binned(axes: Sequence[Axis], codes: Sequence[Codes], most: int, ranges: int) -> list[tuple[Places, int]]:
    """Return each pset's bin on each axis, and how many bins it has: `most`, or at most `ranges` of them."""
    are_few = [len(axis) <= most or not axis.ordered for axis in axes]
    coarse = [
        axis.coarse(most if few else min(most, ranges)) for axis, few in zip(axes, are_few, strict=True)
    ]
    return [
        (one.table[places].astype(np.int64), len(one.axis)) for one, places in zip(coarse, codes, strict=True)
    ]


class _Split:
    """Values in groups of psets, to be taken all together and without one group at a time."""

    def __init__(self, values: Floats, rows: Places, cells: float) -> None:
        self.count = min(GROUPS, len(values))
        self.taken = min(1.0, len(values) / cells)
        self._values = values - values.mean() if len(values) else values
        self._cells = cells
        self._group = np.empty(len(values), dtype=np.int64)
        self._group[np.argsort(hashed(rows), kind="stable")] = np.arange(len(values)) % max(1, self.count)
        squares = np.bincount(self._group, self._values**2, self.count)
        self._squares = _with_and_without(squares[:, None])[:, 0]
        self._varies = len(values) > 1 and bool(values.min() < values.max())

    def explained(self, places: Places, bins: int) -> Floats:
        """Return the share of the variance that is between bins: of all groups, then without each of them.

        Of bins whose every cell of the grid is known, nothing is taken away: their means are certain.
        """
        if not self._varies:
            return np.full(self.count + 1, np.nan)
        at, size = self._group * bins + places, self.count * bins
        counts = _with_and_without(np.bincount(at, minlength=size).reshape(self.count, bins))
        sums = _with_and_without(np.bincount(at, self._values, size).reshape(self.count, bins))
        n, used = counts.sum(axis=1), (counts > 0).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            middle = sums.sum(axis=1) ** 2 / n
            between = np.where(counts > 0, sums**2 / counts, 0.0).sum(axis=1) - middle
            total = self._squares - middle
            within = (total - between) / np.where(n > used, n - used, np.nan)
            known = counts * bins / self._cells  # of each bin
            chance = np.where(counts > 0, 1 - known, 0.0).sum(axis=1) - (1 - n / self._cells)
            shares: Floats = (between - within * chance) / total
        return shares

    def interval(self, shares: Floats) -> tuple[float, float]:
        """Return the share of all groups, and half the width of its 95 % interval.

        No share is negative: an estimate that is has an error at least as large.
        """
        share, half = jackknife(shares, self.taken)
        return share, max(half, -share) if self.taken < 1 else half


def jackknife(shares: Floats, taken: float) -> tuple[float, float]:
    """Return the first of some shares, and half the width of its 95 % interval.

    Parameters
    ----------
    shares : float64 array
        That of all groups, then that without each of them.
    taken : float
        The part of everything that is known: of everything, the interval has no width.
    """
    without, count = shares[1:], len(shares) - 1
    if count < 2:
        return float(shares[0]), np.nan
    variance = (count - 1) / count * np.sum((without - without.mean()) ** 2) * (1 - taken)
    return float(shares[0]), float(student(count - 1) * np.sqrt(variance))


def _with_and_without(table: NDArray[np.generic]) -> Floats:
    """Return the sum over all groups, then for each group that of all others."""
    total = table.sum(axis=0, keepdims=True, dtype=np.float64)
    return np.concatenate([total, total - table])


def student(freedom: int) -> float:
    """Return how many standard errors to each side hold 95 % of Student's t distribution.

    Source: M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 26.7.5.

    Examples
    --------
    >>> round(student(31), 3)
    2.04
    """
    z, n = NORMAL, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def totals(values: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the total share of each axis of a grid with holes, and half its 95 % interval.

    It is the mean variance along the lines that are parallel to the axis, each line's estimated from the
    cells in it that are known. The intervals are those of a jackknife over groups of lines. Sources: T.
    Homma and A. Saltelli (1996), as for full grids, and Kott (2001).

    Parameters
    ----------
    values : float64 array
        One dimension per axis. It is changed: moved by its mean.
    known : bool array of the same shape
        Where there is a value; holes are taken to be anywhere at random.
    """
    shares, holes = np.full((2, values.ndim), np.nan), np.flatnonzero(~known)
    count = values.size - len(holes)
    if count < 2 or values.min(where=known, initial=np.inf) == values.max(where=known, initial=-np.inf):
        return shares[0], shares[1]
    values -= values.mean(where=known)
    values.reshape(-1)[holes] = 0.0
    variance = float(np.vdot(values, values)) / count
    squares = values * values
    for axis, size in enumerate(values.shape):
        counts = known.sum(axis=axis, dtype=np.int32).ravel()
        sums = values.sum(axis=axis).ravel()
        spread = squares.sum(axis=axis).ravel() - sums * sums / np.maximum(counts, 1)
        spread = np.maximum(spread, 0.0)  # below it is only what was rounded
        lines = _lines(spread, np.maximum(counts - 1, 0)) * (size - 1) / size / variance
        shares[:, axis] = jackknife(lines, count / values.size)
    return shares[0], shares[1]


def _lines(spread: Floats, freedom: Places) -> Floats:
    """Return the mean variance of all lines, then without each group of them."""
    count = min(GROUPS, len(spread))
    group = (hashed(np.arange(len(spread))) % np.uint64(count)).astype(np.int64)
    sums = _with_and_without(np.bincount(group, spread, count)[:, None])[:, 0]
    degrees = _with_and_without(np.bincount(group, freedom, count)[:, None])[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = sums / degrees
    return means
