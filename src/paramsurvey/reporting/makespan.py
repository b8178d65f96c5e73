"""How long work takes on several cores if the next pset always goes to the first core that is free."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRANGE = 2.0  # a pset that runs for longer than this many times the longest of the others is not like them
MOST_PLANNED = 512  # psets that are assigned to cores one by one; if there are more, only their sum matters


def makespan(running: Sequence[float], waiting: Floats, count: float, cores: int) -> float:
    """Return after how many seconds the last pset ends.

    Parameters
    ----------
    running : sequence of float
        Seconds that each running pset will still take.
    waiting : float array
        Seconds that the waiting psets will take, in order, or an evenly spread sample of them.
    count : float
        How many psets are waiting.
    cores : int

    Examples
    --------
    >>> makespan([1.0, 3.0], np.array([2.0, 2.0]), 2, cores=2)
    5.0
    """
    free = sorted(running)[:cores] + [0.0] * (cores - len(running))
    if count < 1 or len(waiting) == 0:
        return max(running, default=0.0)
    if count > MOST_PLANNED:
        mean = float(waiting.mean())
        total = sum(free) + count * mean
        return max(total / cores + (1 - 1 / cores) * mean / 2, *running, 0.0)
    psets = waiting[np.linspace(0, len(waiting) - 1, round(count)).astype(np.int64)]
    psets = psets * (waiting.mean() * count / psets.sum())
    heapq.heapify(free)
    last = max(running, default=0.0)
    for seconds in psets.tolist():
        end = free[0] + seconds
        heapq.heapreplace(free, end)
        last = max(last, end)
    return last


def seconds_to_go(ages: Sequence[float], samples: Floats, chance: float, spread: float) -> list[float]:
    """Return for how long psets that have been running for some seconds will still run.

    A pset that has run for longer than some others is equally likely to end before, between or after the rest
    of them. Beyond the longest, and below the shortest, it is as far off as chance allows. For a pset that is
    not like the others, only its age is known: it runs for as long again with a chance of one half, and for
    nine times as long with a chance of one tenth (Gott, Nature 363, 1993).

    Parameters
    ----------
    ages : sequence of float
        For how many seconds each of them has been running.
    samples : float array
        How long others took.
    chance : float
        The share of psets that end earlier; 0.5 for a typical pset.
    spread : float
        The relative standard deviation of the samples.

    Returns
    -------
    list of float
        One per age.

    Examples
    --------
    >>> seconds_to_go([1.0, 10.0], np.array([2.0, 3.0, 4.0]), chance=0.5, spread=0.1)
    [2.0, 10.0]
    """
    ordered = np.sort(samples)
    return [_end_of(age, ordered, chance, spread) - age for age in ages]


def _end_of(age: float, ordered: Floats, chance: float, spread: float) -> float:
    longer = ordered[np.searchsorted(ordered, age, "right") :]
    count = len(longer)
    if count == 0:
        strange = age > STRANGE * ordered[-1]
        return float(age * (1 - chance) ** (-1.0 if strange else -spread))
    place = chance * (count + 1)
    if place < 1:
        return max(age, float(longer[0] * place**spread))
    if place > count:
        return float(longer[-1] * ((count + 1) * (1 - chance)) ** -spread)
    return float(np.interp(place, np.arange(1, count + 1), longer))
