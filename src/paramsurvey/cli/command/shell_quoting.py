"""How values are quoted in a text for the shell: each stays one value, and the shell executes nothing of it.

`shlex.quote` protects a value where the shell looks for words. Inside the user's own quotes, the value closes
them before it and opens them again after it. In backquotes, arithmetic, a comment or a here-document, quotes
protect nothing: only a value that needs no quotes may stand there. Shells differ in everything else, so a
construct that this module does not know for certain is treated like backquotes.
"""

from __future__ import annotations

import re
import shlex
from enum import Enum
from functools import lru_cache

from paramsurvey.cli.errors import BadUsage
from paramsurvey.fast_dataclass import dataclass

PLACEHOLDER = "\0"  # stands for a placeholder in the text: no argument of a program can contain it

SAFE_EXPANSION = re.compile(
    r"\$\{[#]?(?:\w+|[@*#?$!-])(?:[%#]{1,2}[\w.*/?-]*|:[-=+?][\w./ -]*)?\}"  # ${x%.txt}
    r"|\$\((?![^)]*\bcase\b)[\w./ +:=,@%-]*\)"  # $(date +%s)
    r"|\$(?![({[])"
)
BEFORE_A_COMMENT = " \t\n;|&()<>"
UNQUOTABLE = ("`", "<<", "$((", "((", "$'", '$"', "$[")  # what these begin ends where only a shell knows

USE_A_VARIABLE = "put it into a variable first, as in x=NAME; and write $x there"
AFTER_ESCAPE = (
    f"--shell: NAME follows a backslash or a dollar sign, which changes its quotes: {USE_A_VARIABLE}"
)
NEEDS_QUOTES = (
    "--shell: NAME stands PLACE, where quotes do not protect it, and its value VALUE needs quotes: "
    f"{USE_A_VARIABLE}"
)


class Quotes(Enum):
    """The quotes around a placeholder."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'
    USELESS = "?"  # quotes do not protect a value here


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a placeholder stands in the text.

    Attributes
    ----------
    quotes : Quotes
    following : str
        The character after it.
    place : str
        Where quotes are useless: the place in words, for the message.
    """

    quotes: Quotes
    following: str
    place: str = ""

    def quote(self, name: str, value: str) -> str:
        """Return a value as it is written there.

        Raises
        ------
        BadUsage
            The value needs quotes, and quotes are useless there.
        """
        quoted = shlex.quote(value)
        if self.quotes is Quotes.NONE:
            return self._as_a_word(value, quoted)
        if quoted == value:
            return value
        if self.quotes is Quotes.USELESS:
            words = {"NAME": name, "PLACE": self.place, "VALUE": repr(value)}
            raise BadUsage(re.sub("|".join(words), lambda word: words[word[0]], NEEDS_QUOTES))
        return f"{self.quotes.value}{quoted}{self.quotes.value}"

    def _as_a_word(self, value: str, quoted: str) -> str:
        """Quote also what the shell would take for an assignment (a=1) or a redirection (2>)."""
        is_syntax = "=" in quoted or self.following in ("<", ">")
        return f"'{quoted}'" if quoted == value and is_syntax else quoted


@lru_cache(maxsize=16)
def find_placements(text: str, names: tuple[str, ...]) -> tuple[Placement, ...]:
    """Return where the placeholders stand.

    Parameters
    ----------
    text : str
        For the shell, with `PLACEHOLDER` in place of each placeholder.
    names : tuple of str
        The placeholders in their order, with their braces.

    Raises
    ------
    BadUsage
        A placeholder stands where no value can; the message names it and says what to do.
    """
    return tuple(ShellScanner(text, names).scan())


class ShellScanner:
    """Reads a text as a shell does, as far as quotes are concerned.

    Parameters
    ----------
    text, names
        As for `find_placements`.
    """

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self._text = text
        self._names = names
        self._at = 0
        self._before = "\n"  # the last character that the shell does not remove
        self._placements: list[Placement] = []

    def scan(self) -> list[Placement]:
        """Read the whole text."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "\\":
                self._skip_escaped()
                continue
            if character == "'":
                self._skip_single_quotes()
            elif character == '"':
                self._skip_double_quotes()
            elif character == "#" and self._before in BEFORE_A_COMMENT:
                self._skip_comment()
            else:
                self._skip_unquoted(character)
            self._before = self._text[: self._at][-1]
        return self._placements

    def _skip_unquoted(self, character: str) -> None:
        """Skip one character outside of quotes, or all the rest if something unquotable begins here."""
        if character == PLACEHOLDER:
            self._add(Quotes.NONE)
        for beginning in UNQUOTABLE:
            if self._text.startswith(beginning, self._at):
                self._skip_rest("backquotes" if beginning == "`" else beginning)
                return
        if self._text.startswith("${", self._at):
            self._skip_expansion()
            return
        self._refuse_placeholder_after(character)
        self._at += 1

    def _skip_expansion(self) -> None:
        expansion = SAFE_EXPANSION.match(self._text, self._at)
        if expansion is None:
            self._skip_rest(self._text[self._at : self._at + 2])
        else:
            self._refuse_placeholder_after("$")
            self._at = expansion.end()

    def _skip_escaped(self) -> None:
        """Skip a backslash and the character after it; a shell removes both where that is a newline."""
        self._refuse_placeholder_after("\\")
        if self._text[self._at + 1 : self._at + 2] != "\n":
            self._before = "\\"
        self._at += 2

    def _skip_single_quotes(self) -> None:
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != "'":
            if self._text[self._at] == PLACEHOLDER:
                self._add(Quotes.SINGLE)
            self._at += 1
        self._at += 1

    def _skip_double_quotes(self) -> None:
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != '"':
            character = self._text[self._at]
            if character == PLACEHOLDER:
                self._add(Quotes.DOUBLE)
            if character == "`":
                self._skip_rest("backquotes")
            elif character == "$":
                self._skip_expansion()
            else:
                self._refuse_placeholder_after(character)
                self._at += 2 if character == "\\" else 1
        self._at += 1

    def _skip_comment(self) -> None:
        while self._at < len(self._text) and self._text[self._at] != "\n":
            if self._text[self._at] == PLACEHOLDER:
                self._add(Quotes.USELESS, "in a comment")
            self._at += 1
        self._at += 1

    def _skip_rest(self, beginning: str) -> None:
        """Skip all the rest of the text: what begins here may end anywhere, and quotes are useless in it."""
        while self._at < len(self._text):
            self._refuse_placeholder_after(self._text[self._at])
            if self._text[self._at] == PLACEHOLDER:
                self._add(Quotes.USELESS, f"after {beginning}")
            self._at += 1

    def _add(self, quotes: Quotes, place: str = "") -> None:
        self._placements.append(Placement(quotes, self._text[self._at + 1 : self._at + 2], place))

    def _refuse_placeholder_after(self, character: str) -> None:
        """Refuse a placeholder that comes next, if this character changes what its quotes mean."""
        if character in "\\$" and self._text[self._at + 1 : self._at + 2] == PLACEHOLDER:
            raise BadUsage(AFTER_ESCAPE.replace("NAME", self._names[len(self._placements)]))
