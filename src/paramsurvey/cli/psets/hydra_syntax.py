"""The syntax of ``--sweep key=values``, as Hydra has it: quotes, backslashes, lists and dicts.

A text that has none of these is read as it would be after ``-p``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_calls import Axis, DistributionCall, known_calls
from paramsurvey.cli.psets.axis_syntax import CALL, parse_axis
from paramsurvey.cli.psets.hydra_functions import apply_around, function_around
from paramsurvey.cli.psets.inputs import Inputs
from paramsurvey.cli.psets.values import value_of

HYDRA_ONLY = re.compile(r"""['"\\\[{]""")  # what only this syntax reads
TOKEN = re.compile(r"""\\.|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|.""", re.DOTALL)
CAST = re.compile(r"\s*(int|float|str|bool|json_str|extend_list)\(")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
CALLS = set(known_calls()) - {"choice"}  # whose arguments are neither lists nor dicts
CLOSING = {"[": "]", "{": "}"}
WORDS = {"true": True, "false": False, "null": None}  # inside lists and dicts, as in JSON


def parse_override(name: str, text: str, inputs: Inputs | None = None) -> Axis:
    """Return the values, or the distribution, that an override of Hydra describes.

    Raises
    ------
    BadUsage
        A quote or a bracket is not closed, or it asks for what only Hydra has.

    Examples
    --------
    >>> parse_override("a", "[x,y],[z]"), parse_override("a", "'b, c',d\\\\,e")
    ([['x', 'y'], ['z']], ['b, c', 'd,e'])
    >>> parse_override("a", "{n: 1},{n: 2}")
    [{'n': 1}, {'n': 2}]
    """
    if re.split(r"[./]", name)[0] == "hydra":
        raise BadUsage(
            f"--sweep {name}={text} is a setting of Hydra itself: write it into the command, after --, "
            "or use --chdir 'runs/{a}' and -j here"
        )
    try:
        return _parse(name, text, inputs)
    except RecursionError:
        raise BadUsage(f"{name}: its values are nested too deeply: write fewer brackets") from None


def _parse(name: str, text: str, inputs: Inputs | None) -> Axis:
    if around := function_around(text):
        return apply_around(f"{name}={text}", *around, parse=lambda inside: _parse(name, inside, inputs))
    if any(CAST.match(item) for item in text.split(",")):
        raise BadUsage(
            f"{name}={text}: a cast cannot be inside a list: write it around the whole list, as in int(1,2); "
            "numbers are numbers, and quotes make texts"
        )
    call = CALL.fullmatch(text)
    if HYDRA_ONLY.search(text) is None or text.startswith("@") or (call and call[1] in CALLS):
        return parse_axis(name, text, inputs)
    try:
        if call and call[1] == "choice":
            return DistributionCall("choice", (_values(call[2]),))
        return _values(text)
    except _Unclosed as error:
        raise BadUsage(f"{name}={text}: {error} is not closed: close it, or write \\{error}") from None


def _values(text: str) -> list[Any]:
    return [_value(item) for item in _items(text)]


class _Unclosed(ValueError):
    """A bracket or a quote that nothing closes."""


def _items(text: str) -> Iterator[str]:
    """Yield what is between commas that are outside of quotes and brackets."""
    item, open_brackets = "", ""
    for token in TOKEN.findall(text):
        if token in CLOSING:
            open_brackets += token
        elif token in CLOSING.values() and open_brackets and CLOSING[open_brackets[-1]] == token:
            open_brackets = open_brackets[:-1]
        elif token in ("'", '"'):
            raise _Unclosed(token)
        if token == "," and not open_brackets:
            yield item
            item = ""
        else:
            item += token
    if open_brackets:
        raise _Unclosed(open_brackets[-1])
    yield item


def _value(item: str, is_inside: bool = False) -> Any:
    text = item.strip()
    first, last = text[:1], text[-1:]
    if first == last and first in ("'", '"') and len(text) > 1:
        return re.sub(rf"\\([{first}\\])", r"\1", text[1:-1])
    if first in CLOSING and last == CLOSING[first]:
        inside = list(_items(text[1:-1])) if text[1:-1].strip() else []
        return [_value(one, True) for one in inside] if first == "[" else dict(map(_pair, inside))
    if "\\" in text:
        return ESCAPED.sub(r"\1", text)
    return WORDS[text] if is_inside and text in WORDS else value_of(text)


def _pair(item: str) -> tuple[str, Any]:
    key, colon, value = item.partition(":")
    if not colon:
        raise BadUsage(f"{{{item}}} is not a dict: write it as key: value")
    return str(_value(key)), _value(value, True)
