"""What a codec is, and the parts that several codecs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one kind are stored.

    Attributes
    ----------
    fits : callable
        Tells whether these values are all of its kind.
    encode : callable
        Returns a pyarrow Array of values, null for None.
    decode : callable
        Returns the values of an Array without nulls.
    """

    fits: Callable[[list[Any]], bool]
    encode: Callable[[list[Any]], Any]
    decode: Callable[[Any], list[Any]]


def to(kind: Any) -> Callable[[list[Any]], Any]:
    """Return what makes an Arrow array of a type."""
    return lambda values: pa.array(values, kind)


def listed(array: Any) -> list[Any]:
    """Return the values of an Arrow array."""
    return list(array.to_pylist())


def are(values: Iterable[Any], kind: type) -> bool:
    """Tell whether all values are of exactly one type."""
    return set(map(type, values)) == {kind}
