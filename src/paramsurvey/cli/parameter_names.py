"""Names with dots, such as ``model.lr``: a column must be an identifier, and is ``model__lr``."""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
