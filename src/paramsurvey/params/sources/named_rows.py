"""Psets that have names for their values and are no dicts: namedtuples, dataclasses, Series of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from paramsurvey.params.sources.refusals import check_pset


def dicts_of(psets: list[Any]) -> list[Mapping[str, Any]]:
    """Return psets of which those with names are dicts; the list itself if all are dicts.

    Raises
    ------
    PsetTypeError
        Naming the first one that is no pset by its number, from 0.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Star(NamedTuple):
    ...     name: str
    ...     parsec: float
    >>> dicts_of([Star("Vega", 7.68), {"name": "Sirius"}])
    [{'name': 'Vega', 'parsec': 7.68}, {'name': 'Sirius'}]
    """
    if set(map(type, psets)) <= {dict}:
        return psets  # the usual case, without a Python call for each
    dicts = [dict_of(pset) for pset in psets]
    for number, pset in enumerate(dicts):
        check_pset(number, pset)
    return dicts


def dict_of(pset: Any) -> Any:
    """Return a pset with names as a dict, and anything else as it is."""
    if isinstance(pset, Mapping):
        return pset
    if isinstance(pset, tuple) and hasattr(pset, "_fields"):
        return dict(zip(pset._fields, pset, strict=True))
    if is_dataclass(pset) and not isinstance(pset, type):
        return _of_dataclass(pset)
    if _is_series(pset):
        return pset.to_dict()
    return pset


def _of_dataclass(pset: Any) -> dict[str, Any]:
    """Return a dict, in which dataclasses among the values are dicts, too, as in a DataFrame of pandas."""
    try:
        return asdict(pset)
    except Exception:  # of a value that cannot be copied, nor sent, which is told where that costs this pset
        return {field.name: getattr(pset, field.name) for field in fields(pset)}


def _is_series(pset: Any) -> bool:
    kind = type(pset)
    return kind.__name__ == "Series" and kind.__module__.partition(".")[0] == "pandas"
