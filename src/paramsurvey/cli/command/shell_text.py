"""How a value is written into a text for the shell: it stays what it is, and nothing of it is executed.

`shlex.quote` protects a value where the shell looks for words. Inside of the user's own quotes these end
before the value, and begin again after it. In backquotes, arithmetic, a comment or a here-document nothing
protects: there only a value stands that needs no quotes. Shells differ in the rest, so whatever this does not
know for certain is taken for such a place.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from paramsurvey.cli.problems import BadUsage

HOLE = "\0"  # stands for a placeholder: no argument can have one

KNOWN = re.compile(
    r"\$\{[#]?(?:\w+|[@*#?$!-])(?:[%#]{1,2}[\w.*/?-]*|:[-=+?][\w./ -]*)?\}"  # ${x%.txt}
    r"|\$\((?![^)]*\bcase\b)[\w./ +:=,@%-]*\)"  # $(date +%s)
    r"|\$(?![({[])"
)
BEFORE_A_COMMENT = " \t\n;|&()<>"

VARIABLE = "put it into a variable first, as in x=NAME; and write $x there"
ESCAPED = (
    f"--shell: NAME stands after a backslash or a dollar sign, where quotes mean something else: {VARIABLE}"
)
UNQUOTED = (
    "--shell: NAME stands WHERE, where nothing can be quoted for certain, and its value VALUE needs quotes: "
    f"{VARIABLE}"
)


class Quotes(Enum):
    """What stands around a placeholder."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a placeholder stands.

    Attributes
    ----------
    quotes : Quotes
    following : str
        The character after it.
    where : str
        In words, where nothing can be quoted.
    """

    quotes: Quotes
    following: str
    where: str = ""

    def written(self, name: str, value: str) -> str:
        """Return how a value is written there.

        Raises
        ------
        BadUsage
            It cannot be.
        """
        plain = shlex.quote(value)
        if self.quotes is Quotes.NONE:
            return self._as_a_word(value, plain)
        if plain == value:
            return value
        if self.quotes is Quotes.UNKNOWN:
            said = {"NAME": name, "WHERE": self.where, "VALUE": repr(value)}
            raise BadUsage(re.sub("|".join(said), lambda word: said[word[0]], UNQUOTED))
        return f"{self.quotes.value}{plain}{self.quotes.value}"

    def _as_a_word(self, value: str, plain: str) -> str:
        is_other = "=" in plain or self.following in ("<", ">")  # a=1 is an assignment, 2> is a redirection
        return f"'{plain}'" if plain == value and is_other else plain


@lru_cache(maxsize=16)
def spots_in(text: str, names: tuple[str, ...]) -> tuple[Spot, ...]:
    """Return where the placeholders stand.

    Parameters
    ----------
    text : str
        For the shell, with a `HOLE` in place of each placeholder.
    names : tuple of str
        The placeholders in their order.

    Raises
    ------
    BadUsage
        One stands where no value can; it is named, with what to do.
    """
    return tuple(Scanner(text, names).scan())


class Scanner:
    """Reads a text as a shell does, as far as quotes go.

    Parameters
    ----------
    text, names
        As for `spots_in`.
    """

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self._text = text
        self._names = names
        self._at = 0
        self._before = "\n"  # the character before that is not taken out by the shell
        self._spots: list[Spot] = []

    def scan(self) -> list[Spot]:
        """Go through the text."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "\\":
                self._skip_escaped()
                continue
            if character == "'":
                self._skip_single()
            elif character == '"':
                self._skip_double()
            elif character == "#" and self._before in BEFORE_A_COMMENT:
                self._skip_comment()
            else:
                self._look_at(character)
            self._before = self._text[: self._at][-1]
        return self._spots

    def _look_at(self, character: str) -> None:
        """Go on by one character outside of quotes, or to the end from what cannot be followed."""
        if character == HOLE:
            self._found(Quotes.NONE)
        for what in ("`", "<<", "$((", "((", "$'", '$"', "$["):
            if self._text.startswith(what, self._at):
                self._give_up("backquotes" if what == "`" else what)
                return
        if self._text.startswith("${", self._at):
            self._skip_known()
            return
        self._refuse_after(character)
        self._at += 1

    def _skip_known(self) -> None:
        known = KNOWN.match(self._text, self._at)
        if known is None:
            self._give_up(self._text[self._at : self._at + 2])
        else:
            self._refuse_after(self._text[known.end() - 1])
            self._at = known.end()

    def _skip_escaped(self) -> None:
        """Skip a backslash and what it protects; with the end of a line the shell takes both out."""
        self._refuse_after("\\")
        if self._text[self._at + 1 : self._at + 2] != "\n":
            self._before = "\\"
        self._at += 2

    def _skip_single(self) -> None:
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != "'":
            if self._text[self._at] == HOLE:
                self._found(Quotes.SINGLE)
            self._at += 1
        self._at += 1

    def _skip_double(self) -> None:
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != '"':
            character = self._text[self._at]
            if character == HOLE:
                self._found(Quotes.DOUBLE)
            if character == "`":
                self._give_up("backquotes")
            elif character == "$":
                self._skip_known()
            else:
                self._refuse_after(character)
                self._at += 2 if character == "\\" else 1
        self._at += 1

    def _skip_comment(self) -> None:
        while self._at < len(self._text) and self._text[self._at] != "\n":
            if self._text[self._at] == HOLE:
                self._found(Quotes.UNKNOWN, "in a comment")
            self._at += 1
        self._at += 1

    def _give_up(self, what: str) -> None:
        """Take all placeholders from here on for such that cannot be quoted."""
        while self._at < len(self._text):
            self._refuse_after(self._text[self._at])
            if self._text[self._at] == HOLE:
                self._found(Quotes.UNKNOWN, f"behind {what}")
            self._at += 1

    def _found(self, quotes: Quotes, where: str = "") -> None:
        self._spots.append(Spot(quotes, self._text[self._at + 1 : self._at + 2], where))

    def _refuse_after(self, character: str) -> None:
        """Refuse a placeholder that follows here, if this character changes what quotes mean."""
        if character in "\\$" and self._text[self._at + 1 : self._at + 2] == HOLE:
            raise BadUsage(ESCAPED.replace("NAME", f"{{{self._names[len(self._spots)]}}}"))
