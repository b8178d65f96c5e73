"""What all views read: the columns of one survey, with the psets that have no result at the end."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from paramsurvey.checkpoint.typed_hash import HashPairs
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.transport.messages import FailureKind
from paramsurvey.views.columns.axes import Axis, Codes
from paramsurvey.views.columns.coding import Coder, Values, find_axis
from paramsurvey.views.columns.groups import chosen
from paramsurvey.views.columns.source import CHUNK, NOT_READ, ColumnSource, Rows, as_floats, numbers

FAILING: Final = "(failing)"
"""As a value: 1 for a pset that failed, 0 for one that finished."""
SECONDS: Final = "_seconds"
"""The column that tells how long each pset took."""
KIND: Final = "_kind"
"""The column that tells what kind of failure a pset without a result had."""
POSITION: Final = "_position"
"""The column that tells each pset's number in the survey."""

FINISHED, FAILED, NOT_RUN = range(3)
KEPT_BYTES = 1 << 29  # of all rows' places on their axes; beyond that they are found anew by each view
KEPT_NUMBERS = 7 << 26  # bytes of numbers that come from a file; beyond that they are read by each view

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chunk:
    """Some rows of a survey.

    Attributes
    ----------
    rows : int64 array
        Their numbers: the finished psets come first, then those without a result.
    codes : dict
        Their places on the axes that were asked for.
    values : dict
        The columns that were asked for, as floats.
    status : uint8 array
        `FINISHED`, `FAILED` or `NOT_RUN` for each.
    """

    rows: Rows
    codes: Mapping[str, Codes]
    values: Mapping[str, Floats]
    status: NDArray[np.uint8]

    def at(self, places: Rows) -> Chunk:
        """Return those of the rows that are at these places."""
        return Chunk(
            self.rows[places],
            {name: codes[places] for name, codes in self.codes.items()},
            {name: values[places] for name, values in self.values.items()},
            self.status[places],
        )


@dataclass(eq=False)
class SurveyData:
    """One survey's psets, results and failures, as columns.

    Parameters
    ----------
    finished : ColumnSource
        The psets with a result: their keys and the results' keys; `SECONDS` where it is known.
    missing : ColumnSource, optional
        The others: their keys, `KIND`, ``_exception`` and ``_traceback``; `SECONDS` where it is known.
    keys : tuple of str
        The psets' keys.
    units : mapping, optional
        Units of columns, for the labels of pictures.

    Examples
    --------
    >>> import pandas as pd
    >>> from paramsurvey.views.columns.frame import FrameColumns
    >>> frame = pd.DataFrame({"x": [1, 2, 2], "y": [0.5, 0.25, 0.75]})
    >>> SurveyData(FrameColumns(frame), keys=("x",)).axis("x").values
    (1, 2)
    """

    finished: ColumnSource
    missing: ColumnSource | None = None
    keys: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    _coders: dict[str, Coder] = field(default_factory=dict, init=False, repr=False)
    _kept: dict[str, Codes] = field(default_factory=dict, init=False, repr=False)
    _numbers: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)
    _chosen: dict[int, NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.finished) + self.missing_count

    @property
    def missing_count(self) -> int:
        """How many psets have no result."""
        return 0 if self.missing is None else len(self.missing)

    @cached_property
    def ended(self) -> int:
        """How many psets have a result, or have failed: all but those that were not run."""
        return len(self.finished) + int(np.count_nonzero(self.states == FAILED))

    @property
    def results(self) -> tuple[str, ...]:
        """The results' keys."""
        return tuple(
            name for name in self.finished.names if name not in self.keys and not name.startswith("_")
        )

    @property
    def has_seconds(self) -> bool:
        """Whether it is known how long each pset took."""
        source = self.finished if len(self.finished) or self.missing is None else self.missing
        return SECONDS in source.names

    def axis(self, name: str) -> Axis:
        """Return a column's axis.

        Raises
        ------
        KeyError
            When there is no such column.
        """
        return self._coder(name).axis

    def varying(self) -> list[Axis]:
        """Return the psets' keys that have several values."""
        return [axis for axis in map(self.axis, self.keys) if axis.varies]

    def positions(self) -> Rows:
        """Return each row's number in the survey, as far as that is known; else its own number."""
        missing = [np.zeros(0, dtype=np.int64)]
        if self.missing is not None and POSITION in self.missing.names:
            missing += [
                numbers(cells[POSITION]).astype(np.int64) for cells, _ in chunks_of(self.missing, [POSITION])
            ]
        lost = np.concatenate(missing)
        if POSITION in self.finished.names:
            found = [
                numbers(cells[POSITION]).astype(np.int64) for cells, _ in chunks_of(self.finished, [POSITION])
            ]
            return np.concatenate([*found, lost])
        if len(lost) != self.missing_count or (len(lost) and not 0 <= lost.min() <= lost.max() < len(self)):
            return np.arange(len(self))
        free = np.ones(len(self), dtype=np.bool_)
        free[lost] = False
        return np.concatenate([np.flatnonzero(free)[: len(self.finished)], lost])

    def all_states(self) -> NDArray[np.uint8]:
        """Return for each row whether it is `FINISHED`, `FAILED` or `NOT_RUN`."""
        return np.concatenate([np.full(len(self.finished), FINISHED, dtype=np.uint8), self.states])

    def places(self, name: str) -> Codes:
        """Return each row's place on a column's axis."""
        return np.concatenate(
            [np.zeros(0, dtype=np.uint8), *(chunk.codes[name] for chunk in self.chunks([name]))]
        )

    def chunks(
        self, axes: Iterable[str] = (), values: Iterable[str] = (), keep: bool = True
    ) -> Iterator[Chunk]:
        """Yield all rows, with their places on `axes` and their numbers of `values`.

        Numbers that come from a file are kept in memory for other views, as long as there is room; without
        `keep`, they are not: a view may look once at the columns of two surveys.

        Raises
        ------
        KeyError
            When there is no such column.
        """
        axes, values = list(dict.fromkeys(axes)), list(dict.fromkeys(values))
        for name in axes:
            self._coder(name)
        for name in values:
            self._check(name)
        start = 0
        to_code = [name for name in axes if name not in self._kept]
        to_keep = self._arrays_to_fill(values) if keep else {}
        known = (FAILING, *to_code, *self._numbers)
        to_read = [*to_code, *(name for name in values if name not in known)]
        for cells, status in self._cells(to_read):
            stop = start + len(status)
            kept = {name: self._kept[name][start:stop] for name in axes if name in self._kept}
            coded = {name: self._coders[name].codes(cells[name]) for name in to_code}
            floats = {name: self._floats(name, cells, start, stop) for name in values if name != FAILING}
            for name, array in to_keep.items():
                array[start:stop] = floats[name]
            if FAILING in values:
                floats[FAILING] = np.array([0.0, 1.0, np.nan])[status]
            yield Chunk(np.arange(start, stop), {**kept, **coded}, floats, status)
            start = stop
        self._numbers.update(to_keep)

    def _arrays_to_fill(self, values: Sequence[str]) -> dict[str, Floats]:
        """Return arrays for numbers that are to be kept: those of a file, as long as there is room."""
        if not self.finished.is_stored:
            return {}
        size = 8 * len(self)
        free = max(0, KEPT_NUMBERS // max(size, 1) - len(self._numbers))
        new = [name for name in values if name != FAILING and name not in self._numbers]
        return {name: np.empty(len(self)) for name in new[:free]}

    def _floats(self, name: str, cells: Mapping[str, ColumnValues], start: int, stop: int) -> Floats:
        return self._numbers[name][start:stop] if name in self._numbers else numbers(cells[name])

    def column_chunks(self, name: str) -> Iterator[ColumnValues]:
        """Yield one column of all rows as it is, a chunk at a time."""
        return (
            cells[name] for source in (self.finished, self.missing) for cells, _ in chunks_of(source, [name])
        )

    def sample(self, axes: Iterable[str], values: Iterable[str], most: int) -> Chunk:
        """Return all rows if there are at most about `most`, else that many at random.

        The choice depends on the rows' numbers alone, so it is the same each time.
        """
        axes, values = list(axes), list(values)
        nothing = Chunk(
            np.zeros(0, dtype=np.int64),
            {name: np.zeros(0, dtype=np.uint8) for name in axes},
            {name: np.zeros(0) for name in values},
            np.zeros(0, dtype=np.uint8),
        )
        return _joined([nothing, *(self._some(chunk, most) for chunk in self.chunks(axes, values))])

    def _some(self, chunk: Chunk, most: int) -> Chunk:
        """Return the rows of a chunk that are among about `most` of all."""
        if len(self) <= most:
            return chunk
        if most not in self._chosen:
            self._chosen[most] = chosen(np.arange(len(self)), most / len(self))
        return chunk.at(np.flatnonzero(self._chosen[most][chunk.rows[0] : chunk.rows[-1] + 1]))

    def psets(self, rows: Sequence[int], names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return a few psets, by the numbers of their rows; only the keys in `names`, where it is given."""
        names = self.keys if names is None else names
        return [dict(zip(names, row, strict=True)) for row in self._take(rows, names)]

    def numbers(self, rows: Sequence[int]) -> list[int | None]:
        """Return these psets' numbers in the survey; None where they are not known."""
        found: dict[int, int] = {}
        for source, at, own in self._by_source(rows):
            if POSITION in source.names:
                found.update(zip(at, map(int, source.take(own, [POSITION])[POSITION]), strict=True))
        return [found.get(at) for at in range(len(rows))]

    def labels(self, rows: Sequence[int]) -> list[Hashable]:
        """Return the labels of these rows in `results`, or in `results.missing`."""
        found: dict[int, Hashable] = {}
        for source, at, numbers_ in self._by_source(rows):
            found.update(zip(at, source.labels(numbers_), strict=True))
        return [found[at] for at in range(len(rows))]

    def _take(self, rows: Sequence[int], names: Sequence[str]) -> list[tuple[Any, ...]]:
        found: dict[int, tuple[Any, ...]] = {}
        for source, at, numbers_ in self._by_source(rows):
            columns = source.take(numbers_, names)
            found.update(zip(at, zip(*(columns[name] for name in names), strict=True), strict=True))
        return [found.get(at, ()) for at in range(len(rows))]

    def _by_source(self, rows: Sequence[int]) -> Iterator[tuple[ColumnSource, list[int], Rows]]:
        """Yield each source with the places in `rows` that belong to it, and its own numbers for them."""
        numbers_ = np.asarray(rows, dtype=np.int64)
        first = np.flatnonzero(numbers_ < len(self.finished))
        second = np.flatnonzero(numbers_ >= len(self.finished))
        if len(first):
            yield self.finished, first.tolist(), numbers_[first]
        if len(second):
            assert self.missing is not None
            yield self.missing, second.tolist(), numbers_[second] - len(self.finished)

    def _coder(self, name: str) -> Coder:
        if name not in self._coders:
            self._check(name)
            keep = len(self) * 2 * (len(self._kept) + 1) <= KEPT_BYTES
            chunks = lambda: (cells[name] for cells, _ in self._cells([name]))  # noqa: E731
            self._coders[name], kept = find_axis(name, chunks, len(self), keep)
            if kept is not None:
                self._kept[name] = kept
        return self._coders[name]

    def _check(self, name: str) -> None:
        measured = (SECONDS,) * self.has_seconds
        if name not in (*self.keys, *self.finished.names, FAILING, *measured):
            known = ", ".join(map(repr, (*self.keys, *self.results)))
            why = "" if len(self.finished) else ", because no pset has a result"
            raise KeyError(f"there is no column {name!r}{why}: the columns are {known}")

    def _cells(self, names: Sequence[str]) -> Iterator[tuple[Mapping[str, ColumnValues], NDArray[np.uint8]]]:
        """Yield the columns of all rows, a chunk at a time, and the rows' states."""
        start = 0
        for cells, count in chunks_of(self.finished, names):
            yield self._as_one(cells), np.full(count, FINISHED, dtype=np.uint8)
        for cells, count in chunks_of(self.missing, names):
            yield self._as_one(cells), self.states[start : start + count]
            start += count

    def _as_one(self, cells: Mapping[str, ColumnValues]) -> Mapping[str, ColumnValues]:
        """Return columns of one source as they can be together with those of the other one.

        Integers become floats where the other source has floats. If the values of the finished psets are not
        read, those of the others are not told apart either: a value with nothing but failures would mislead.
        """
        return {name: self._column_as_one(name, column) for name, column in cells.items()}

    def _column_as_one(self, name: str, column: ColumnValues) -> ColumnValues:
        if name in self.unread:
            return _as_one_value(column)
        return as_floats(column) if name in self._floats_in_one_source else column

    @cached_property
    def unread(self) -> tuple[str, ...]:
        """The psets' keys whose values are not read: one constant stands for all of them."""
        source = self.finished if len(self.finished) or self.missing is None else self.missing
        return tuple(name for name in self.keys if not source.is_read(name))

    @cached_property
    def _floats_in_one_source(self) -> frozenset[str]:
        """The keys that are floats in one source and integers in the other.

        For example, of the values 1, 2 and 2.5, the only one that failed may be 2.
        """
        if self.missing is None:
            return frozenset()
        kinds = {name: self.finished.kind(name) + self.missing.kind(name) for name in self.keys}
        return frozenset(name for name, kind in kinds.items() if kind in ("fi", "fu", "if", "uf"))

    @cached_property
    def states(self) -> NDArray[np.uint8]:
        """Whether each pset without a result has failed, or was not run."""
        found = [np.zeros(0, dtype=np.uint8)]
        for cells, count in chunks_of(self.missing, [KIND]):
            values = Values()
            codes = values.add(cells[KIND])
            not_run = values.places.get((str, FailureKind.NOT_RUN.value), count)
            found.append(np.where(codes == not_run, NOT_RUN, FAILED).astype(np.uint8))
        return np.concatenate(found)


def chunks_of(
    source: ColumnSource | None, names: Sequence[str]
) -> Iterator[tuple[Mapping[str, ColumnValues], int]]:
    """Yield the columns of a source, and how many rows each chunk has; nothing if there is no source."""
    if source is None:
        return
    if not names:  # the rows are counted all the same
        yield from (({}, min(CHUNK, len(source) - start)) for start in range(0, len(source), CHUNK))
        return
    for cells in source.chunks(names):
        yield cells, _length(cells[names[0]])


def contents_of(
    source: ColumnSource | None, names: Sequence[str]
) -> Iterator[tuple[Mapping[str, ColumnValues | HashPairs], int]]:
    """Yield the same with all that tells the values apart."""
    if source is None or not names:
        yield from chunks_of(source, names)
        return
    for cells in source.contents(names):
        yield cells, _length(cells[names[0]])


def _as_one_value(cells: ColumnValues) -> ColumnValues:
    """Return a constant for all cells but those that are nan."""
    codes = Values().add(cells)
    return CategoryCodes(np.where(codes < 0, -1, 0), [NOT_READ, np.nan])


def _length(cells: ColumnValues | HashPairs) -> int:
    return len(cells.codes if isinstance(cells, CategoryCodes) else cells)


def _joined(chunks: Sequence[Chunk]) -> Chunk:
    """Return the rows of several chunks, at least one, as a single chunk."""
    first = chunks[0]
    return Chunk(
        np.concatenate([chunk.rows for chunk in chunks]),
        {name: np.concatenate([chunk.codes[name] for chunk in chunks]) for name in first.codes},
        {name: np.concatenate([chunk.values[name] for chunk in chunks]) for name in first.values},
        np.concatenate([chunk.status for chunk in chunks]),
    )
