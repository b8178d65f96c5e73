"""Placeholders in a command: ``{a}``, ``{f.stem}``, ``{i:03d}``, ``{f:args}``, ``{}``, ``{#}``, ``{job}``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.value_text import value_text
from paramsurvey.errors import suggestion
from paramsurvey.fast_dataclass import dataclass

NUMBER = "#"  # a pset's number, from 1
ARGUMENTS = "args"  # in place of a format: makes each item of a list an argument of its own
JOB = "job"  # the number of the worker that runs it, from 1: at any time, no two commands have the same
PATH_PARTS = ("name", "stem", "suffix", "parent")  # as pathlib calls them

TOKEN = re.compile(
    r"\{\{|\}\}|\{([^{}]*)\}|[{}]"
)  # a doubled brace, braces with something in them, or a lone one
FIELD = re.compile(r"(?P<name>#|(?:[^\W\d]\w*)?(?:\.[^\W\d]\w*)*)(?::(?P<spec>.*))?", re.DOTALL)
FROM_PARALLEL = {  # what GNU parallel calls them
    "/": "{NAME.name}",
    ".": "{NAME.parent}/{NAME.stem}",
    "/.": "{NAME.stem}",
    "//": "{NAME.parent}",
    "+/": "{NAME.parent}",
    "+.": "{NAME.suffix}",
    "..": "{NAME.parent}/{NAME.stem.stem}",
    "/..": "{NAME.stem.stem}",
    "...": "{NAME.parent}/{NAME.stem.stem.stem}",
    "/...": "{NAME.stem.stem.stem}",
    "+..": "{NAME.stem.suffix}{NAME.suffix}",
    "%": "{job}",
    "0#": "{#:04d}",
    "0%": "{job:02d}",
}
MOST_DIGITS = 5  # of the width and the precision in a format: the system takes arguments of 131,071 bytes
COUNT = "count them first, with paramsurvey run --dry-run ... | wc -l"
IN_A_SHELL = re.compile(  # {f%.txt}, {#a}, {/a/b}, {^^a}, {f,,}; but not the lists of a shell: {a,b}, {,.bak}
    r"(?:[\w.]*(?=[%#/]|\^\^|,,)|(?!\d+,\d*$)\d*(?=[\^,][^,.]*$))([%#/^,][^\s{}]*)"
)
IN_BASH_ALONE = ("/", "^", ",")  # which /bin/sh need not have


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder.

    Attributes
    ----------
    text : str
        As it was typed, with its braces.
    name : str
        That of the parameter, with what follows it: ``f.stem``; empty for ``{}``.
    spec : str
        What follows a colon: Python's format, or `ARGUMENTS`.
    """

    text: str
    name: str
    spec: str = ""

    @property
    def is_spread(self) -> bool:
        """Whether each item of a list is an argument of its own, as in ``{f:args}``."""
        return self.spec == ARGUMENTS

    def texts(self, values: Mapping[str, Any]) -> list[str]:
        """Return the texts that take its place: one, or as many as the list has items.

        Parameters
        ----------
        values : mapping
            By name: the parameters, `NUMBER` and `JOB`.

        Raises
        ------
        ValueError, TypeError
            The format does not fit the value.
        """
        name, parts = split_path(self.name, values)
        value = values[name]
        items = value if self.is_spread and isinstance(value, (list, tuple)) else [value]
        return [self._text(item, parts) for item in items]

    def _text(self, value: Any, parts: Sequence[str]) -> str:
        for part in parts:
            value = str(getattr(PurePath(value_text(value)), part))
        return _formatted(value, self.spec) if self.spec and not self.is_spread else value_text(value)

    def value(self, values: Mapping[str, Any]) -> str:
        """Return the text that takes its place, where only one can stand.

        Parameters
        ----------
        values : mapping
            By name: the parameters, `NUMBER` and `JOB`.

        Raises
        ------
        ValueError, TypeError
            The format does not fit the value.
        """
        return " ".join(self.texts(values))


def _formatted(value: Any, spec: str) -> str:
    """Return a value in a format; refuse one that asks for so many characters that they fill the memory."""
    is_date = hasattr(value, "strftime")  # its format may contain any digits
    if not is_date and any(len(digits.lstrip("0")) > MOST_DIGITS for digits in re.findall(r"\d+", spec)):
        raise ValueError("the text would be too long for a command")
    return format(value, spec)


def placeholder_values(pset: Mapping[str, Any], number: int, job: object) -> dict[str, Any]:
    """Return the values of placeholders: parameters, `NUMBER` and `JOB`; a parameter of that name wins."""
    return {**pset, **{name: one for name, one in ((NUMBER, number), (JOB, job)) if name not in pset}}


def split_path(name: str, names: Collection[str] | Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the parameter that a name begins with, and the parts of a path that follow.

    Examples
    --------
    >>> split_path("f.parent.name", ["f"]), split_path("model.name", ["model.name"])
    (('f', ['parent', 'name']), ('model.name', []))
    """
    parameter, parts = name, list[str]()
    while parameter and parameter not in names:
        parameter, _, part = parameter.rpartition(".")
        parts.insert(0, part)
    if not name or name.startswith("."):
        parameter = next((one for one in names if one != NUMBER), "")  # parameters come first
    return (parameter, parts) if all(part in PATH_PARTS for part in parts) else ("", parts)


@lru_cache(maxsize=256)
def tokens(text: str) -> tuple[str | Placeholder, ...]:
    """Return a text as literal parts and placeholders.

    Raises
    ------
    BadUsage
        A brace is neither doubled nor that of a placeholder.

    Examples
    --------
    >>> tokens("{{x}} {f.stem:>9}")
    ('{', 'x', '}', ' ', Placeholder(text='{f.stem:>9}', name='f.stem', spec='>9'))
    """
    return tuple(_tokens(text))


def _tokens(text: str) -> Iterator[str | Placeholder]:
    at = 0
    for match in TOKEN.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        at = match.end()
        if match[0] in ("{{", "}}"):
            yield match[0][0]
        elif match[1] is None:
            raise BadUsage(f"there is a lone {match[0]} in {text!r}: for a literal one, write {match[0] * 2}")
        else:
            yield _placeholder(match[0], match[1], text)
    if at < len(text):
        yield text[at:]


def _placeholder(whole: str, inside: str, text: str) -> Placeholder:
    field = FIELD.fullmatch(inside)
    if field is None:
        raise BadUsage(f"{whole} in {text!r} is not a placeholder{_remedy(inside)}")
    return Placeholder(whole, field["name"], field["spec"] or "")


def _remedy(inside: str) -> str:
    if inside == "##":
        return f", and there is none for the number of sets: {COUNT}"
    part = inside.lstrip("-0123456789")  # GNU parallel numbers what we give a name
    theirs = FROM_PARALLEL.get(inside) or FROM_PARALLEL.get(part) or FROM_PARALLEL.get(part.lstrip("+"))
    if theirs:
        return f": write {theirs}{', where NAME is the name of a parameter' if 'NAME' in theirs else ''}"
    if not part:
        return ": write the name of the parameter instead of its number"
    if inside.startswith("=") and inside.endswith("="):
        return ", and Perl does not run here: write {NAME.stem} and the like, or compute it in the command"
    if in_a_shell := IN_A_SHELL.fullmatch(inside):
        expansion = f"${{{{x{in_a_shell[1]}}}}}"
        command = f"--shell -- 'x={{NAME}}; echo {expansion}'"
        if in_a_shell[1].startswith(IN_BASH_ALONE):
            command = f"-- bash -c 'x=$1; echo {expansion}' bash {{NAME}}"
        return f": write {{NAME.stem}} and the like, or {command}; for literal braces, write {{{{{inside}}}}}"
    return f": for literal braces, write {{{{{inside}}}}}"


def escape_braces(text: str) -> str:
    """Return a text with its braces doubled, so that they stand for themselves."""
    return text.replace("{", "{{").replace("}", "}}")


def placeholders_in(text: str) -> list[Placeholder]:
    """Return the placeholders of a text, in order."""
    return [token for token in tokens(text) if isinstance(token, Placeholder)]


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with the values in place of the placeholders; braces in a value are not placeholders.

    Examples
    --------
    >>> fill("{f.stem}-{i:03d}.png {{}}", {"f": "in/x.jpg", "i": 7})
    'x-007.png {}'
    """
    return "".join(token if isinstance(token, str) else token.value(values) for token in tokens(text))


def names_used(texts: Collection[str], names: Collection[str]) -> set[str]:
    """Return which of the parameters occur in some texts.

    Raises
    ------
    BadUsage
        A placeholder is not a parameter's; the message says which there are, or how to write the text itself.
    """
    return {_check(one, names) for text in texts for one in placeholders_in(text)} & {*names}


def _check(placeholder: Placeholder, names: Collection[str]) -> str:
    if not placeholder.name or placeholder.name.startswith("."):
        _check_single(placeholder, names)
    name, parts = split_path(placeholder.name, [*names, NUMBER, JOB])
    if name and not (parts and name not in names):
        return name
    first = placeholder.name.rpartition(".")[0]
    if first in names:
        raise BadUsage(
            f"the command has the placeholder {placeholder.text}, but {first!r} has no such part: "
            f"its parts are {', '.join(f'{{{first}.{part}}}' for part in PATH_PARTS)}"
        )
    raise BadUsage(
        f"the command has the placeholder {placeholder.text}, which is not a parameter"
        f"{suggestion(placeholder.name, names)} (for the text itself, write {{{placeholder.text}}})"
    )


def _check_single(placeholder: Placeholder, names: Collection[str]) -> None:
    if len(names) != 1:
        raise BadUsage(
            f"the command has the placeholder {placeholder.text}, but there are {len(names)} parameters: "
            f"name one, as in {{{next(iter(names), 'a')}{placeholder.name}}}"
        )
