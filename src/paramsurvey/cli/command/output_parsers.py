"""Finds results in what a program prints: ``--parse json`` and ``--parse 'loss=([0-9.]+)'``."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.failures import NothingParsed
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.column_names import escape_surrogates

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # a ( in these begins no group
GROUP = re.compile(r"\((?:\?P<(\w+)>|(?!\?))")
WORD_BEFORE_SIGN = re.compile(r"([A-Za-z_]\w*)[\"' ]*[=:]")
LAST_WORD = re.compile(r"([A-Za-z_]\w*)[^\w(]*$")


class Parser(Protocol):
    """Finds results in a program's stdout."""

    @property
    def names(self) -> Sequence[str]:
        """The columns that it makes, as far as they are known before the program runs."""
        ...

    def __call__(self, text: str) -> Mapping[str, Any]:
        """Return the results, or raise `NothingParsed`."""
        ...


@dataclass(frozen=True)
class JsonParser:
    """The keys of the last JSON object that was printed, on one line or several."""

    def __str__(self) -> str:
        """Return it as it was typed."""
        return "json"

    @property
    def names(self) -> Sequence[str]:
        """None: the program decides."""
        return ()

    def __call__(self, text: str) -> Mapping[str, Any]:
        last = deque(_json_objects(text), maxlen=1)
        if not last:
            raise NothingParsed(
                "stdout has no JSON object: let the program print one, or leave out --parse json"
            )
        return {escape_surrogates(key): escape_surrogates(value) for key, value in last[0].items()}


def _json_objects(text: str) -> Iterable[dict[str, Any]]:
    from json import JSONDecoder  # only now: few commands print any

    decoder = JSONDecoder()
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
    """The groups of a regular expression, at its last match.

    Parameters
    ----------
    pattern : str
        Each group makes a column with the name of the group, ``(?P<loss>...)``, or else with the word before
        the group as its name.
    """

    pattern: str

    def __post_init__(self) -> None:
        try:
            self._regex()
        except re.error as error:
            raise BadUsage(
                f"--parse {self.pattern!r} is not a regular expression ({error}): correct it"
            ) from None
        _ = self.names  # raises where groups have no names, or equal ones

    def __str__(self) -> str:
        """Return it as it was typed."""
        return self.pattern

    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.MULTILINE)  # re keeps what it has compiled

    @property
    def names(self) -> Sequence[str]:
        """The columns, one for each group."""
        return _group_names(self.pattern, self._regex().groups)

    def __call__(self, text: str) -> Mapping[str, Any]:
        last = deque(self._regex().finditer(text), maxlen=1)
        if not last:
            raise NothingParsed(
                f"--parse {self.pattern!r} does not match stdout: compare it with what the program prints"
            )
        values = zip(self.names, last[0].groups(), strict=True)
        return {name: number_of(value) for name, value in values if value is not None}


def _group_names(pattern: str, count: int) -> list[str]:
    searched = ESCAPE_OR_CLASS.sub(lambda match: " " * len(match[0]), pattern)
    if not count:
        raise BadUsage(
            f"--parse {pattern!r} has no group: put what becomes a column into (), as in 'loss=([0-9.]+)'"
        )
    names, end_of_last = list[str](), 0
    for group in GROUP.finditer(searched):
        names.append(group[1] or _name_before(pattern_part=searched[end_of_last : group.start()]))
        end_of_last = group.end()
    if "" in names or len(set(names)) < count:
        raise BadUsage(
            f"--parse {pattern!r} has groups without a name, or with the same name: "
            "write (?P<name>...) instead of (...)"
        )
    return names


def _name_before(pattern_part: str) -> str:
    """Return the last word before ``=`` or ``:`` in what precedes a group, else the last word."""
    before_sign: list[str] = WORD_BEFORE_SIGN.findall(pattern_part)
    last = LAST_WORD.search(pattern_part)
    return before_sign[-1] if before_sign else last[1] if last else ""


def number_of(text: str) -> Any:
    """Return a number if the text is one, else the text.

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


def make_parser(text: str) -> Parser:
    """Return the parser for one ``--parse``."""
    return JsonParser() if text == "json" else RegexParser(text)


def make_parsers(texts: Sequence[str]) -> tuple[Parser, ...]:
    """Return the parsers for several ``--parse``.

    Raises
    ------
    BadUsage
        A text is not a regular expression with named groups, or two parsers make the same column, so that
        one of the two results would be lost.
    """
    parsers = tuple(map(make_parser, texts))
    if texts.count("json") > 1:
        raise BadUsage("--parse json is given twice: leave one out")
    names = [name for parser in parsers for name in parser.names]
    for name in names:
        if names.count(name) > 1:
            raise BadUsage(
                f"two --parse options make the column {name!r}: rename one of them, as in (?P<{name}_2>...)"
            )
    return parsers
