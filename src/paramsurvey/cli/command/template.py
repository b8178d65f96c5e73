"""Commands with placeholders: ``./simulate --a {a}``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramsurvey.cli.command.shell_quoting import PLACEHOLDER, Placement, Quotes, find_placements
from paramsurvey.cli.errors import BadUsage
from paramsurvey.errors import suggestion

BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")  # {{, }}, or {name}, whose name is group 1
SHELL = "/bin/sh"


@dataclass(frozen=True)
class Template:
    """A command, as it was typed.

    Parameters
    ----------
    arguments : sequence of str
        ``{name}`` is a placeholder, ``{{`` and ``}}`` are literal braces; other braces stay as they are.
    shell : bool
        The arguments, joined by spaces, are a text for the shell.
    """

    arguments: tuple[str, ...]
    shell: bool = False

    def check(self, names: Collection[str]) -> None:
        """Refuse placeholders that no parameter has, and those whose values a shell could execute.

        Raises
        ------
        BadUsage
            The message names the placeholder, and the parameters that exist or how else to write it.
        """
        for name in self.placeholders():
            if name not in names:
                raise BadUsage(
                    f"the command has the placeholder {{{name}}}, which is not a parameter"
                    f"{suggestion(name, names)} (for the text itself, write {{{{{name}}}}})"
                )
        if self.shell:
            self._placements()

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse values that need quotes where quotes are useless.

        Raises
        ------
        BadUsage
            The message names the placeholder and the value.
        """
        if self.shell and any(placement.quotes is Quotes.USELESS for placement in self._placements()):
            for pset in psets:
                self.fill(pset)

    def _placements(self) -> tuple[Placement, ...]:
        text = BRACES.sub(lambda match: PLACEHOLDER if match[1] else match[0][0], " ".join(self.arguments))
        return find_placements(text, tuple(self.placeholders()))

    def placeholders(self) -> list[str]:
        """Return the names of the placeholders, in order."""
        return [name for text in self.arguments for name in placeholders_in(text)]

    def fill(self, pset: Mapping[str, Any]) -> list[str]:
        """Return the command of one pset. Braces in a value are not placeholders.

        Examples
        --------
        >>> Template(("echo", "{a} {{a}}")).fill({"a": "{b} and 'c'"})
        ['echo', "{b} and 'c' {a}"]
        >>> Template(("echo {a}",), shell=True).fill({"a": "$HOME 1"})[-1]
        "echo '$HOME 1'"
        """
        if self.shell:
            return [SHELL, "-c", self._fill_shell_text(pset)]
        return [_fill_argument(text, pset) for text in self.arguments]

    def _fill_shell_text(self, pset: Mapping[str, Any]) -> str:
        placements = iter(self._placements())

        def replacement(match: re.Match[str]) -> str:
            return next(placements).quote(match[0], str(pset[match[1]])) if match[1] else match[0][0]

        return BRACES.sub(replacement, " ".join(self.arguments))

    def show(self, pset: Mapping[str, Any]) -> str:
        """Return the command of one pset as a user would type it."""
        command = self.fill(pset)
        return command[-1] if self.shell else shlex.join(command)


def placeholders_in(text: str) -> list[str]:
    """Return the names of the placeholders in one argument."""
    return [name for name in BRACES.findall(text) if name]


def _fill_argument(text: str, pset: Mapping[str, Any]) -> str:
    return BRACES.sub(lambda match: str(pset[match[1]]) if match[1] else match[0][0], text)


def make_template(words: Sequence[str], shell: bool) -> Template:
    """Return the template of a command; raise `BadUsage` if there is none."""
    if not words or not words[0].strip():
        raise BadUsage("there is no command: write it after --, for example: -- ./simulate --a {a}")
    return Template(tuple(words), shell)
