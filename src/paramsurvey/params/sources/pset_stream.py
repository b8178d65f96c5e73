"""Psets from an iterator, read only as far as the survey needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from paramsurvey.params.column_names import check_names, without_reasons
from paramsurvey.params.late_psets import NOT_YET, without_pauses
from paramsurvey.params.sources.dict_columns import (
    END,
    PIECE,
    column_reader,
    have_keys,
    values_by_name,
    worker_values,
)
from paramsurvey.params.sources.named_rows import dict_of
from paramsurvey.params.sources.pset_source import ColumnValues
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.params.sources.refusals import check_no_options, check_pset
from paramsurvey.params.sources.stream_chunks import (
    LEAST_FOR_COLUMNS,
    Chunk,
    ColumnChunk,
    DictChunk,
    Part,
    columns_of_parts,
)
from paramsurvey.transport.column_by_row import as_array
from paramsurvey.transport.decoders import StreamDecoder
from paramsurvey.transport.messages import Pset, Rows, Values

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.sources.pset_source import PsetSource

ChunkT = TypeVar("ChunkT", bound=Chunk)


class PsetStream:
    """Psets from an iterator, read only as far as the survey needs them.

    A worker gets each pset with exactly the keys that it was given, because the keys of later psets are not
    known yet. In the results, a key that a pset lacks is nan.

    Parameters
    ----------
    psets : iterator of dicts
        It yields `NOT_YET` when it has no pset at the moment.

    Attributes
    ----------
    backend : str
        The name of the backend, for which these psets cannot have options of their own.
    """

    names: tuple[str, ...] = ()
    backend = ""

    def __init__(self, psets: Iterator[Any]) -> None:
        self._psets = psets
        self._has_none_yet = False
        self._count = 0
        self._checked: set[str] = set()
        self._chunks: list[Chunk] = []
        self._starts: list[int] = []  # the first row of each chunk
        self._table: PsetTable | None = None  # of all rows that are kept

    def __len__(self) -> int:
        return self._count

    def read(self, count: int) -> int | None:
        """Read at most `count` psets; return how many there were, or None if there are none yet.

        A pset that is refused, or an exception from the iterator, does not cost the psets before it: they are
        returned first, and the next call raises the exception.
        """
        before = self._count
        self._has_none_yet = False
        while (missing := before + count - self._count) > 0:
            piece = min(PIECE, missing)
            if self._read_piece(piece, first=self._count == before) < piece:
                break
        return None if self._has_none_yet and self._count == before else self._count - before

    def stop_reading(self) -> None:
        """Let go of the iterator, which then ends if nobody else holds it; it is not closed here."""
        self._psets = iter(())

    def _read_piece(self, count: int, first: bool) -> int:
        before = self._count
        try:
            different = self._read_columns(count)
            if different is NOT_YET:
                self._has_none_yet = True
            elif different is not END:
                self._read_dicts(chain([different], self._psets), count - (self._count - before))
        except Exception as error:
            if first and self._count == before:
                raise
            self._psets = _raising(error)
        return self._count - before

    def _read_columns(self, count: int) -> Any:
        """Read psets with the same keys as the last ones; return the first one with other keys, or `END`."""
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, ColumnChunk) or not last.names or self.backend in last.names:
            return next(self._psets, END)
        columns: list[list[Any]] = [[] for _ in last.names]
        try:
            return column_reader(last.names)(islice(self._psets, count), *columns)
        finally:
            count = len(columns[-1])
            if 0 < count < LEAST_FOR_COLUMNS:  # many small pieces would have to be joined again and again
                self._add_dicts(
                    [dict(zip(last.names, row, strict=False)) for row in zip(*columns, strict=False)]
                )
            elif count:
                self._add_columns(last.names, [worker_values(values[:count]) for values in columns], count)

    def _read_dicts(self, iterator: Iterator[Any], count: int) -> None:
        """Read psets with any keys, and copy them, since the iterator may yield the same dict again."""
        psets: list[Pset] = []
        add, checked = psets.append, self._checked
        try:
            for pset in islice(iterator, count):
                if type(pset) is dict and checked.issuperset(pset):
                    add(pset.copy())
                    continue
                if pset is NOT_YET:
                    self._has_none_yet = True
                    break
                pset = dict_of(pset)
                check_pset(self._count + len(psets), pset)
                own = dict(without_reasons(pset))
                if not checked.issuperset(own):
                    check_names(list(own))
                    check_no_options(self._count + len(psets), own, self.backend)
                    checked.update(own)
                    checked.discard(self.backend)  # the next pset that has this key may have options in it
                add(own)
        finally:
            if psets:
                self._add_dicts(psets)

    def _add_dicts(self, psets: list[Pset]) -> None:
        """Keep psets that were read: as columns if there are many and they have the same keys."""
        names = tuple(psets[0])
        if len(psets) >= LEAST_FOR_COLUMNS and have_keys(psets, names):
            self._add_columns(names, values_by_name(psets, names), len(psets))
            return
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, DictChunk) or len(last) >= PIECE:
            last = self._append(DictChunk())
        last.add(self._count, psets)
        self._count += len(psets)
        self._table = None

    def _add_columns(self, names: tuple[str, ...], columns: list[Values], count: int) -> None:
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, ColumnChunk) or not last.takes(names):
            last = self._append(ColumnChunk(self._count, names))
        last.add(columns, count)
        self._count += count
        self._table = None

    def _append(self, chunk: ChunkT) -> ChunkT:
        self._chunks.append(chunk)
        self._starts.append(self._count)
        return chunk

    def _by_chunk(self, rows: Rows) -> Iterator[tuple[Chunk, Rows]]:
        """Yield (chunk, its share of the rows) for each chunk that has any of these rows, in their order."""
        if len(rows) == 0:
            return
        places = np.searchsorted(self._starts, np.array([rows[0], rows[-1]]), side="right") - 1
        if places[0] == places[1] and isinstance(rows, range):  # the usual case
            yield self._chunks[places[0]], rows
            return
        all_rows = as_array(rows)
        places = np.searchsorted(self._starts, all_rows, side="right") - 1
        cuts = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(rows)]
        for start, stop in pairwise(cuts):
            yield self._chunks[places[start]], rows[start:stop]

    def first_keys(self) -> tuple[str, ...] | None:
        """Return the keys of the first pset, which can still be read afterwards; None if there is no pset."""
        for pset in without_pauses(self._psets):
            self._psets = chain([pset], self._psets)
            row = dict_of(pset)
            return tuple(row) if isinstance(row, Mapping) else None
        return None

    def forget(self, rows: Rows) -> None:
        """Drop these psets, so that a long stream does not fill the memory."""
        for chunk, share in self._by_chunk(rows):
            chunk.forget(share)
        self._table = None

    def payload(self, rows: Rows) -> list[Part]:
        """Return these psets as workers get them, with Python's numbers in place of numpy's."""
        return [chunk.part(share) for chunk, share in self._by_chunk(rows)]

    def columns(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the values of these rows by column; nan where a pset lacks the key."""
        return columns_of_parts(self.payload(rows))

    def dtypes(self) -> Mapping[str, Any]:
        """Return an empty dict: the values in dicts determine the dtypes."""
        return {}

    def decoder(self) -> StreamDecoder:
        """Return the decoder for what `payload` returns."""
        return StreamDecoder()

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all that were read and not dropped), with the columns that any row has."""
        known = [chunk.kept_rows() for chunk in self._chunks]
        if self._table is None:
            parts = [chunk.part(kept) for chunk, kept in zip(self._chunks, known, strict=True)]
            self._table = PsetTable.of_values(columns_of_parts(parts), sum(map(len, known)))
        if rows is None:
            return self._table.frame()
        order = np.concatenate([np.zeros(0, dtype=np.int64), *map(as_array, known)])
        return self._table.frame(np.searchsorted(order, as_array(rows)))


def _raising(error: Exception) -> Iterator[Any]:
    """Return an iterator that raises `error` when its first item is asked for."""
    yield from ()
    raise error


if TYPE_CHECKING:
    _: type[PsetSource] = PsetStream
