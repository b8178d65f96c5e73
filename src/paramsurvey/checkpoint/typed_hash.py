"""Recognizing psets by their content, and matching two lists of them.

A pset's identity consists of two 64-bit numbers. They depend only on its keys and values: not on the order of
the columns, nor on how a column is stored (categorical, int8 or int64). Two psets are equal here if their
values are equal and of the same kind. ``1``, ``1.0`` and ``True`` are three different values, because a
worker function sees the difference. 0.0 and -0.0 are the same. A key whose value is nan counts as missing,
because a table has nan where a pset does not have a key.

This is the stricter of two rules. By the looser rule, that of `params.value_hash`, psets with equal values
get the same seed however a number is stored: 1 equals 1.0 there. `Hasher(by_value=True)` is in between: 1 and
1.0 are the same, because a table stores 1 as 1.0 if 7.5 is in the same column; None is the same as nan; but
True is not a number.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.checkpoint.canonical_form import canonical
from paramsurvey.checkpoint.plain_values import plain
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.transport.column_by_row import object_array

U64 = NDArray[np.uint64]
BLOCK = 1 << 15  # values: few enough that all steps of a mix work in the processor's cache

MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # of splitmix64
STRING_KEYS = ("paramsurvey:str1", "paramsurvey:str2")  # siphash wants 16 bytes


@dataclass(frozen=True, slots=True)
class HashPairs:
    """Two independent hashes for each value, or for each pset."""

    one: U64
    two: U64

    @classmethod
    def empty(cls, count: int) -> HashPairs:
        """Return zeros for `count` of them, to be filled in."""
        return cls(np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64))

    def __len__(self) -> int:
        return len(self.one)

    def __getitem__(self, at: Any) -> HashPairs:
        return HashPairs(self.one[at], self.two[at])

    def put(self, at: Any, values: HashPairs) -> None:
        """Replace those at `at`."""
        self.one[at], self.two[at] = values.one, values.two

    def equal(self, other: HashPairs) -> NDArray[np.bool_]:
        """Tell for each whether it equals the one of `other` at the same place."""
        same: NDArray[np.bool_] = (self.one == other.one) & (self.two == other.two)
        return same

    @classmethod
    def joined(cls, parts: Sequence[HashPairs]) -> HashPairs:
        """Return all of them, one after another."""
        if not parts:
            return cls.empty(0)
        return cls(np.concatenate([part.one for part in parts]), np.concatenate([part.two for part in parts]))


def _salt(text: str) -> tuple[np.uint64, np.uint64]:
    one, two = struct.unpack("<QQ", hashlib.blake2b(text.encode(), digest_size=16).digest())
    return np.uint64(one), np.uint64(two)


_KINDS = {name: _salt(f"kind {name}") for name in ("bool", "int", "float", "str", "other")}
_NAN = np.uint64(0x7FF8000000000000)
with np.errstate(over="ignore"):  # numpy's scalars warn of an overflow, though arrays wrap around silently
    _NAN_LANES = (_NAN ^ _KINDS["float"][0], _NAN + _KINDS["float"][1])


@dataclass
class Hasher:
    """Computes psets' identities, and remembers the hashes of a categorical's categories.

    Parameters
    ----------
    by_value : bool
        Whether equal values are the same however they are stored: 1 and 1.0; None, NaT, NA and nan.

    Examples
    --------
    >>> two = Hasher().keys({"a": [1, 1], "b": [0.0, -0.0]}, 2)
    >>> bool(two.one[0] == two.one[1])
    True
    >>> three = Hasher(by_value=True).keys({"a": [1, 1.0, True]}, 3)
    >>> (three.one == three.one[0]).tolist()
    [True, True, False]
    """

    by_value: bool = False
    _categories: dict[str, tuple[Sequence[Any], HashPairs]] = field(default_factory=dict)

    def keys(self, columns: Mapping[str, ColumnValues | HashPairs], count: int) -> HashPairs:
        """Return the identities of `count` psets, given their columns (or the columns' own hashes)."""
        state = HashPairs.empty(count)
        for name in sorted(columns):
            _mix_in(state, self.column(name, columns[name]), _salt(name))
        return state

    def column(self, name: str, cells: ColumnValues | HashPairs) -> HashPairs:
        """Return the hashes of one column's values."""
        if isinstance(cells, HashPairs):
            return cells
        if not isinstance(cells, CategoryCodes):
            return self._values(cells)
        known = self._categories.get(name)
        if known is None or known[0] is not cells.categories:
            known = self._categories[name] = (cells.categories, self._values(list(cells.categories)))
        return known[1][cells.codes]  # code -1 points to the nan at the end of the categories

    def _values(self, values: NDArray[Any] | list[Any]) -> HashPairs:
        return hash_by_value(values) if self.by_value else hash_values(values)


def _mix_in(state: HashPairs, values: HashPairs, salt: tuple[np.uint64, np.uint64]) -> None:
    """Mix one more column into the psets' states, in place; a nan leaves a state as it is."""
    for lane, column, grain, nan in zip(
        (state.one, state.two), (values.one, values.two), salt, _NAN_LANES, strict=True
    ):
        for start in range(0, len(lane), BLOCK):
            piece, new = lane[start : start + BLOCK], column[start : start + BLOCK]
            absent = np.flatnonzero(new == nan)
            before = piece[absent]
            piece += new
            piece ^= grain
            _mix(piece)
            piece[absent] = before


def _mix(x: U64) -> None:
    """Make every bit depend on every other, in place, with the last steps of splitmix64."""
    x ^= x >> np.uint64(30)
    x *= MIX_1
    x ^= x >> np.uint64(27)
    x *= MIX_2
    x ^= x >> np.uint64(31)


def hash_values(values: NDArray[Any] | list[Any]) -> HashPairs:
    """Return the hash of each of a column's values."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.dtype.char != "g":
        return _hash_numbers(values)
    kinds = np.fromiter((_kind_of(value) for value in values), dtype="U1", count=len(values))
    hashes = HashPairs.empty(len(values))
    for kind in np.unique(kinds).tolist():
        at = np.flatnonzero(kinds == kind)
        hashes.put(at, _hash_kind(kind, [values[i] for i in at.tolist()]))
    return hashes


def hash_by_value(values: NDArray[Any] | list[Any]) -> HashPairs:
    """Return the hash of each of a column's values; equal ones have the same, however they are stored."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        return hash_values([plain(value) for value in values])
    if values.dtype.kind == "u" and len(values) and values.max() >= 2**63:
        return hash_by_value(values.tolist())
    hashes = hash_values(values)
    if values.dtype.kind == "f":
        fits = (values >= -(2.0**63)) & (values < 2.0**63)
        whole = np.flatnonzero(fits & (np.trunc(values) == values))
        hashes.put(whole, hash_values(values[whole].astype(np.int64)))
    return hashes


def _kind_of(value: object) -> str:
    if type(value) is int:
        return "i" if -(2**63) <= value < 2**63 else "o"
    if type(value) is np.longdouble and value != value:
        return "f"  # nan is the same in all types
    return {float: "f", bool: "b", str: "s"}.get(type(value), "o")


def _hash_kind(kind: str, values: list[Any]) -> HashPairs:
    if kind == "s":
        return _hash_strings(values)
    if kind == "o":
        return _hash_objects(values)
    return _hash_numbers(np.array(values, dtype={"i": np.int64, "f": np.float64, "b": np.bool_}[kind]))


def _hash_numbers(values: NDArray[Any]) -> HashPairs:
    kind = {"b": "bool", "f": "float"}.get(values.dtype.kind, "int")
    if values.dtype.kind == "u" and len(values) and values.max() >= 2**63:
        return hash_values(values.tolist())
    return _salted(_bits(values, kind), kind)


def _bits(values: NDArray[Any], kind: str) -> U64:
    if kind != "float":
        return values.astype(np.int64).view(np.uint64)
    floats = values.astype(np.float64) + 0.0  # this turns -0.0 into 0.0
    bits = floats.view(np.uint64)
    bits[np.isnan(floats)] = _NAN
    return bits


def _salted(bits: U64, kind: str, others: U64 | None = None) -> HashPairs:
    one, two = _KINDS[kind]
    return HashPairs(bits ^ one, (bits if others is None else others) + two)


def _hash_strings(values: list[Any]) -> HashPairs:
    import pandas as pd

    array = object_array(values, len(values))
    try:
        one, two = (pd.util.hash_array(array, hash_key=key) for key in STRING_KEYS)
    except UnicodeEncodeError:  # there is a lone surrogate in one of them
        return HashPairs.joined([_hash_string(value) for value in values])
    return _salted(one, "str", two)


def _hash_string(value: str) -> HashPairs:
    try:
        value.encode()
    except UnicodeEncodeError:
        return _hash_objects([value])
    return _hash_strings([value])


def _hash_objects(values: list[Any]) -> HashPairs:
    digests = b"".join(hashlib.blake2b(canonical(value), digest_size=16).digest() for value in values)
    pairs = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
    return _salted(pairs[:, 0].copy(), "other", pairs[:, 1].copy())


class Matcher:
    """Finds the stored pset for each pset of a survey; each stored one is found only once.

    If several psets are equal, the first one gets the first stored one, the second one the second, and so on.

    Parameters
    ----------
    stored : HashPairs
        The identities of the stored psets.
    """

    def __init__(self, stored: HashPairs) -> None:
        self._order = np.argsort(stored.one, kind="stable")
        self._stored = stored[self._order]
        self._used = np.zeros(len(stored), dtype=np.int64)  # how many of each run of equal ones, at its first
        self.left = len(stored)

    def match(self, keys: HashPairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which of `keys` are stored, in ascending order, and which stored one each of them is."""
        one = self._stored.one
        first = np.searchsorted(one, keys.one)
        candidates = np.flatnonzero(first < len(one))
        candidates = candidates[self._stored[first[candidates]].equal(keys[candidates])]
        first = first[candidates]
        take = first + self._used[first] + _ranks(first)
        there = take < len(one)
        there[there] = self._stored[take[there]].equal(self._stored[first[there]])
        np.add.at(self._used, first[there], 1)
        self.left -= int(there.sum())
        return candidates[there], self._order[take[there]]


def _ranks(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each value how many equal ones precede it.

    Examples
    --------
    >>> _ranks(np.array([7, 3, 7, 7, 3]))
    array([0, 0, 1, 2, 1])
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1 if len(ordered) else 0))
    counts = np.diff(starts, append=len(ordered))
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.arange(len(ordered)) - np.repeat(starts, counts)
    return ranks
