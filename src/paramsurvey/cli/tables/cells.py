"""The cells of a table: what is missing, and what a format writes as text. It needs no pandas."""

from __future__ import annotations

import math
import sys
from typing import Any

from paramsurvey.params.column_names import escape_surrogates
from paramsurvey.transport.safe_repr import describe

NOTHING = ("NAType", "NaTType")  # of pandas, which need not be loaded
PLAIN = (str, bool, int, float, type(None))


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty: None, nan, NaT or NA."""
    if value is None or type(value).__name__ in NOTHING:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "dtype")
    return is_scalar and bool(value != value)


def as_text(value: Any) -> str | None:
    """Return a cell as text: JSON for lists, dicts and arrays; None for an empty cell.

    What is not Unicode in it, as in the names of some files, has backslashes.

    Examples
    --------
    >>> as_text([1, {"k": None}]), as_text("x"), as_text(1 + 2j)
    ('[1, {"k": null}]', 'x', '(1+2j)')
    """
    text: str | None = None if is_missing(value) else escape_surrogates(_text_of(value))
    return text


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        if not isinstance(value, (bool, int, float, list, tuple, dict)):
            value = json_value(value)
        if isinstance(value, str):
            return value
        from json import dumps  # only now: few tables have lists in them

        return dumps(value, default=json_value)
    except Exception:  # the methods of a user's object may raise anything
        return describe(value, sys.maxsize)


def json_value(value: Any) -> Any:
    """Return lists for numpy's arrays, Python's scalars for numpy's, and a text for anything else."""
    to_list = getattr(value, "tolist", None)
    listed = to_list() if callable(to_list) else value
    return str(value) if listed is value or isinstance(listed, complex) else listed


def native_or_text(value: Any) -> Any:
    """Return a string, a number or bytes as they are, and anything else as text."""
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        value = value.item()
    return value if isinstance(value, (int, float, bytes)) else as_text(value)


def strict_json(value: Any) -> Any:
    """Return a cell as JSON has it: null for what is missing, and a text for what JSON does not have."""
    if isinstance(value, dict):
        return {escape_surrogates(str(key)): strict_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict_json(one) for one in value]
    if is_missing(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    try:
        plain = isinstance(value, PLAIN)
        return escape_surrogates(value) if plain else strict_json(json_value(value))
    except Exception:  # the methods of a user's object may raise anything
        return describe(value, sys.maxsize)
