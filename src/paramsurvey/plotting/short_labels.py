"""The labels of an axis where there is little room: numbers are rounded, not cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from paramsurvey.plotting.labels import told_apart
from paramsurvey.views.columns.axes import ABSENT, OTHERS, Axis, Range, label

SHORT_WORDS = {ABSENT: "(none)", OTHERS: "(rest)"}
DIGITS = range(6, 0, -1)


def short_labels(axis: Axis, longest: int) -> list[str]:
    """Return a text of at most `longest` characters for each place of an axis.

    If whole texts are too long, numbers are rounded, and ranges are their lower ends. Of neighbours that
    look the same then, only the first one has a text, as along any other axis of numbers.
    """
    whole = axis.labels()
    if max(map(len, whole), default=0) <= longest:
        return told_apart(whole, longest)
    words = [
        SHORT_WORDS.get(value, text) if len(text) > longest else text
        for value, text in zip(axis.values, whole, strict=True)
    ]
    numbers = [
        value.low if isinstance(value, Range) else value for value in axis.values if value is not ABSENT
    ]
    if not all(isinstance(number, (int, float)) for number in numbers):
        return told_apart(words, longest)
    return list(_each_once(_rounded(numbers, longest))) + words[len(numbers) :]


def _rounded(numbers: Sequence[Any], longest: int) -> list[str]:
    """Return numbers with as many digits as there is room for: all the same, if that tells them apart."""
    for digits in DIGITS:
        texts = [_with_digits(number, digits) for number in numbers]
        if max(map(len, texts), default=0) <= longest and len(set(texts)) == len(texts):
            return texts
    return [_as_precise_as_fits(number, longest) for number in numbers]


def _as_precise_as_fits(number: Any, longest: int) -> str:
    texts = [label(number), *(_with_digits(number, digits) for digits in DIGITS)]
    return next((text for text in texts if len(text) <= longest), texts[-1])


def _with_digits(number: Any, digits: int) -> str:
    """Return a number with few digits; with a power of ten only where that is shorter."""
    if isinstance(number, int):
        number = Decimal(number)  # may be too large for a float
    text, whole = f"{number:.{digits}g}", f"{number:.0f}"
    return whole if "e+" in text and len(whole) <= len(text) else text


def _each_once(texts: Sequence[str]) -> Iterator[str]:
    """Give the texts; one that is like the one before is empty."""
    yield from texts[:1]
    yield from ("" if one == before else one for before, one in pairwise(texts))
