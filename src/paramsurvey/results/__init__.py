"""What a survey gives back: `MapResults`, its `missing`, and how both are loaded and exported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

_HOMES = {"MapResults": "map_results"}

__all__ = ["MapResults"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'paramsurvey.results' has no attribute {name!r}")
    return getattr(import_module(f"paramsurvey.results.{_HOMES[name]}"), name)
