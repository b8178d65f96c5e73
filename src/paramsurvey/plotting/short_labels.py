"""The labels of an axis where there is little room: numbers are rounded, not cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from typing import Any

from paramsurvey.plotting.labels import told_apart
from paramsurvey.views.columns.axes import ABSENT, OTHERS, Axis, Range, label

SHORT_WORDS = {ABSENT: "(none)", OTHERS: "(rest)"}
DIGITS = (6, 5, 4, 3, 2, 1)  # of numbers: as many as there is room for
DIGITS_OF_ENDS = (3, 4, 5, 6, 2, 1)  # of the ends of ranges, whose places mean little: as few as differ
NEAR_ZERO = 1e-9  # of the axis' length: nearer to zero than this is zero


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
    if any(isinstance(value, Range) for value in axis.values):
        texts = _rounded(_without_noise(numbers), longest, DIGITS_OF_ENDS)
    else:
        texts = _rounded(numbers, longest, DIGITS)
    return list(_each_once(texts)) + words[len(numbers) :]


def _without_noise(numbers: Sequence[Any]) -> list[Any]:
    """Return numbers that ascend; one that is zero but for rounding errors is zero."""
    length = numbers[-1] - numbers[0]
    if not isinstance(length, float) or not isfinite(length):
        return list(numbers)
    return [0.0 if abs(number) < NEAR_ZERO * length else number for number in numbers]


def _rounded(numbers: Sequence[Any], longest: int, numbers_of_digits: Sequence[int]) -> list[str]:
    """Return numbers with the first number of digits that fits and tells them apart, the same for all."""
    for digits in numbers_of_digits:
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
