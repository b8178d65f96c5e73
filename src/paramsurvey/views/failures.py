"""Where psets fail: by cause, by the values of each axis, and by the pair of axes that tells most."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paramsurvey.failures import Cause, cause_of
from paramsurvey.psets import Cells, Coded
from paramsurvey.views.columns.axes import Axis, Coarse
from paramsurvey.views.columns.groups import Floats
from paramsurvey.views.columns.survey_data import KIND, NOT_RUN, Chunk, SurveyData, chunks_of

EXCEPTION, TRACEBACK = "_exception", "_traceback"
MOST_CAUSES, MOST_EXAMPLES, MOST_PAIRS = 20, 5, 3
MOST_PLACES, MOST_PAIR_PLACES = 60, 30  # of an axis, and of each axis of a pair
NORMAL = 1.959964  # standard deviations to each side hold 95 % of a normal distribution

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """One pset that failed.

    Attributes
    ----------
    pset : dict
    label : hashable
        Of its row in ``results.missing``.
    exception : str
    """

    pset: dict[str, Any]
    label: Hashable
    exception: str


@dataclass(frozen=True, eq=False)
class Rates:
    """How many psets fail at each place of one axis, or of two.

    Attributes
    ----------
    axes : tuple of Axis
        One, or two: the arrays have a dimension for each.
    failures, psets : int64 arrays
        How many failed; how many ran.
    concentration : float
        How much of what there is to know about whether a pset fails is known from the place alone: 0 is
        nothing, 1 everything; a little below 0 by chance.
    """

    axes: tuple[Axis, ...]
    failures: Counts
    psets: Counts
    concentration: float

    @property
    def rate(self) -> Floats:
        """The part that failed, nan where no pset ran."""
        with np.errstate(invalid="ignore"):
            rate: Floats = self.failures / self.psets
        return rate

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """The ends of the rate's 95 % Wilson interval."""
        return wilson(self.failures, self.psets)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each place."""
        low, high = self.interval
        names, labels = [axis.name for axis in self.axes], [axis.labels() for axis in self.axes]
        index = pd.MultiIndex.from_product(labels, names=names)
        columns = {
            "failures": self.failures,
            "psets": self.psets,
            "rate": self.rate,
            "low": low,
            "high": high,
        }
        frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)
        return frame if len(names) > 1 else frame.set_index(index.get_level_values(0))


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


def wilson(failures: Counts, psets: Counts) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of a rate, nan where there is no pset.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927).

    Examples
    --------
    >>> low, high = wilson(np.array([0]), np.array([10]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0], [0.278])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        n, rate, z2 = psets.astype(np.float64), failures / psets, NORMAL**2
        middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
        half = NORMAL / (1 + z2 / n) * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
        low = np.where((failures == 0) & (psets > 0), 0.0, middle - half)  # not a rounding error beside it
        high = np.where((failures == psets) & (psets > 0), 1.0, middle + half)
    return low, high


def concentration(failures: Counts, psets: Counts) -> float:
    """Return how much of the uncertainty whether a pset fails goes away when its place is known.

    It is the mutual information of place and failure, less what as many places show by chance, divided by
    the entropy of failing. Sources: H. Theil, "On the estimation of relationships involving qualitative
    variables", American Journal of Sociology 76 (1970); G. A. Miller, "Note on the bias of information
    estimates" (1955), for what chance shows.

    Examples
    --------
    >>> concentration(np.array([0, 50]), np.array([50, 50])) > 0.9
    True
    >>> concentration(np.array([25, 25]), np.array([50, 50])) < 0.01
    True
    """
    ran = psets > 0
    n, failed = float(psets[ran].sum()), float(failures[ran].sum())
    if not 0 < failed < n:
        return 0.0
    whole = float(n * _entropy(failed / n))
    left = float((psets[ran] * _entropy(failures[ran] / psets[ran])).sum())
    chance = (np.count_nonzero(ran) - 1) / 2
    return float(whole - left - chance) / whole


def _entropy(rate: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.nan_to_num(rate * np.log(rate)) - np.nan_to_num((1 - rate) * np.log(1 - rate))


def failures_of(data: SurveyData, most: int = MOST_PLACES) -> Failures:
    """Return what failed, by cause and place.

    Parameters
    ----------
    data : SurveyData
    most : int
        How many places an axis may have; neighbours are put together.
    """
    causes = _Causes(data)
    shown, others = causes.most_frequent[:MOST_CAUSES], causes.most_frequent[MOST_CAUSES:]
    slots = np.full(len(causes.found) + 1, len(shown), dtype=np.int64)
    slots[shown] = np.arange(len(shown))
    counted = _Counted(data, slots[causes.of_row], causes.of_row >= 0, len(shown) + 1, most)
    every = np.ones(len(shown) + 1, dtype=np.int64)
    views = [
        counted.view(
            causes.found[number], causes.rows(number), np.equal(slots[number], np.arange(len(every)))
        )
        for number in shown
    ]
    return Failures(
        counted.view(Cause("", "", ""), causes.rows(None), every),
        tuple(views),
        len(others),
        int(causes.counts[others].sum()) if others else 0,
        int(np.count_nonzero(causes.of_row < 0)),
    )


class _Counted:
    """Failures and psets that ran, counted by axes and pairs of axes.

    Parameters
    ----------
    slots : int array
        For each pset without a result, in which of `count` kinds of failures it is counted.
    failed : bool array
        Whether it failed; else it was not run.
    """

    def __init__(
        self, data: SurveyData, slots: Counts, failed: NDArray[np.bool_], count: int, most: int
    ) -> None:
        self._data, self._slots, self._failed, self._count = data, slots, failed, count
        axes = data.varying()
        groups: list[tuple[Coarse, ...]] = [(axis.coarse(most),) for axis in axes]
        if failed.any():
            groups += combinations([axis.coarse(MOST_PAIR_PLACES) for axis in axes], 2)
        self._groups = groups
        shapes = [tuple(len(one.axis) for one in group) for group in groups]
        self._psets = [np.zeros(math.prod(shape), dtype=np.int64) for shape in shapes]
        self._failures = [np.zeros((count, math.prod(shape)), dtype=np.int64) for shape in shapes]
        for chunk in data.chunks([axis.name for axis in axes]):
            self._add(chunk)

    def _add(self, chunk: Chunk) -> None:
        rows = chunk.rows - len(self._data.finished)
        if rows[-1] >= 0:
            ran = np.flatnonzero(self._failed[rows])
            chunk, rows = chunk.at(ran), rows[ran]
        for group, psets, failures in zip(self._groups, self._psets, self._failures, strict=True):
            places = group[0].table[chunk.codes[group[0].axis.name]].astype(np.int64)
            for one in group[1:]:
                places = places * len(one.axis) + one.table[chunk.codes[one.axis.name]]
            psets += np.bincount(places, minlength=len(psets))
            if len(rows) and rows[-1] >= 0:
                at = self._slots[rows] * len(psets) + places
                failures += np.bincount(at, minlength=failures.size).reshape(failures.shape)

    def view(self, cause: Cause, rows: Counts, wanted: NDArray[Any]) -> CauseView:
        """Return the failures of the wanted kinds, which are those of `rows`."""
        found = [
            self._rates(group, wanted @ failures, psets)
            for group, psets, failures in zip(self._groups, self._psets, self._failures, strict=True)
        ]
        found.sort(key=lambda rates: -rates.concentration)
        return CauseView(
            cause,
            len(rows),
            self._examples(rows[:MOST_EXAMPLES]),
            tuple(rates for rates in found if len(rates.axes) == 1),
            tuple(rates for rates in found if len(rates.axes) == 2)[:MOST_PAIRS],
        )

    @staticmethod
    def _rates(group: tuple[Coarse, ...], failures: Counts, psets: Counts) -> Rates:
        shape = tuple(len(one.axis) for one in group)
        told = concentration(failures, psets)
        axes = tuple(one.axis for one in group)
        return Rates(axes, failures.reshape(shape), psets.reshape(shape), told)

    def _examples(self, rows: Counts) -> tuple[Example, ...]:
        places = (rows + len(self._data.finished)).tolist()
        psets, labels = self._data.psets(places), self._data.labels(places)
        said = [str(one[EXCEPTION]) for one in self._data.psets(places, (EXCEPTION,))]
        return tuple(Example(*one) for one in zip(psets, labels, said, strict=True))


class _Causes:
    """The cause of each failure."""

    def __init__(self, data: SurveyData) -> None:
        self.found: list[Cause] = []
        self.of_row = np.full(data.missing_count, -1, dtype=np.int32)  # -1: it was not run
        numbers: dict[Cause, int] = {}
        for start, texts, codes in _texts(data):
            causes = [cause_of(*text) for text in texts]
            known = [numbers.setdefault(cause, len(numbers)) for cause in causes]
            self.of_row[start : start + len(codes)] = np.array(known, dtype=np.int32)[codes]
        self.of_row[data.states == NOT_RUN] = -1
        self.found = list(numbers)
        self.counts = np.bincount(self.of_row + 1, minlength=len(numbers) + 1)[1:]
        order = np.argsort(-self.counts, kind="stable").tolist()
        self.most_frequent = [number for number in order if self.counts[number]]

    def rows(self, number: int | None) -> Counts:
        """Return the rows, among the psets without a result, that failed of this cause, or of any."""
        return np.flatnonzero(self.of_row >= 0 if number is None else self.of_row == number)


def _texts(data: SurveyData) -> Iterator[tuple[int, list[tuple[str, ...]], Counts]]:
    """Yield, for each chunk of missing psets, its first row, what is said of failures, and which is whose."""
    names, start = (KIND, EXCEPTION, TRACEBACK), 0
    for cells, count in chunks_of(data.missing, names):
        codes = np.zeros(count, dtype=np.int64)
        texts: list[tuple[str, ...]] = [()]
        for name in names:
            places, values = _coded_texts(cells[name], count)
            codes, firsts = pd.factorize(codes * len(values) + places)
            texts = [(*texts[pair // len(values)], values[pair % len(values)]) for pair in firsts.tolist()]
        yield start, texts, codes
        start += count


def _coded_texts(cells: Cells, count: int) -> tuple[Counts, list[str]]:
    if isinstance(cells, Coded):
        codes, values = cells.codes.astype(np.int64), cells.categories
        codes[codes < 0] = len(values) - 1
    else:
        codes, found = pd.factorize(np.asarray(cells, dtype=object), use_na_sentinel=False)
        values = found.tolist()
    return codes, [value if isinstance(value, str) else "" for value in values] or [""]
