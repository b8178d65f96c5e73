"""Turns whatever the user gave to `map` as psets into a `PsetSource`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import length_hint
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from paramsurvey.errors import with_article
from paramsurvey.params.axes import as_list
from paramsurvey.params.column_names import without_reasons
from paramsurvey.params.dataframes import frame_of, table_of
from paramsurvey.params.late_psets import first_psets, without_pauses
from paramsurvey.params.sources.named_rows import dicts_of
from paramsurvey.params.sources.pset_list import PsetList
from paramsurvey.params.sources.pset_source import PsetSource
from paramsurvey.params.sources.pset_stream import PsetStream
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.params.sources.refusals import check_iterable
from paramsurvey.params.sources.space_source import SpaceSource
from paramsurvey.params.spaces.grids_and_products import Space

if TYPE_CHECKING:
    import pandas as pd


def as_source(psets: object, limit: int | None = None, pset_types: str = "given") -> PsetSource:
    """Return `psets`, or the first `limit` of them, as the source that a survey works with.

    Parameters
    ----------
    psets : DataFrame, iterable of dicts, polars or Arrow table, xarray Dataset, structured array of numpy, \
            dict of columns, path, or space
        A path is that of a Parquet file, or of a directory of them. `psets` is not changed.
    limit : int, optional
        None: all.
    pset_types : str
        ``'given'``: the values of dicts stay what they are. ``'column'``: they get the type of their column
        in a DataFrame, as in release 0.4; to learn that type, an iterator is read to its end.

    Raises
    ------
    PsetError
        A ValueError that names the column or the pset that is wrong.
    PsetTypeError
        A PsetError: `psets` is not a table of psets at all.
    """
    if isinstance(psets, Space):
        return SpaceSource(psets, limit)
    frame = frame_of(psets)
    if frame is not None:
        return PsetTable.from_frame(frame, limit)
    if isinstance(psets, Iterator):
        psets = psets if limit is None else first_psets(psets, limit)
    if pset_types == "column":
        all_psets = without_pauses(psets) if isinstance(psets, Iterator) else psets
        return PsetTable.from_frame(_typed_by_column(_dicts(all_psets)), limit)
    if isinstance(psets, Iterator):
        return PsetStream(psets)
    return PsetList(_dicts(psets)[:limit])


def name_if_exhausted(psets: object) -> str:
    """Return what to call an iterator that is exhausted, such as a generator that was read before.

    Returns
    -------
    str
        Empty if something is left, or if the iterator does not tell. An iterator over an empty list counts as
        exhausted.

    Examples
    --------
    >>> name_if_exhausted(iter([]))
    'a list_iterator'
    """
    if isinstance(psets, GeneratorType):
        return f"the generator {psets.__name__}" if psets.gi_frame is None else ""
    if not isinstance(psets, Iterator):
        return ""
    left = length_hint(psets, -1)
    return with_article(type(psets).__name__) if left == 0 else ""


def _typed_by_column(psets: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return table_of([dict(without_reasons(pset)) for pset in psets])


def _dicts(psets: Any) -> list[Mapping[str, Any]]:
    check_iterable(psets)
    return dicts_of(as_list(psets))
