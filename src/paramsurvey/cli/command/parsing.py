"""Results in what a program prints: ``--parse json`` and ``--parse 'loss=([0-9.]+)'``."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from paramsurvey.cli.problems import BadUsage
from paramsurvey.params.column_names import in_unicode
from paramsurvey.transport.messages import PlainFailure

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
OPAQUE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # escapes and character classes
GROUP = re.compile(r"\((?:\?P<(\w+)>|(?!\?))")
LABEL = re.compile(r"([A-Za-z_]\w*)[\"' ]*[=:]")
WORD = re.compile(r"([A-Za-z_]\w*)[^\w(]*$")


class NothingParsed(PlainFailure):
    """The program did not print what was to be parsed."""


class Parser(Protocol):
    """Finds results in a program's stdout."""

    def __call__(self, text: str) -> Mapping[str, Any]:
        """Return the results, or raise `NothingParsed`."""
        ...


@dataclass(frozen=True)
class JsonParser:
    """The keys of the last JSON object that was printed, on one line or several."""

    def __call__(self, text: str) -> Mapping[str, Any]:
        last = deque(_objects(text), maxlen=1)
        if not last:
            raise NothingParsed(
                "stdout has no JSON object: let the program print one, or leave out --parse json"
            )
        return {in_unicode(key): in_unicode(value) for key, value in last[0].items()}


def _objects(text: str) -> Iterable[dict[str, Any]]:
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
            yield found
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)


@dataclass(frozen=True)
class RegexParser:
    """The groups of a regular expression, where it matches last.

    Parameters
    ----------
    pattern : str
        Each group is a column: its name is the group's, ``(?P<loss>...)``, or the word before it.
    """

    pattern: str

    def __post_init__(self) -> None:
        try:
            self._regex()
        except re.error as error:
            raise BadUsage(f"--parse {self.pattern!r} is no regular expression ({error}): mend it") from None
        _ = self.names  # which are looked at here, too

    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.MULTILINE)  # which keeps it

    @property
    def names(self) -> list[str]:
        """The columns."""
        return _group_names(self.pattern, self._regex().groups)

    def __call__(self, text: str) -> Mapping[str, Any]:
        last = deque(self._regex().finditer(text), maxlen=1)
        if not last:
            raise NothingParsed(
                f"stdout has no match of --parse {self.pattern!r}: compare it with what was printed"
            )
        values = zip(self.names, last[0].groups(), strict=True)
        return {name: number_of(value) for name, value in values if value is not None}


def _group_names(pattern: str, count: int) -> list[str]:
    plain = OPAQUE.sub(lambda match: " " * len(match[0]), pattern)
    if not count:
        raise BadUsage(
            f"--parse {pattern!r} has no group: put what is to be kept in (), as in 'loss=([0-9.]+)'"
        )
    names, before = list[str](), 0
    for group in GROUP.finditer(plain):
        names.append(group[1] or _label(plain[before : group.start()]))
        before = group.end()
    if "" in names or len(set(names)) < count:
        raise BadUsage(
            f"--parse {pattern!r} does not name each group differently: write (?P<name>...) instead of (...)"
        )
    return names


def _label(text: str) -> str:
    """Return the last word before = or :, else the last word, of what stands before a group."""
    labels: list[str] = LABEL.findall(text)
    word = WORD.search(text)
    return labels[-1] if labels else word[1] if word else ""


def number_of(text: str) -> Any:
    """Return a number where the text is one, else the text.

    Examples
    --------
    >>> [number_of(text) for text in ("12", "1.5e-3", "-inf", "ok")]
    [12, 0.0015, -inf, 'ok']
    """
    stripped = text.strip()
    if not NUMBER.fullmatch(stripped):
        return text
    try:
        return int(stripped)
    except ValueError:
        return float(stripped)


def parser_of(text: str) -> JsonParser | RegexParser:
    """Return what one ``--parse`` asks for."""
    return JsonParser() if text == "json" else RegexParser(text)
