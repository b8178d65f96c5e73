"""Parallel coordinates, binned: how many psets go from each place of one axis to each of the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.columns.groups import Floats, Moments
from paramsurvey.views.columns.survey_data import SurveyData

MOST_PLACES = 20  # of an axis: more bands could not be told apart


@dataclass(frozen=True, eq=False)
class Link:
    """What goes from one axis to the next.

    Attributes
    ----------
    left, right : Axis
    psets : int64 matrix
        How many psets are at each place of `left` (down) and of `right` (across).
    mean : float64 matrix
        Their mean of the value that colours the bands; nan where there is none.
    """

    left: Axis
    right: Axis
    psets: NDArray[np.int64]
    mean: Floats

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each band."""
        labels = [self.left.labels(), self.right.labels()]
        index = pd.MultiIndex.from_product(labels, names=[self.left.name, self.right.name])
        frame = pd.DataFrame({"psets": self.psets.ravel(), "mean": self.mean.ravel()}, index=index)
        return frame[frame["psets"] > 0]


@dataclass(frozen=True, eq=False)
class Parallel:
    """Parallel coordinates.

    Attributes
    ----------
    value : str
        What colours the bands; empty where nothing does.
    axes : tuple of Axis
    links : tuple of Link
        One fewer than there are axes.
    """

    value: str
    axes: tuple[Axis, ...]
    links: tuple[Link, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each band: the two axes, and its places on them."""
        axes = [(link.left.name, link.right.name) for link in self.links]
        bands = [link.to_frame().rename_axis(index=["left", "right"]) for link in self.links]
        return pd.concat(bands, keys=axes, names=["from", "to"])


def parallel_of(
    data: SurveyData, names: Sequence[str], value: str | None = None, most: int = MOST_PLACES
) -> Parallel:
    """Return how psets run through several columns, each divided into `most` places or fewer.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    names : sequence of str
        At least two columns, in the order in which they are side by side.
    value : str, optional
        A column whose mean is computed for each band.
    most : int
        How many places a column may have; one with more values is divided into ranges.

    Raises
    ------
    KeyError
        When there is no such column.
    TypeError
        When the columns are a single name.
    ValueError
        When there are fewer than two columns.
    """
    if isinstance(names, str):
        raise TypeError(
            f"parallel coordinates need a list of columns, but got {names!r} alone: "
            f"give all of them, or give it as value={names!r}, which colours the bands"
        )
    if len(names) < 2:
        raise ValueError(
            f"parallel coordinates need at least two columns, but got {len(names)}: name another"
        )
    coarse = [data.axis(name).coarse(most) for name in names]
    sizes = [len(left.axis) * len(right.axis) for left, right in pairwise(coarse)]
    counts, moments = [np.zeros(size, dtype=np.int64) for size in sizes], [Moments(size) for size in sizes]
    for chunk in data.chunks(names, [] if value is None else [value]):
        codes = [
            one.table[chunk.codes[name]].astype(np.int64) for one, name in zip(coarse, names, strict=True)
        ]
        for at, (left, right) in enumerate(pairwise(codes)):
            places = left * len(coarse[at + 1].axis) + right
            counts[at] += np.bincount(places, minlength=sizes[at])
            if value is not None:
                moments[at].add(places, chunk.values[value])
    axes = tuple(one.axis for one in coarse)
    links = [
        Link(left, right, count.reshape(len(left), len(right)), moment.means.reshape(len(left), len(right)))
        for (left, right), count, moment in zip(pairwise(axes), counts, moments, strict=True)
    ]
    return Parallel(value or "", axes, tuple(links))
