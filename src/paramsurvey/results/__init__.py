"""What a survey returns: `MapResults`, its `missing`, and how both are loaded and exported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

_MODULE_OF = {"MapResults": "map_results"}

__all__ = ["MapResults"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'paramsurvey.results' has no attribute {name!r}")
    return getattr(import_module(f"paramsurvey.results.{_MODULE_OF[name]}"), name)
