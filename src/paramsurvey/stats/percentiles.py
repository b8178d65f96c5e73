"""Percentiles of what a timer has measured."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def percentiles_of(
    seconds: NDArray[np.float64], counts: NDArray[np.int64], percents: Iterable[float]
) -> list[float]:
    """Return percentiles of values that occur several times each.

    Parameters
    ----------
    seconds : array of float64
        The values, in ascending order.
    counts : array of int64
        How often each occurs.
    percents : iterable of float
        Which percentiles: numbers from 0 to 100.

    Returns
    -------
    list of float
        In the order of `percents`: the smallest value that is not below that percentage of all values.

    Examples
    --------
    >>> percentiles_of(np.array([0.1, 0.5]), np.array([3, 1]), (50, 99))
    [0.1, 0.5]
    """
    running = counts.cumsum()
    wanted = np.ceil(np.asarray(list(percents), dtype=np.float64) / 100 * running[-1])
    found: list[float] = seconds[np.searchsorted(running, np.maximum(wanted, 1))].tolist()
    return found
