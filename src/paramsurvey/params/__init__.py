"""Psets in any form: `product` for a DataFrame of them, spaces for more than fit into one.

The names are loaded when they are first used: a worker that computes the psets of a space never
pays for pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramsurvey.params.cross_product import (
        add_column,
        add_seed,
        aligned,
        grid,
        product,
    )
    from paramsurvey.params.spaces.algebra import Space
    from paramsurvey.params.spaces.sampling import choice, integers, loguniform, sample, uniform

_HOMES = {
    "Space": "spaces.algebra",
    "add_column": "cross_product",
    "add_seed": "cross_product",
    "aligned": "cross_product",
    "choice": "spaces.sampling",
    "grid": "cross_product",
    "integers": "spaces.sampling",
    "loguniform": "spaces.sampling",
    "product": "cross_product",
    "sample": "spaces.sampling",
    "uniform": "spaces.sampling",
}

__all__ = [
    "Space",
    "add_column",
    "add_seed",
    "aligned",
    "choice",
    "grid",
    "integers",
    "loguniform",
    "product",
    "sample",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'paramsurvey.params' has no attribute {name!r}")
    value = getattr(import_module(f"paramsurvey.params.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
