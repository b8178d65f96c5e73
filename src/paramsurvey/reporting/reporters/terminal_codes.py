"""What to write to a terminal so that a few lines stay at its bottom, below everything that is printed.

The terminal is left as it is: the cursor is not hidden and no mode is set, so that nothing has to be undone
if the program is killed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from os import terminal_size

UP = "\x1b[{}A"
ERASE_BELOW = "\r \x1b[J\r"  # not from the upper left corner: tmux would keep that in its history
LONGEST_LINE = 4096  # bytes of an unfinished line that are remembered


class ScreenText:
    """Knows what is on the screen, and what must be written to change it.

    Parameters
    ----------
    size : callable
        Returns the terminal's size now.

    Examples
    --------
    >>> screen = ScreenText(lambda: terminal_size((80, 24)))
    >>> screen.show(["bar"], [3])
    b'bar\\n'
    >>> screen.printed(b"hello\\n")
    b'\\x1b[1A\\r \\x1b[J\\rhello\\nbar\\n'
    """

    def __init__(self, size: Callable[[], terminal_size]) -> None:
        self._size = size
        self._lines: Sequence[str] = ()
        self._widths: Sequence[int] = ()
        self._drawn: list[int] = []  # the widths of the lines on the screen that have to be erased
        self._begun = b""  # a printed line that is not finished yet

    def show(self, lines: Sequence[str], widths: Sequence[int]) -> bytes:
        """Return what replaces the lines; `widths` are the new ones' widths without control codes."""
        erasing = self._erasing()
        self._lines, self._widths = lines, widths
        return erasing + self._drawing()

    def printed(self, text: bytes) -> bytes:
        """Return what writes text above the lines.

        After an unfinished line, which may be a prompt, they are only drawn again at the next `show`.
        """
        erasing = self._erasing()
        _, newline, rest = text.rpartition(b"\n")
        again = self._begun if erasing else b""  # because it is erased with the lines
        self._begun = (rest if newline else self._begun + rest)[: LONGEST_LINE + 1]
        return erasing + again + text + (b"" if self._begun else self._drawing())

    def clear(self) -> bytes:
        """Return what removes the lines."""
        erasing = self._erasing()
        self._lines = ()
        begun, self._begun = self._begun, b""
        return erasing + (begun if erasing else b"")

    def _drawing(self) -> bytes:
        if not self._lines:
            return b""
        start = ""
        if self._begun:
            width = _width(self._begun)
            again = 0 < width < self._size().columns
            self._drawn = [width] if again else []
            self._begun = self._begun if again else b""
            start = "\n"
        self._drawn += self._widths
        return (start + "".join(f"{line}\n" for line in self._lines)).encode(errors="replace")

    def _erasing(self) -> bytes:
        """Return the codes that erase the lines, which a terminal that became narrower has wrapped."""
        if not self._drawn:
            return b""
        size = self._size()
        rows = sum(max(1, -(-width // size.columns)) for width in self._drawn)
        self._drawn = []
        return (UP.format(min(rows, size.lines - 1)) + ERASE_BELOW).encode()


def _width(line: bytes) -> int:
    """Return how many columns a line takes; 0 if that is not known, so that it is not written again."""
    text = line[: LONGEST_LINE + 1].decode(errors="replace")
    if len(line) > LONGEST_LINE or not text.replace("\r", "").isprintable():
        return 0
    return max(
        sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in part) for part in text.split("\r")
    )
