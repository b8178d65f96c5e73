"""Random and quasi-random points in the unit cube, by row: `Sample` makes values from their coordinates.

A row always has the same point: the one that it would have in a single draw of all rows, whichever rows are
asked for, and in whatever order. Threads may share a `UnitCube`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property
from inspect import signature
from itertools import pairwise
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from paramsurvey.params.row_math import BLOCK, MOST_ROWS
from paramsurvey.transport.column_by_row import as_array, numpy_index
from paramsurvey.transport.messages import Rows

NEAR_ROWS = 64  # drawing up to this many rows that nobody needs takes less time than starting anew

Unit = NDArray[np.float64]


class UnitCube(ABC):
    """A sequence of points in the unit cube, by row.

    Parameters
    ----------
    length : int
        How many rows there are, at most `MOST_POINTS`.
    dimensions : int
        How many coordinates a point has.
    seed : int
        Another seed gives other points.
    """

    MOST_POINTS: ClassVar[int] = MOST_ROWS

    def __init__(self, length: int, dimensions: int, seed: int) -> None:
        self._length = length
        self._dimensions = dimensions
        self._seed = seed

    @abstractmethod
    def at(self, rows: Rows) -> Unit:
        """Return the points of `rows`, one per line, in a new array of numbers from 0 to just below 1."""

    def _generator(self) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(self._seed))

    def _engine(self, name: str) -> Any:
        kind = getattr(qmc(), name)
        argument = "rng" if "rng" in signature(kind).parameters else "seed"  # scipy 1.15 renamed it
        return kind(self._dimensions, **{argument: self._generator()})


class Independent(UnitCube):
    """Independent random numbers. The generator, PCG64, can jump to any of them."""

    def at(self, rows: Rows) -> Unit:
        stream = np.random.PCG64(self._seed)
        start, numbers = stream.state, np.random.Generator(stream)

        def draw(run: range) -> Unit:
            stream.state = start
            stream.advance(run.start * self._dimensions)
            return numbers.random((len(run), self._dimensions))

        return in_runs(rows, self._dimensions, draw)


class Halton(UnitCube):
    """Halton's sequence, scrambled. Each point can be computed from its number."""

    def at(self, rows: Rows) -> Unit:
        engine = copy(self._permuted)  # so that threads do not share the number of its next point

        def draw(run: range) -> Unit:
            engine.num_generated = run.start  # fast_forward() would compute all points up to there
            points: Unit = engine.random(len(run))
            return points

        return in_runs(rows, self._dimensions, draw)

    @cached_property
    def _permuted(self) -> Any:
        return self._engine("Halton")


class Sobol(UnitCube):
    """Sobol's sequence, scrambled.

    With ^ for "exclusive or" of row numbers and of the bits of points, point(i ^ j) is point(i) ^ point(j) ^
    point(0). So the point of row ``a + b * FIRST`` is point(a), which is in the table of the first `FIRST`
    points, ^ a step that depends on b alone, which is in the table of steps.
    """

    BITS = 30  # of each coordinate, which is scipy's default
    MOST_POINTS: ClassVar[int] = 2**BITS
    FIRST_BITS = 12
    FIRST = 2**FIRST_BITS

    def at(self, rows: Rows) -> Unit:
        numbers = as_array(rows)
        first, steps = self._tables(int(numbers.max(initial=0)))
        points: Unit = (first[numbers % self.FIRST] ^ steps[numbers // self.FIRST]) * 0.5**self.BITS
        return points

    def _tables(self, last: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the table of first points and the table of steps, up to row `last`, as bits."""
        known = self._known_tables
        if last >= len(known[1]) * self.FIRST:
            known = self._known_tables = self._compute_tables(last)
        return known

    @cached_property
    def _known_tables(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self._compute_tables(0)

    def _compute_tables(self, last: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        engine = self._engine("Sobol")
        first = self._bits(engine.random(self.FIRST))
        steps = np.zeros((1, self._dimensions), dtype=np.uint32)
        for bit in range(self.FIRST_BITS, last.bit_length()):
            engine.fast_forward(2**bit - engine.num_generated)
            steps = np.concatenate([steps, steps ^ first[0] ^ self._bits(engine.random(1))])
        return first, steps

    def _bits(self, points: Unit) -> NDArray[np.uint32]:
        return (points * 2.0**self.BITS).astype(np.uint32)


class LatinHypercube(UnitCube):
    """One point in each of `length` slices of every dimension. All points are computed together, and kept."""

    def at(self, rows: Rows) -> Unit:
        return np.array(self._points[numpy_index(rows)])

    @cached_property
    def _points(self) -> Unit:
        if not self._length:
            return np.empty((0, self._dimensions))
        try:
            points: Unit = self._engine("LatinHypercube").random(self._length)
        except MemoryError as error:
            raise MemoryError(
                f"{error}: a Latin hypercube is computed as a whole; take fewer psets, or another method"
            ) from error
        return points


UNIT_CUBES: dict[str, type[UnitCube]] = {
    "random": Independent,
    "sobol": Sobol,
    "halton": Halton,
    "latin_hypercube": LatinHypercube,
}


def qmc() -> ModuleType:
    """Return ``scipy.stats.qmc``, or raise an ImportError that says how to get it."""
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise ImportError(
            "this sampling method needs scipy, which is not installed: pip install 'paramsurvey[sample]'"
        ) from error
    module: ModuleType = qmc
    return module


def in_runs(rows: Rows, dimensions: int, draw: Callable[[range], Unit]) -> Unit:
    """Return the points of any rows; `draw` returns those of a range, and is called for a run of near rows.

    Examples
    --------
    >>> in_runs(np.array([7, 5000, 5]), 1, lambda run: print(run) or np.array(run)[:, None])
    range(5, 8)
    range(5000, 5001)
    array([[   7.],
           [5000.],
           [   5.]])
    """
    if isinstance(rows, range):
        return draw(rows)
    wanted, back = np.unique(rows, return_inverse=True)
    points = np.empty((len(wanted), dimensions))
    for run in _runs(wanted):
        neighbours = wanted[run]
        first, last = int(neighbours[0]), int(neighbours[-1])
        points[run] = draw(range(first, last + 1))[neighbours - first]
    return points[back]


def _runs(wanted: NDArray[np.int64]) -> Iterator[slice]:
    """Split ascending rows where the next one is far away, and between blocks, which bounds the memory."""
    is_cut = (np.diff(wanted) > NEAR_ROWS) | (np.diff(wanted // BLOCK) > 0)
    ends = [0, *(np.flatnonzero(is_cut) + 1).tolist(), len(wanted)] if len(wanted) else []
    return (slice(start, stop) for start, stop in pairwise(ends))
