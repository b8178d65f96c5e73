"""Psets of a space: computed in the worker, so that a group carries only row numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paramsurvey.params.dataframes import table_of
from paramsurvey.params.sources.pset_source import ColumnValues
from paramsurvey.params.spaces.grids_and_products import Space
from paramsurvey.transport.job_code import Decoder
from paramsurvey.transport.messages import Rows

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.sources.pset_source import PsetSource


class SpaceSource:
    """Psets of a space. A group has no payload: the workers compute the psets from the row numbers.

    Parameters
    ----------
    space : Space
    limit : int, optional
        Use the first `limit` psets; None: all.
    """

    def __init__(self, space: Space, limit: int | None = None) -> None:
        self._space = space
        self._length = len(space) if limit is None else min(len(space), limit)
        self.names = space.names

    def __len__(self) -> int:
        return self._length

    def read(self, count: int) -> int:
        """Return 0: all psets are known."""
        return 0

    def stop_reading(self) -> None:
        """Do nothing: all psets are known."""

    def forget(self, rows: Rows) -> None:
        """Do nothing: no pset is kept in memory."""

    def payload(self, rows: Rows) -> None:
        """Return None: the decoder, which workers get with the job, knows the space."""

    def columns(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the values of these rows by column."""
        return self._space.columns(rows)

    def dtypes(self) -> Mapping[str, Any]:
        """Return an empty dict: the values of a space determine the dtypes."""
        return {}

    def decoder(self) -> Decoder:
        """Return the space's own decoder."""
        return self._space.decoder()

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame with a RangeIndex."""
        import pandas as pd

        chosen = range(len(self)) if rows is None else rows
        if len(chosen) == 0:
            return self._space[:0]  # has the dtypes that the other rows have
        return table_of(self._space.columns(chosen), pd.RangeIndex(len(chosen)))


if TYPE_CHECKING:
    _: type[PsetSource] = SpaceSource
