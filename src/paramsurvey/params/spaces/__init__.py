"""Spaces: psets that are computed from row numbers, so that a billion of them take no memory.

Workers load this package, so it needs neither pandas nor scipy; both are imported where they are used.
"""

from paramsurvey.params.spaces.grids_and_products import Aligned, Grid, Product, Space

__all__ = ["Aligned", "Grid", "Product", "Space"]
