"""Texts cut to a length, so that those that differ still do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count


def shortened(text: str, longest: int) -> str:
    """Return the beginning of a text that is too long.

    Examples
    --------
    >>> shortened("a long story", 7)
    'a long…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def distinct(texts: Sequence[str], longest: int) -> list[str]:
    """Return texts of at most `longest` characters: of those that begin alike, the part where they differ.

    What still looks the same gets a number.

    Examples
    --------
    >>> distinct(["short", "/data/model-1/result.csv", "/data/model-2/result.csv"], 12)
    ['short', '…model-1/re…', '…model-2/re…']
    >>> distinct(["1", "1"], 12)
    ['1', '1 (2)']
    """
    found = [shortened(text, longest) for text in texts]
    counts = Counter(found)
    for short in [text for text, times in counts.items() if times > 1]:
        places = [at for at, text in enumerate(found) if text == short]
        for at, part in zip(places, _parts([texts[at] for at in places], longest), strict=True):
            found[at] = part
    return list(_numbered(found, longest))


def common_beginning(texts: Sequence[str]) -> int:
    """Return how many characters all texts have in common at their beginning.

    Examples
    --------
    >>> common_beginning(["model-1", "model-2"])
    6
    """
    pairs = zip(min(texts), max(texts), strict=False)  # what these two share, all between them do, too
    return next((at for at, (one, other) in enumerate(pairs) if one != other), len(min(texts, key=len)))


def _parts(texts: Sequence[str], longest: int) -> list[str]:
    """Return the part of each text that begins a little before the first difference."""
    start = max(0, common_beginning(texts) - longest // 2)
    return [("…" if start else "") + shortened(text[start:], longest - (start > 0)) for text in texts]


def _numbered(texts: Sequence[str], longest: int) -> Iterator[str]:
    taken = set(texts)
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            tries = (f"{shortened(text, longest - len(end))}{end}" for end in (f" ({n})" for n in count(2)))
            text = next(one for one in tries if one not in taken)
            taken.add(text)
        seen.add(text)
        yield text
