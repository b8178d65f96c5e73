"""Where in a text for the shell a quoted value stays one word, and nothing of it is executed.

A value stands between single quotes (`shlex.quote`). That protects it where the shell looks for words, and
nowhere else: not in the user's own quotes, in backquotes, in arithmetic, in a comment or a here-document.
Shells differ in the rest, so whatever this does not know for certain, it refuses.
"""

from __future__ import annotations

import re

from paramsurvey.cli.problems import BadUsage

HOLE = "\0"  # stands for a placeholder: no argument can have one

SAFE_IN_QUOTES = re.compile(
    r"\$\{[#]?(?:\w+|[@*#?$!-])(?:[%#]{1,2}[\w.*/?-]*|:[-=+?][\w./ -]*)?\}"  # ${x%.txt}
    r"|\$\((?![^)]*\bcase\b)[\w./ +:=,@%-]*\)"  # $(date +%s)
    r"|\$(?![({[])"
)
BEFORE_A_COMMENT = " \t\n;|&()<>"

QUOTES = "stands inside quotes: write it without quotes around it, for it is quoted already"
COMMENT = "stands in a comment: leave it out there"
VARIABLE = "put it into a variable first, as in x={NAME}; and write $x there"
ESCAPED = f"stands after a backslash or a dollar sign, where quotes mean something else: {VARIABLE}"
UNKNOWN = f"stands behind WHAT, where it cannot be quoted for certain: {VARIABLE}"


def check_quoting(text: str, names: list[str]) -> None:
    """Refuse placeholders where a quoted value would not stay one word.

    Parameters
    ----------
    text : str
        For the shell, with a `HOLE` in place of each placeholder.
    names : list of str
        The placeholders in their order.

    Raises
    ------
    BadUsage
        It names the placeholder, and says what to do.
    """
    Scanner(text, names).scan()


class Scanner:
    """Reads a text as a shell does, as far as quotes go.

    Parameters
    ----------
    text, names
        As for `check_quoting`.
    """

    def __init__(self, text: str, names: list[str]) -> None:
        self._text = text
        self._names = names
        self._at = 0
        self._before = "\n"  # the character before that is not taken out by the shell

    def scan(self) -> None:
        """Go through the text."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "\\":
                self._skip_escaped()
                continue
            if character == "'":
                self._skip_to(self._text.find("'", self._at + 1), QUOTES)
            elif character == '"':
                self._skip_double()
            elif character == "#" and self._before in BEFORE_A_COMMENT:
                self._skip_to(self._text.find("\n", self._at), COMMENT)
            else:
                self._look_at(character)
            self._before = self._text[: self._at][-1]

    def _look_at(self, character: str) -> None:
        """Go on by one character outside of quotes; refuse what cannot be followed."""
        for what in ("`", "<<", "$((", "((", "$'", '$"', "$["):
            if self._text.startswith(what, self._at):
                self._give_up("backquotes" if what == "`" else what)
        if self._text.startswith("${", self._at):
            self._skip_known()
            return
        if self._text.startswith(f"${HOLE}", self._at):
            self._refuse(self._at, ESCAPED)
        self._at += 1

    def _skip_known(self) -> None:
        known = SAFE_IN_QUOTES.match(self._text, self._at)
        if known is None:
            self._give_up(self._text[self._at : self._at + 2])
        else:
            self._at = known.end()

    def _skip_escaped(self) -> None:
        """Skip a backslash and what it protects; with the end of a line the shell takes both out."""
        escaped = self._text[self._at + 1 : self._at + 2]
        if escaped == HOLE:
            self._refuse(self._at, ESCAPED)
        if escaped != "\n":
            self._before = "\\"
        self._at += 2

    def _skip_double(self) -> None:
        """Skip what stands between double quotes."""
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != '"':
            character = self._text[self._at]
            if character == HOLE:
                self._refuse(self._at, QUOTES)
            if character == "`":
                self._give_up("backquotes")
            if character == "$":
                self._skip_known()
            else:
                escapes = character == "\\" and self._text[self._at + 1 : self._at + 2] != HOLE
                self._at += 2 if escapes else 1
        self._at += 1

    def _skip_to(self, end: int, why: str) -> None:
        """Skip what is quoted, up to its last character."""
        end = len(self._text) if end < 0 else end
        hole = self._text.find(HOLE, self._at, end)
        if hole >= 0:
            self._refuse(hole, why)
        self._at = end + 1

    def _give_up(self, what: str) -> None:
        """Refuse all placeholders from here on."""
        hole = self._text.find(HOLE, self._at)
        if hole >= 0:
            self._refuse(hole, UNKNOWN.replace("WHAT", what))
        self._at = len(self._text)

    def _refuse(self, at: int, why: str) -> None:
        name = self._names[self._text.count(HOLE, 0, self._text.find(HOLE, at))]
        raise BadUsage(f"--shell: the placeholder {{{name}}} {why.replace('NAME', name)}")
