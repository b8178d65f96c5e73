"""What a survey cost, by the values of its axes; and the psets that took longest."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.errors import NotStored
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.columns.groups import QUANTILE_ROWS, Floats, Moments, group_quantiles
from paramsurvey.views.columns.survey_data import FAILED, SECONDS, SurveyData

MOST_PLACES = 60  # of an axis


@dataclass(frozen=True, eq=False)
class AxisCost:
    """The seconds that went into each place of one axis.

    Attributes
    ----------
    axis : Axis
    psets : int64 array
        How many of them have a time.
    seconds, share : float64 arrays
        Their sum, and its part of the whole.
    median, p95 : float64 arrays
        Of a pset's seconds: exact for two million psets, else within 0.1 % of rank for the whole.
    """

    axis: Axis
    psets: NDArray[np.int64]
    seconds: Floats
    share: Floats
    median: Floats
    p95: Floats

    @property
    def spread(self) -> float:
        """The mean of the most expensive place divided by that of the cheapest; 1 if they do not differ."""
        means = self.seconds[self.psets > 0] / self.psets[self.psets > 0]
        return float(means.max() / means.min()) if len(means) and means.min() > 0 else 1.0

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each place."""
        columns = {
            "psets": self.psets,
            "seconds": self.seconds,
            "share": self.share,
            "median": self.median,
            "p95": self.p95,
        }
        return pd.DataFrame(columns, index=pd.Index(self.axis.labels(), name=self.axis.name))


@dataclass(frozen=True, eq=False)
class Cost:
    """The seconds that a survey took, finished and failed psets together.

    Attributes
    ----------
    seconds : float
        All of them.
    failed_seconds : float
        Those of psets that failed.
    psets : int
        How many psets have a time.
    axes : tuple of AxisCost
        Those that make most difference first.
    """

    seconds: float
    failed_seconds: float
    psets: int
    axes: tuple[AxisCost, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each place of each axis."""
        if not self.axes:
            return pd.DataFrame(columns=["psets", "seconds", "share", "median", "p95"])
        places = [one.to_frame().rename_axis(index="value") for one in self.axes]
        return pd.concat(places, keys=[one.axis.name for one in self.axes], names=["axis"])


def cost_of(data: SurveyData, most: int = MOST_PLACES) -> Cost:
    """Return what each value of each axis cost.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    most : int
        How many places an axis may have; neighbours are put together.

    Raises
    ------
    NotStored
        A ValueError: it is not known how long the psets took.
    """
    need_seconds(data)
    coarse = {axis.name: axis.coarse(most) for axis in data.varying()}
    moments = {name: Moments(len(one.axis)) for name, one in coarse.items()}
    whole = Moments(2)  # of psets that finished, and that failed
    for chunk in data.chunks(coarse, [SECONDS]):
        whole.add((chunk.status == FAILED).astype(np.uint8), chunk.values[SECONDS])
        for name, one in coarse.items():
            moments[name].add(one.table[chunk.codes[name]], chunk.values[SECONDS])
    some = data.sample(coarse, [SECONDS], QUANTILE_ROWS)
    some = some.at(np.flatnonzero(np.isfinite(some.values[SECONDS])))
    total = float(whole.sums.sum())
    axes = []
    for name, one in coarse.items():
        places = one.table[some.codes[name]]
        median, p95 = group_quantiles(places, some.values[SECONDS], len(one.axis), [0.5, 0.95])
        sums = moments[name].sums
        axes.append(AxisCost(one.axis, moments[name].counts, sums, sums / (total or 1.0), median, p95))
    axes.sort(key=lambda cost: -cost.spread)
    return Cost(total, float(whole.sums[1]), int(whole.counts.sum()), tuple(axes))


@dataclass(frozen=True)
class SlowPset:
    """One of the psets that took longest.

    Attributes
    ----------
    seconds : float
    pset : dict
    label : hashable
        That of its row in the results, or in what is missing.
    failed : bool
        Whether it has no result.
    number : int, optional
        Its number in the survey, where that is known.
    """

    seconds: float
    pset: dict[str, Any]
    label: Hashable
    failed: bool
    number: int | None = None


def slowest(data: SurveyData, count: int = 20) -> list[SlowPset]:
    """Return the psets that took longest, the slowest first.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    count : int
        How many, at most.

    Raises
    ------
    NotStored
        A ValueError: it is not known how long the psets took.
    """
    need_seconds(data)
    rows, seconds = np.zeros(0, dtype=np.int64), np.zeros(0)
    for chunk in data.chunks([], [SECONDS]):
        here = chunk.values[SECONDS]
        known = np.flatnonzero(here > (seconds[-1] if len(seconds) == count else -np.inf))
        rows = np.concatenate([rows, chunk.rows[known]])
        seconds = np.concatenate([seconds, here[known]])
        order = np.argsort(-seconds, kind="stable")[:count]
        rows, seconds = rows[order], seconds[order]
    places = rows.tolist()
    psets, labels, numbers = data.psets(places), data.labels(places), data.numbers(places)
    failed = (rows >= len(data.finished)).tolist()
    return [SlowPset(*one) for one in zip(seconds.tolist(), psets, labels, failed, numbers, strict=True)]


def need_seconds(data: SurveyData) -> None:
    """Raise a `NotStored` if it is not known how long the psets took."""
    if not data.has_seconds:
        raise NotStored(
            "it is not known how long these psets took: an older version wrote the checkpoint, or the "
            "backend does not report it; let the worker function return it, and name the column "
            "(seconds='column')"
        )
