"""A few lines at the bottom of a terminal that are drawn again and again; what is printed appears above.

The terminal is left as it is: no cursor is hidden and no mode is set, so that nothing has to be undone
when the program is killed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TextIO, cast

UP = "\x1b[{}A"
ERASE_BELOW = "\r\x1b[J"


class Screen:
    """Draws lines on a terminal, below everything else that is written there.

    Between `open` and `close`, `sys.stderr`, and `sys.stdout` where that is a terminal too, are
    replaced by streams that write above the lines.

    Parameters
    ----------
    stream : text stream
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()  # workers' output comes from another thread
        self._lines: Sequence[str] = ()
        self._widths: Sequence[int] = ()
        self._drawn = False
        self._unfinished = False  # the line above, which the program has printed, has no end yet
        self._replaced: dict[str, tuple[Any, Any]] = {}

    def open(self) -> None:
        """Begin to catch what is printed. Twice is harmless."""
        if self._replaced:
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and is_terminal(stream):
                self._replaced[name] = (stream, OutputAboveScreen(self, stream))
                setattr(sys, name, self._replaced[name][1])

    def close(self) -> None:
        """Remove the lines and give the streams back. Twice is harmless."""
        with self._lock:
            self._erase()
            self._lines = ()
        for name, (stream, above) in self._replaced.items():
            above.flush()
            if (
                getattr(sys, name) is above
            ):  # otherwise the program has replaced it since, and still needs its own
                setattr(sys, name, stream)
        self._replaced.clear()

    def show(self, lines: Sequence[str], widths: Sequence[int]) -> None:
        """Draw lines in the place of those before; `widths` are their widths without control codes."""
        with self._lock:
            erasing = self._erasing()
            self._lines, self._widths = lines, widths
            self._write(erasing + self._drawing())

    def print_above(self, stream: TextIO, text: str) -> None:
        """Write text above the lines; after an unfinished line they are drawn again at the next `show`."""
        with self._lock:
            self._erase()
            with suppress(OSError, ValueError):
                stream.write(text)
                stream.flush()
            self._unfinished = not text.endswith("\n")
            if not self._unfinished:
                self._write(self._drawing())

    def _erase(self) -> None:
        if self._drawn:
            self._write(self._erasing())

    def _erasing(self) -> str:
        """Return the codes that remove what is drawn; a terminal that became narrower has wrapped it."""
        if not self._drawn:
            return ""
        self._drawn = False
        size = self.size()
        rows = sum(max(1, -(-width // size.columns)) for width in self._widths)
        return UP.format(min(rows, size.lines - 1)) + ERASE_BELOW

    def _drawing(self) -> str:
        if not self._lines:
            return ""
        start = "\n" if self._unfinished else ""
        self._drawn, self._unfinished = True, False
        return start + "".join(f"{line}\n" for line in self._lines)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # the terminal was closed: the survey goes on
            self._stream.write(text)
            self._stream.flush()

    def size(self) -> os.terminal_size:
        """Return the terminal's size now."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError, AttributeError):
            return os.terminal_size((80, 24))
        return os.terminal_size((size.columns or 80, size.lines or 24))


class OutputAboveScreen:
    """A stream that writes above the lines of a screen; for everything else it is the stream itself."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self._stream = stream
        self._pending = ""

    def write(self, text: str) -> int:
        """Write whole lines, and keep the rest until it is whole or flushed."""
        whole, newline, self._pending = (self._pending + text).rpartition("\n")
        if newline:
            self._screen.print_above(self._stream, whole + newline)
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        """Write several texts."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Write what is kept: a prompt, most likely."""
        if self._pending:
            text, self._pending = self._pending, ""
            self._screen.print_above(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def in_notebook() -> bool:
    """Tell whether this is a kernel, without loading anything."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "ipykernel" in sys.modules and getattr(shell, "kernel", None) is not None


def is_terminal(stream: object) -> bool:
    """Tell whether a stream is a terminal, and none that writes above a screen already."""
    with suppress(AttributeError, ValueError, OSError):
        return not isinstance(stream, OutputAboveScreen) and bool(cast(TextIO, stream).isatty())
    return False
