"""Samples: psets drawn from distributions, but computed from row numbers like those of every other space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any, overload

from paramsurvey.errors import suggestion
from paramsurvey.params.axes import check_values, wrap_single
from paramsurvey.params.column_names import check_names
from paramsurvey.params.row_math import check_seed
from paramsurvey.params.spaces.distributions import Choice, Distribution, LogUniform, Uniform
from paramsurvey.params.spaces.grids_and_products import Space
from paramsurvey.params.spaces.unit_cube import UNIT_CUBES, UnitCube, qmc
from paramsurvey.transport.messages import Pset, Rows, Values

if TYPE_CHECKING:
    import pandas as pd


class Sample(Space):
    """Psets drawn from distributions.

    The driver and each worker compute the rows that they need; only the distributions, the method and the
    seed travel. The exception is ``"latin_hypercube"``: each process computes all rows when it needs the
    first, which takes 8 bytes for each value, and 24 bytes meanwhile.

    Parameters
    ----------
    length : int
        How many psets; at most 2**30 with ``"sobol"``.
    distributions : mapping of str to Distribution, list or constant
        A distribution for each column. A list stands for a choice of its values.
    method : str
        ``"random"``, ``"sobol"``, ``"halton"`` or ``"latin_hypercube"``.
    seed : int
        The psets depend on the seed, on the method, and on the columns and their order. They do not depend
        on the length, except with ``"latin_hypercube"``: a longer sample begins with the shorter sample.

    Examples
    --------
    >>> from paramsurvey.params.spaces.distributions import Integers
    >>> dice = {"points": Integers(1, 6)}
    >>> list(Sample(3, dice, seed=1))
    [{'points': 4}, {'points': 6}, {'points': 1}]
    >>> list(Sample(1_000_000, dice, seed=1))[:3]
    [{'points': 4}, {'points': 6}, {'points': 1}]
    """

    def __init__(
        self,
        length: int,
        distributions: Mapping[str, Distribution | Any],
        method: str = "random",
        seed: int = 0,
    ) -> None:
        check_names(distributions)
        if not distributions:
            raise ValueError("a sample needs a column: give at least one, for example x=params.uniform(0, 1)")
        self.names = tuple(distributions)
        self._distributions = {name: _distribution(name, one) for name, one in distributions.items()}
        _refuse_reserved(method=method, seed=seed)
        self._method = _check_method(method)
        self._length = _check_length(length, method)
        self._seed = check_seed(seed)

    def __len__(self) -> int:
        return self._length

    def is_distinct(self) -> bool:
        """Tell whether there is a column of floats: in practice, no two of 2**53 are equal."""
        distributions = self._distributions.values()
        continuous = [each for each in distributions if isinstance(each, (Uniform, LogUniform))]
        return any(each.low < each.high for each in continuous)

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
        """Return the dtypes that rows have, since an empty column of strings would become one of floats."""
        return dict(Sample(100, self._distributions)[:].dtypes)

    @cached_property
    def _unit_cube(self) -> UnitCube:
        return UNIT_CUBES[self._method](self._length, len(self.names), self._seed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_unit_cube"}


def _distribution(name: str, given: Distribution | object) -> Distribution:
    """Return a distribution as it is, a list as a choice of its values, and a constant as a choice of one."""
    if isinstance(given, Distribution):
        return given
    return Choice(check_values(name, wrap_single(given)))


def _refuse_reserved(**arguments: object) -> None:
    for name, value in arguments.items():
        if callable(getattr(value, "at", None)):
            raise ValueError(
                f"{name!r} is an argument of sample() itself: "
                f"a column of this name can be given in a dict, sample(n, {{{name!r}: ...}})"
            )


def _check_length(length: int, method: str) -> int:
    most = UNIT_CUBES[method].MOST_POINTS
    if not hasattr(length, "__index__"):
        raise TypeError(f"a sample has a whole number of psets, not {length!r:.50}: write sample(100, ...)")
    if index(length) < 0:
        raise ValueError(f"a sample cannot have {length} psets: ask for 0 or more")
    if index(length) > most:
        raise ValueError(
            f"a sample of method {method!r} has at most {most:,} psets, not {length:,}: "
            "ask for fewer, or for another method"
        )
    return index(length)


def _check_method(method: str) -> str:
    if method not in UNIT_CUBES:
        raise ValueError(f"there is no sampling method {method!r}{suggestion(method, UNIT_CUBES)}")
    if method != "random":
        qmc()  # so that a missing scipy is reported here, not by a worker
    return method
