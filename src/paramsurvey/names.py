"""What a column may be called: whatever can be a keyword argument and is not paramsurvey's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from keyword import iskeyword

from paramsurvey.errors import PsetError


def check_names(names: Iterable[Hashable]) -> None:
    """Refuse the names of columns that psets cannot have.

    Parameters
    ----------
    names : iterable
        The columns' names, in order.

    Raises
    ------
    PsetError
        A ValueError that names the first column that is not a string, not an identifier, a keyword
        of Python, begins with an underscore, or is there twice.

    Examples
    --------
    >>> check_names(["mass", "radius"])
    >>> check_names(["mass", "class"])
    Traceback (most recent call last):
        ...
    paramsurvey.errors.PsetError: column 'class' is a keyword of Python: rename it, for example to 'class_'
    """
    names = list(names)
    for name in names:
        _check_name(name)
    refuse_duplicates(names)


def refuse_duplicates(names: Iterable[Hashable]) -> None:
    """Raise a PsetError that names the first column that is there twice.

    Examples
    --------
    >>> refuse_duplicates(["a", "b", "a"])
    Traceback (most recent call last):
        ...
    paramsurvey.errors.PsetError: column 'a' is there 2 times: rename or drop all but one of them
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise PsetError(f"column {name!r} is there {count} times: rename or drop all but one of them")


def _check_name(name: Hashable) -> None:
    if not isinstance(name, str):
        raise PsetError(f"column {name!r} is not a string: rename it, for example to {_identifier(name)!r}")
    if iskeyword(name):
        raise PsetError(f"column {name!r} is a keyword of Python: rename it, for example to {name + '_'!r}")
    if not name.isidentifier():
        raise PsetError(
            f"column {name!r} is not an identifier: rename it, for example to {_identifier(name)!r}"
        )
    if name.startswith("_"):
        raise PsetError(
            f"column {name!r} begins with '_', which is kept for paramsurvey: "
            f"rename it, for example to {_identifier(name)!r}"
        )


def _identifier(name: object) -> str:
    """Return a name that would do in the place of one that does not."""
    cleaned = "".join(c if f"_{c}".isidentifier() else "_" for c in str(name)).strip("_")
    return cleaned if cleaned.isidentifier() and not iskeyword(cleaned) else f"column_{cleaned}".rstrip("_")
