"""What a survey needs to know about its psets, whatever their form: the protocol `PsetSource`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.job_code import Decoder
from paramsurvey.transport.messages import Pset, Rows, Values

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class CategoryCodes:
    """A categorical column's values, each given by its position in the list of categories.

    Attributes
    ----------
    codes : int array
        One position per row; -1 where the value is missing.
    categories : list
        The values that can occur, followed by nan, which is where the code -1 points.
    """

    codes: NDArray[Any]
    categories: list[Any]

    def values(self) -> list[Any]:
        """Return the values themselves, one per row."""
        return [self.categories[code] for code in self.codes.tolist()]


ColumnValues: TypeAlias = "Values | CategoryCodes"
"""The values of some rows of a column, as the worker function gets them."""


def cell_list(values: ColumnValues) -> list[Any]:
    """Return a column's values as a list of what the worker function gets."""
    if isinstance(values, CategoryCodes):
        return values.values()
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


class PsetSource(Protocol):
    """Psets that a survey addresses by row number."""

    @property
    def names(self) -> tuple[str, ...]:
        """The psets' keys."""
        ...

    def __len__(self) -> int: ...

    def read(self, count: int) -> int | None:
        """Make at most `count` more psets addressable.

        Returns
        -------
        int or None
            How many there were; 0 when all are known; None if there are none now but may be later.
        """
        ...

    def stop_reading(self) -> None:
        """Let go of the iterator that psets come from, because the map is over; psets read so far stay."""
        ...

    def forget(self, rows: Rows) -> None:
        """Drop these rows: the caller promises not to ask for them again."""
        ...

    def payload(self, rows: Rows) -> Any:
        """Return what a group of these rows carries to the worker, where the decoder makes psets from it."""
        ...

    def columns(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the values of these rows by column; nan where a pset lacks the key."""
        ...

    def dtypes(self) -> Mapping[str, Any]:
        """Return the pandas dtypes of those columns whose values alone do not determine them."""
        ...

    def decoder(self) -> Decoder:
        """Return the object that makes psets from a payload, in the worker."""
        ...

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame with a RangeIndex, which the caller may change."""
        ...


def make_psets(source: PsetSource, rows: Rows) -> list[Pset]:
    """Return psets with the values that workers get, but with the caller's own objects instead of copies."""
    psets = source.decoder().psets(rows, source.payload(rows))
    return list(psets)  # type: ignore[arg-type]  # without Decoder.isolated, no pset holds pickled objects
