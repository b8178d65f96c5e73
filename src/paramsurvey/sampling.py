"""Samples: psets drawn from distributions, by row like every other space."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from operator import index
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from paramsurvey.axes import as_axis, pick
from paramsurvey.columns import where
from paramsurvey.errors import suggestion
from paramsurvey.messages import Rows, Values
from paramsurvey.names import check_names
from paramsurvey.rows import check_seed
from paramsurvey.spaces import Space


class Distribution(Protocol):
    """Where the values of one column of a `Sample` come from."""

    def at(self, unit: NDArray[np.float64]) -> Values:
        """Return the values for numbers in [0, 1]: the inverse of the cumulative distribution."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Floats between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_order("uniform", self.low, self.high)

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.low + unit * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """Floats between `low` and `high` whose logarithm is uniform."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_order("loguniform", self.low, self.high)
        if self.low <= 0:
            raise ValueError(f"loguniform from {self.low}: a logarithm needs a lower end above 0")

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = np.log(self.low), np.log(self.high)
        values: NDArray[np.float64] = np.exp(low + unit * (high - low))
        return values.clip(self.low, self.high)  # exp(log(x)) can miss x


@dataclass(frozen=True)
class Integers:
    """Integers from `low` to `high`, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_order("integers", index(self.low), index(self.high))

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.int64]:
        steps = np.floor(unit * (self.high - self.low + 1)).astype(np.int64)
        return np.minimum(self.low + steps, self.high)


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
        return pick(self._values, np.minimum((unit * (last + 1)).astype(np.int64), last))

    def __repr__(self) -> str:
        return f"Choice({self._values!r})"


def _check_order(name: str, low: float, high: float) -> None:
    if not (low <= high and np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} from {low} to {high} is empty: give two finite ends, the lower one first")


class Sample(Space):
    """Psets drawn from distributions.

    The numbers in the unit cube behind it are computed when the first row is needed, all at once
    (8 bytes for each cell), in each process again: only their recipe travels.

    Parameters
    ----------
    length : int
        How many psets.
    distributions : mapping of str to Distribution
        One for each column.
    method : str
        ``"random"``, ``"sobol"``, ``"halton"`` or ``"latin_hypercube"``.
    seed : int
        The psets depend on it, on the method and on the columns in their order. But for
        ``"latin_hypercube"`` they do not depend on the length: a longer sample begins with the shorter.

    Examples
    --------
    >>> dice = {"points": Integers(1, 6)}
    >>> list(Sample(3, dice, seed=1))
    [{'points': 4}, {'points': 6}, {'points': 1}]
    >>> list(Sample(1_000_000, dice, seed=1))[:3]
    [{'points': 4}, {'points': 6}, {'points': 1}]
    """

    def __init__(
        self, length: int, distributions: Mapping[str, Distribution], method: str = "random", seed: int = 0
    ) -> None:
        check_names(distributions)
        if not distributions:
            raise ValueError("a sample needs a column: give at least one, for example x=params.uniform(0, 1)")
        for name, distribution in distributions.items():
            _check_distribution(name, distribution)
        self.names = tuple(distributions)
        self._distributions = dict(distributions)
        self._length = _check_length(length)
        self._method = _check_method(method)
        self._seed = check_seed(seed)

    def __len__(self) -> int:
        return self._length

    def columns(self, rows: Rows) -> dict[str, Values]:
        unit = self._unit_cube[where(rows)]
        pairs = zip(self._distributions.items(), unit.T, strict=True)
        return {name: distribution.at(numbers) for (name, distribution), numbers in pairs}

    @cached_property
    def _unit_cube(self) -> NDArray[np.float64]:
        return UNIT_CUBES[self._method](self._length, len(self.names), self._seed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_unit_cube"}


def _check_distribution(name: str, distribution: object) -> None:
    if not callable(getattr(distribution, "at", None)):
        raise ValueError(
            f"{name!r} needs a distribution and has {distribution!r}: "
            "give params.uniform, loguniform, integers or choice"
        )


def _check_length(length: int) -> int:
    if index(length) < 0:
        raise ValueError(f"a sample of {length} psets cannot be: ask for 0 or more")
    return index(length)


def _check_method(method: str) -> str:
    if method not in UNIT_CUBES:
        raise ValueError(f"there is no sampling method {method!r}{suggestion(method, UNIT_CUBES)}")
    if method != "random":
        _qmc()  # says here, not in a worker, that scipy is missing
    return method


def _random(length: int, dimensions: int, seed: int) -> NDArray[np.float64]:
    return np.random.Generator(np.random.PCG64(seed)).random((length, dimensions))


def _quasi_random(engine: str) -> Callable[[int, int, int], NDArray[np.float64]]:
    def numbers(length: int, dimensions: int, seed: int) -> NDArray[np.float64]:
        if not length:
            return np.empty((0, dimensions))
        kind = getattr(_qmc(), engine)
        seed_argument = "rng" if "rng" in signature(kind).parameters else "seed"  # scipy 1.15 renamed it
        generator = np.random.Generator(np.random.PCG64(seed))
        with warnings.catch_warnings():
            # Sobol's: the length is not a power of 2; params.sample says it, and the choice is the user's
            warnings.simplefilter("ignore", UserWarning)
            unit: NDArray[np.float64] = kind(dimensions, **{seed_argument: generator}).random(length)
        return unit

    return numbers


def _qmc() -> ModuleType:
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise ImportError(
            "this sampling method needs scipy, which is not installed: pip install 'paramsurvey[sample]'"
        ) from error
    module: ModuleType = qmc
    return module


UNIT_CUBES = {
    "random": _random,
    "sobol": _quasi_random("Sobol"),
    "halton": _quasi_random("Halton"),
    "latin_hypercube": _quasi_random("LatinHypercube"),
}
