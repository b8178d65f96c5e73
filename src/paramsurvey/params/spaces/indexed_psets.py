"""What every space offers: items, slices, iteration, DataFrames, and decoding in workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from operator import index
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.axes import has_none
from paramsurvey.params.dataframes import table_of
from paramsurvey.params.row_math import blocks
from paramsurvey.plurals import counted
from paramsurvey.transport.column_by_row import object_array
from paramsurvey.transport.decoders import pset_maker
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.job_code import RawColumn
from paramsurvey.transport.messages import Pset, Rows, Values
from paramsurvey.transport.packed_columns import to_python

if TYPE_CHECKING:
    import pandas as pd


class IndexedPsets(ABC):
    """Psets that are computed from their row numbers.

    Attributes
    ----------
    names : tuple of str
        The psets' keys.
    """

    names: tuple[str, ...]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def columns(self, rows: Rows) -> dict[str, Values]:
        """Return the values of some rows.

        Parameters
        ----------
        rows : range or int64 array
            A range must have the step 1; an array may be in any order, and repeat rows.

        Returns
        -------
        dict
            For each name a bool, int64 or float64 array, or a list of Python objects. The caller may
            change them.
        """

    def known_length(self) -> int | None:
        """Return the length; None if functions would have to be called to find it out."""
        return len(self)

    def axes_text(self) -> str:
        """Return the axes as they are shown."""
        return ", ".join(self.names)

    def __repr__(self) -> str:
        length = self.known_length()
        count = "" if length is None else f", {counted(length, 'pset')}"
        return f"<{type(self).__name__}: {self.axes_text()}{count}>"

    def decoder(self) -> SpaceDecoder:
        """Return the object that makes psets from row numbers in a worker."""
        return SpaceDecoder(self)

    def to_df(self) -> pd.DataFrame:
        """Return all rows as a DataFrame, each column with the dtype that pandas infers for it.

        A column in which some value is None has the dtype object, so that None does not become nan.

        Examples
        --------
        >>> from paramsurvey.params import grid
        >>> grid(x=[1, 2]).to_df()
           x
        0  1
        1  2
        """
        return self[:]

    def __iter__(self) -> Iterator[Pset]:
        decoder = self.decoder()
        for block in blocks(len(self)):
            yield from decoder.psets(block, None)

    @overload
    def __getitem__(self, at: slice) -> pd.DataFrame: ...

    @overload
    def __getitem__(self, at: int) -> Pset: ...

    def __getitem__(self, at: int | slice) -> pd.DataFrame | Pset:
        if isinstance(at, slice):
            return _frame_of(self, range(len(self))[at])
        row = _position(at, len(self))
        return next(self.decoder().psets(range(row, row + 1), None))


@dataclass(frozen=True)
class SpaceDecoder:
    """Makes psets from row numbers: a group of a space needs no payload."""

    space: IndexedPsets

    def isolated(self, payload: None) -> None:
        """Return None: there is no payload."""

    def pickled_bytes(self, payload: None) -> int:
        """Return 0: there is no payload."""
        return 0

    def psets(self, rows: Rows, payload: object = None) -> Iterator[Pset]:
        """Yield one private dict of native Python values for each of `rows`."""
        columns = self.space.columns(rows)
        natives = [
            _private_copies(values) if isinstance(values, list) else to_python(values)
            for values in (columns[name] for name in self.space.names)
        ]
        return map(pset_maker(tuple(self.space.names)), *natives)

    def columns(self, rows: Rows, payload: object, start: int, stop: int) -> dict[str, RawColumn]:
        """Return the columns of `rows` from `start` up to, but not including, `stop`."""
        columns = self.space.columns(rows[start:stop])
        return {
            name: RawColumn(_private_copies(values) if isinstance(values, list) else values)
            for name, values in ((name, columns[name]) for name in self.space.names)
        }


def _private_copies(values: list[Any]) -> list[Any]:
    """Copy the mutable objects, since other psets that this process computes share them."""
    if all(map(is_immutable, set(map(type, values)))):
        return values
    return [value if is_immutable(type(value)) else _copy(value) for value in values]


def _copy(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # some objects, such as modules, cannot be copied, and psets share them
        return value


def _frame_of(psets: IndexedPsets, rows: range) -> pd.DataFrame:
    import pandas as pd

    index = pd.RangeIndex(rows)
    if not rows and len(psets):  # without a value, there would be nothing to infer dtypes from
        return _frame_of(psets, range(1)).iloc[:0].set_axis(index)
    values = psets.columns(rows if rows.step == 1 else np.array(rows, dtype=np.int64))
    columns = {name: _with_none(column, index) for name, column in values.items()}
    return table_of({name: columns[name] for name in psets.names}, index, copy=False)


def _with_none(values: Values, index: pd.RangeIndex) -> Values | pd.Series[Any]:
    """Return a column for a DataFrame, in which None stays None."""
    import pandas as pd

    if isinstance(values, np.ndarray) or not has_none(values):
        return values
    # as a Series, because a DataFrame would turn an object array of strings and None into strings and nan
    return pd.Series(object_array(values, len(values)), index=index, dtype=object)


def _position(at: int, length: int) -> int:
    row = index(at)
    if -length <= row < length:
        return row % length
    raise IndexError(f"row {row} is not in the space, which has {length} rows: ask for one below {length}")
