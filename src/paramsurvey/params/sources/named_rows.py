"""Psets that name their values but are not dicts: namedtuples, dataclasses, pandas Series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from paramsurvey.params.sources.refusals import check_pset


def dicts_of(psets: list[Any]) -> list[Mapping[str, Any]]:
    """Return psets with those that name their values turned into dicts; the list itself if all are dicts.

    Raises
    ------
    PsetTypeError
        Gives the number, from 0, of the first one that is not a pset.

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
    """Return a pset that names its values as a dict, and anything else as it is."""
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
    """Return a dict in which dataclasses among the values are dicts, too, as in a pandas DataFrame."""
    try:
        return asdict(pset)
    except Exception:  # a value cannot be copied; if it cannot be sent either, that pset fails and says so
        return {field.name: getattr(pset, field.name) for field in fields(pset)}


def _is_series(pset: Any) -> bool:
    kind = type(pset)
    return kind.__name__ == "Series" and kind.__module__.partition(".")[0] == "pandas"
