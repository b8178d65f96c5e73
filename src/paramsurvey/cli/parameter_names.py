"""Names with dots, such as ``model.lr``: a column must be an identifier, and is ``model__lr``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

DOT = "__"


def encoded(name: str) -> str:
    """Return the name of the column for a parameter.

    Examples
    --------
    >>> encoded("model.lr"), encoded("a")
    ('model__lr', 'a')
    """
    return name.replace(".", DOT)


def names_with_dots(typed: Collection[str]) -> dict[str, str]:
    """Return, by column, the names that were typed with dots."""
    return {encoded(name): name for name in typed if "." in name}


def as_typed(columns: Collection[str], dotted: Mapping[str, str]) -> list[str]:
    """Return the names of columns as the user typed them."""
    return [dotted.get(name, name) for name in columns]


def nested(pset: Mapping[str, Any], dotted: Mapping[str, str]) -> dict[str, Any]:
    """Return a pset in which names with dots are dicts in dicts, as Hydra has them.

    Parameters
    ----------
    pset : mapping
        By column.
    dotted : mapping of str to str
        The names that were typed with dots, by column; others are left as they are.

    Examples
    --------
    >>> nested({"a": 1, "m__lr": 2, "m__size": 3}, {"m__lr": "m.lr", "m__size": "m.size"})
    {'a': 1, 'm': {'lr': 2, 'size': 3}}
    """
    found: dict[str, Any] = {}
    for column, value in pset.items():
        *parents, last = dotted.get(column, column).split(".")
        inner = found
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return found


def find_overlap(names: Collection[str]) -> tuple[str, str] | None:
    """Return two names of which the second is a part of the first, such as ``m`` and ``m.lr``, or None.

    Examples
    --------
    >>> find_overlap(["m.lr", "m"]), find_overlap(["m.lr", "m.size"])
    (('m', 'm.lr'), None)
    """
    known = set(names)
    for name in names:
        parts = name.split(".")
        for count in range(1, len(parts)):
            outer = ".".join(parts[:count])
            if outer in known:
                return outer, name
    return None
