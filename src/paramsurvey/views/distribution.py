"""How a column's values are distributed: a histogram and quantiles; of texts, how often each occurs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import LARGEST_EXACT
from paramsurvey.views.columns.axes import ABSENT
from paramsurvey.views.columns.groups import QUANTILE_ROWS, Floats, Moments
from paramsurvey.views.columns.survey_data import FINISHED, NOT_RUN, SECONDS, SurveyData

BINS, LEAST_BINS = 60, 8
SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MOST_TEXTS = 30
WIDE = 1000.0  # times the smallest number: bins may then be in logarithms
LARGEST_LOG = 700.0  # of a float
MOST_POINTS, MOST_STEPS = 1000, 1e5  # different numbers on a grid, and steps between them
ON_GRID = 1e-6  # of a step: how far a number may be from the grid
PREVIEW = 20_000  # numbers: enough to see, in most cases, that there are too many for a grid


@dataclass(frozen=True, eq=False)
class Distribution:
    """A column's values.

    Attributes
    ----------
    name : str
    counts : int64 array
        How many values are in each bin, or are each text.
    edges : float64 array
        One more than there are bins; empty for texts.
    labels : tuple of str
        The texts; empty for numbers.
    logarithmic : bool
        Whether the bins are equally wide in the logarithm.
    quantiles : dict
        The quantile of each share in `SHARES`; empty for texts.
    mean, deviation : float
        nan for texts.
    known, absent : int
        How many psets have a finite number, or a text; and how many should have one, but do not.
    bools : bool
        Whether the numbers 0 and 1 stand for False and True.
    """

    name: str
    counts: NDArray[np.int64]
    edges: Floats
    labels: tuple[str, ...]
    logarithmic: bool
    quantiles: dict[float, float]
    mean: float
    deviation: float
    known: int
    absent: int
    bools: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each bin, or text."""
        if self.labels:
            return pd.DataFrame({self.name: self.labels, "count": self.counts})
        if self.bools:
            return pd.DataFrame({self.name: self.edges[:-1] + 0.5 > 0.5, "count": self.counts})
        return pd.DataFrame({"low": self.edges[:-1], "high": self.edges[1:], "count": self.counts})


def distribution_of(data: SurveyData, name: str, bins: int = BINS) -> Distribution:
    """Return how a column's values are distributed.

    For a pset's key, these are the values of all psets; for a result, those of the finished ones. Quantiles
    are exact for two million values; for more, they are within 0.1 % of rank.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    name : str
        A column.
    bins : int
        How many bins, at most.

    Raises
    ------
    KeyError
        When there is no such column.
    """
    moments, rows = _moments(data, name)
    known = int(moments.counts[0])
    if not known:
        return _of_texts(data, name)
    low, high = (float(end[0]) for end in moments.extremes())
    sample = data.sample([], [name], QUANTILE_ROWS).values[name]
    sample = sample[np.isfinite(sample)]
    found = np.quantile(sample, SHARES) if len(sample) else np.full(len(SHARES), np.nan)
    found[0], found[-1] = low, high
    rice = math.ceil(2 * known ** (1 / 3))  # Rice University's rule: more bins would show chance
    edges, logarithmic = _edges(low, high, min(bins, max(rice, LEAST_BINS)), sample)
    mean, deviation = float(moments.means[0]), float(moments.deviations[0])
    quantiles = dict(zip(SHARES, found.tolist(), strict=True))
    counts = _histogram(data, name, edges, logarithmic)
    bools = low >= 0 and high <= 1 and _are_bools(data, name)
    return Distribution(
        name, counts, edges, (), logarithmic, quantiles, mean, deviation, known, rows - known, bools
    )


def _are_bools(data: SurveyData, name: str) -> bool:
    """Tell whether a column has nothing but bools, apart from what is missing."""
    values = [value for value in data.axis(name).values if value is not ABSENT]
    return all(isinstance(value, (bool, np.bool_)) for value in values)


def _moments(data: SurveyData, name: str) -> tuple[Moments, int]:
    """Return what is known of all finite numbers, and how many there should be."""
    moments, rows = Moments(1), 0
    for chunk in data.chunks([], [name]):
        if name in data.keys:
            rows += len(chunk.status)
        else:  # psets that failed have no result, but took their time
            ended = chunk.status != NOT_RUN if name == SECONDS else chunk.status == FINISHED
            rows += int(np.count_nonzero(ended))
        moments.add(np.zeros(len(chunk.status), dtype=np.uint8), chunk.values[name])
    return moments, rows


def _edges(low: float, high: float, bins: int, sample: Floats) -> tuple[Floats, bool]:
    """Return the ends of the bins, and whether these are equally wide in the logarithm."""
    if low == high:
        half = max(0.5, abs(low) / 1000)
        return np.array([low - half, low + half]), False
    if low > 0 and high > WIDE * low and _is_logarithmic(low, high, sample):
        step = _step(np.log(_few(sample)))
        logs = _edges_between(math.log(low), math.log(high), step, bins) if step else np.zeros(1)
        if step and max(-logs[0], logs[-1]) < LARGEST_LOG:
            return np.exp(logs), True
        return np.asarray(np.geomspace(low, high, bins + 1)), True
    is_whole = max(-low, high) < LARGEST_EXACT and bool((sample == np.round(sample)).all())
    step = _step(_few(sample)) or float(is_whole)
    if step and math.isfinite(high - low):
        return _edges_between(low, high, step, bins), False
    return np.linspace(low / 2, high / 2, bins + 1) * 2, False  # the span itself may not be a float


def _is_logarithmic(low: float, high: float, sample: Floats) -> bool:
    """Tell whether the median is closer to the middle of the logarithms than to that of the numbers."""
    # logarithms: the quotient of two floats may not be a float
    middle = math.log(float(np.median(sample)))
    in_logs, as_it_is = (math.log(low) + math.log(high)) / 2, math.log(low / 2 + high / 2)
    return abs(middle - in_logs) < abs(middle - as_it_is)


def _few(sample: Floats) -> Floats:
    """Return the different numbers of a sample, in order, if they are few enough for a grid; else none."""
    for part in (sample[:PREVIEW], sample):
        values = np.unique(part)
        if len(values) > MOST_POINTS:
            return values[:0]
    return values


def _step(values: Floats) -> float:
    """Return the step of the regular grid on which different numbers lie; 0 if they lie on none."""
    if len(values) < 2:
        return 0.0
    with np.errstate(all="ignore"):
        gaps = np.diff(values)
        steps = gaps / gaps.min()
        is_grid = steps.sum() <= MOST_STEPS and (abs(steps - np.round(steps)) < ON_GRID).all()
        return float((values[-1] - values[0]) / np.round(steps).sum()) if is_grid else 0.0


def _edges_between(low: float, high: float, step: float, bins: int) -> Floats:
    """Return the ends of bins that have equally many points of a grid each, as far as that is possible.

    A bin with more points than the others would look like a peak.
    """
    points = round((high - low) / step) + 1
    least = -(-points // bins)
    widths = range(least, 2 * least if least < MOST_POINTS else least + 1) or [least]
    width = min(widths, key=lambda width: (-points % width / width, width))
    count = -(-points // width)
    return np.asarray(low + step * (width * np.arange(count + 1) - 0.5))


def _histogram(data: SurveyData, name: str, edges: Floats, logarithmic: bool) -> NDArray[np.int64]:
    """Count by arithmetic: the bins are equally wide, in numbers or in logarithms."""
    bins = len(edges) - 1
    low, high = (math.log(end) if logarithmic else end / 2 for end in (edges[0], edges[-1]))
    with np.errstate(over="ignore"):
        per_unit = np.float64(bins) / (high - low)
    counts = np.zeros(bins, dtype=np.int64)
    for chunk in data.chunks([], [name]):
        values = chunk.values[name]
        values = values[np.isfinite(values)]
        with np.errstate(invalid="ignore"):
            places = ((np.log(values) if logarithmic else values / 2) - low) * per_unit
        places = np.clip(np.nan_to_num(places, copy=False), 0, bins - 1)
        counts += np.bincount(places.astype(np.int32), minlength=bins)
    return counts


def _of_texts(data: SurveyData, name: str) -> Distribution:
    coarse = data.axis(name).coarse(MOST_TEXTS).axis
    shown = np.array([not _is_no_value(value) for value in coarse.values], dtype=np.bool_)
    absent = int(coarse.counts[~shown].sum())
    if name not in data.keys:
        absent -= data.missing_count  # these have no results
    counts, none = coarse.counts[shown], np.zeros(0)
    labels = tuple(label for label, one in zip(coarse.labels(), shown, strict=True) if one)
    known = int(counts.sum())
    return Distribution(name, counts, none, labels, False, {}, np.nan, np.nan, known, max(absent, 0))


def _is_no_value(value: object) -> bool:
    """Tell whether a pset has nothing there, or an infinity, which no histogram counts."""
    return value is ABSENT or (isinstance(value, float) and not math.isfinite(value))
