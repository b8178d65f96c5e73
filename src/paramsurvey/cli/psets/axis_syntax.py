"""The syntax of ``-p name=AXIS``: ``1,2,3``, ``0:1:0.25``, ``linspace(0,1,11)``, ``@file`` and others."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from paramsurvey.cli.errors import BadUsage

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")  # 007 and +7 stay text: as numbers they would look different
FLOAT = re.compile(r"-?(?:(?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)\.?)(?:[eE][-+]?\d+)?")
RANGE = re.compile(rf"\s*({NUMBER})\s*:\s*({NUMBER})\s*(?::\s*({NUMBER})\s*)?")
CALL = re.compile(r"\s*([A-Za-z_]\w*)\((.*)\)\s*", re.DOTALL)
RANGE_BEGIN = re.compile(rf"\s*{NUMBER}\s*:\s*{NUMBER}\s*(?=[,:]|$)")
CALL_BEGIN = re.compile(r"\s*([A-Za-z_]\w*)\(")
ITEM = re.compile(r'"((?:[^"]|"")*)"(?=,|$)|([^,]*)', re.DOTALL)
FROM_STDIN = "@-"  # an axis whose values come from standard input
MAX_VALUES = 10_000_000  # of floats: a typing error such as 0:1:1e-12 asks for more than fits into memory

Values = Sequence[Any]


@dataclass(frozen=True)
class DistributionCall:
    """A distribution that ``--sample`` draws from: a function of `paramsurvey.params` and its arguments."""

    name: str
    arguments: tuple[Any, ...]


Axis = Values | DistributionCall


def parse_axes(texts: Sequence[str]) -> dict[str, Axis]:
    """Return the axes of several ``name=axis``, in their order.

    Raises
    ------
    BadUsage
        A text has no name or no values, a name is given twice, or an axis cannot be understood.
    """
    axes: dict[str, Axis] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name:
            lacks = "values" if name else "name"
            raise BadUsage(f"-p {text!r} has no {lacks}: write it as name=values, for example -p a=1,2,3")
        if name in axes:
            raise BadUsage(f"the parameter {name!r} is given twice: put all its values into one -p")
        axes[name] = _check_unicode(name, parse_axis(name, values))
    return axes


def _check_unicode(name: str, axis: Axis) -> Axis:
    """Refuse text that no table can hold: half a surrogate pair, or a byte that is not UTF-8."""
    for value in axis if isinstance(axis, list) else ():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise BadUsage(
                f"the parameter {name!r} has the value {value!r}, which is not UTF-8 text: change it"
            ) from None
    return axis


def parse_axis(name: str, text: str) -> Axis:
    """Return the values, or the distribution, that one text describes.

    Examples
    --------
    >>> parse_axis("a", "1,2.5,x")
    [1, 2.5, 'x']
    >>> parse_axis("a", "0:1:0.25")
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> parse_axis("a", "linspace(0,1,3)")
    [0.0, 0.5, 1.0]
    >>> parse_axis("a", '["two, in one", null]')
    ['two, in one', None]
    """
    if text.startswith("@"):
        return _not_empty(name, read_values(name, text[1:]))
    if text.startswith("[") and (listed := _json_list(text)) is not None:
        return _not_empty(name, listed)
    if bounds := RANGE.fullmatch(text):
        return _range_values(name, *bounds.groups())
    if (call := CALL.fullmatch(text)) and (axis := _evaluate_call(name, text, call[1], call[2])) is not None:
        return axis
    if not text:
        raise BadUsage(f"the parameter {name!r} has no values: give some, or {name}='\"\"' for an empty text")
    _refuse_unfinished_syntax(name, text)
    return split_values(text)


def _refuse_unfinished_syntax(name: str, text: str) -> None:
    """Refuse a list in which an item begins like a range, a call or a JSON list.

    Its commas would be taken for those of the list, and the command would get pieces such as ``linspace(0``.
    """
    for item in _items(text):
        unquoted = item[2]
        if unquoted is None:
            continue
        construct = _likely_construct(unquoted, text)
        if construct:
            as_text = unquoted.replace('"', '""')
            raise BadUsage(
                f"{name}={text}: {unquoted!r} begins like {construct} but is not: correct it, "
                f"or put each text into double quotes, as in {name}='\"{as_text}\",...'"
            )


def _likely_construct(item: str, whole: str) -> str:
    """Return what an item of a list was probably meant to be, in words; empty if it is a text."""
    if RANGE_BEGIN.match(item):
        return "a range start:stop:step"
    if item.lstrip().startswith("["):
        return "a JSON list"
    call = CALL_BEGIN.match(item)
    is_cut = call is not None and item.count("(") > item.count(")") and ")" in whole
    known = call is not None and call[1] in {**SPACINGS, **DISTRIBUTIONS}
    return f"the call {call[1]}(...)" if call is not None and (known or is_cut) else ""


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


def split_values(text: str) -> Values:
    """Return the values between commas; a value in double quotes is text, and may contain commas.

    Examples
    --------
    >>> split_values('1,"1","a,b"')
    [1, '1', 'a,b']
    """
    return [value_of(item[2]) if item[1] is None else item[1].replace('""', '"') for item in _items(text)]


def _items(text: str) -> Iterator[re.Match[str]]:
    """Yield the items between commas: group 1 is what double quotes contain, group 2 an unquoted item."""
    at = 0
    while at <= len(text):
        item = ITEM.match(text, at)
        assert item is not None
        yield item
        at = item.end() + 1


def read_values(name: str, path: str) -> Values:
    """Return the values in a file: one per line, or a JSON list; ``-`` is standard input."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadUsage(
            f"{name}=@{path} cannot be read ({reason}): give a text file, one value per line"
        ) from None
    if path.endswith(".json"):
        if (listed := _json_list(text)) is None:
            raise BadUsage(f"{name}=@{path} is not a JSON list: write for example [1, 2, 3] into it")
        return listed
    return [value_of(line) for line in text.removeprefix("\ufeff").split("\n") if line.strip()]


def _json_list(text: str) -> Values | None:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return listed if isinstance(listed, list) else None


def _not_empty(name: str, values: Values) -> Values:
    if not values:
        raise BadUsage(f"the parameter {name!r} has no values: give at least one")
    return values


def _range_values(name: str, start: str, stop: str, step: str | None) -> Values:
    """Return the values from start to stop. They are computed in decimals, so that 0:0.3:0.1 includes 0.3."""
    first, last, by = Decimal(start), Decimal(stop), Decimal(step or "1")
    whole = f"{name}={start}:{stop}" + (f":{step}" if step else "")
    if by == 0 or (last - first) / by < 0:
        raise BadUsage(f"{whole} never reaches the stop: give a step that leads from start to stop")
    count = int((last - first) / by) + 1
    if all(INTEGER.fullmatch(text) for text in (start, stop, step or "1")):
        return range(int(first), int(first) + count * int(by), int(by))  # a range takes no memory
    if count > MAX_VALUES:
        raise BadUsage(
            f"{whole} has {count:,} values, and at most {MAX_VALUES:,} are allowed: give a larger step"
        )
    return [float(first + i * by) for i in range(count)]


# ---- calls: linspace(...), uniform(...)


def _evaluate_call(name: str, text: str, function: str, inside: str) -> Axis | None:
    """Return the values or the distribution of a call; None if there is no such function."""
    known = {**SPACINGS, **DISTRIBUTIONS}
    if function not in known:
        close = get_close_matches(function, known, n=1, cutoff=0.8)
        if close:
            raise BadUsage(
                f"{name}={text}: there is no {function}(...); did you mean {close[0]}(...)? "
                f"For the text itself, write {name}='\"{text}\"'"
            )
        return None
    arguments = split_values(inside) if inside.strip() else []
    if function == "choice":
        return DistributionCall("choice", (_not_empty(name, arguments),))
    _check_arguments(f"{name}={text}", known[function], arguments)
    if function in DISTRIBUTIONS:
        return DistributionCall(function, tuple(arguments))
    return _evaluate_spacing(f"{name}={text}", function, *arguments)


SPACINGS = {  # functions of numpy, and what their arguments are
    "linspace": ("first", "last", "how many"),
    "logspace": ("first power of 10", "last power of 10", "how many"),
    "geomspace": ("first", "last", "how many"),
}
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "integers": ("lowest", "highest"),
    "choice": (),
}


def _check_arguments(text: str, wanted: tuple[str, ...], given: Values) -> None:
    if len(given) != len(wanted) or not all(isinstance(value, (int, float)) for value in given):
        raise BadUsage(f"{text} needs {len(wanted)} numbers: {', '.join(wanted)}")


def _evaluate_spacing(text: str, function: str, first: float, last: float, count: Any) -> Values:
    import numpy as np

    if not isinstance(count, int) or not 1 <= count <= MAX_VALUES:
        raise BadUsage(
            f"{text}: the third number is how many values, a whole number from 1 to {MAX_VALUES:,}"
        )
    try:
        with np.errstate(all="raise"):
            values: Values = getattr(np, function)(first, last, count).tolist()
    except (ValueError, FloatingPointError) as error:
        raise BadUsage(f"{text} cannot be computed ({error}): give other ends") from None
    return values
