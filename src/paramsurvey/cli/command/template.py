"""Commands with placeholders: ``./simulate --a {a}``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from paramsurvey.cli.command.shell_quoting import PLACEHOLDER, Placement, Quotes, find_placements
from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.placeholders import (
    JOB,
    NUMBER,
    Placeholder,
    fill,
    names_used,
    placeholder_values,
    placeholders_in,
    tokens,
)
from paramsurvey.fast_dataclass import dataclass

SHELL = "/bin/sh"
PLAIN = re.compile(r"[\w@%+=:./{}#-]+", re.ASCII)  # needs no quotes in a shell
PLACEHOLDER_ALONE = re.compile(r"\s*\{[^{}]*(?<!:args)\}\s*")
WORD_ENDS = frozenset(" \t\n;|&()<>")  # of a shell, outside of quotes
MOST_CHECKED = 100_000  # psets whose values are looked at before anything runs


@dataclass(frozen=True)
class Template:
    """A command, as it was typed.

    Parameters
    ----------
    arguments : sequence of str
        ``{name}`` and the like are placeholders, ``{{`` and ``}}`` are literal braces.
    shell : bool
        The arguments, joined by spaces, are a text for the shell.
    """

    arguments: tuple[str, ...]
    shell: bool = False

    def __post_init__(self) -> None:
        if any(PLACEHOLDER in text for text in self.arguments):
            raise BadUsage("the command has a NUL character, which no argument can have: remove it")

    def names_used(self, names: Collection[str]) -> set[str]:
        """Return which parameters the command has placeholders for.

        Raises
        ------
        BadUsage
            A placeholder is not a parameter's, a brace is not doubled, or a shell could execute a value. The
            message names the placeholder, and says how else to write it.
        """
        used = names_used(self.arguments, names)
        if self.shell:
            self._placements()
        self._check_spread()
        return used

    def _check_spread(self) -> None:
        """Refuse a list that is to be several arguments where there can only be one."""
        if not self.shell:
            for text in self.arguments:
                if sum(one.is_spread for one in placeholders_in(text)) > 1:
                    raise BadUsage(
                        f"{text} has two lists that become several arguments: keep only one of them"
                    )
            return
        parts = ["", *tokens(" ".join(self.arguments)), ""]
        for before, part, after in zip(parts, parts[1:], parts[2:], strict=False):
            if isinstance(part, Placeholder) and part.is_spread and not _is_word(before, after):
                raise BadUsage(
                    f"{part.text} becomes several words, but is inside a single one: put a space before and "
                    "after it, and no quotes around it, or leave --shell out"
                )
        if any(
            part.is_spread and place.quotes in (Quotes.SINGLE, Quotes.DOUBLE)
            for part, place in zip(placeholders_in(" ".join(self.arguments)), self._placements(), strict=True)
        ):
            raise BadUsage("--shell: a list that becomes several words is in quotes: remove them")

    @property
    def has_spread(self) -> bool:
        """Whether a list becomes several arguments."""
        return any(one.is_spread for text in self.arguments for one in placeholders_in(text))

    def check_values(self, psets: Iterable[Mapping[str, Any]], others: Sequence[str] = ()) -> None:
        """Refuse values that do not fit where they stand: their format, or a shell's quotes.

        Parameters
        ----------
        psets : iterable of mapping
        others : sequence of str
            Texts of options, which may have placeholders, too.

        Raises
        ------
        BadUsage
            The message names the placeholder and the value.
        """
        formatted = [one for text in (*self.arguments, *others) for one in placeholders_in(text) if one.spec]
        is_exposed = self.shell and any(one.quotes is Quotes.USELESS for one in self._placements())
        is_alone = self.shell and PLACEHOLDER_ALONE.fullmatch(" ".join(self.arguments)) is not None
        if not formatted and not is_exposed and not is_alone:
            return
        for values in islice(psets, MOST_CHECKED):
            pset = placeholder_values(values, 1, 1)
            _check_formats(formatted, pset)
            if is_exposed:
                self.fill(pset)
            if is_alone:
                self._check_is_program(pset)

    def _check_is_program(self, pset: Mapping[str, Any]) -> None:
        """Refuse a command line as a value: quoted, it is the name of a program that does not exist."""
        quoted = self._fill_shell_text(pset).strip()
        if not PLAIN.fullmatch(quoted):
            alone = " ".join(self.arguments).strip()
            raise BadUsage(
                f"the whole command is {alone}, which is quoted, so that {quoted} would be the name of "
                f"a program: write -- sh -c {alone} without --shell"
            )

    def _placements(self) -> tuple[Placement, ...]:
        parts = tokens(" ".join(self.arguments))
        text = "".join(part if isinstance(part, str) else PLACEHOLDER for part in parts)
        return find_placements(text, tuple(part.text for part in parts if not isinstance(part, str)))

    def fill(self, values: Mapping[str, Any]) -> list[str]:
        """Return the command of one pset. Braces in a value are not placeholders.

        Examples
        --------
        >>> Template(("echo", "{a} {{a}}")).fill({"a": "{b} and 'c'"})
        ['echo', "{b} and 'c' {a}"]
        >>> Template(("echo {a}",), shell=True).fill({"a": "$HOME 1"})[-1]
        "echo '$HOME 1'"
        """
        if self.shell:
            return [SHELL, "-c", self._fill_shell_text(values)]
        return [word for text in self.arguments for word in _words(text, values)]

    def _fill_shell_text(self, values: Mapping[str, Any]) -> str:
        placements = iter(self._placements())
        return "".join(
            part if isinstance(part, str) else _quoted(part, next(placements), values)
            for part in tokens(" ".join(self.arguments))
        )

    def show(self, values: Mapping[str, Any]) -> str:
        """Return the command of one pset as a user would type it."""
        command = self.fill(values)
        return command[-1] if self.shell else shlex.join(command)

    def __str__(self) -> str:
        """Return the command as it was typed."""
        return " ".join(self.arguments) if self.shell else " ".join(map(_as_typed, self.arguments))


def _check_formats(formatted: Iterable[Placeholder], pset: Mapping[str, Any]) -> None:
    for one in formatted:
        try:
            one.value(pset)
        except (ValueError, TypeError, OverflowError) as error:
            given = {name: value for name, value in pset.items() if name not in (NUMBER, JOB)}
            shown = ", ".join(f"{name}={value}" for name, value in given.items())
            raise BadUsage(
                f"the placeholder {one.text} does not fit {shown} "
                f"({error}): give another format, or {{{one.name}}} without one"
            ) from None


def _words(text: str, values: Mapping[str, Any]) -> list[str]:
    """Return what one argument of the template becomes: several arguments if it has ``{f:args}``."""
    spread = next((one for one in placeholders_in(text) if one.is_spread), None)
    if spread is None:
        return [fill(text, values)]
    parts = [part if isinstance(part, str) or part.is_spread else part.value(values) for part in tokens(text)]
    return [
        "".join(part if isinstance(part, str) else item for part in parts) for item in spread.texts(values)
    ]


def _is_word(before: str | Placeholder, after: str | Placeholder) -> bool:
    """Tell whether what is between these two is, for a shell, a word by itself."""
    if isinstance(before, Placeholder) or isinstance(after, Placeholder):
        return False
    return {*before[-1:], *after[:1]} <= WORD_ENDS


def _quoted(placeholder: Placeholder, placement: Placement, values: Mapping[str, Any]) -> str:
    return " ".join(placement.quote(placeholder.text, text) for text in placeholder.texts(values))


def _as_typed(word: str) -> str:
    """Return a word as it has to be typed; the braces of placeholders need no quotes."""
    return word if PLAIN.fullmatch(word) else shlex.quote(word)


def make_template(words: Sequence[str], shell: bool) -> Template:
    """Return the template of a command; raise `BadUsage` if there is none."""
    if not words or not words[0].strip():
        raise BadUsage("there is no command: write it after --, for example: -- ./simulate --a {a}")
    return Template(tuple(words), shell)
