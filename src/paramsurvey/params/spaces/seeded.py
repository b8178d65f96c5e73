"""A space with a seed for each pset, computed from the pset where it is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from paramsurvey.errors import PsetError
from paramsurvey.params.spaces.grids_and_products import Space
from paramsurvey.params.value_hash import value_hash
from paramsurvey.transport.messages import Rows, Values

COLUMN = "seed"


class Seeded(Space):
    """The psets of a space with a column ``seed``.

    Equal psets get different seeds. So if the space may have any, it is read through once in the driver, when
    the first seed is needed, to count them.

    Parameters
    ----------
    space : Space
    root : int
    bits : int
        See `paramsurvey.params.add_seed`.

    Examples
    --------
    >>> from paramsurvey.params.spaces.grids_and_products import Grid
    >>> Seeded(Grid({"a": [1, 2]}), root=7, bits=32)[1]
    {'a': 2, 'seed': 1361055520}
    """

    def __init__(self, space: Space, root: int, bits: int) -> None:
        if COLUMN in space.names:
            raise PsetError("the psets have a column 'seed' already: drop or rename it before add_seed()")
        self._space = space
        self._root = root
        self._bits = bits
        self.names = (*space.names, COLUMN)

    @cached_property
    def _repeated(self) -> dict[int, int]:
        """How many equal psets precede a row, for rows where there are any."""
        if self._space.is_distinct():
            return {}
        seen: Counter[bytes] = Counter()
        repeated = {}
        for row, pset in enumerate(self._space):
            key = value_hash(pset)
            if seen[key]:
                repeated[row] = seen[key]
            seen[key] += 1
        return repeated

    def __len__(self) -> int:
        return len(self._space)

    def known_length(self) -> int | None:
        return self._space.known_length()

    def is_distinct(self) -> bool:
        return self._space.is_distinct()

    def columns(self, rows: Rows) -> dict[str, Values]:
        columns = self._space.columns(rows)
        psets = self._space.decoder().psets(rows)
        numbers = [self._repeated.get(int(row), 0) for row in rows]
        return {**columns, COLUMN: seeds_of(map(value_hash, psets), numbers, self._root, self._bits)}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_repeated": self._repeated}  # so that no worker reads through the space


def seeds_of(keys: Iterable[bytes], occurrences: Iterable[int], root: int, bits: int) -> NDArray[np.int64]:
    """Return the seeds of psets.

    Parameters
    ----------
    keys : iterable of bytes
        The psets' hashes.
    occurrences : iterable of int
        How many equal psets precede each.
    root, bits : int
    """
    pairs = zip(keys, occurrences, strict=True)
    return np.array([_seed(root, key, occurrence, bits) for key, occurrence in pairs], dtype=np.int64)


def _seed(root: int, key: bytes, occurrence: int, bits: int) -> int:
    content = np.frombuffer(key, dtype="<u4").tolist()
    state = np.random.SeedSequence(root, spawn_key=(*content, occurrence)).generate_state(1, np.uint64)
    return int(state[0]) >> (64 - bits)
