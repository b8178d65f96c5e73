"""The syntax of ``-p name=AXIS``: ``1,2,3``, ``0:1:0.25``, ``1..3``, ``@file``; calls are in `axis_calls`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_calls import (
    MAX_VALUES,
    Axis,
    DistributionCall,
    Values,
    evaluate_call,
    known_calls,
)
from paramsurvey.cli.psets.inputs import Inputs, json_list
from paramsurvey.cli.psets.values import INTEGER, NUMBER, check_text, items_between_commas, split_values

__all__ = ["Axis", "DistributionCall", "Values", "parse_axes", "parse_axis"]

Parse = Callable[[str, str, Inputs | None], Axis]

RANGE = re.compile(rf"\s*({NUMBER})\s*:\s*({NUMBER})\s*(?::\s*({NUMBER})\s*)?")
DOTS = re.compile(r"\s*\{?(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?\}?\s*")
CALL = re.compile(r"\s*([A-Za-z_]\w*)\((.*)\)\s*", re.DOTALL)
MAX_CHARACTERS = 20 * MAX_VALUES  # of 01, 02 and so on together
ZEROS = re.compile(r"-?0\d")  # of 01..10, which counts 01, 02, 03 in a shell, too
RANGE_BEGIN = re.compile(rf"\s*{NUMBER}\s*:\s*{NUMBER}\s*(?=[,:]|$)")
CALL_BEGIN = re.compile(r"\s*([A-Za-z_]\w*)\(")


def parse_axes(
    texts: Sequence[str], inputs: Inputs | None = None, option: str = "-p", parse: Parse | None = None
) -> dict[str, Axis]:
    """Return the axes of several ``name=axis``, in their order.

    Parameters
    ----------
    texts : sequence of str
    inputs : Inputs, optional
        Reads the files that they name.
    option : str
        The option with which they were given.
    parse : callable, optional
        What reads one axis; by default `parse_axis`.

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
            raise BadUsage(
                f"{option} {text!r} has no {lacks}: write it as name=values, for example {option} a=1,2,3"
            )
        if name in axes:
            raise BadUsage(f"the parameter {name!r} is given twice: put all its values into one {option}")
        axes[name] = axis = (parse or parse_axis)(name, values, inputs)
        check_text(name, axis)
    return axes


def parse_axis(name: str, text: str, inputs: Inputs | None = None) -> Axis:
    """Return the values, or the distribution, that one text describes.

    Examples
    --------
    >>> parse_axis("a", "1,2.5,x")
    [1, 2.5, 'x']
    >>> parse_axis("a", "0:1:0.25")
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> list(parse_axis("a", "1..3")), parse_axis("a", "linspace(0,1,3)")
    ([1, 2, 3], [0.0, 0.5, 1.0])
    >>> parse_axis("a", '["two, in one", null]')
    ['two, in one', None]
    """
    if text.startswith("@"):
        return _not_empty(name, (inputs or Inputs()).values(name, text[1:]))
    if text.startswith("[") and (listed := json_list(text)) is not None:
        return _not_empty(name, listed)
    if bounds := RANGE.fullmatch(text) or DOTS.fullmatch(text):
        return _range_values(name, text, *bounds.groups())
    if (call := CALL.fullmatch(text)) and (axis := evaluate_call(name, text, call[1], call[2])) is not None:
        return axis
    if not text:
        raise BadUsage(f"the parameter {name!r} has no values: give some, or {name}='\"\"' for an empty text")
    _refuse_unfinished_syntax(name, text)
    return _with_ranges(name, text)


def _with_ranges(name: str, text: str) -> Values:
    """Return the values of a list, of which some may be ranges: ``1..3,7``."""
    values: list[Any] = []
    for item, value in zip(items_between_commas(text), split_values(text), strict=True):
        bounds = DOTS.fullmatch(item[2]) if item[2] is not None else None
        more = _range_values(name, item[0], *bounds.groups()) if bounds else [value]
        if len(values) + len(more) > MAX_VALUES:
            raise BadUsage(
                f"{name}={text}: a list has at most {MAX_VALUES:,} values: take fewer, or one range alone, "
                "which may have more"
            )
        values.extend(more)
    return values


def _refuse_unfinished_syntax(name: str, text: str) -> None:
    """Refuse a list in which an item begins like a range, a call or a JSON list.

    Its commas would be taken for those of the list, and the command would get pieces such as ``linspace(0``.
    """
    for item in items_between_commas(text):
        unquoted = item[2]
        if unquoted is None:
            continue
        construct = _likely_construct(unquoted, text)
        if construct:
            as_text = unquoted.replace('"', '""')
            raise BadUsage(
                f"{name}={text}: {unquoted!r} begins like {construct} but is not one: correct it, "
                f"or put each text into double quotes, as in {name}='\"{as_text}\",...'"
            )


def _likely_construct(item: str, whole: str) -> str:
    """Return what an item of a list was probably meant to be, in words; empty if it is a text."""
    if RANGE_BEGIN.match(item):
        return "a range start:stop:step"
    if item.lstrip().startswith("["):
        return "a JSON list"
    if item.lstrip().startswith("{") and item.count("{") > item.count("}"):
        return "an expansion of a shell, or a JSON object"
    call = CALL_BEGIN.match(item)
    is_cut = call is not None and item.count("(") > item.count(")") and ")" in whole
    known = call is not None and call[1] in known_calls()
    return f"a call {call[1]}(...)" if call is not None and (known or is_cut) else ""


def _not_empty(name: str, values: Values) -> Values:
    if not values:
        raise BadUsage(f"the parameter {name!r} has no values: give at least one")
    return values


def _range_values(name: str, text: str, start: str, stop: str, step: str | None) -> Values:
    """Return the values from start to stop. They are computed in decimals, so that 0:0.3:0.1 includes 0.3."""
    first, last, by = Decimal(start), Decimal(stop), Decimal(step or "1")
    has_zeros = any(ZEROS.match(one) for one in (start, stop, step or "1"))
    if has_zeros and ".." not in text:
        raise BadUsage(
            f"{name}={text}: a number of the range begins with 0: write it without, "
            f"or {name}=01..10 for 01, 02 and so on, or {name}='\"{text}\"' for the text itself"
        )
    if ".." in text and last < first:
        by = -abs(by)  # as in a shell, 3..1 counts down
    if by == 0 or (last - first) / by < 0:
        raise BadUsage(f"{name}={text} never reaches the stop: give a step that leads from start to stop")
    count = int((last - first) / by) + 1
    if not has_zeros and all(INTEGER.fullmatch(one) for one in (start, stop, step or "1")):
        if count > sys.maxsize:
            raise BadUsage(f"{name}={text} has {count:,} values, which cannot be numbered: take fewer")
        return range(int(first), int(first) + count * int(by), int(by))  # a range takes no memory
    width = max(len(start), len(stop)) if has_zeros else 1
    most = min(MAX_VALUES, MAX_CHARACTERS // width)
    if count > most:
        raise BadUsage(
            f"{name}={text} has {count:,} values, and at most {most:,} are allowed: give a larger step"
        )
    if has_zeros:
        return [f"{int(first) + at * int(by):0{width}d}" for at in range(count)]
    return [float(first + i * by) for i in range(count)]
