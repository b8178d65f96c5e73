"""Which names a column may have: Python identifiers that do not begin with an underscore."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from keyword import iskeyword
from numbers import Integral
from typing import Any

from paramsurvey.errors import PsetError

ATTEMPTS = "_attempts"
REASONS = frozenset({"_exception", "_traceback", ATTEMPTS})
"""The columns of `missing` that are not the psets' own: why a pset has no result."""
RESERVED = "begins with '_', which is reserved for paramsurvey"


def check_names(names: Iterable[Hashable]) -> None:
    """Refuse names that the columns of psets cannot have.

    Parameters
    ----------
    names : iterable
        The columns' names, in order.

    Raises
    ------
    PsetError
        A ValueError that names the first column whose name is not a string, not an identifier, a Python
        keyword, begins with an underscore, or is also the name of another column.

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


def escape_surrogates(value: Any) -> Any:
    """Return a string with lone surrogates escaped, since no table can hold them; other values as they are.

    Examples
    --------
    >>> print(escape_surrogates("a" + chr(0xD800)))
    a\\ud800
    """
    if not isinstance(value, str) or value.isascii():
        return value
    text = value.encode(errors="backslashreplace").decode()
    return value if text == value else text


def refuse_duplicates(names: Iterable[Hashable]) -> None:
    """Raise a PsetError that names the first column that occurs twice.

    Examples
    --------
    >>> refuse_duplicates(["a", "b", "a"])
    Traceback (most recent call last):
        ...
    paramsurvey.errors.PsetError: column 'a' occurs 2 times: rename or drop all but one of them
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise PsetError(f"column {name!r} occurs {count} times: rename or drop all but one of them")


def reasons_among(names: Sequence[Hashable], with_counts: bool) -> frozenset[str]:
    """Return which columns of a table or dict that came from `missing` are the reasons, not psets' own.

    They are all three of `REASONS`, or `_attempts` alone if it is the last of several columns and has counts:
    programs written for release 0.4, which had only the other two, drop these and leave `_attempts`.

    Examples
    --------
    >>> sorted(reasons_among(["mass", "_exception", "_traceback", "_attempts"], with_counts=True))
    ['_attempts', '_exception', '_traceback']
    >>> sorted(reasons_among(["mass", "_attempts"], with_counts=True))
    ['_attempts']
    >>> sorted(reasons_among(["_attempts"], with_counts=True))
    []
    """
    if REASONS.issubset(names):
        return REASONS
    only_attempts = with_counts and len(names) > 1 and names[-1] == ATTEMPTS
    return frozenset([ATTEMPTS]) if only_attempts else frozenset()


def without_reasons(pset: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a pset of `missing` without its reasons, and any other pset as it is.

    Examples
    --------
    >>> without_reasons({"mass": 1, "_exception": "ValueError()", "_traceback": "", "_attempts": 1})
    {'mass': 1}
    >>> without_reasons({"mass": 1, "_attempts": "often"})
    {'mass': 1, '_attempts': 'often'}
    """
    if ATTEMPTS not in pset:  # the usual case, found at once
        return pset
    reasons = reasons_among(list(pset), _is_count(pset[ATTEMPTS]))
    return {name: value for name, value in pset.items() if name not in reasons}


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


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
        from_missing = ", or give missing.to_psets()" if name in REASONS else ""
        raise PsetError(
            f"column {name!r} {RESERVED}: rename it, for example to {_identifier(name)!r}{from_missing}"
        )


def _identifier(name: object) -> str:
    """Return a name that is allowed and resembles `name`."""
    cleaned = "".join(c if f"_{c}".isidentifier() else "_" for c in str(name)).strip("_")
    return cleaned if cleaned.isidentifier() and not iskeyword(cleaned) else f"column_{cleaned}".rstrip("_")
