"""Arithmetic on row numbers: products, choices and permutations that are computed, not stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from math import isqrt, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.columns import object_array
from paramsurvey.transport.messages import Rows, Values

BLOCK = 1 << 16  # rows: many enough for numpy to be fast, few enough to stay in a cache
MOST_ROWS = 2**62  # beyond, the arithmetic could leave 64 bits


def blocks(length: int) -> Iterator[range]:
    """Yield all rows, in ranges of a convenient size.

    Examples
    --------
    >>> list(blocks(100_000))
    [range(0, 65536), range(65536, 100000)]
    """
    for start in range(0, length, BLOCK):
        yield range(start, min(start + BLOCK, length))


def as_array(rows: Rows) -> NDArray[np.int64]:
    """Return `rows` as an int64 array."""
    return np.arange(rows.start, rows.stop, dtype=np.int64) if isinstance(rows, range) else rows


def strides(sizes: Sequence[int]) -> list[int]:
    """Return for how many neighbouring rows of a product each factor stays at one of its own.

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
    """How neighbouring rows of a product repeat the rows of one factor.

    The factor's rows come in runs, and the runs come over and over again. Only one round of runs is
    computed, each run once; the rest is copied.

    Attributes
    ----------
    rows : range or int64 array
        The factor's row for each run of the first round.
    counts : int64 array or None
        The lengths of these runs; None: all are 1.
    length : int
        How many rows of the product there are.

    Examples
    --------
    >>> spread = RepeatedRows.over(range(1, 8), size=2, stride=2)
    >>> spread.rows, spread.counts
    (array([0, 1, 0]), array([1, 2, 1]))
    >>> spread.apply(np.array([0, 1, 0]))
    array([0, 1, 1, 0, 0, 1, 1])
    """

    rows: Rows
    counts: NDArray[np.int64] | None
    length: int

    @classmethod
    def over(cls, rows: range, size: int, stride: int) -> RepeatedRows:
        """Return what `rows` (neighbours) take from a factor of `size` rows with runs of `stride`."""
        if not rows:
            return cls(range(0), None, 0)
        stop = min(rows.stop, rows.start + size * stride)
        runs = range(rows.start // stride, (stop - 1) // stride + 1)
        return cls(_wrapped(runs, size), _run_lengths(runs, stride, rows.start, stop), len(rows))

    def apply(self, values: Values) -> Values:
        """Return the column of the product, given the values at `rows`."""
        if isinstance(values, list):
            return list(self._repeat(object_array(values, len(values))))
        return self._repeat(values)

    def _repeat(self, values: NDArray[Any]) -> NDArray[Any]:
        round_ = values if self.counts is None else np.repeat(values, self.counts)
        return round_ if len(round_) == self.length else _over_and_over(round_, self.length)


def _wrapped(runs: range, size: int) -> Rows:
    first = runs.start % size
    rows = range(first, first + len(runs))
    return rows if rows.stop <= size else as_array(rows) % size


def _run_lengths(runs: range, stride: int, start: int, stop: int) -> NDArray[np.int64] | None:
    if stride == 1:
        return None
    bounds = np.arange(runs.start, runs.stop + 1, dtype=np.int64) * stride
    bounds[0], bounds[-1] = start, stop  # the first and the last run may be cut
    return np.diff(bounds)


def _over_and_over(values: NDArray[Any], length: int) -> NDArray[Any]:
    """Repeat all `values` up to `length`; doubling keeps the copies long where the values are few."""
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
    """Ascending row numbers in two bytes each, and eight for every 65536 rows they are chosen from.

    Attributes
    ----------
    starts : int64 array
        How many are chosen before each block of `BLOCK` rows.
    low : uint16 array
        The chosen rows, each counted from the start of its block.

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
        """Number the rows whose flag is true."""
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
    """Return `seed`, or raise a ValueError where numpy's SeedSequence would not take it."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed {seed!r} is not a non-negative integer: give one, for example seed=0")
    return int(seed)


class Permutation:
    """A permutation of ``range(size)`` that is computed, not stored.

    A row is taken apart into two digits, ``left * width + right``, and each digit in turn is moved by a
    hash of the other: a Feistel network, which can be undone and so is a permutation. It permutes the
    ``height * width >= size`` rows of the rectangle; who ends outside of the `size` goes on until it is
    inside ("cycle walking"). See Black and Rogaway, Ciphers with arbitrary finite domains (2002).

    Parameters
    ----------
    size, seed : int
        Which permutation.

    Examples
    --------
    >>> sorted(Permutation(6, seed=0).at(np.arange(6)).tolist())
    [0, 1, 2, 3, 4, 5]
    """

    ROUNDS = 6  # of two half rounds: with 4, some orders of 5 rows come too often: see its test

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._width = max(isqrt(max(size - 1, 0)) + 1, 1)
        self._height = -(-size // self._width)
        self._keys = np.random.SeedSequence(seed).generate_state(2 * self.ROUNDS, np.uint64)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what stands at these positions."""
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
    """Add 32 random bits, scaled to the digits' base, modulo the base; without any slow division."""
    moved = digits + (bits * base >> np.uint64(32))
    return np.where(moved < base, moved, moved - base)
