"""Making psets: `product` returns a DataFrame of them; `grid` and other spaces take no memory.

Each name's module is imported when the name is first used, so that a worker that computes the psets of a
space does not have to import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramsurvey.params.computed_column import add_column
    from paramsurvey.params.cross_product import product
    from paramsurvey.params.late_psets import NOT_YET, in_background
    from paramsurvey.params.seeds import add_seed
    from paramsurvey.params.spaces.constructors import (
        aligned,
        choice,
        grid,
        integers,
        loguniform,
        sample,
        uniform,
    )
    from paramsurvey.params.spaces.grids_and_products import Space

_MODULES = {
    "NOT_YET": "late_psets",
    "Space": "spaces.grids_and_products",
    "add_column": "computed_column",
    "add_seed": "seeds",
    "aligned": "spaces.constructors",
    "choice": "spaces.constructors",
    "grid": "spaces.constructors",
    "in_background": "late_psets",
    "integers": "spaces.constructors",
    "loguniform": "spaces.constructors",
    "product": "cross_product",
    "sample": "spaces.constructors",
    "uniform": "spaces.constructors",
}

__all__ = [
    "NOT_YET",
    "Space",
    "add_column",
    "add_seed",
    "aligned",
    "choice",
    "grid",
    "in_background",
    "integers",
    "loguniform",
    "product",
    "sample",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'paramsurvey.params' has no attribute {name!r}")
    value = getattr(import_module(f"paramsurvey.params.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
