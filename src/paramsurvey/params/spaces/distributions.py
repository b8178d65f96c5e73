"""Distributions: where the values of a column of a sample come from."""

from __future__ import annotations

from math import isfinite
from operator import index
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.axes import as_axis, values_at
from paramsurvey.transport.messages import Values

MOST_INTEGERS = 2**53  # values are made from numbers with 53 bits, which cannot reach more integers than that


@runtime_checkable
class Distribution(Protocol):
    """Where the values of one column of a `Sample` come from."""

    def at(self, unit: NDArray[np.float64]) -> Values:
        """Return the values for numbers from 0 to 1: the inverse of the cumulative distribution function."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Floats between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _keep_ends(self, *_finite("uniform", self.low, self.high))
        if not isfinite(self.high - self.low):
            raise ValueError(
                f"uniform from {self.low} to {self.high} is wider than a float can be: "
                "give ends that are closer together"
            )

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.low + unit * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """Floats between `low` and `high` whose logarithm is uniform."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _keep_ends(self, *_finite("loguniform", self.low, self.high))
        if self.low <= 0:
            raise ValueError(
                f"loguniform needs a lower end above 0, not {self.low}: give one, or use uniform(low, high)"
            )

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = np.log(self.low), np.log(self.high)
        inside = np.exp(low + unit * (high - low)).clip(self.low, self.high)
        values: NDArray[np.float64] = np.where(unit <= 0, self.low, np.where(unit >= 1, self.high, inside))
        return values  # with the exact ends, because exp(log(x)) need not be x


@dataclass(frozen=True)
class Integers:
    """Integers from `low` to `high`, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not (hasattr(self.low, "__index__") and hasattr(self.high, "__index__")):
            raise TypeError(
                f"integers from {self.low!r} to {self.high!r}: "
                "give two whole numbers, or use uniform(low, high)"
            )
        _keep_ends(self, index(self.low), index(self.high))
        _check_order("integers", self.low, self.high)
        text = f"integers from {self.low} to {self.high}"
        if self.low < -(2**63) or self.high >= 2**63:
            raise ValueError(f"{text} do not fit into 64 bits: give ends from -2**63 to 2**63 - 1")
        if self.high - self.low >= MOST_INTEGERS:
            raise ValueError(
                f"{text} are more than 2**53 values, which is all that a sample can tell apart: "
                "give ends that are closer together, or for seeds use params.add_seed"
            )

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.int64]:
        last = self.high - self.low
        steps = np.floor(unit * (last + 1)).astype(np.int64)
        return self.low + np.minimum(steps, last)


class Choice:
    """One of `values`, each as probable as the others.

    Parameters
    ----------
    values : iterable
        At least one.
    """

    def __init__(self, values: object) -> None:
        self._values = as_axis("choice", values)
        if not len(self._values):
            raise ValueError("choice from nothing: give it at least one value")

    def at(self, unit: NDArray[np.float64]) -> Values:
        last = len(self._values) - 1
        return values_at(self._values, np.minimum((unit * (last + 1)).astype(np.int64), last))

    def __repr__(self) -> str:
        return f"Choice({self._values!r})"


def _finite(name: str, low: float, high: float) -> tuple[float, float]:
    """Return two ends as floats, or raise a ValueError if they are not finite or in the wrong order."""
    try:
        are_finite = isfinite(low) and isfinite(high)
    except OverflowError:  # an integer that no float can hold
        are_finite = False
    if not are_finite:
        raise ValueError(f"{name} has an end that is not a finite float: give two finite ends")
    _check_order(name, low, high)
    return float(low), float(high)


def _check_order(name: str, low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"{name} from {low} to {high} is empty: give the lower one first")


def _keep_ends(distribution: object, low: float, high: float) -> None:
    """Store the ends as Python's numbers: arithmetic with numpy's, which may have 8 bits, could overflow."""
    object.__setattr__(distribution, "low", low)  # a frozen dataclass can be set in no other way
    object.__setattr__(distribution, "high", high)
