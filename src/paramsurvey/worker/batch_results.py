"""Checks what a batch function returned, and turns it into columns in the form that is sent."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.errors import NotPicklable
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.plurals import counted
from paramsurvey.transport.isolation import check_keys, isolated_value, pickled_bytes
from paramsurvey.transport.messages import ResultColumn
from paramsurvey.transport.packed_columns import pack_column
from paramsurvey.transport.safe_repr import describe
from paramsurvey.worker.keywords import is_table
from paramsurvey.worker.return_checks import WorkerFunctionMisused, checked_result

Columns = dict[Hashable, tuple[ResultColumn, ...]]
ColumnValues = NDArray[Any] | list[Any]

SHOWN_CHARACTERS = 80  # of a wrong value, in an error


class WrongReturn(WorkerFunctionMisused):
    """A batch function returned something that cannot be the result of a batch."""


class WrongLength(WorkerFunctionMisused):
    """A column does not have one value for each pset of the batch.

    Attributes
    ----------
    lengths : dict
        How many values each column has.
    """

    def __init__(self, message: str, lengths: Mapping[Hashable, int]) -> None:
        super().__init__(message)
        self.lengths = dict(lengths)


def checked_columns(result: Any, count: int, names: Collection[str]) -> dict[Hashable, ColumnValues]:
    """Return the columns that a batch function returned.

    Parameters
    ----------
    result : dict of columns, DataFrame, or None
    count : int
        How many psets the batch has.
    names : collection of str
        The psets' columns, which the result must not have.

    Raises
    ------
    WrongReturn
        It is not a dict of columns, or has a column that the psets have.
    WrongLength
        A column has more or fewer values than there are psets.
    """
    if result is None:
        return {}
    columns = {key: _values_of(key, value, count) for key, value in _as_dict(result).items()}
    for key in columns:
        if key in names:
            raise WrongReturn(
                f"the result has the column {describe(key)}, which the psets have: "
                "return new columns only, as in {'answer': values}"
            )
    lengths = {key: len(values) for key, values in columns.items()}
    for key, length in lengths.items():
        if length != count:
            raise WrongLength(
                f"the result {describe(key)} has {counted(length, 'value')}, {_batch_of(count)}: "
                "return one value for each pset, in their order",
                lengths,
            )
    return columns


def _batch_of(count: int) -> str:
    return f"and the batch has {counted(count, 'pset')}"


def _as_dict(result: Any) -> Mapping[Any, Any]:
    if isinstance(result, Mapping):
        return result
    if is_table(result):
        return {name: result[name] for name in result.columns}
    try:
        return checked_result(result)
    except WorkerFunctionMisused as error:
        text = str(error).replace(
            "worker function must return a dict", "batch function must return a dict of columns, a DataFrame"
        )
        raise WrongReturn(text.replace("{'answer': ...}", "{'answer': array}")) from None


def _values_of(key: Any, value: Any, count: int) -> ColumnValues:
    """Return one column as an array of bools, int64 or float64, or as a list of objects."""
    if isinstance(value, (list, tuple, range)):
        return list(value)
    if np.ma.isMaskedArray(value):
        return list(value.tolist())  # with None where it is masked
    if not hasattr(value, "__array__") or is_table(value):
        raise WrongReturn(
            f"the result {describe(key)} is {describe(value, SHOWN_CHARACTERS)}, {_batch_of(count)}: "
            "return an array or a list with one value for each pset"
        )
    array = _as_array(key, value)
    if array.ndim == 0:
        raise WrongReturn(
            f"the result {describe(key)} is the single value {describe(array[()], SHOWN_CHARACTERS)}, "
            f"{_batch_of(count)}: return one value for each pset, as with numpy.full"
        )
    if array.dtype.names is not None:
        raise WrongReturn(
            f"the result {describe(key)} is a structured array: return its fields as columns, "
            "as in {name: array[name] for name in array.dtype.names}"
        )
    return _sendable(array)


def _as_array(key: Any, value: Any) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except Exception as error:  # whatever the value's class raises
        raise WrongReturn(
            f"the result {describe(key)} cannot become a numpy array ({describe(error)}): "
            "return a numpy array or a list"
        ) from error


def _sendable(array: NDArray[Any]) -> ColumnValues:
    """Return an array in a dtype that result columns can have, or a list of Python's values."""
    kind = array.dtype.kind
    if kind == "b":
        return np.ascontiguousarray(array)
    if kind == "i" or (kind == "u" and (array.dtype.itemsize < 8 or not array.size or array.max() < 2**63)):
        return np.ascontiguousarray(array, dtype=np.int64)
    if kind == "f":
        return np.ascontiguousarray(array, dtype=np.float64)
    return list(array) if array.ndim > 1 or kind in "mM" else list(array.tolist())


@dataclass
class BatchPiece:
    """The results of consecutive psets of a group, in the form that is sent.

    Attributes
    ----------
    start, stop : int
        Their offsets.
    columns : dict
    refused : dict
        The errors of results that cannot be pickled, by offset.
    pickled_bytes : int
        How many bytes the pickled objects among the results take.
    """

    start: int
    stop: int
    columns: Columns = field(default_factory=dict)
    refused: dict[int, NotPicklable] = field(default_factory=dict)
    pickled_bytes: int = 0

    @classmethod
    def packed(
        cls, start: int, columns: Mapping[Hashable, ColumnValues], count: int, copied: bool
    ) -> BatchPiece:
        """Pack checked columns; copy them if the function may reuse its arrays before they are sent.

        Raises
        ------
        NotPicklable
            Names a key that cannot be pickled.
        """
        check_keys(columns)
        piece = cls(start, start + count)
        isolated = {key: piece._isolated(key, values) for key, values in columns.items()}
        offsets: Sequence[int] = range(start, start + count)
        if piece.refused:
            offsets = [offset for offset in offsets if offset not in piece.refused]
        for key, values in isolated.items():
            if isinstance(values, list):
                piece.columns[key] = pack_column(offsets, [values[at - start] for at in offsets])
            elif piece.refused:
                piece.columns[key] = (
                    ResultColumn(
                        np.array(offsets, dtype=np.int64), values[np.array(offsets, dtype=np.int64) - start]
                    ),
                )
            else:
                piece.columns[key] = (
                    ResultColumn(range(start, start + count), values.copy() if copied else values),
                )
        return piece

    def _isolated(self, key: Hashable, values: ColumnValues) -> ColumnValues:
        if not isinstance(values, list):
            return values
        isolated = []
        for offset, value in enumerate(values, self.start):
            try:
                isolated.append(isolated_value(key, value))
            except NotPicklable as error:
                self.refused.setdefault(offset, error)
                isolated.append(None)
        self.pickled_bytes += pickled_bytes(isolated)
        return isolated


class BatchResults:
    """The results of a group that have not been sent yet, in pieces; see `ResultPacker` for those of psets.

    Attributes
    ----------
    pickled_bytes : int
    """

    def __init__(self) -> None:
        self._pieces: list[BatchPiece] = []
        self.pickled_bytes = 0

    def __len__(self) -> int:
        """Return 0: nothing has to be folded."""
        return 0

    def add_piece(self, piece: BatchPiece) -> None:
        """Add results as they are."""
        self._pieces.append(piece)
        self.pickled_bytes += piece.pickled_bytes

    def fold(self) -> dict[int, NotPicklable]:
        """Return an empty dict: the results are columns already."""
        return {}

    def take(self, start: int, stop: int) -> Columns:
        """Return results, as `columns` does, and drop all."""
        columns = self.columns(start, stop)
        self._pieces.clear()
        self.pickled_bytes = 0
        return columns

    def columns(self, start: int, stop: int) -> Columns:
        """Return the results of the psets from `start` up to, but not including, `stop` as columns."""
        columns: Columns = {}
        for piece in list(self._pieces):
            if start <= piece.start < stop:
                for key, parts in piece.columns.items():
                    columns[key] = columns.get(key, ()) + parts
        return columns
