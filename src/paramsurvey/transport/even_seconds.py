"""How long psets took, where many took equally long: the psets of a batch share its seconds evenly.

Workers load this module, so it imports numpy only in functions that the driver calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


class EvenSeconds:
    """Behaves like an array with the seconds of each pset, but stores only two numbers per batch.

    Parameters
    ----------
    runs : iterable of (int, float)
        For each batch, how many psets it has, and the seconds of each of them.

    Attributes
    ----------
    runs : list of (int, float)

    Examples
    --------
    >>> seconds = EvenSeconds([(3, 0.5), (1, 2.0)])
    >>> len(seconds), list(seconds[2:]), seconds.total()
    (4, [0.5, 2.0], 3.5)
    """

    __slots__ = ("runs",)

    def __init__(self, runs: Iterable[tuple[int, float]] = ()) -> None:
        self.runs = list(runs)

    def add(self, count: int, seconds: float) -> None:
        """Add `count` psets that took `seconds` each."""
        self.runs.append((count, seconds))

    def total(self) -> float:
        """Return the seconds of all psets together."""
        return sum(count * seconds for count, seconds in self.runs)

    def at(self, places: Any) -> Any:
        """Return the seconds at `places`, as a numpy array."""
        import numpy as np

        stops = np.cumsum([count for count, _ in self.runs])
        return np.array([seconds for _, seconds in self.runs])[np.searchsorted(stops, places, side="right")]

    def __len__(self) -> int:
        return sum(count for count, _ in self.runs)

    def __iter__(self) -> Iterator[float]:
        for count, seconds in self.runs:
            for _ in range(count):
                yield seconds

    def __getitem__(self, at: slice) -> EvenSeconds:
        start, stop, step = at.indices(len(self))
        if step != 1:
            raise ValueError("EvenSeconds has no slices with a step: take one without")
        return EvenSeconds(self._between(start, stop))

    def __delitem__(self, at: slice) -> None:
        start, stop, _ = at.indices(len(self))
        self.runs[:] = [*self._between(0, start), *self._between(max(start, stop), len(self))]

    def _between(self, start: int, stop: int) -> Iterator[tuple[int, float]]:
        first = 0
        for count, seconds in self.runs:
            inside = min(stop, first + count) - max(start, first)
            if inside > 0:
                yield inside, seconds
            first += count

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        counts = [count for count, _ in self.runs]
        return np.repeat(np.array([seconds for _, seconds in self.runs], dtype=dtype or np.float64), counts)

    def __reduce__(self) -> tuple[type[EvenSeconds], tuple[list[tuple[int, float]]]]:
        return EvenSeconds, (self.runs,)
