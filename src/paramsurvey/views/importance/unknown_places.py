"""Places of a grid's axes of which no value is known: their psets have all failed, or have not run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Known = NDArray[np.bool_]
Places = NDArray[np.int64]

BY_CHANCE = 0.01  # places of an axis, expected without any value, if what is unknown is so by chance


def known_places(known: Known) -> list[Places]:
    """Return the places of each axis of a grid that importance is computed for.

    Those without any known value are left out if the rest is a full grid, or if there would hardly be any if
    values were unknown by chance: nobody can say what they would have been.

    Parameters
    ----------
    known : bool array
        One dimension per axis.

    Examples
    --------
    >>> [places.tolist() for places in known_places(np.array([[True, True], [False, False], [True, True]]))]
    [[0, 2], [0, 1]]
    """
    every = range(known.ndim)
    others = [tuple(other for other in every if other != axis) for axis in every]
    some = [np.flatnonzero(known.any(axis=away)) for away in others]
    if not known.any():
        return [np.arange(size) for size in known.shape]
    if known[np.ix_(*some)].all():
        return some
    return [
        np.arange(size) if _may_be_chance(known, size) else kept
        for size, kept in zip(known.shape, some, strict=True)
    ]


def left_out(names: Sequence[str], labels: Sequence[Sequence[str]], kept: Sequence[Places]) -> list[str]:
    """Return the places that are not kept, as people would write them.

    Examples
    --------
    >>> left_out(["C", "kernel"], [["1", "10"], ["rbf", "poly"]], [np.array([0, 1]), np.array([0])])
    ['kernel = poly']
    """
    return [
        f"{name} = {label}"
        for name, texts, places in zip(names, labels, kept, strict=True)
        for label in (texts[at] for at in sorted(set(range(len(texts))) - set(places.tolist())))
    ]


def _may_be_chance(known: Known, size: int) -> bool:
    unknown = 1 - np.count_nonzero(known) / known.size
    return bool(size * unknown ** (known.size / size) > BY_CHANCE)
