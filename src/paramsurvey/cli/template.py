"""Commands with placeholders: ``./simulate --a {a}``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramsurvey.cli.problems import BadUsage
from paramsurvey.cli.shell_text import HOLE, check_quoting
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
            check_quoting(self._with_holes(), self.placeholders())

    def _with_holes(self) -> str:
        return MARK.sub(lambda mark: HOLE if mark[1] else mark[0][0], " ".join(self.arguments))

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
            return [SHELL, "-c", _filled(" ".join(self.arguments), pset, quoted)]
        return [_filled(text, pset) for text in self.arguments]

    def show(self, pset: Mapping[str, Any]) -> str:
        """Return the command of one pset as one would type it."""
        command = self.fill(pset)
        return command[-1] if self.shell else shlex.join(command)


def placeholders_in(text: str) -> list[str]:
    """Return the names of the placeholders in one argument."""
    return [name for name in MARK.findall(text) if name]


def quoted(value: str, following: str) -> str:
    """Return a value as one word for the shell.

    Examples
    --------
    >>> quoted("$HOME", " "), quoted("2", " "), quoted("2", ">")
    ("'$HOME'", '2', "'2'")
    """
    plain = shlex.quote(value)
    is_other = "=" in plain or following in ("<", ">")  # a=1 is an assignment, 2> is a redirection
    return f"'{plain}'" if plain == value and is_other else plain


def _as_it_is(value: str, following: str) -> str:
    return value


def _filled(text: str, pset: Mapping[str, Any], quote: Callable[[str, str], str] = _as_it_is) -> str:
    def replaced(mark: re.Match[str]) -> str:
        return quote(str(pset[mark[1]]), text[mark.end() : mark.end() + 1]) if mark[1] else mark[0][0]

    return MARK.sub(replaced, text)


def template_of(command: Sequence[str], shell: bool) -> Template:
    """Return the template of a command; raise `BadUsage` where there is none."""
    if not command or not command[0].strip():
        raise BadUsage("there is no command: write it after --, for example: -- ./simulate --a {a}")
    return Template(tuple(command), shell)
