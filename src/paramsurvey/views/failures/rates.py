"""Rates of failure by the places of one axis or two: their intervals, and how much the places tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.columns.groups import Floats
from paramsurvey.views.confidence import NORMAL

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rates:
    """How many psets fail at each place of one axis, or of two.

    Attributes
    ----------
    axes : tuple of Axis
        One, or two: the arrays have a dimension for each.
    failures, psets : int64 arrays
        How many failed; how many ran.
    concentration : float
        How much of the knowledge whether a pset fails comes from its place alone: 0 is nothing, 1 everything;
        a little below 0 by chance.
    """

    axes: tuple[Axis, ...]
    failures: Counts
    psets: Counts
    concentration: float

    @property
    def rate(self) -> Floats:
        """The share that failed, nan where no pset ran."""
        with np.errstate(invalid="ignore"):
            rate: Floats = self.failures / self.psets
        return rate

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """The ends of the rate's 95 % Wilson interval."""
        return wilson(self.failures, self.psets)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each place."""
        low, high = self.interval
        names, labels = [axis.name for axis in self.axes], [axis.labels() for axis in self.axes]
        index = pd.MultiIndex.from_product(labels, names=names)
        columns = {
            "failures": self.failures,
            "psets": self.psets,
            "rate": self.rate,
            "low": low,
            "high": high,
        }
        frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)
        return frame if len(names) > 1 else frame.set_index(index.get_level_values(0))


def wilson(failures: Counts, psets: Counts) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of a rate, nan where there is no pset.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927).

    Examples
    --------
    >>> low, high = wilson(np.array([0]), np.array([10]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0], [0.278])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        n, rate, z2 = psets.astype(np.float64), failures / psets, NORMAL**2
        middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
        half = NORMAL / (1 + z2 / n) * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
        low = np.where((failures == 0) & (psets > 0), 0.0, middle - half)  # not a rounding error beside it
        high = np.where((failures == psets) & (psets > 0), 1.0, middle + half)
    return low, high


def concentration(failures: Counts, psets: Counts) -> float:
    """Return how much of the uncertainty whether a pset fails disappears when its place is known.

    It is the mutual information of place and failure, less what that many places show by chance, divided by
    the entropy of failing. Sources: H. Theil, "On the estimation of relationships involving qualitative
    variables", American Journal of Sociology 76 (1970); G. A. Miller, "Note on the bias of information
    estimates" (1955), for what chance shows.

    Examples
    --------
    >>> concentration(np.array([0, 50]), np.array([50, 50])) > 0.9
    True
    >>> concentration(np.array([25, 25]), np.array([50, 50])) < 0.01
    True
    """
    ran = psets > 0
    n, failed = float(psets[ran].sum()), float(failures[ran].sum())
    if not 0 < failed < n:
        return 0.0
    whole = float(n * _entropy(failed / n))
    left = float((psets[ran] * _entropy(failures[ran] / psets[ran])).sum())
    chance = (np.count_nonzero(ran) - 1) / 2
    return float(whole - left - chance) / whole


def _entropy(rate: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.nan_to_num(rate * np.log(rate)) - np.nan_to_num((1 - rate) * np.log(1 - rate))
