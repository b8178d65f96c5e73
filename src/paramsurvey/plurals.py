"""How many things there are, in words: one pset, but two psets."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """Return how many things there are.

    Examples
    --------
    >>> counted(1, "pset"), counted(1200, "pset")
    ('1 pset', '1,200 psets')
    """
    return f"{count:,} {thing}{'s' * (count != 1)}"
