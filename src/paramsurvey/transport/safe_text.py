r"""Text of others made safe for terminals and logs: it can neither command a terminal nor forge a line.

Escape sequences move the cursor, change titles and colors, and even type. Newlines make a second line,
which looks as if paramsurvey had written it. Controls of the writing direction show other text than there is.
All of them are shown as Python writes them in a string: ``\x1b``, ``\n``, ``\u202e``.
"""

from __future__ import annotations

import re

COLORS = re.compile(r"(\x1b\[[0-9;:]{0,40}m)")
PLAIN_AGAIN = "\x1b[0m"
HARMLESS = "\u200c\u200d"  # join letters and emoji, and show nothing


def safe_line(text: str) -> str:
    r"""Return text as one line without anything that a terminal obeys.

    Examples
    --------
    >>> print(safe_line("red \x1b[31m\nforged"))
    red \x1b[31m\nforged
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def safe_block(text: str) -> str:
    r"""Return text without anything that a terminal obeys, but with its line ends and tabs.

    Examples
    --------
    >>> print(safe_block("two\nlines\r\x1b[2J"))
    two
    lines\r\x1b[2J
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(one if one in "\n\t" else _shown(one) for one in text)


def safe_output(text: str) -> str:
    r"""Return what a program printed as `safe_block` does, but with its colors, which end where it ends.

    Examples
    --------
    >>> safe_output("\x1b[31mred\x1b[2J")
    '\x1b[31mred\\x1b[2J\x1b[0m'
    """
    pieces = COLORS.split(text.replace("\r\n", "\n"))
    shown = (piece if place % 2 else safe_block(piece) for place, piece in enumerate(pieces))
    return "".join(shown) + (PLAIN_AGAIN if len(pieces) > 1 else "")


def shortened(text: str, most: int) -> str:
    """Return text with its middle left out, if it has more than `most` characters, and how many those were.

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
    if character.isprintable() or character in HARMLESS or character == "\xa0":
        return character
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii")
