"""Samples: psets drawn from distributions, by row like every other space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from operator import index
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from paramsurvey.errors import suggestion
from paramsurvey.params.axes import as_axis, values_at
from paramsurvey.params.column_names import check_names
from paramsurvey.params.row_math import check_seed
from paramsurvey.params.spaces.algebra import Space
from paramsurvey.params.spaces.unit_cube import UNIT_CUBES, UnitCube, qmc
from paramsurvey.transport.messages import Pset, Rows, Values
from paramsurvey.transport.safe_repr import describe

if TYPE_CHECKING:
    import pandas as pd

MOST_INTEGERS = 2**53  # a number of the unit cube has no more bits: some of the integers could never come


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
    """Return two ends as floats."""
    try:
        are_finite = isfinite(low) and isfinite(high)
    except OverflowError:  # an integer that no float can hold
        are_finite = False
    if not are_finite:
        raise ValueError(f"{name} has an end that is no finite float: give two finite ends")
    _check_order(name, low, high)
    return float(low), float(high)


def _check_order(name: str, low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"{name} from {low} to {high} is empty: give the lower one first")


def _keep_ends(distribution: object, low: float, high: float) -> None:
    """Keep ends as numbers of Python: those of numpy may have few bits."""
    object.__setattr__(distribution, "low", low)  # it is frozen for all others
    object.__setattr__(distribution, "high", high)


class Sample(Space):
    """Psets drawn from distributions.

    Rows are computed when they are asked for, by the driver and by each worker: only the recipe
    travels. A ``"latin_hypercube"`` is the exception. It is computed with the first row, as a whole, in each
    process again: 8 bytes for each cell, and 24 while it is computed.

    Parameters
    ----------
    length : int
        How many psets; of ``"sobol"``, 2**30 at most.
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
        _refuse_reserved(method=method, seed=seed)
        self._method = _check_method(method)
        self._length = _check_length(length, method)
        self._seed = check_seed(seed)

    def __len__(self) -> int:
        return self._length

    def columns(self, rows: Rows) -> dict[str, Values]:
        unit = self._unit_cube.at(rows)
        pairs = zip(self._distributions.items(), unit.T, strict=True)
        return {name: distribution.at(numbers) for (name, distribution), numbers in pairs}

    @overload
    def __getitem__(self, at: slice) -> pd.DataFrame: ...

    @overload
    def __getitem__(self, at: int) -> Pset: ...

    def __getitem__(self, at: int | slice) -> pd.DataFrame | Pset:
        if not isinstance(at, slice):
            return super().__getitem__(at)
        frame = super().__getitem__(at)
        return frame if len(frame) else frame.astype(self._dtypes())

    def _dtypes(self) -> dict[str, Any]:
        """Return the dtypes of some rows: where there is none, pandas makes floats of strings."""
        return dict(Sample(100, self._distributions)[:].dtypes)

    @cached_property
    def _unit_cube(self) -> UnitCube:
        return UNIT_CUBES[self._method](self._length, len(self.names), self._seed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_unit_cube"}


def _check_distribution(name: str, distribution: object) -> None:
    if not callable(getattr(distribution, "at", None)):
        raise ValueError(
            f"{name!r} needs a distribution and has {describe(distribution, 100)}: "
            "give params.uniform, loguniform, integers or choice"
        )


def _refuse_reserved(**arguments: object) -> None:
    for name, value in arguments.items():
        if callable(getattr(value, "at", None)):
            raise ValueError(
                f"a column of a sample cannot be called {name!r}, which is an argument of its own: "
                "give it another name"
            )


def _check_length(length: int, method: str) -> int:
    most = UNIT_CUBES[method].MOST
    if index(length) < 0:
        raise ValueError(f"a sample of {length} psets cannot be: ask for 0 or more")
    if index(length) > most:
        raise ValueError(
            f"a sample of method {method!r} has at most {most:,} psets and not {length:,}: "
            "ask for fewer, or for another method"
        )
    return index(length)


def _check_method(method: str) -> str:
    if method not in UNIT_CUBES:
        raise ValueError(f"there is no sampling method {method!r}{suggestion(method, UNIT_CUBES)}")
    if method != "random":
        qmc()  # says here, not in a worker, that scipy is missing
    return method


# ---- what users call


def sample(n: int, /, method: str = "random", seed: int = 0, **distributions: Distribution) -> Sample:
    """Return `n` psets that are drawn from distributions.

    Parameters
    ----------
    n : int
        How many.
    method : str
        ``"random"``: independent numbers.
        ``"sobol"`` and ``"halton"``: quasi-random numbers (scrambled), which fill the space more evenly;
        Sobol's are balanced where `n` is a power of 2, which can be 2**30 at most.
        ``"latin_hypercube"``: in each column, one number in each n-th of the range.
        All but the first need scipy.
    seed : int
        The same seed gives the same psets.
    **distributions : uniform(...), loguniform(...), integers(...) or choice(...)
        One for each column. Their order matters. A column cannot be called method or seed.

    Returns
    -------
    Space
        Like that of `grid`.

    Notes
    -----
    Asking for more later extends the sequence: ``sample(200, ...)`` begins with ``sample(100, ...)``, so
    that a survey which is continued with it runs the new psets only. The exception is
    ``"latin_hypercube"``: there every number depends on `n`, and another `n` is another sample.

    The rows are computed where they are needed, so that a billion of them cost no memory. A Latin hypercube
    is computed as a whole, in the driver and in each worker: 8 bytes for each cell, and 24 meanwhile.

    Examples
    --------
    >>> space = sample(8, seed=42, x=uniform(0, 1), k=integers(1, 9), kind=choice(["a", "b"]))
    >>> space[0]
    {'x': 0.7739560485559633, 'k': 4, 'kind': 'b'}
    """
    return Sample(n, distributions, method, seed)


def uniform(low: float, high: float) -> Uniform:
    """Return the distribution, for `sample`, of floats between `low` and `high`.

    Parameters
    ----------
    low, high : float
        Two finite ends, the lower one first.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        The ends are in the wrong order or not finite, or too far from each other for a float.

    Examples
    --------
    >>> sample(2, angle=uniform(0, 360)).to_df()
            angle
    0  229.306207
    1   97.123217
    """
    return Uniform(low, high)


def loguniform(low: float, high: float) -> LogUniform:
    """Return the distribution, for `sample`, of floats as probable in each decade from `low` to `high`.

    Parameters
    ----------
    low, high : float
        Two finite ends above 0, the lower one first.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        The ends are in the wrong order, not finite, or not above 0.

    Examples
    --------
    >>> sample(2, rate=loguniform(1e-3, 10)).to_df()
           rate
    0  0.353059
    1  0.011999
    """
    return LogUniform(low, high)


def integers(low: int, high: int) -> Integers:
    """Return the distribution, for `sample`, of integers from `low` to `high`, both included.

    Parameters
    ----------
    low, high : int
        The lower one first; of 64 bits, and not more than 2**53 values.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        The ends are in the wrong order, or there are too many integers between them.
    TypeError
        They are no integers.

    Examples
    --------
    >>> sample(5, points=integers(1, 6)).to_df()["points"].tolist()
    [4, 2, 1, 1, 5]
    """
    return Integers(low, high)


def choice(values: Iterable[Any]) -> Choice:
    """Return the distribution, for `sample`, of one of `values`, each as probable as the others.

    Parameters
    ----------
    values : iterable
        At least one.

    Returns
    -------
    Distribution

    Raises
    ------
    ValueError
        There is no value.

    Examples
    --------
    >>> sample(5, kernel=choice(["rbf", "linear"])).to_df()["kernel"].tolist()
    ['linear', 'rbf', 'rbf', 'rbf', 'linear']
    """
    return Choice(values)
