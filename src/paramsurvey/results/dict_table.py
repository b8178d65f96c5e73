"""A DataFrame whose rows can be iterated over as dicts: what results and missing psets have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


class DictTable(pd.DataFrame):
    """A DataFrame whose rows can be iterated over as dicts; what pandas derives from it is a plain one."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def itertuples(self, index: bool = True, name: str | None = "Pandas") -> Iterator[Any]:
        """Yield each row as a named tuple, in order, as any DataFrame does.

        Parameters
        ----------
        index : bool
            Whether the first field, ``Index``, is the row's label.
        name : str or None
            Of the tuples' class; None: plain tuples.

        Returns
        -------
        iterator of tuples
            Columns whose names are no names of Python are called ``_1``, ``_2`` and so on, by their places.

        Examples
        --------
        >>> for row in results.itertuples():  # doctest: +SKIP
        ...     print(row.x, row.loss)
        """
        return super().itertuples(index=index, name=name)

    def iterdicts(self) -> Iterator[dict[Any, Any]]:
        """Yield each row as a dict of native Python values, in order."""
        names = list(self.columns)
        columns = [self.iloc[:, i].tolist() for i in range(len(names))]
        if not columns:
            return ({} for _ in range(len(self)))
        return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))

    def to_df(self) -> pd.DataFrame:
        """Return the same table as a plain DataFrame."""
        frame = pd.DataFrame(self)
        frame.attrs = dict(self.attrs)
        return frame
