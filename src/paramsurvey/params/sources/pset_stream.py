"""Psets from an iterator, read only as far as the survey needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from paramsurvey.params.column_names import check_names, without_reasons
from paramsurvey.params.sources.pset_source import ColumnValues, all_keys, check_pset
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.transport.columns import value_array
from paramsurvey.transport.decoders import DictDecoder
from paramsurvey.transport.messages import Pset, Rows
from paramsurvey.transport.packed_columns import to_python

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.sources.pset_source import PsetSource


class PsetStream:
    """Psets from an iterator, read only as far as the survey needs them.

    A worker gets each pset with exactly the keys that it was given with, because the keys of later psets
    are not known yet. In the results, a key that a pset does not have is nan.

    Parameters
    ----------
    psets : iterator of dicts
    """

    names: tuple[str, ...] = ()

    def __init__(self, psets: Iterator[Any]) -> None:
        self._psets = psets
        self._known: dict[int, Pset] = {}
        self._count = 0
        self._checked: set[str] = set()

    def __len__(self) -> int:
        return self._count

    def read(self, count: int) -> int:
        """Read at most `count` psets; return how many there were.

        A pset that is refused, or an exception of the iterator, does not hide the psets before it: these
        are returned first, and the exception is raised by the next call.
        """
        before = self._count
        try:
            for pset in islice(self._psets, count):
                self._add(pset)
        except Exception as error:
            if self._count == before:
                raise
            self._psets = _raising(error)
        return self._count - before

    def _add(self, pset: Any) -> None:
        check_pset(self._count, pset)
        pset = dict(without_reasons(pset))
        if not self._checked.issuperset(pset):
            check_names(list(pset))
            self._checked.update(pset)
        self._known[self._count] = pset
        self._count += 1

    def first_keys(self) -> tuple[str, ...] | None:
        """Return the keys of the first pset, which is read after this as before; None where there is none."""
        for pset in self._psets:
            self._psets = chain([pset], self._psets)
            return tuple(pset) if isinstance(pset, Mapping) else None
        return None

    def forget(self, rows: Rows) -> None:
        """Drop these psets, so that a long stream does not fill the memory."""
        for row in rows:
            del self._known[int(row)]

    def payload(self, rows: Rows) -> list[Pset]:
        """Return these psets as dicts, with Python's numbers in place of numpy's."""
        psets = [self._known[int(row)] for row in rows]
        return [dict(zip(pset, to_python(list(pset.values()), dates=True), strict=True)) for pset in psets]

    def columns(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the values of these rows by column; nan where a pset does not have the key."""
        psets = self.payload(rows)
        return {name: value_array([pset.get(name, np.nan) for pset in psets]) for name in all_keys(psets)}

    def dtypes(self) -> Mapping[str, Any]:
        """Return an empty dict: the values in dicts determine the dtypes."""
        return {}

    def decoder(self) -> DictDecoder:
        """Return a decoder that passes dicts on as they are."""
        return DictDecoder()

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all that were read and not dropped), with the columns that any row has."""
        table = PsetTable.from_dicts(list(self._known.values()))
        if rows is None:
            return table.frame()
        known = np.fromiter(self._known, dtype=np.int64, count=len(self._known))
        return table.frame(np.searchsorted(known, np.asarray(rows, dtype=np.int64)))


def _raising(error: Exception) -> Iterator[Any]:
    """Return an iterator that raises `error` when its first item is asked for."""
    yield from ()
    raise error


if TYPE_CHECKING:
    _: type[PsetSource] = PsetStream
