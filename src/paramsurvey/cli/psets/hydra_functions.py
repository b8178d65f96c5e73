"""Functions of Hydra around values: ``sort(3,1,2)``, ``float(range(3))``, ``tag(x,choice(a,b))``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_calls import Axis, DistributionCall
from paramsurvey.cli.value_text import value_text

CALL_BEGIN = re.compile(r"\s*([a-z_]+)\(")
REVERSE = re.compile(r",\s*reverse\s*=\s*(true|false)\s*$")
LAST_ARGUMENT = re.compile(r"(?:.*,)?([^,()]*\(.*\)\s*|[^,()]*)", re.DOTALL)  # what follows the tags


def _to_bool(value: Any) -> bool:
    known = {"true": True, "false": False}
    return known[value.lower()] if isinstance(value, str) else bool(value)


CASTS: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: int(float(value)) if isinstance(value, str) else int(value),
    "float": float,
    "str": value_text,
    "bool": _to_bool,
    "json_str": json.dumps,
}
NO_LOG_INTEGERS = (
    "integers cannot be drawn by their logarithm: leave int(...) out, and write {NAME:.0f} into the command, "
    "or round in the function"
)
AROUND = {*CASTS, "sort", "shuffle", "tag"}


def function_around(text: str) -> tuple[str, str] | None:
    """Return the name of a function that encloses a whole text, and what is inside; else None.

    Examples
    --------
    >>> function_around("sort(3,(1))"), function_around("int(1),int(2)"), function_around("range(3)")
    (('sort', '3,(1)'), None, None)
    """
    begin, whole = CALL_BEGIN.match(text), text.rstrip()
    if begin is None or begin[1] not in AROUND or not whole.endswith(")"):
        return None
    inside, depth = whole[begin.end() : -1], 0
    for character in inside:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return None
    return begin[1], inside


def apply_around(text: str, function: str, inside: str, parse: Callable[[str], Axis]) -> Axis:
    """Return what a function makes of the values inside it.

    Parameters
    ----------
    text : str
        The whole text, for messages.
    function, inside : str
        What `function_around` returned.
    parse : callable
        Reads the values.

    Raises
    ------
    BadUsage
        A value cannot be converted, or the function cannot be applied to a distribution.
    """
    if function == "tag":
        last = LAST_ARGUMENT.fullmatch(inside)
        tags = inside[: last.start(1)].split(",") if last else []
        return _tagged(text, parse(last[1] if last else inside), [tag.strip() for tag in tags])
    backwards = REVERSE.search(inside) if function == "sort" else None
    axis = parse(inside[: backwards.start()] if backwards else inside)
    is_choice = isinstance(axis, DistributionCall) and axis.name == "choice"
    if isinstance(axis, DistributionCall) and not is_choice:
        return _of_distribution(text, function, axis)
    values = axis.arguments[0] if isinstance(axis, DistributionCall) else axis
    try:
        if len(values) == 1 and isinstance(values[0], list) and function in ("sort", "shuffle"):
            return [_values_of(function, values[0], backwards)]  # a single list, which is not a sweep
        made = _values_of(function, values, backwards)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise BadUsage(f"{text}: {function}(...) cannot take one of the values: correct it") from None
    return DistributionCall("choice", (made,)) if is_choice else made


def _tagged(text: str, axis: Axis, tags: Sequence[str]) -> Axis:
    """Return an axis with its tags; only ``log`` changes how Hydra's sweepers draw."""
    if "log" not in tags:
        return axis
    name = axis.name if isinstance(axis, DistributionCall) else ""
    if name in ("uniform", "loguniform"):
        return DistributionCall("loguniform", axis.arguments) if isinstance(axis, DistributionCall) else axis
    if name == "integers":
        raise BadUsage(f"{text}: {NO_LOG_INTEGERS}")
    raise BadUsage(f"{text}: the tag log is only for what interval(...) draws: leave log out")


def _values_of(function: str, values: Sequence[Any], backwards: re.Match[str] | None) -> list[Any]:
    if function == "sort":
        return sorted(values, reverse=backwards is not None and backwards[1] == "true")
    if function == "shuffle":
        from random import Random

        return Random(0).sample(list(values), len(values))  # the same in every run, so that it can be resumed
    return [CASTS[function](value) for value in values]


def _of_distribution(text: str, function: str, axis: DistributionCall) -> Axis:
    if function == "int" and axis.name == "uniform":
        return DistributionCall("integers", axis.arguments)
    if function == "float":
        return axis
    if function == "int" and axis.name == "loguniform":
        raise BadUsage(f"{text}: {NO_LOG_INTEGERS}")
    raise BadUsage(f"{text}: {function}(...) cannot be applied to a distribution: leave it out")
