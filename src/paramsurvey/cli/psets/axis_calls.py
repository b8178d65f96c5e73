"""Functions in axes: ``linspace(0,1,11)``, ``range(1,4)``, ``glob(*.txt)``; distributions to sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from glob import glob
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.values import split_values, value_of
from paramsurvey.fast_dataclass import dataclass

EXCLUDE = "exclude="  # of glob(*.txt,exclude=a*)
NAMED_ARGUMENT = re.compile(r"\s*([a-z]+)\s*=\s*(.+?)\s*")
BRACKETS = re.compile(r"(exclude=)?\[([^\[\]]*)\](?=,|$)")  # of glob([a*,b*],exclude=[c*,d*])
MAX_VALUES = 10_000_000  # of floats: a typo such as 0:1:1e-12 asks for more than fits into memory

Values = Sequence[Any]


@dataclass(frozen=True)
class DistributionCall:
    """A distribution that ``--sample`` draws from: a function of `paramsurvey.params` and its arguments."""

    name: str
    arguments: tuple[Any, ...]


Axis = Values | DistributionCall


def evaluate_call(name: str, text: str, function: str, inside: str) -> Axis | None:
    """Return the values or the distribution of a call; None if there is no such function."""
    if function in ELSEWHERE:
        raise BadUsage(f"{name}={text}: {ELSEWHERE[function]}")
    known = known_calls()
    if function not in known:
        from difflib import get_close_matches  # here, because only an error needs it

        close = get_close_matches(function, known, n=1, cutoff=0.8)
        if close:
            raise BadUsage(
                f"{name}={text}: there is no {function}(...); did you mean {close[0]}(...)? "
                f"For the text itself, write {name}='\"{text}\"'"
            )
        return None
    if function == "glob":
        inside = BRACKETS.sub(_without_brackets, inside)
    arguments = split_values(inside) if inside.strip() else []
    if function in NAMED:
        arguments = _positional(f"{name}={text}", NAMED[function], arguments)
    if function in LISTS:
        return _evaluate_list(name, text, function, arguments)
    _check_arguments(f"{name}={text}", known[function], arguments)
    if function in DISTRIBUTIONS:
        return DistributionCall(ALIASES.get(function, function), tuple(arguments))
    return _evaluate_spacing(f"{name}={text}", function, *arguments)


SPACINGS = {  # functions of numpy, and what their arguments are
    "linspace": ("first", "last", "how many"),
    "logspace": ("first power of 10", "last power of 10", "how many"),
    "geomspace": ("first", "last", "how many"),
}
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "interval": ("low", "high"),
    "integers": ("lowest", "highest"),
}
ALIASES = {"interval": "uniform"}  # as Hydra calls it
LISTS: dict[str, tuple[str, ...]] = {
    "choice": (),
    "range": (),
    "glob": (),
}  # which take any number of arguments

NAMED = {  # what Hydra calls the arguments of its functions
    "range": ("start", "stop", "step"),
    "interval": ("start", "end"),
}

ELSEWHERE = {  # functions of Hydra, and what does the same here
    "shuffle": "there is no shuffle(...): write only the values, and add --shuffle",
    "sort": "there is no sort(...): write the values in the order that you want",
    "tag": "there is no tag(...): write only what is inside it",
}


def known_calls() -> dict[str, tuple[str, ...]]:
    """Return all functions by name, and what their arguments are."""
    return {**SPACINGS, **DISTRIBUTIONS, **LISTS}


def _positional(text: str, names: tuple[str, ...], arguments: Values) -> Values:
    """Return arguments such as ``stop=4`` in their places; a range without a start begins at 0."""
    matches = [NAMED_ARGUMENT.fullmatch(str(one)) for one in arguments]
    if not any(matches):
        return arguments
    named = [match.groups() for match in matches if match]
    unnamed = [one for one, match in zip(arguments, matches, strict=True) if not match]
    found = {"start": 0, **dict(zip(names, unnamed, strict=False))}
    found |= {name: value_of(value) for name, value in named}
    is_once = len({*names[: len(unnamed)], *(name for name, _ in named)}) == len(arguments)
    if not is_once or not set(names[:2]) <= set(found) <= set(names):
        raise BadUsage(f"{text} lacks an argument, or has one twice: its arguments are {', '.join(names)}")
    return [found[name] for name in names if name in found]


def _evaluate_list(name: str, text: str, function: str, arguments: Values) -> Axis:
    if not arguments:
        raise BadUsage(f"{name}={text} has empty parentheses: give at least one value")
    if function == "choice":
        return DistributionCall("choice", (arguments,))
    return _files(name, text, arguments) if function == "glob" else _hydra_range(f"{name}={text}", arguments)


def _files(name: str, text: str, patterns: Values) -> Values:
    """Return the files that some patterns match, each once, in the order of their names.

    As in Hydra, ``exclude=PATTERN`` leaves out what another pattern matches.
    """
    wanted = [str(one) for one in patterns if not str(one).startswith(EXCLUDE)]
    unwanted = [str(one).removeprefix(EXCLUDE) for one in patterns if str(one).startswith(EXCLUDE)]
    found = {path for pattern in wanted for path in glob(pattern, recursive=True)}
    left = found - {path for pattern in unwanted for path in glob(pattern, recursive=True)}
    if not left:
        raise BadUsage(f"{name}={text}: no file matches: correct the pattern, or the directory")
    return sorted(left)


def _without_brackets(listed: re.Match[str]) -> str:
    return ",".join(f"{listed[1] or ''}{pattern.strip()}" for pattern in listed[2].split(","))


def _hydra_range(text: str, numbers: Values) -> Values:
    """Return the values of range(start,stop,step): without the stop, as in Python and Hydra."""
    if len(numbers) > 3 or not all(isinstance(one, (int, float)) for one in numbers):
        raise BadUsage(
            f"{text} needs 1 to 3 numbers: stop, or start, stop and step; the stop is not included"
        )
    given = [Decimal(str(one)) for one in numbers]
    if not all(one.is_finite() for one in given):
        raise BadUsage(f"{text} has a number that is too large for a float: give a smaller one")
    start, stop = (Decimal(0), given[0]) if len(given) == 1 else given[:2]
    step = given[2] if len(given) == 3 else Decimal(1)
    count = int(((stop - start) / step).to_integral_value(ROUND_CEILING)) if step else 0
    if not 1 <= count <= MAX_VALUES:
        raise BadUsage(f"{text} has no values, or more than {MAX_VALUES:,}: give other numbers")
    if all(isinstance(one, int) for one in numbers):
        return range(int(start), int(start) + count * int(step), int(step))
    return [float(start + i * step) for i in range(count)]


def _check_arguments(text: str, wanted: tuple[str, ...], given: Values) -> None:
    if len(given) != len(wanted) or not all(isinstance(value, (int, float)) for value in given):
        raise BadUsage(f"{text} needs {len(wanted)} numbers: {', '.join(wanted)}")


def _evaluate_spacing(text: str, function: str, first: float, last: float, count: Any) -> Values:
    import numpy as np

    if not isinstance(count, int) or not 1 <= count <= MAX_VALUES:
        raise BadUsage(
            f"{text}: the third number is how many values: give a whole number from 1 to {MAX_VALUES:,}"
        )
    try:
        first, last = float(first), float(last)  # NumPy cannot compute with integers beyond 64 bits
        with np.errstate(all="raise"):
            if (
                function == "logspace"
            ):  # Python's powers are right to the last digit, those of old NumPy are not
                return [10.0**power for power in np.linspace(first, last, count).tolist()]
            values: Values = getattr(np, function)(first, last, count).tolist()
    except (ValueError, FloatingPointError, OverflowError) as error:
        raise BadUsage(f"{text} cannot be computed ({error}): give other limits") from None
    return values
