"""What makes two psets the same: their keys and values, not how pandas or numpy happen to hold them."""

from __future__ import annotations

import pickle
from collections.abc import Hashable, Iterable, Mapping
from datetime import date, time, timedelta
from functools import singledispatch
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.errors import PsetError
from paramsurvey.transport.packed_columns import to_python


def content_key(pset: Mapping[Hashable, Any]) -> bytes:
    """Return 16 bytes that are the same for psets with the same content.

    The order of the keys does not matter; a key whose value is missing (None, nan, NaT) counts as not
    there, and a whole float as the integer, since pandas makes floats of integers when it has to put a
    nan among them. A tuple, a list and an array of the same values are the same. What is none of
    Python's own types goes by its pickle.

    Raises
    ------
    PsetError
        A ValueError: a value cannot be pickled.

    Examples
    --------
    >>> content_key({"a": 1, "b": "x"}) == content_key({"b": "x", "c": None, "a": 1.0})
    True
    >>> content_key({"a": 1}) == content_key({"a": "1"})
    False
    """
    texts = sorted(f"{name!a}: {_text(value)}" for name, value in pset.items() if not _is_missing(value))
    return blake2b("\n".join(texts).encode(), digest_size=16).digest()


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


@singledispatch
def _text(value: object) -> str:
    """Return what is written for a value: the same text for the same content, whatever the version."""
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
    return ascii(str.__str__(value))  # of an Enum: its value


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
