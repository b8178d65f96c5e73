"""Parquet files, Arrow tables and datasets as sources of columns: read in pieces, and never unpickled."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from paramsurvey.checkpoint.format import pickles
from paramsurvey.checkpoint.format.codec_table import PICKLES, codecs
from paramsurvey.checkpoint.format.dtype_text import categories_in
from paramsurvey.checkpoint.format.schema import field_info
from paramsurvey.checkpoint.typed_hash import HashPairs, hash_values
from paramsurvey.params.dataframes import units_of_fields
from paramsurvey.params.sources import CategoryCodes, ColumnValues
from paramsurvey.views.columns.source import CHUNK, NOT_READ, ColumnSource, Rows, nothing
from paramsurvey.views.columns.survey_data import SurveyData

READ_BYTES = 1 << 20  # of one column at once


class ArrowColumns:
    """The columns of an Arrow dataset, or of whatever becomes one.

    Binary columns, which in a checkpoint are pickles, and nested ones are read as one constant value. Only
    comparisons look at their content; for pickles, at the identities that are stored beside them.

    Parameters
    ----------
    data : Dataset, Table, path or list of paths
        The paths are those of Parquet files.
    left_out : mapping of str to HashPairs or None, optional
        Columns that the dataset does not have because their values have no common type. For the psets' keys,
        these are the identities of the values.

    Examples
    --------
    >>> source = ArrowColumns(pa.table({"a": [1, 2, 3]}))
    >>> [chunk["a"].tolist() for chunk in source.chunks(["a"], 2)]
    [[1, 2], [3]]
    """

    def __init__(self, data: Any, left_out: Mapping[str, HashPairs | None] | None = None) -> None:
        if isinstance(data, os.PathLike):
            data = str(data)
        if isinstance(data, list):
            data = [str(one) if isinstance(one, os.PathLike) else one for one in data]
        self._dataset = data if isinstance(data, ds.Dataset) else ds.dataset(data)
        self._names = tuple(self._dataset.schema.names)
        self._left_out = left_out or {}
        self._count: int = self._dataset.count_rows()
        infos = {name: self._info(name) for name in self._names}
        self._identities = {
            info["of"]: name for name, info in infos.items() if info.get("role") == "identity"
        }
        self._categories = {name: categories_in(info.get("dtype", "")) for name, info in infos.items()}
        self._reading: dict[str, Any] = {}
        if _is_parquet(self._dataset):  # by default, whole row groups are in memory before they are decoded
            piecewise = ds.ParquetFragmentScanOptions(
                use_buffered_stream=True, buffer_size=READ_BYTES, pre_buffer=False
            )
            self._reading["fragment_scan_options"] = piecewise

    def _info(self, name: str) -> dict[str, str]:
        return field_info(self._dataset.schema.field(name))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return (*self._names, *self._left_out)

    @property
    def is_stored(self) -> bool:
        """They are read each time."""
        return True

    def __len__(self) -> int:
        return self._count

    @property
    def units(self) -> dict[str, str]:
        """The units in the fields' metadata."""
        return units_of_fields(self._dataset.schema)

    def pset_keys(self) -> tuple[str, ...]:
        """Return the columns that are psets' keys, according to a checkpoint's metadata."""
        return tuple(field.name for field in self._dataset.schema if field_info(field).get("role") == "pset")

    def kind(self, name: str) -> str:
        """Return numpy's letter for a column of numbers."""
        kind = self._dataset.schema.field(name).type if name in self._names else pa.null()
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        return "i" if pa.types.is_integer(kind) else "f" if pa.types.is_floating(kind) else ""

    def is_read(self, name: str) -> bool:
        """Tell whether a column's values are read: binary and nested ones are not, nor those left out."""
        if name in self._left_out:
            return False
        return name not in self._names or not _is_opaque(self._dataset.schema.field(name).type)

    def chunks(self, names: Sequence[str], size: int = CHUNK) -> Iterator[Mapping[str, ColumnValues]]:
        """Yield the rows in their order, at most `size` at a time."""
        there, start = [name for name in names if name in self._names], 0
        for batch in self._batches(there, size):
            rows = slice(start, start + batch.num_rows)
            cells = {name: _in_order(_cells(batch.column(name)), self._categories[name]) for name in there}
            yield {name: cells[name] if name in cells else self._unseen(name, rows) for name in names}
            start = rows.stop

    def _unseen(self, name: str, rows: slice) -> ColumnValues:
        """Return the cells of a column that the dataset does not have."""
        count = rows.stop - rows.start
        if name not in self._left_out:
            return nothing(count)
        identities = self._left_out[name]
        codes = np.zeros(count, dtype=np.int64)
        if identities is not None:
            codes[identities[rows].equal(hash_values([np.nan]))] = -1
        return CategoryCodes(codes, [NOT_READ, np.nan])

    def has_identities(self, name: str) -> bool:
        """Tell whether nothing but the identities of a column's values is known."""
        return name in self._identities or self._left_out.get(name) is not None

    def is_comparable(self, name: str) -> bool:
        """Tell whether a column's values, or their identities, are known."""
        if self.has_identities(name) or name not in self.names:
            return True
        return name in self._names and self._info(name).get("codec") not in PICKLES

    def contents(self, names: Sequence[str]) -> Iterator[Mapping[str, ColumnValues | HashPairs]]:
        """Yield the rows in the same chunks, with nested and binary values, or the identities of pickles."""
        read, start = {name: self._identities.get(name, name) for name in names}, 0
        for batch in self._batches([name for name in read.values() if name in self._names], CHUNK):
            rows = slice(start, start + batch.num_rows)
            yield {
                name: self._content(batch.column(own), own)
                if own in self._names
                else self._unseen_content(name, rows)
                for name, own in read.items()
            }
            start = rows.stop

    def _unseen_content(self, name: str, rows: slice) -> ColumnValues | HashPairs:
        identities = self._left_out.get(name)
        return self._unseen(name, rows) if identities is None else identities[rows]

    def _content(self, array: Any, name: str) -> ColumnValues | HashPairs:
        info = self._info(name)
        if info.get("role") == "identity":
            return _identities(array)
        if not _is_opaque(array.type) or info.get("codec") in PICKLES:
            return _cells(array)
        values: list[Any] = [np.nan] * len(array)
        # the parts may have lists, arrays or empty lists; all become lists, which comparisons take for arrays
        decode = codecs()["array"].decode if info.get("codec") == "array" else _listed
        found = decode(array.drop_null())
        for at, value in zip(np.flatnonzero(array.is_valid()).tolist(), found, strict=True):
            values[at] = value
        return values

    def _batches(self, names: Sequence[str], size: int) -> Iterator[Any]:
        batches = self._dataset.to_batches(
            columns=list(names), batch_size=size, batch_readahead=2, fragment_readahead=1, **self._reading
        )
        return (batch for batch in batches if batch.num_rows)

    def take(self, rows: Rows, names: Sequence[str]) -> Mapping[str, list[Any]]:
        """Return native values of a few rows; for pickled ones, a text."""
        there = [name for name in names if name in self._names]
        table = self._dataset.take(pa.array(rows), columns=there, **self._reading)
        return {
            name: self._natives(name, table.column(name)) if name in there else self._words(name, rows)
            for name in names
        }

    def _words(self, name: str, rows: Rows) -> list[Any]:
        """Return texts that stand for the values of a column that was left out; they differ if these do."""
        identities = self._left_out.get(name)
        if name in self._left_out and identities is None:
            return [NOT_READ] * len(rows)
        if identities is None:
            return [np.nan] * len(rows)
        there = ~identities[rows].equal(hash_values([np.nan]))
        words = [
            f"<a value that was not read, {one & 0xFFFFFFFF:08x}>" for one in identities.one[rows].tolist()
        ]
        return [word if known else np.nan for word, known in zip(words, there.tolist(), strict=True)]

    def _natives(self, name: str, array: Any) -> list[Any]:
        values = [np.nan if value is None else value for value in _natives(array)]
        if self._info(name).get("codec") not in PICKLES:
            return values
        return [pickles.placeholder(value) if isinstance(value, bytes) else value for value in values]

    def labels(self, rows: Rows) -> list[Hashable]:
        """Return the rows' numbers, which serve as their labels."""
        return list(rows.tolist())


def stored_data(
    finished: Any,
    failures: Any = None,
    keys: Sequence[str] | None = None,
    left_out: Mapping[str, HashPairs | None] | None = None,
) -> SurveyData:
    """Return the columns of results that are on a disk.

    Parameters
    ----------
    finished : Dataset, Table, path or list of paths
        What `paramsurvey.scan` returns, or anything else with a row for each finished pset.
    failures : Dataset, Table, path or list of paths, optional
        The psets without a result, with `KIND`, ``_exception`` and ``_traceback``.
    keys : sequence of str, optional
        The psets' keys; by default, the fields' metadata say which these are.
    left_out : mapping of str to HashPairs or None, optional
        Columns that `finished` does not have because their values have no common type. For the psets' keys,
        these are the identities of the values.

    Raises
    ------
    ValueError
        It is not known which columns are the psets' keys.
    """
    source = ArrowColumns(finished, left_out)
    found = source.pset_keys() if keys is None else tuple(keys)
    if keys is None and not found and source.names:
        raise ValueError("which of the columns are the psets' keys? name them: keys=[...]")
    missing = None if failures is None else ArrowColumns(failures)
    return SurveyData(source, missing, found, {**({} if missing is None else missing.units), **source.units})


def _is_parquet(dataset: ds.Dataset) -> bool:
    """Tell whether all files of a dataset are Parquet files."""
    if isinstance(dataset, ds.UnionDataset):
        return all(map(_is_parquet, dataset.children))
    return not isinstance(dataset, ds.FileSystemDataset) or isinstance(dataset.format, ds.ParquetFileFormat)


def _cells(array: Any) -> ColumnValues:
    """Return some rows of an Arrow array."""
    kind = array.type
    if pa.types.is_null(kind):
        return nothing(len(array))
    if pa.types.is_dictionary(kind):
        return _coded(array)
    if pa.types.is_floating(kind):
        floats: np.ndarray[Any, Any] = array.to_numpy(zero_copy_only=False)
        return floats.astype(np.float64) if pa.types.is_float16(kind) else floats
    if array.null_count == 0 and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        whole: np.ndarray[Any, Any] = array.to_numpy(zero_copy_only=False)
        return whole
    if _is_opaque(kind):
        return CategoryCodes(np.where(array.is_null(), -1, 0), [NOT_READ, np.nan])
    return _coded(array.dictionary_encode())


def _in_order(cells: ColumnValues, known: list[Any]) -> ColumnValues:
    """Return texts with all categories, even those that no pset has, in their original order."""
    if not isinstance(cells, CategoryCodes) or set(map(type, known)) != {str}:
        return cells
    places = {value: place for place, value in enumerate(known)}
    found = cells.categories[:-1]  # the last one is nan
    if not places.keys() >= set(found):  # this part has other ones
        return cells
    table = np.array([*(places[value] for value in found), -1])
    return CategoryCodes(table[cells.codes], [*known, np.nan])


def _identities(array: Any) -> HashPairs:
    """Return the identities of pickled values; those of nan where there is no value."""
    absent = hash_values([np.nan])
    nothing_there = absent.one.tobytes() + absent.two.tobytes()
    found = b"".join(nothing_there if one is None else one for one in array.to_pylist())
    pairs = np.frombuffer(found, dtype=np.uint64).reshape(-1, 2)
    return HashPairs(pairs[:, 0].copy(), pairs[:, 1].copy())


def _listed(array: Any) -> list[Any]:
    return list(array.to_pylist())


def _natives(array: Any) -> list[Any]:
    """Return an array's values; decimals without a fraction are integers that Arrow has no integers for."""
    if pa.types.is_timestamp(array.type) and array.type.tz:
        return _zoned(array)
    values = _listed(array)
    if not pa.types.is_decimal(array.type) or array.type.scale:
        return values
    return [None if value is None else int(value) for value in values]


def _zoned(array: Any) -> list[Any]:
    """Return times with a zone as those of pandas: of Python's, an hour that a clock showed twice is one."""
    try:
        times = array.to_pandas().tolist()
    except Exception:  # of the packages for zones: one that is not known here
        times = array.cast(pa.timestamp(array.type.unit, "UTC")).to_pandas().tolist()
    return [None if time is pd.NaT else time for time in times]


def _coded(array: Any) -> CategoryCodes:
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    values = [np.nan if value is None else value for value in _natives(array.dictionary)]
    return CategoryCodes(codes.astype(np.int64), [*values, np.nan])


def _is_opaque(kind: Any) -> bool:
    types = pa.types
    is_binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    return bool(types.is_nested(kind) or is_binary)


if TYPE_CHECKING:
    _: ColumnSource = ArrowColumns(pa.table({}))
