"""A map's psets, in whatever form the user gave them, behind one protocol: `PsetSource`."""

from paramsurvey.params.sources.accepted_psets import as_source, name_if_exhausted
from paramsurvey.params.sources.pset_list import PsetList
from paramsurvey.params.sources.pset_source import (
    CategoryCodes,
    ColumnValues,
    PsetSource,
    cell_list,
    make_psets,
)
from paramsurvey.params.sources.pset_stream import PsetStream
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.params.sources.space_source import SpaceSource

__all__ = [
    "CategoryCodes",
    "ColumnValues",
    "PsetList",
    "PsetSource",
    "PsetStream",
    "PsetTable",
    "SpaceSource",
    "as_source",
    "cell_list",
    "make_psets",
    "name_if_exhausted",
]
