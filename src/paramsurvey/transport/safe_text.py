r"""Makes other people's text safe for terminals and logs: it can neither command a terminal nor forge a line.

Escape sequences move the cursor, change titles and colors, and can even type. A newline starts a second line,
which looks as if paramsurvey had written it. Directional controls display other text than there is. All of
them are shown as Python writes them in a string: ``\x1b``, ``\n``, ``\u202e``.
"""

from __future__ import annotations

import re

COLORS = re.compile(r"(\x1b\[[0-9;:]{0,40}m)")
RESET_COLORS = "\x1b[0m"
JOINERS = "\u200c\u200d"  # join letters and emoji, and show nothing


def safe_line(text: str) -> str:
    r"""Return text as one line without anything that a terminal obeys.

    Examples
    --------
    >>> print(safe_line("red \x1b[31m\nforged"))
    red \x1b[31m\nforged
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def safe_block(text: str) -> str:
    r"""Return text without anything that a terminal obeys, except line ends and tabs.

    Examples
    --------
    >>> print(safe_block("two\nlines\r\x1b[2J"))
    two
    lines\r\x1b[2J
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(character if character in "\n\t" else _shown(character) for character in text)


def safe_output(text: str) -> str:
    r"""Return a program's output as `safe_block` does, but with its colors, which are reset at the end.

    Examples
    --------
    >>> safe_output("\x1b[31mred\x1b[2J")
    '\x1b[31mred\\x1b[2J\x1b[0m'
    """
    pieces = COLORS.split(text.replace("\r\n", "\n"))
    shown = (piece if place % 2 else safe_block(piece) for place, piece in enumerate(pieces))
    return "".join(shown) + (RESET_COLORS if len(pieces) > 1 else "")


def shortened(text: str, most: int) -> str:
    """Return text; if it has more than `most` characters, the middle is replaced by how many are left out.

    Examples
    --------
    >>> shortened("abcdefghij", 4)
    'ab... (6 characters left out) ...ij'
    """
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}... ({len(text) - 2 * half:,} characters left out) ...{text[-half:]}"


def _shown(character: str) -> str:
    if character.isprintable() or character in JOINERS or character == "\xa0":
        return character
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii")
