"""Arithmetic on row numbers: products, choices and permutations that are computed instead of stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from math import isqrt, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import as_array, object_array
from paramsurvey.transport.messages import Rows, Values

BLOCK = 1 << 16  # rows to work on at a time: enough for numpy to be fast, few enough for the CPU's cache
MOST_ROWS = 2**62  # with more rows, the arithmetic could overflow 64 bits


def blocks(length: int) -> Iterator[range]:
    """Yield the rows from 0 to `length`, in ranges of at most `BLOCK` rows.

    Examples
    --------
    >>> list(blocks(100_000))
    [range(0, 65536), range(65536, 100000)]
    """
    for start in range(0, length, BLOCK):
        yield range(start, min(start + BLOCK, length))


def strides(sizes: Sequence[int]) -> list[int]:
    """Return for each factor of a product how many consecutive rows of the product share a row of the factor.

    Examples
    --------
    >>> strides([2, 3, 4])
    [12, 4, 1]
    """
    if prod(sizes) > MOST_ROWS:
        raise ValueError(f"a product of {prod(sizes):,} rows is too large to be numbered: take fewer values")
    return list(accumulate(reversed(sizes[1:]), int.__mul__, initial=1))[::-1]


@dataclass(frozen=True, slots=True)
class RepeatedRows:
    """How consecutive rows of a product repeat the rows of one of its factors.

    Each row of the factor is repeated `stride` times (a run). When every row has had its run, the runs begin
    again with the first row (the next cycle). Only the first cycle is computed; the others are copies of it.

    Attributes
    ----------
    rows : range or int64 array
        The factor's row for each run of the first cycle.
    counts : int64 array or None
        The lengths of these runs; None: all are 1.
    length : int
        The number of rows of the product.

    Examples
    --------
    >>> repeated = RepeatedRows.over(range(1, 8), size=2, stride=2)
    >>> repeated.rows, repeated.counts
    (array([0, 1, 0]), array([1, 2, 1]))
    >>> repeated.apply(np.array([0, 1, 0]))
    array([0, 1, 1, 0, 0, 1, 1])
    """

    rows: Rows
    counts: NDArray[np.int64] | None
    length: int

    @classmethod
    def over(cls, rows: range, size: int, stride: int) -> RepeatedRows:
        """Return how `rows` of a product repeat a factor of `size` rows, in runs of `stride` rows."""
        if not rows:
            return cls(range(0), None, 0)
        stop = min(rows.stop, rows.start + size * stride)
        runs = range(rows.start // stride, (stop - 1) // stride + 1)
        return cls(_wrapped(runs, size), _run_lengths(runs, stride, rows.start, stop), len(rows))

    def apply(self, values: Values) -> Values:
        """Return the product's column, given the factor's values at `rows`."""
        if isinstance(values, list):
            return list(self._repeat(object_array(values, len(values))))
        return self._repeat(values)

    def _repeat(self, values: NDArray[Any]) -> NDArray[Any]:
        cycle = values if self.counts is None else np.repeat(values, self.counts)
        return cycle if len(cycle) == self.length else _cycled(cycle, self.length)


def _wrapped(runs: range, size: int) -> Rows:
    first = runs.start % size
    rows = range(first, first + len(runs))
    return rows if rows.stop <= size else as_array(rows) % size


def _run_lengths(runs: range, stride: int, start: int, stop: int) -> NDArray[np.int64] | None:
    if stride == 1:
        return None
    bounds = np.arange(runs.start, runs.stop + 1, dtype=np.int64) * stride
    bounds[0], bounds[-1] = start, stop  # the first and the last run may be incomplete
    return np.diff(bounds)


def _cycled(values: NDArray[Any], length: int) -> NDArray[Any]:
    """Repeat `values` up to `length`. Each step doubles what there is, since a few long copies are fast."""
    result = np.empty(length, dtype=values.dtype)
    filled = len(values)
    result[:filled] = values
    while filled < length:
        step = min(filled, length - filled)
        result[filled : filled + step] = result[:step]
        filled += step
    return result


@dataclass(frozen=True, slots=True)
class RowIndex:
    """Chosen row numbers, ascending, in 2 bytes each, plus 8 bytes for every 65,536 rows to choose from.

    Attributes
    ----------
    starts : int64 array
        How many rows are chosen before each block of `BLOCK` rows.
    low : uint16 array
        The chosen rows, counted from the start of their block.

    Examples
    --------
    >>> chosen = RowIndex.of(row % 3 == 0 for row in range(1_000_000))
    >>> len(chosen), chosen.rows(np.array([0, 1, 100_000]))
    (333334, array([     0,      3, 300000]))
    """

    starts: NDArray[np.int64]
    low: NDArray[np.uint16]

    @classmethod
    def of(cls, flags: Iterable[bool]) -> RowIndex:
        """Choose the rows whose flag is true."""
        found = list(_chosen_in_blocks(iter(flags)))
        counts = np.array([len(low) for low in found], dtype=np.int64)
        return cls(np.cumsum(counts) - counts, np.concatenate([*found, np.empty(0, dtype=np.uint16)]))

    def __len__(self) -> int:
        return len(self.low)

    def rows(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the chosen rows at these positions."""
        block = np.searchsorted(self.starts, at, side="right") - 1
        return block * BLOCK + self.low[at]


def _chosen_in_blocks(flags: Iterator[bool]) -> Iterator[NDArray[np.uint16]]:
    while len(block := np.fromiter(islice(flags, BLOCK), dtype=np.bool_)):
        yield np.flatnonzero(block).astype(np.uint16)


def check_seed(seed: int) -> int:
    """Return `seed` as an int, or raise a ValueError if numpy's SeedSequence would refuse it."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed {seed!r} is not a non-negative integer: give one, for example seed=0")
    return int(seed)


class Permutation:
    """A permutation of ``range(size)`` that is computed instead of stored.

    A row is split into two digits, ``left * width + right``. Alternately, a hash of one digit is added to the
    other, modulo its base: a Feistel network. Each step is reversible, so the whole is a permutation. It
    permutes ``height * width >= size`` rows; a result of `size` or more is permuted again until it is
    smaller ("cycle walking"). See Black and Rogaway, Ciphers with arbitrary finite domains (2002).

    Parameters
    ----------
    size : int
        How many rows are permuted.
    seed : int
        Chooses one of many permutations.

    Examples
    --------
    >>> sorted(Permutation(6, seed=0).at(np.arange(6)).tolist())
    [0, 1, 2, 3, 4, 5]
    """

    ROUNDS = 6  # each changes both digits; with 4, some orders of 5 rows are too frequent: see the test

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._width = max(isqrt(max(size - 1, 0)) + 1, 1)
        self._height = -(-size // self._width)
        self._keys = np.random.SeedSequence(seed).generate_state(2 * self.ROUNDS, np.uint64)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that the permutation puts at these positions."""
        result = self._network(rows.astype(np.uint64))
        outside = np.flatnonzero(result >= self._size)
        while len(outside):
            result[outside] = self._network(result[outside])
            outside = outside[result[outside] >= self._size]
        return result.astype(np.int64)

    def _network(self, rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
        width, height = np.uint64(self._width), np.uint64(self._height)
        left = rows // width
        right = rows - left * width
        for key, other_key in self._keys.reshape(-1, 2):
            left = _moved(left, _hashed(right + key), height)
            right = _moved(right, _hashed(left + other_key), width)
        return left * width + right


def _hashed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 32 well-mixed bits of each value: the finalizer of SplitMix64 (Steele et al. 2014)."""
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed >> np.uint64(32)


def _moved(digits: NDArray[np.uint64], bits: NDArray[np.uint64], base: np.uint64) -> NDArray[np.uint64]:
    """Add 32 random bits, scaled to the digits' base, modulo the base; without a division, which is slow."""
    moved = digits + (bits * base >> np.uint64(32))
    return np.where(moved < base, moved, moved - base)
