"""The live view in a terminal: a bar, the rate, the forecast, the slowest psets, and the last failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.console import write
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.reporters.plain_lines import last_lines
from paramsurvey.reporting.reporters.screen import Screen
from paramsurvey.reporting.snapshot import Look, Snapshot

if TYPE_CHECKING:
    from paramsurvey.reporting.reporters.live_layout import Painter

INTERVAL = 0.5  # seconds between two drawings; a worker may wait for its next group while one is made
NARROWEST = 20  # columns


class LiveReporter:
    """Draws a few lines at the bottom of the terminal, which plain lines replace at the end.

    Parameters
    ----------
    stream : text stream
        The terminal.
    look : callable
        Returns a `Snapshot`.
    """

    interval = INTERVAL

    def __init__(self, stream: TextIO, look: Look) -> None:
        self._stream = stream
        self._look = look
        self._screen = Screen(stream)
        self._painter: Painter | None = None

    def report(self, progress: MapProgress, final: bool) -> None:
        """Draw the map as it is now."""
        if final:
            self._screen.close()
            write(self._stream, last_lines(progress, self._look()))
            return
        if self._painter is None:  # a map that ends before the first drawing never loads rich
            from paramsurvey.reporting.reporters.live_layout import Painter

            self._painter = Painter(self._stream)
        size = self._screen.size()
        width, height = max(NARROWEST, size.columns - 1), max(1, size.lines - 2)
        lines, widths = self._painter.paint(progress, self._look(), width, height)
        self._screen.open()
        self._screen.show(lines, widths)

    def close(self) -> None:
        """Remove the lines from the screen."""
        self._screen.close()


if TYPE_CHECKING:
    import sys

    _: Reporter = LiveReporter(sys.stderr, Snapshot)
