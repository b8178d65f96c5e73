"""How much work is left: several ways to guess it, each tested on what has happened so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass

Floats = NDArray[np.float64]

WINDOWS = {"all": 1.0, "half": 0.5, "eighth": 0.125}  # the share of what has run that a mean is taken of
TREND_WINDOWS = ("all", "half", "eighth")
FEWEST_OF_TREND = 4  # pieces that are needed to fit a trend
FEW = 5  # psets whose mean follows a change fastest
CUTS = (0.3, 0.5, 0.7, 0.85)  # shares of what has run after which each way is tested on the rest
CUT_WEIGHTS = (0.5, 0.5, 1.0, 1.0)  # early tests count for less, because tests overlap
DEGREES = 3  # of freedom of the errors' distribution, in which large errors are not rare
LEAST_DOUBT = 0.012  # relative: nothing is known more precisely
CLOSEST = 0.005  # relative: smaller errors say nothing about a way
WIDEST = math.log(2.5)  # limits the doubt in a forecast that was wrong before: a wider range says nothing
TAIL_CHANCE = 0.06  # the chance that is left out at each end of a range
NORMAL = NormalDist()
NODES = np.array([NORMAL.inv_cdf((i + 0.5) / 24) for i in range(24)])  # of a normal distribution
STEEPEST = math.log(30)  # the most by which a trend may change the cost of a pset
HIGHEST = 4.0  # times the largest mean so far: no trend goes higher
LOWEST = 0.1  # times the smallest mean so far: no trend goes lower
DOUBTS = (0.0, 3.0)  # squares of the t value at which half of a trend is believed
PRIOR = 0.075  # the relative deviation of a pset that is assumed in addition to those that have run


@dataclass(frozen=True, slots=True)
class Expectation:
    """How long the cost model expected the waiting psets of some moment to take.

    Attributes
    ----------
    psets : float
        How many psets had run by then.
    waiting : float
        How many were waiting.
    expected : float array
        The expected times, or those of an evenly spread sample, in the order of the queue.
    """

    psets: float
    waiting: float
    expected: Floats

    def of_first(self, count: float) -> float:
        """Return how long the first `count` of them were expected to take in total."""
        share = min(count / max(self.waiting, 1.0), 1.0)
        return count * float(self.expected[: max(1, round(share * len(self.expected)))].mean())


@dataclass(frozen=True, slots=True)
class History:
    """What has run, in the order in which it ended, added up in pieces.

    Attributes
    ----------
    psets : float array
        How many psets each piece has.
    seconds : float array
        How long they took.
    base : float array
        How long they were expected to take just before, or 1 per pset if nothing was expected.
    is_expected : bool
        Whether something was expected.
    """

    psets: Floats
    seconds: Floats
    base: Floats
    is_expected: bool = False

    def __len__(self) -> int:
        return len(self.psets)

    def before(self, piece: int) -> History:
        """Return what had run before a piece."""
        return History(self.psets[:piece], self.seconds[:piece], self.base[:piece])

    def tests(self, expectations: Sequence[Expectation]) -> Iterator[tuple[int, float, float]]:
        """Yield pieces at which forecasts can be tested, with the base of what followed, and a weight."""
        ran = np.cumsum(self.psets)
        for cut, weight in zip(CUTS, CUT_WEIGHTS, strict=True):
            if not expectations:
                return
            expectation = min(expectations, key=lambda one: abs(one.psets - cut * ran[-1]))
            piece = int(np.searchsorted(ran, expectation.psets, "right"))
            if 0 < piece < len(self):
                since = float(self.psets[piece:].sum())
                yield piece, expectation.of_first(since) if self.is_expected else since, weight


class Trial(NamedTuple):
    """How well one forecast did in the past.

    Attributes
    ----------
    weight : float
    square : float
        The squared error of its logarithm.
    variance : float
        How large that is expected to be by chance.
    """

    weight: float
    square: float
    variance: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """One way to predict what is to come.

    Attributes
    ----------
    factor : float
        Seconds per unit of `History.base`.
    chance : float
        The relative standard deviation that comes from chance alone.
    tests : sequence of Trial
        How it did in the past.
    """

    factor: float
    chance: float = 0.0
    tests: Sequence[Trial] = ()

    @property
    def bias(self) -> float:
        """The typical error in the past, as far as chance does not explain it.

        Its square is the variance between studies of DerSimonian and Laird (Controlled Clinical Trials 7,
        1986). Since there are few tests, and they overlap, at most half of their error is put down to chance.
        """
        total = sum(test.weight for test in self.tests)
        if not total:
            return 0.0
        square = sum(test.weight * test.square for test in self.tests) / total
        by_chance = sum(test.weight * test.variance for test in self.tests) / total
        return math.sqrt(square - min(by_chance, square / 2))

    def fit(self, dispersion: float) -> float:
        """Return the logarithm of the likelihood of its errors."""
        return -sum(
            test.weight * (math.log(width) + (DEGREES + 1) * math.log1p(test.square / (DEGREES * width))) / 2
            for test in self.tests
            for width in (test.variance + dispersion**2,)
        )

    def of_mean(self, mean: float, chance: float) -> Forecast:
        """Return the forecast for psets with a given mean base, with another source of chance added."""
        return replace(self, factor=self.factor * mean, chance=math.hypot(self.chance, chance))


def forecasts(
    history: History, wide: float, expectations: Sequence[Expectation], base_left: float, base_running: float
) -> list[Forecast]:
    """Return all ways to predict what is to come, each with its errors in the past.

    Parameters
    ----------
    history : History
        Not empty.
    wide : float
        Its `spread`.
    expectations : sequence of Expectation
        The moments at which each way is tested.
    base_left : float
        The sum of `History.base` of the waiting psets.
    base_running : float
        The same of the running psets.
    """
    factors = dict(_factors(history, wide, base_left, base_running))
    tests: dict[str, list[Trial]] = {name: [] for name in factors}
    for piece, rest, weight in history.tests(expectations):
        truth = math.log(history.seconds[piece:].sum() / rest)
        before = history.before(piece)
        width = spread(before)
        others = width**2 / float(history.psets[piece:].sum())
        for name, (factor, chance) in _factors(before, width, rest):
            if name in tests:  # pieces may have been joined since, so that there are too few for some ways
                tests[name].append(Trial(weight, (math.log(factor) - truth) ** 2, chance**2 + others))
    return [Forecast(factor, chance, tests[name]) for name, (factor, chance) in factors.items()]


def weigh(ways: Sequence[Forecast], far: float) -> Floats:
    """Return how likely each way is to be the right one, judging by its tests.

    Errors have Student's distribution. It is as wide as chance makes it, and as the best way of all needs: if
    even that one was wrong, tests say little about the others (the dispersion of McCullagh and Nelder,
    Generalized Linear Models, second edition, section 4.5). They say less about what is farther away.

    Parameters
    ----------
    ways : sequence of Forecast
    far : float
        How many times as much is left as has run.

    Returns
    -------
    float array
        One weight per way; their sum is 1.
    """
    dispersion = max(CLOSEST, min((way.bias for way in ways if way.tests), default=0.0))
    fits = np.array([way.fit(dispersion) for way in ways]) / max(1.0, far)
    weights: Floats = np.exp(fits - fits.max())
    weights /= weights.sum()
    return weights


def likely_range(ways: Sequence[Forecast], weights: Floats, far: float) -> tuple[float, float]:
    """Return a range outside of which all ways together see a chance of `TAIL_CHANCE` at each end.

    Each way is a log-normal distribution, whose width comes from its errors in the past, and from chance.
    Errors grow with the distance of the forecast, because a trend that cannot be seen yet lasts for longer.

    Parameters
    ----------
    ways : sequence of Forecast
    weights : float array
        The weight of each way.
    far : float
        How many times as much is left as has run.

    Examples
    --------
    >>> low, high = likely_range([Forecast(2.0), Forecast(8.0)], np.array([0.99, 0.01]), far=1.0)
    >>> 1.9 < low < 2 < high < 2.1
    True
    """
    doubts = [math.hypot(min(way.bias * math.sqrt(1 + far), WIDEST), way.chance, LEAST_DOUBT) for way in ways]
    logs = np.log([way.factor for way in ways])[:, None] + np.outer(doubts, NODES)
    order = np.argsort(logs, axis=None)
    shares = np.repeat(weights / len(NODES), len(NODES))[order]
    low, high = np.interp([TAIL_CHANCE, 1 - TAIL_CHANCE], np.cumsum(shares) - shares / 2, logs.ravel()[order])
    return math.exp(low), math.exp(high)


def spread(history: History) -> float:
    """Return the relative standard deviation of psets from what was usual when they ran."""
    ratio = history.seconds / np.maximum(history.base, 1e-300)
    deviations = ratio / np.maximum(_smooth(ratio), 1e-300) - 1
    return cautious_deviation(float(history.psets @ deviations**2), len(history))


def cautious_deviation(squares: float, count: int) -> float:
    """Return a relative standard deviation from the sum of squared deviations, larger if there are few.

    One more observation is assumed, of `PRIOR`. What remains is Student's distribution (Gelman et al.,
    Bayesian Data Analysis, third edition, section 3.3). It is replaced by a normal one, wide enough to leave
    out as much at the ends (the quantiles of Gaver and Kafadar, The American Statistician 38, 1984).
    """
    degrees = count + 1
    quantile = NORMAL.inv_cdf(1 - TAIL_CHANCE)
    students = math.sqrt(degrees * math.expm1(quantile**2 * (degrees - 1.5) / (degrees - 1) ** 2))
    return math.sqrt((PRIOR**2 + squares) / count) * students / quantile


def _smooth(values: Floats) -> Floats:
    """Return a moving average, so that a trend does not count as chance."""
    width = max(1, len(values) // 8)
    if width == 1:
        return np.full(len(values), values.mean())
    padded = np.concatenate(
        [np.full(width, values[:width].mean()), values, np.full(width, values[-width:].mean())]
    )
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    return np.convolve(padded, kernel, mode="valid")


def _factors(
    history: History, wide: float, base_left: float, base_running: float = 0.0
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield each way's name, the seconds per unit of base that it predicts, and its deviation by chance."""
    ends = np.cumsum(history.base)
    first = {name: int(np.searchsorted(ends, (1 - share) * ends[-1])) for name, share in WINDOWS.items()}
    few = int(np.searchsorted(np.cumsum(history.psets[::-1]), FEW)) + 1
    first["few"] = max(0, len(history) - few)
    first = {name: min(piece, len(history) - 1) for name, piece in first.items()}
    means = {name: _mean(history, piece) for name, piece in first.items()}
    chances = {name: wide / math.sqrt(history.psets[piece:].sum()) for name, piece in first.items()}
    for name, mean in means.items():
        yield name, (mean, chances[name])
    least, most = min(means.values()) * LOWEST, max(means.values()) * HIGHEST
    for name in TREND_WINDOWS:
        if len(history) - first[name] >= FEWEST_OF_TREND:
            for way, factor, chance in _trends(name, history, first[name], base_left, base_running):
                yield way, (min(max(factor, least), most), min(math.hypot(chance, chances[name]), 1.0))


def _mean(history: History, first: int) -> float:
    return max(float(history.seconds[first:].sum() / history.base[first:].sum()), 1e-12)


def _trends(
    name: str, history: History, first: int, base_left: float, base_running: float
) -> Iterator[tuple[str, float, float]]:
    """Yield forecasts in which the cost goes on changing as it has since a piece: evenly, or by factors.

    Each comes with the relative standard error that is due to the slope.
    """
    base = history.base[first:]
    middles = np.cumsum(base) - base / 2
    ratio = np.maximum(history.seconds[first:] / base, 1e-12)
    end, mean = float(base.sum()), _mean(history, first)
    center = float(middles @ base) / end
    begin = end + base_running
    middle = begin + base_left / 2
    far = middle - center
    steps = _fit_lines(middles, np.log(ratio), base)
    trend = np.exp(np.clip(steps[0][1] * (middles - center), -STEEPEST, STEEPEST))  # errors are relative
    straight_lines = _fit_lines(middles, ratio, base / trend**2)
    for doubt, (level, slope, error) in zip(DOUBTS, straight_lines, strict=True):
        straight = max(level + slope * middle, 0.02 * mean)
        yield f"{name} evenly {doubt}", straight, error * far / straight
    for doubt, (level, slope, error) in zip(DOUBTS, steps, strict=True):
        change = min(max(slope * base_left, -STEEPEST), STEEPEST)
        bias = mean / (float(base @ np.exp(level + slope * middles)) / end)
        start = math.exp(min(level + slope * begin, 300))
        grown = start * bias * (math.expm1(change) / change if abs(change) > 1e-6 else 1.0)
        yield f"{name} by factors {doubt}", max(grown, 1e-12), error * far


def _fit_lines(x: Floats, y: Floats, weights: Floats) -> list[tuple[float, float, float]]:
    """Fit a line; return its value at 0, its slope and the slope's standard error, for each of `DOUBTS`.

    The slope is drawn towards 0 as far as chance explains it.
    """
    total = float(weights.sum())
    mean_x, mean_y = float(weights @ x) / total, float(weights @ y) / total
    from_x, from_y = x - mean_x, y - mean_y
    weighted = weights * from_x
    square = float(weighted @ from_x)
    if square <= 0:
        return [(mean_y, 0.0, 0.0)] * len(DOUBTS)
    slope = float(weighted @ from_y) / square
    rest = from_y - slope * from_x
    variance = float(weights @ rest**2) / max(len(x) - 2, 1)
    t_squared = slope**2 * square / max(variance, 1e-30)
    error = math.sqrt(variance / square)
    slopes = [slope * t_squared / (t_squared + doubt) if t_squared else 0.0 for doubt in DOUBTS]
    return [(mean_y - each * mean_x, each, error) for each in slopes]
