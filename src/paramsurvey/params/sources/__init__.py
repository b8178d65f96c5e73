"""A map's psets, in whatever form the user gave them, behind one protocol: `PsetSource`."""

from paramsurvey.params.sources.pset_table import (
    CategoryCodes,
    ColumnValues,
    PsetSource,
    PsetStream,
    PsetTable,
    SpaceSource,
    as_source,
    cell_list,
    make_psets,
)

__all__ = [
    "CategoryCodes",
    "ColumnValues",
    "PsetSource",
    "PsetStream",
    "PsetTable",
    "SpaceSource",
    "as_source",
    "cell_list",
    "make_psets",
]
