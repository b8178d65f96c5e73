"""How much work is left: several ways to guess it, each tested on what has happened so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass

Floats = NDArray[np.float64]

WINDOWS = {"all": 1.0, "half": 0.5, "eighth": 0.125}  # the share of what has run that a mean is taken of
TREND_WINDOWS = ("all", "half", "eighth")
FEWEST_OF_TREND = 4  # pieces that a trend is fitted to
FEW = 5  # psets whose mean is the fastest to follow a change
CUTS = (0.3, 0.5, 0.7, 0.85)  # shares of what has run after which each way is tested on the rest
CUT_WEIGHTS = (1.0, 1.0, 2.0, 2.0)
SLACK = 0.03  # of errors that are forgiven, for each time that more is left than has run
LEAST_DOUBT = 0.012  # relative: nothing is known better
WIDEST = math.log(2.5)  # of the doubt in a forecast that was wrong before: beyond, a range says nothing
OUTSIDE = 0.06  # the chance that is left out at each end of a range
NODES = np.array([NormalDist().inv_cdf((i + 0.5) / 24) for i in range(24)])  # of a normal distribution
STEEPEST = math.log(30)  # the most that a trend is believed to change the cost of a pset
HIGHEST = 4.0  # times the largest mean that was seen: no trend goes higher
LOWEST = 0.1  # times the least mean: none goes lower
CERTAIN = 3.0  # the square of the t value at which a trend is believed by half
PRIOR = 0.2  # the relative spread of psets' times that is believed as long as one or two have run


@dataclass(frozen=True, slots=True)
class Promise:
    """What the cost model expected at one moment of the psets that waited then.

    Attributes
    ----------
    psets : float
        How many had run by then.
    waiting : float
        How many waited.
    expected : float array
        What was expected of them, or of a sample that is evenly spread, in the order of the queue.
    """

    psets: float
    waiting: float
    expected: Floats

    def of_first(self, count: float) -> float:
        """Return what was expected of the first `count` of them, all together."""
        share = min(count / max(self.waiting, 1.0), 1.0)
        return count * float(self.expected[: max(1, round(share * len(self.expected)))].mean())


@dataclass(frozen=True, slots=True)
class History:
    """What has run, in the order in which it ended, summed up in pieces.

    Attributes
    ----------
    psets : float array
        How many psets each piece has.
    seconds : float array
        How long they took.
    base : float array
        How long they were expected to take just before: one per pset if nothing was expected.
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

    def tests(self, promises: Sequence[Promise]) -> Iterator[tuple[int, float, float]]:
        """Yield pieces at which forecasts can be tested, with the base of what followed, and a weight."""
        ran = np.cumsum(self.psets)
        for cut, weight in zip(CUTS, CUT_WEIGHTS, strict=True):
            if not promises:
                return
            promise = min(promises, key=lambda one: abs(one.psets - cut * ran[-1]))
            piece = int(np.searchsorted(ran, promise.psets, "right"))
            if 0 < piece < len(self):
                since = float(self.psets[piece:].sum())
                yield piece, promise.of_first(since) if self.is_expected else since, weight


@dataclass(frozen=True, slots=True)
class Outlook:
    """One way to see what is to come.

    Attributes
    ----------
    factor : float
        Seconds per unit of `History.base`.
    error : float
        The typical error of its logarithm in the past.
    chance : float
        The relative standard deviation that comes from chance alone.
    """

    factor: float
    error: float
    chance: float = 0.0

    def of_mean(self, mean: float, chance: float) -> Outlook:
        """Return the outlook for psets whose mean base is given, with chance of another origin added."""
        return replace(self, factor=self.factor * mean, chance=math.hypot(self.chance, chance))


def outlooks(history: History, promises: Sequence[Promise], base_left: float) -> list[Outlook]:
    """Return the ways to see what is to come, each with its error.

    Parameters
    ----------
    history : History
        Not empty.
    promises : sequence of Promise
        At these moments each way is tested.
    base_left : float
        The sum of `History.base` of what is left to run.
    """
    factors = dict(_factors(history, base_left))
    squares, weights = dict.fromkeys(factors, 0.0), dict.fromkeys(factors, 0.0)
    for piece, rest, weight in history.tests(promises):
        truth = math.log(history.seconds[piece:].sum() / rest)
        for name, (factor, _) in _factors(history.before(piece), rest):
            if name in factors:  # pieces were joined since: now there are too few for some ways
                squares[name] += weight * (math.log(factor) - truth) ** 2
                weights[name] += weight
    most = max(weights.values())  # a way that could not be tested as often is not better for that
    return [
        Outlook(factor, math.sqrt(squares[name] / weights[name]), chance)
        if weights[name]
        else Outlook(factor, PRIOR if most else 0.0, chance)
        for name, (factor, chance) in factors.items()
    ]


def likely(ways: Sequence[Outlook], least_chance: float, far: float) -> tuple[float, float]:
    """Return the least and the most that is likely: what all ways together leave out `OUTSIDE` at each end.

    Each way is a log-normal distribution. Its weight is the likelihood of the errors that it had, and its
    width has them, and chance. An error grows with the distance of what is forecast: a trend that nobody sees
    yet goes on for longer.

    Parameters
    ----------
    ways : sequence of Outlook
    least_chance : float
        What errors have from chance alone.
    far : float
        How many times more is left than has run.

    Examples
    --------
    >>> low, high = likely([Outlook(2.0, error=0.01), Outlook(8.0, error=0.5)], 0.01, far=1.0)
    >>> 1.9 < low < 2 < high < 2.1
    True
    """
    errors = np.array([way.error for way in ways])
    scale = errors.min() + least_chance + SLACK * max(0.0, far - 1)
    weights = (1 + (errors / scale) ** 2) ** (-sum(CUT_WEIGHTS) / 2)
    doubts = [
        math.hypot(min(way.error * math.sqrt(1 + far), WIDEST), way.chance, LEAST_DOUBT) for way in ways
    ]
    logs = np.log([way.factor for way in ways])[:, None] + np.outer(doubts, NODES)
    order = np.argsort(logs, axis=None)
    shares = np.repeat(weights / (weights.sum() * len(NODES)), len(NODES))[order]
    low, high = np.interp([OUTSIDE, 1 - OUTSIDE], np.cumsum(shares) - shares / 2, logs.ravel()[order])
    return math.exp(low), math.exp(high)


def noise(history: History, left: float) -> float:
    """Return the relative standard deviation of a forecast for `left` psets that comes from chance alone."""
    count = history.psets.sum()
    ratio = history.seconds / np.maximum(history.base, 1e-300)
    trend = _smooth(ratio)
    deviations = float((history.psets * (ratio / np.maximum(trend, 1e-300) - 1) ** 2).sum())
    spread = math.sqrt((PRIOR**2 + deviations) / len(history))
    return spread * math.sqrt(1 / count + 1 / max(left, 1.0))


def _smooth(values: Floats) -> Floats:
    """Return a moving mean, so that a trend does not count as chance."""
    width = max(1, len(values) // 8)
    if width == 1:
        return np.full(len(values), values.mean())
    padded = np.concatenate(
        [np.full(width, values[:width].mean()), values, np.full(width, values[-width:].mean())]
    )
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    return np.convolve(padded, kernel, mode="valid")


def _factors(history: History, base_left: float) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield each way's name, the seconds per unit of base that it expects of what is left, and its chance."""
    ends = np.cumsum(history.base)
    first = {name: int(np.searchsorted(ends, (1 - share) * ends[-1])) for name, share in WINDOWS.items()}
    few = int(np.searchsorted(np.cumsum(history.psets[::-1]), FEW)) + 1
    first["few"] = max(0, len(history) - few)
    means = {name: _mean(history, piece) for name, piece in first.items()}
    for name, mean in means.items():
        yield name, (mean, 0.0)
    least, most = min(means.values()) * LOWEST, max(means.values()) * HIGHEST
    for name in TREND_WINDOWS:
        if len(history) - first[name] >= FEWEST_OF_TREND:
            for way, factor, chance in _trends(name, history, first[name], base_left):
                yield way, (min(max(factor, least), most), min(chance, 1.0))


def _mean(history: History, first: int) -> float:
    first = min(first, len(history) - 1)
    return max(float(history.seconds[first:].sum() / history.base[first:].sum()), 1e-12)


def _trends(name: str, history: History, first: int, base_left: float) -> Iterator[tuple[str, float, float]]:
    """Yield what follows if the cost goes on to change as it did since a piece: evenly, or by factors.

    With it goes the relative standard error that the slope brings in.
    """
    base = history.base[first:]
    middles = np.cumsum(base) - base / 2
    ratio = np.maximum(history.seconds[first:] / base, 1e-12)
    end, mean = base.sum(), _mean(history, first)
    far = end + base_left / 2 - float((middles * base).sum() / end)
    for doubt in (0.0, CERTAIN):
        level, slope, error = _line(middles, ratio, base, doubt)
        straight = max(level + slope * (end + base_left / 2), 0.02 * mean)
        yield f"{name} evenly {doubt}", straight, error * far / straight
        level, slope, error = _line(middles, np.log(ratio), base, doubt)
        change = float(np.clip(slope * base_left, -STEEPEST, STEEPEST))
        bias = mean / float((base * np.exp(level + slope * middles)).sum() / end)
        start = math.exp(min(level + slope * end, 300))
        grown = start * bias * (math.expm1(change) / change if abs(change) > 1e-6 else 1.0)
        yield f"{name} by factors {doubt}", max(grown, 1e-12), error * far


def _line(x: Floats, y: Floats, weights: Floats, doubt: float) -> tuple[float, float, float]:
    """Return a fitted line's value at 0, its slope, and the slope's standard error.

    The slope is drawn to 0 as far as chance explains it.
    """
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    square = (weights * (x - mean_x) ** 2).sum()
    if square <= 0:
        return float(mean_y), 0.0, 0.0
    slope = (weights * (x - mean_x) * (y - mean_y)).sum() / square
    rest = (weights * (y - mean_y - slope * (x - mean_x)) ** 2).sum() / max(len(x) - 2, 1)
    t_squared = slope**2 * square / max(rest, 1e-30)
    slope *= t_squared / (t_squared + doubt) if t_squared else 0.0
    return float(mean_y - slope * mean_x), float(slope), math.sqrt(rest / square)
