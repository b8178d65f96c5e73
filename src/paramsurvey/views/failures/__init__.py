"""Where psets fail: by cause, by the values of each axis, and by the pair of axes that tells most."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.engine.failure_causes import Cause
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.columns.survey_data import SurveyData
from paramsurvey.views.failures.causes_of_rows import EXCEPTION, CausesOfRows
from paramsurvey.views.failures.counting import Counted
from paramsurvey.views.failures.rates import Rates

MOST_CAUSES, MOST_EXAMPLES, MOST_PAIRS = 20, 5, 3
MOST_PLACES = 60  # of an axis
FEW_PLACES, FEW_TEXTS = 10, 30  # with which axes are compared

Counts = NDArray[np.int64]
Group = tuple[int, ...]
"""One axis, or two, by their places among those that vary."""


@dataclass(frozen=True)
class Example:
    """One pset that failed.

    Attributes
    ----------
    pset : dict
    label : hashable
        That of its row in ``results.missing``.
    exception : str
    number : int, optional
        The pset's number in the survey, where that is known.
    """

    pset: dict[str, Any]
    label: Hashable
    exception: str
    number: int | None = None


@dataclass(frozen=True, eq=False)
class CauseView:
    """The failures of one cause.

    Attributes
    ----------
    cause : Cause
        Its exception is empty for all causes together.
    count : int
    examples : tuple of Example
        The first ones.
    axes : tuple of Rates
        By each axis, the one that tells most first.
    pairs : tuple of Rates
        By the `MOST_PAIRS` pairs of axes that tell most, the best first.
    """

    cause: Cause
    count: int
    examples: tuple[Example, ...]
    axes: tuple[Rates, ...]
    pairs: tuple[Rates, ...]


@dataclass(frozen=True, eq=False)
class Failures:
    """What failed, and where.

    Attributes
    ----------
    together : CauseView
        All failures, whatever the cause.
    causes : tuple of CauseView
        The most frequent first, at most `MOST_CAUSES`.
    other_causes, other_failures : int
        How many causes are not among them, and their failures.
    not_run : int
        How many psets have no result because their turn did not come; they are not counted as failures.
    """

    together: CauseView
    causes: tuple[CauseView, ...]
    other_causes: int
    other_failures: int
    not_run: int

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each cause."""
        rows = [
            (view.cause.kind, view.cause.exception, view.cause.line, view.count, view.examples[0].label)
            for view in self.causes
        ]
        return pd.DataFrame(rows, columns=["kind", "exception", "line", "count", "pset"])


def failures_of(data: SurveyData, most: int = MOST_PLACES) -> Failures:
    """Return what failed, by cause and place.

    Parameters
    ----------
    data : SurveyData
        What `data_of` returns.
    most : int
        How many places an axis may have; neighbours are put together.
    """
    causes = CausesOfRows(data)
    shown, others = causes.most_frequent[:MOST_CAUSES], causes.most_frequent[MOST_CAUSES:]
    kinds = len(shown) + 1  # the last one is all other causes
    slots = np.full(len(causes.found) + 1, kinds - 1, dtype=np.int64)
    slots[shown] = np.arange(len(shown))
    slots[-1] = -1  # the slot of what was not run
    wanted = [np.ones(kinds, dtype=np.bool_), *np.eye(kinds, dtype=np.bool_)[: len(shown)]]
    places = _by_place(data, slots[causes.of_row], wanted, most)
    groups = [(Cause("", "", ""), causes.rows(None)), *((causes.found[at], causes.rows(at)) for at in shown)]
    together, *views = [
        CauseView(cause, len(rows), _examples(data, rows[:MOST_EXAMPLES]), *by)
        for (cause, rows), by in zip(groups, places, strict=True)
    ]
    other_failures = int(causes.counts[others].sum()) if others else 0
    not_run = int(np.count_nonzero(causes.of_row < 0))
    return Failures(together, tuple(views), len(others), other_failures, not_run)


def _by_place(
    data: SurveyData, slots: Counts, wanted: Sequence[NDArray[np.bool_]], most: int
) -> list[tuple[tuple[Rates, ...], tuple[Rates, ...]]]:
    """Return the rates by axes, and by the best pairs of axes, for each of the wanted kinds of failures."""
    axes = data.varying()
    concentrations = _concentrations(data, axes, slots, wanted)
    best = [[group for _, group in sorted((-by[group], group) for group in by)] for by in concentrations]
    ones = [_of_length(1, order) for order in best]
    twos = [_of_length(2, order)[:MOST_PAIRS] for order in best]
    groups = sorted({group for some in (*ones, *twos) for group in some})
    whole = [axis.coarse(most) for axis in axes]
    counted = Counted(data, [tuple(whole[at] for at in group) for group in groups], slots, len(wanted[0]))

    def rates(some: list[Group], kinds: NDArray[np.bool_], by: dict[Group, float]) -> tuple[Rates, ...]:
        found = {group: counted.rates(groups.index(group), kinds) for group in some}
        return tuple(replace(one, concentration=by[group]) for group, one in found.items())

    return [
        (rates(one, kinds, by), rates(two, kinds, by))
        for one, two, kinds, by in zip(ones, twos, wanted, concentrations, strict=True)
    ]


def _of_length(length: int, groups: list[Group]) -> list[Group]:
    return [group for group in groups if len(group) == length]


def _concentrations(
    data: SurveyData, axes: Sequence[Axis], slots: Counts, wanted: Sequence[NDArray[np.bool_]]
) -> list[dict[Group, float]]:
    """Return how much each axis and each pair tells about each of the wanted kinds of failures.

    They are compared with few places each: if there were more places than failures, each place would tell
    everything, by chance.
    """
    groups: list[Group] = [(at,) for at in range(len(axes))]
    if (slots >= 0).any():
        groups += combinations(range(len(axes)), 2)
    few = [axis.coarse(FEW_PLACES if axis.ordered else FEW_TEXTS) for axis in axes]
    counted = Counted(data, [tuple(few[at] for at in group) for group in groups], slots, len(wanted[0]))
    return [dict(zip(groups, counted.concentrations(kinds), strict=True)) for kinds in wanted]


def _examples(data: SurveyData, rows: Counts) -> tuple[Example, ...]:
    places = (rows + len(data.finished)).tolist()
    exceptions = [str(one[EXCEPTION]) for one in data.psets(places, (EXCEPTION,))]
    return tuple(map(Example, data.psets(places), data.labels(places), exceptions, data.numbers(places)))
