"""How long psets will probably take: learned from those that have run, by the values of their axes.

The model is a ridge regression of the logarithm of the seconds: each value of each axis multiplies a pset's
time by a factor of its own. A numerical axis also has a slope, which extrapolates to values not yet seen.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources.pset_source import CategoryCodes, ColumnValues, PsetSource, cell_list
from paramsurvey.transport.column_by_row import as_array, rows_at
from paramsurvey.transport.even_seconds import EvenSeconds
from paramsurvey.transport.messages import Rows

Floats = NDArray[np.float64]

SAMPLED_PSETS = 512  # looked at to find out which values the axes have
MOST_LEVELS = 24  # values of one axis with a factor each; a number with more values gets BINS factors
BINS = 12
MOST_AXES = 32  # solving takes time that grows with their square
PER_CALL = 64  # psets learned from one call of `observe`, so that a million tiny psets cost nothing
PER_BATCH = 4  # psets learned from one batch
MOST_PENDING = 1024  # psets that may wait to be learned; then they are, even if nobody asks for a prediction
REMEMBERED_PSETS = 8192  # whatever is older than this many psets counts less and less
PREDICTED_AT_ONCE = 1 << 16  # psets, which bounds the memory
MULTIPLIED_AT_ONCE = 64  # rows; for more, BLAS starts threads, which would take cores from the workers
RIDGE = 0.3  # how strongly a factor is drawn to 1, in observations
SHORTEST_SECONDS = 1e-7  # less than a clock can tell


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for psets that had not been learned yet, beside what these psets took.

    Attributes
    ----------
    seconds : float array
        What the psets took.
    expected : float array
        What the model had predicted for them.
    """

    seconds: Floats
    expected: Floats


NO_PREDICTIONS = Predictions(np.empty(0), np.empty(0))


@dataclass
class CostModel:
    """Learns how long psets take, and predicts how long others will.

    Parameters
    ----------
    source : PsetSource
        The psets, whose columns are the axes.

    Attributes
    ----------
    psets : int
        How many psets were observed.
    seconds : float
        How long they took altogether.

    Examples
    --------
    >>> from paramsurvey.params.sources import as_source
    >>> model = CostModel(as_source([{"n": n} for n in (1, 2, 1, 2, 1, 2)]))
    >>> model.observe(range(0, 4), [1.0, 8.0, 1.0, 8.0])
    >>> short, long = model.expected_seconds(range(4, 6))
    >>> bool(long > 4 * short)
    True
    """

    source: PsetSource
    psets: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._axes: list[_Axis] | None = None  # found when they are first needed
        self._pending: deque[tuple[Rows, Floats]] = deque()
        self._pending_count = 0  # psets in `_pending`
        self._tested_predictions: deque[Predictions] = deque(maxlen=MOST_PENDING)
        self._products = np.zeros((1, 1))  # X'X of the observations, with weights that fade
        self._targets: Floats = np.zeros(1)  # X'y, y being the logarithm of the seconds
        self._weight = 0.0
        self._factors: Floats = np.zeros(1)
        self._correction = 1.0  # turns the exponential of a mean logarithm into a mean

    def observe(self, rows: Rows, seconds: ArrayLike | EvenSeconds) -> None:
        """Learn that these psets took these seconds. Cheap: the work is done when a prediction is needed.

        Parameters
        ----------
        rows : Rows
        seconds : array of float
            One per row, in their order.
        """
        if isinstance(seconds, EvenSeconds):
            rows, taken = self._observe_batches(rows, seconds)
        else:
            taken = np.asarray(seconds, dtype=np.float64)
            self.psets += len(taken)
            self.seconds += float(taken.sum())
        if len(taken) == 0 or len(taken) != len(rows):
            return
        if len(taken) > PER_CALL:
            chosen = np.linspace(0, len(taken) - 1, PER_CALL).astype(np.int64)
            rows, taken = rows_at(rows, chosen), taken[chosen]
        self._pending.append((rows, taken))
        self._pending_count += len(taken)
        if self._pending_count >= MOST_PENDING:
            self._learn_pending()

    def _observe_batches(self, rows: Rows, seconds: EvenSeconds) -> tuple[Rows, Floats]:
        """Return a few psets of each batch with their seconds, which are equal for all psets of a batch."""
        self.psets += len(seconds)
        self.seconds += seconds.total()
        count = min(PER_BATCH * len(seconds.runs), PER_CALL, len(seconds))
        chosen = np.linspace(0, len(seconds) - 1, count).astype(np.int64)
        return rows_at(rows, chosen), seconds.at(chosen)

    def expected_seconds(self, rows: Rows) -> Floats:
        """Return how many seconds each of these psets will probably take; 1 for each while nothing is known.

        Parameters
        ----------
        rows : Rows
            Rows of the source, whether their psets have run or not.

        Returns
        -------
        float array
            One positive number per row.
        """
        self._learn_pending()
        if self._weight == 0 or len(rows) == 0:
            return np.ones(len(rows))
        pieces = (rows[start : start + PREDICTED_AT_ONCE] for start in range(0, len(rows), PREDICTED_AT_ONCE))
        try:
            return np.concatenate([self._predict(self._design_matrix(piece)) for piece in pieces])
        except Exception:  # the code of the user's values raised: no forecast is worth losing the survey
            return np.full(len(rows), max(self.seconds / max(self.psets, 1), SHORTEST_SECONDS))

    def take_predictions(self) -> Predictions:
        """Return the predictions that were put to the test since the last call."""
        self._learn_pending()
        tested = list(self._tested_predictions)
        self._tested_predictions.clear()
        return Predictions(
            np.concatenate([part.seconds for part in (NO_PREDICTIONS, *tested)]),
            np.concatenate([part.expected for part in (NO_PREDICTIONS, *tested)]),
        )

    # learning

    def _learn_pending(self) -> None:
        pending, self._pending, self._pending_count = self._pending, deque(), 0
        if not pending:
            return
        try:
            rows = np.concatenate([as_array(rows) for rows, _ in pending])
            design = self._design_matrix(rows)
        except Exception:  # an iterator's psets that have been dropped since, or values whose code raises
            return
        self._learn(design, np.concatenate([seconds for _, seconds in pending]))

    def _learn(self, design: Floats, seconds: Floats) -> None:
        logs = np.log(np.maximum(seconds, SHORTEST_SECONDS))
        guess = self._predict(design) if self._weight else np.full(len(seconds), math.exp(logs.mean()))
        self._tested_predictions.append(Predictions(seconds, guess))
        fading = REMEMBERED_PSETS / max(REMEMBERED_PSETS, self._weight + len(seconds))
        self._products = fading * self._products + _products(design)
        self._targets = fading * self._targets + np.einsum("rc,r->c", design, logs)
        self._weight = fading * self._weight + len(seconds)
        self._solve()
        fitted = np.exp(_weighted(design, self._factors))
        share = len(seconds) / self._weight
        ratio = float(seconds.sum() / fitted.sum())
        self._correction += share * (ratio - self._correction)

    def _solve(self) -> None:
        ridge = np.full(len(self._targets), RIDGE)
        ridge[0] = 1e-6  # the mean is not drawn anywhere
        self._factors = np.asarray(
            np.linalg.solve(self._products + np.diag(ridge), self._targets), np.float64
        )

    def _predict(self, design: Floats) -> Floats:
        logs = np.clip(_weighted(design, self._factors), -20, 20)
        return max(self._correction, SHORTEST_SECONDS) * np.exp(logs)

    # axes

    def _design_matrix(self, rows: Rows) -> Floats:
        """Return a matrix with a row per pset: 1 for the mean, then the columns of each axis."""
        if self._axes is None:
            self._axes = self._find_axes()
            width = 1 + sum(axis.width for axis in self._axes)
            self._products, self._targets = np.zeros((width, width)), np.zeros(width)
            self._factors = np.zeros(width)
        columns = self.source.columns(rows)
        unknown = np.full(len(rows), math.nan)  # for a key that none of an iterator's psets in `rows` has
        parts = [axis.design(columns.get(axis.name, unknown)) for axis in self._axes]
        return np.hstack([np.ones((len(rows), 1)), *parts])

    def _find_axes(self) -> list[_Axis]:
        count = len(self.source)
        chosen = np.unique(np.linspace(0, count - 1, min(SAMPLED_PSETS, count)).astype(np.int64))
        try:
            columns = self.source.columns(chosen)
            axes = [_axis_of(name, cell_list(values)) for name, values in columns.items()]
        except Exception:  # an iterator whose first psets were dropped, or values whose code raises
            return []
        return [axis for axis in axes if axis is not None][:MOST_AXES]


def _products(design: Floats) -> Floats:
    """Return the transposed design matrix times itself."""
    products = np.zeros((design.shape[1], design.shape[1]))
    for start in range(0, len(design), MULTIPLIED_AT_ONCE):
        few = design[start : start + MULTIPLIED_AT_ONCE]
        products += few.T @ few
    return products


def _weighted(design: Floats, factors: Floats) -> Floats:
    """Return the design matrix times the factors, by einsum, which starts no threads."""
    weighted: Floats = np.einsum("rc,c->r", design, factors)
    return weighted


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis, as columns of the design matrix.

    Attributes
    ----------
    name : str
    levels : dict
        The column of each value that has a factor of its own.
    edges : float array
        The edges of the bins that share a factor, where there are no levels.
    scale : (float, float), optional
        Mean and standard deviation of the numbers; None if the axis is not numerical and so has no slope.
    log_scale : (float, float), optional
        The same for their logarithms; None if some number is not positive.
    """

    name: str
    levels: dict[Hashable, int]
    edges: Floats
    scale: tuple[float, float] | None
    log_scale: tuple[float, float] | None

    @property
    def slopes(self) -> int:
        return (self.scale is not None) + (self.log_scale is not None)

    @property
    def width(self) -> int:
        return self.slopes + (len(self.levels) or len(self.edges) + 1)

    def design(self, values: ColumnValues) -> Floats:
        """Return this axis's columns of the design matrix, with a row per value."""
        cells, places = _distinct_values(values)
        matrix = np.zeros((len(cells), self.width))
        numbers = _as_floats(cells) if self.scale is not None else np.empty(0)
        if self.scale is not None:
            matrix[:, 0] = _standardized(numbers, self.scale)
        if self.log_scale is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                matrix[:, 1] = _standardized(np.log(numbers), self.log_scale)
        levels = self._levels(cells, numbers)
        known = np.flatnonzero(levels >= 0)
        matrix[known, self.slopes + levels[known]] = 1.0
        return matrix if places is None else matrix[places]

    def _levels(self, cells: Sequence[Any], numbers: Floats) -> NDArray[np.int64]:
        """Return each value's level; -1 for a value that was not there when the axes were found."""
        if self.levels:
            return np.fromiter((_level_of(self.levels, cell) for cell in cells), np.int64, len(cells))
        return np.searchsorted(self.edges, numbers)


def _distinct_values(values: ColumnValues) -> tuple[list[Any], NDArray[np.int64] | None]:
    """Return the distinct values, and which of them each row has; None if values and rows correspond.

    This spares repeating the same work for each row.
    """
    if isinstance(values, CategoryCodes):
        return values.categories, np.asarray(values.codes, dtype=np.int64)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        distinct, places = np.unique(values, return_inverse=True)
        return distinct.tolist(), places
    return cell_list(values), None


def _axis_of(name: str, cells: list[Any]) -> _Axis | None:
    """Return the axis of a column; None if its values are all equal, or too many and not numbers."""
    try:
        levels = {value: number for number, value in enumerate(dict.fromkeys(cells))}
    except TypeError:  # a value is not hashable
        return None
    numbers = _as_floats(cells)
    is_number = bool(np.isfinite(numbers).all())
    if len(levels) < 2 or (len(levels) > MOST_LEVELS and not is_number):
        return None
    edges = np.empty(0)
    if len(levels) > MOST_LEVELS:
        levels = {}
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1]))
    scale = _scale_of(numbers) if is_number else None
    log_scale = _scale_of(np.log(numbers)) if is_number and (numbers > 0).all() else None
    return _Axis(name, levels, edges, scale, log_scale)


def _as_floats(cells: Sequence[Any]) -> Floats:
    """Return the values as floats; nan for whatever is not a number."""
    try:
        values = np.asarray(cells)
        if values.dtype.kind == "c":  # numpy would drop the imaginary part, with a warning
            return np.full(len(values), np.nan)
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_as_float(cell) for cell in cells])


def _as_float(cell: Any) -> float:
    try:
        return float(cell) if isinstance(cell, (int, float)) else math.nan
    except OverflowError:
        return math.nan


def _scale_of(numbers: Floats) -> tuple[float, float]:
    return float(numbers.mean()), float(numbers.std()) or 1.0


def _standardized(numbers: Floats, scale: tuple[float, float]) -> Floats:
    """Return standardized numbers: 0 for what is not finite, and outliers clipped so as not to dominate."""
    standard = np.nan_to_num((numbers - scale[0]) / scale[1], nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(standard, -5, 5)


def _level_of(levels: dict[Hashable, int], cell: Any) -> int:
    try:
        return levels.get(cell, -1)
    except TypeError:
        return -1
