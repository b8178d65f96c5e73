"""Decides which psets get the same seed: those whose values are equal, whatever stores a number (1 is 1.0).

This is the looser of two rules. Seeds must stay the same when a table grows and pandas then stores an
integer as a float, or as a categorical. `checkpoint.typed_hash` is the stricter rule: a checkpoint's results
belong only to psets with the same values of the same types (1, 1.0 and True differ), because a worker
function can tell them apart.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from functools import singledispatch
from hashlib import blake2b
from typing import Any

import numpy as np

from paramsurvey.errors import PsetError
from paramsurvey.transport.packed_columns import to_python


def value_hash(pset: Mapping[Any, Any]) -> bytes:
    """Return a hash of 16 bytes, which is the same for psets whose values are equal.

    The order of the keys does not matter. A key whose value is missing (None, nan, NaT) counts as absent. A
    float without a fraction equals the integer, because pandas turns integers into floats in a column that
    has a nan. A tuple, a list and an array of the same values are equal. Objects of other classes are equal
    if their pickles are.

    Raises
    ------
    PsetError
        A ValueError: a value cannot be pickled.

    Examples
    --------
    >>> value_hash({"a": 1, "b": "x"}) == value_hash({"b": "x", "c": None, "a": 1.0})
    True
    >>> value_hash({"a": 1}) == value_hash({"a": "1"})
    False
    """
    texts = sorted(f"{name!a}: {_text(value)}" for name, value in pset.items() if not _is_missing(value))
    return blake2b("\n".join(texts).encode(), digest_size=16).digest()


def _is_missing(value: object) -> bool:
    # pandas' NA and NaT are recognized by name, because workers call this and may not have loaded pandas
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(value, float) and value != value)


@singledispatch
def _text(value: object) -> str:
    """Return the text to hash for a value. It must never change, because seeds would change with it."""
    try:
        return f"pickle {pickle.dumps(value, protocol=4).hex()}"
    except Exception as error:
        raise PsetError(
            f"{value!r} cannot be told from other values, because it cannot be pickled ({error}): "
            "put its name or number in the pset instead"
        ) from error


@_text.register(bool)
@_text.register(bytes)
@_text.register(complex)
def _(value: object) -> str:
    return ascii(value)


@_text.register(str)
def _(value: str) -> str:
    return ascii(str.__str__(value))  # of an Enum that is a str: its value


@_text.register(int)
def _(value: int) -> str:
    return str(int(value))


@_text.register(float)
def _(value: float) -> str:
    return str(int(value)) if value.is_integer() else float.__repr__(value)


@_text.register(np.generic)
def _(value: np.generic) -> str:
    is_date = isinstance(value, (np.datetime64, np.timedelta64))
    return _text(to_python([value], dates=True)[0] if is_date else value.item())


@_text.register(date)
@_text.register(time)
def _(value: date | time) -> str:
    return f"time {value.isoformat()}"


@_text.register(timedelta)
def _(value: timedelta) -> str:
    import pandas as pd

    return f"span {pd.Timedelta(value).isoformat()}"


@_text.register(list)
@_text.register(tuple)
@_text.register(np.ndarray)
def _(value: Iterable[Any]) -> str:
    return f"[{', '.join(map(_text, value))}]"


@_text.register(set)
@_text.register(frozenset)
def _(value: Iterable[Any]) -> str:
    return f"{{{', '.join(sorted(map(_text, value)))}}}"


@_text.register(dict)
def _(value: Mapping[Any, Any]) -> str:
    return f"{{{', '.join(sorted(f'{_text(key)}: {_text(item)}' for key, item in value.items()))}}}"
