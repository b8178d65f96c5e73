"""Commands with placeholders: ``./simulate --a {a}``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramsurvey.cli.command.shell_text import HOLE, Quotes, Spot, spots_in
from paramsurvey.cli.problems import BadUsage
from paramsurvey.errors import suggestion

MARK = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")
SHELL = "/bin/sh"


@dataclass(frozen=True)
class Template:
    """A command, as it was typed.

    Parameters
    ----------
    arguments : sequence of str
        ``{name}`` is a placeholder, ``{{`` and ``}}`` are braces; other braces are themselves.
    shell : bool
        The arguments, joined by spaces, are a text for the shell.
    """

    arguments: tuple[str, ...]
    shell: bool = False

    def check(self, names: Collection[str]) -> None:
        """Refuse placeholders that are no parameters, or whose values a shell could execute.

        Raises
        ------
        BadUsage
            It names the placeholder, and the parameters that there are or how else to write it.
        """
        for name in self.placeholders():
            if name not in names:
                raise BadUsage(
                    f"the command has the placeholder {{{name}}}, which is no parameter"
                    f"{suggestion(name, names)} (for the text itself, write {{{{{name}}}}})"
                )
        if self.shell:
            self._spots()

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse values that need quotes where the shell has none.

        Raises
        ------
        BadUsage
            It names the placeholder and the value.
        """
        if self.shell and any(spot.quotes is Quotes.UNKNOWN for spot in self._spots()):
            for pset in psets:
                self.fill(pset)

    def _spots(self) -> tuple[Spot, ...]:
        text = MARK.sub(lambda mark: HOLE if mark[1] else mark[0][0], " ".join(self.arguments))
        return spots_in(text, tuple(self.placeholders()))

    def placeholders(self) -> list[str]:
        """Return the names of the placeholders, in order."""
        return [name for text in self.arguments for name in placeholders_in(text)]

    def fill(self, pset: Mapping[str, Any]) -> list[str]:
        """Return the command of one pset. What a value holds is not looked at again.

        Examples
        --------
        >>> Template(("echo", "{a} {{a}}")).fill({"a": "{b} and 'c'"})
        ['echo', "{b} and 'c' {a}"]
        >>> Template(("echo {a}",), shell=True).fill({"a": "$HOME 1"})[-1]
        "echo '$HOME 1'"
        """
        if self.shell:
            return [SHELL, "-c", self._text_for_the_shell(pset)]
        return [
            _filled(text, {name: str(pset[name]) for name in placeholders_in(text)})
            for text in self.arguments
        ]

    def _text_for_the_shell(self, pset: Mapping[str, Any]) -> str:
        spots = iter(self._spots())

        def replaced(mark: re.Match[str]) -> str:
            return next(spots).written(mark[0], str(pset[mark[1]])) if mark[1] else mark[0][0]

        return MARK.sub(replaced, " ".join(self.arguments))

    def show(self, pset: Mapping[str, Any]) -> str:
        """Return the command of one pset as one would type it."""
        command = self.fill(pset)
        return command[-1] if self.shell else shlex.join(command)


def placeholders_in(text: str) -> list[str]:
    """Return the names of the placeholders in one argument."""
    return [name for name in MARK.findall(text) if name]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return MARK.sub(lambda mark: values[mark[1]] if mark[1] else mark[0][0], text)


def template_of(command: Sequence[str], shell: bool) -> Template:
    """Return the template of a command; raise `BadUsage` where there is none."""
    if not command or not command[0].strip():
        raise BadUsage("there is no command: write it after --, for example: -- ./simulate --a {a}")
    return Template(tuple(command), shell)
