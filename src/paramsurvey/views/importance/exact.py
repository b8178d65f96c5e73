"""Exact shares of variance on a full grid, by marginal means."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from paramsurvey.views.importance.indices import Indices

Floats = NDArray[np.float64]


def on_full_grid(values: Floats) -> Indices:
    """Return the first-order, pairwise and total shares of variance of the values on a full grid.

    Every combination of the axes' values counts the same. This is the functional ANOVA, or Sobol'
    decomposition, of the uniform distribution on the grid; nothing is sampled, so nothing is estimated.
    Sources: I. M. Sobol', "Sensitivity estimates for nonlinear mathematical models", Math. Modelling
    and Computational Experiment 1 (1993); T. Homma and A. Saltelli, "Importance measures in global
    sensitivity analysis of nonlinear models", Reliability Engineering and System Safety 52 (1996), for
    the total share.

    Parameters
    ----------
    values : float64 array
        One dimension per axis, all finite. It is changed. Of an axis with one place nothing can be told.

    Examples
    --------
    >>> x, y = np.meshgrid([0.0, 1.0], [0.0, 1.0, 2.0], indexing="ij")
    >>> found = on_full_grid(x * 4 + y)
    >>> found.first.round(3).tolist(), float(abs(found.pairs[0, 1]).round(12))
    ([0.857, 0.143], 0.0)
    """
    count, varies = values.ndim, bool(values.min() < values.max())  # a mean's last digit must not count
    values -= values.mean()  # small numbers: the squares keep their digits
    variance = _mean_square(values)
    first, total, pairs = np.full(count, np.nan), np.full(count, np.nan), np.full((count, count), np.nan)
    exact = (np.zeros(count), np.zeros(count), np.zeros((count, count)))
    if not varies or variance == 0:
        return Indices(first, total, pairs, *exact)
    axes = [axis for axis, size in enumerate(values.shape) if size > 1]
    for axis in axes:
        without = values.mean(axis=axis)
        total[axis] = 1 - _mean_square(without) / variance
    joint = _pair_variances(values)
    for axis in axes:
        first[axis] = joint[axis, axis] / variance
    for one, other in combinations(axes, 2):
        share = joint[one, other] / variance - first[one] - first[other]
        pairs[one, other] = pairs[other, one] = share
    for shares in (first, total, pairs):
        np.clip(shares, 0.0, 1.0, out=shares)  # beyond these is only what was rounded
    return Indices(first, total, pairs, *exact)


def _mean_square(values: Floats) -> float:
    return float(np.vdot(values, values)) / values.size


def _pair_variances(values: Floats) -> Floats:
    """Return the variance of the mean by each pair of axes, and on the diagonal by each axis.

    The axes are averaged away from the first on, so the arrays become small soon.
    """
    count = values.ndim
    joint, rest = np.full((count, count), np.nan), values
    for one in range(count):
        alone = rest.mean(axis=tuple(range(1, rest.ndim)))
        joint[one, one] = _mean_square(alone)
        for other in range(one + 1, count):
            away = tuple(axis for axis in range(1, rest.ndim) if axis != other - one)
            mean = rest.mean(axis=away)
            joint[one, other] = _mean_square(mean)
        rest = rest.mean(axis=0)
    return joint
