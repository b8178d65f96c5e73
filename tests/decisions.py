"""Decisions of a test, all of which are tried in turn.

A run is a list of decisions. It begins with those that are given, and then takes the first possibility each
time; the next run differs in the last decision that has another possibility left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Decisions:
    """The decisions of one run.

    Parameters
    ----------
    given : sequence of int
        The first ones, each the number of a possibility; all others are 0.
    """

    def __init__(self, given: Sequence[int] = ()) -> None:
        self._given = given
        self._made: list[tuple[int, int]] = []

    def choose(self, possible: Sequence[T]) -> T:
        """Decide for one of some possibilities."""
        at = len(self._made)
        chosen = self._given[at] if at < len(self._given) else 0
        self._made.append((chosen, len(possible)))
        return possible[chosen]

    def is_new(self) -> bool:
        """Tell whether no earlier run has made the same decisions up to here."""
        return len(self._made) >= len(self._given)

    def next(self) -> list[int] | None:
        """Return what the next run begins with; None when all was tried."""
        made = list(self._made)
        while made and made[-1][0] + 1 == made[-1][1]:
            made.pop()
        return [chosen for chosen, _ in made[:-1]] + [made[-1][0] + 1] if made else None


def all_decisions() -> Iterator[Decisions]:
    """Yield decisions until everything was tried; each must be used up before the next is taken."""
    given: list[int] | None = []
    while given is not None:
        decisions = Decisions(given)
        yield decisions
        given = decisions.next()
