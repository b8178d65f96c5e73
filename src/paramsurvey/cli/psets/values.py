"""Values as they are typed: what looks like a number is one, and commas separate the items of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from paramsurvey.cli.errors import BadUsage

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")  # 007 and +7 stay text: as numbers they would look different
FLOAT = re.compile(r"-?(?:(?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)\.?)(?:[eE][-+]?\d+)?")
OTHER_NAME = "rename that file, or make a link to it whose name is UTF-8"
SURROGATE = re.compile("[\ud800-\udfff]")
ITEM = re.compile(r'"((?:[^"]|"")*)"(?=,|$)|([^,]*)', re.DOTALL)


def value_of(text: str) -> Any:
    """Return a number if the text is one, else the text itself.

    Examples
    --------
    >>> [value_of(text) for text in ("7", "007", "1e-3", " x ")]
    [7, '007', 0.001, ' x ']
    """
    stripped = text.strip()
    if INTEGER.fullmatch(stripped):
        return int(stripped)
    return float(stripped) if FLOAT.fullmatch(stripped) else text


def split_values(text: str) -> Sequence[Any]:
    """Return the values between commas; a value in double quotes is text, and may contain commas.

    Examples
    --------
    >>> split_values('1,"1","a,b"')
    [1, '1', 'a,b']
    """
    return [
        value_of(item[2]) if item[1] is None else item[1].replace('""', '"')
        for item in items_between_commas(text)
    ]


def items_between_commas(text: str) -> Iterator[re.Match[str]]:
    """Yield the items between commas: group 1 is what double quotes contain, group 2 an unquoted item."""
    at = 0
    while at <= len(text):
        item = ITEM.match(text, at)
        assert item is not None
        yield item
        at = item.end() + 1


def check_text(name: str, values: object) -> None:
    """Refuse values that no table can hold: half a surrogate pair, or a byte that is not UTF-8.

    Raises
    ------
    BadUsage
        The message shows the first such value.
    """
    for value in values if isinstance(values, list) else ():
        if not _is_unicode(value):
            raise BadUsage(
                f"the parameter {name!r} has the value {value!r}, which is not UTF-8 text: give another; "
                f"if it is the name of a file, {OTHER_NAME}"
            )


def _is_unicode(value: object) -> bool:
    """Tell whether UTF-8 can represent a text, and every text in a list or dict."""
    if isinstance(value, str):
        return value.isascii() or not SURROGATE.search(value)
    if isinstance(value, dict):
        return all(_is_unicode(one) for pair in value.items() for one in pair)
    return not isinstance(value, list) or all(map(_is_unicode, value))
