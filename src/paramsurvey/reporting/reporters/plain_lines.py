"""Progress as lines, for files, pipes, and terminals that cannot do more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.console import write
from paramsurvey.reporting.humanize import frequency, span
from paramsurvey.reporting.reporter import Reporter, plain_line
from paramsurvey.reporting.snapshot import Look, Snapshot


class PlainReporter:
    """Writes the progress line, and a summary at the end.

    Parameters
    ----------
    interval : float
        Seconds between two lines.
    stream : text stream, optional
        Where to write them. By default, whatever `sys.stderr` is at that moment, because notebooks and tests
        replace it.
    look : callable, optional
        Returns a `Snapshot`, whose rate and forecast are written after the counters.
    """

    def __init__(self, interval: float, stream: TextIO | None = None, look: Look = Snapshot) -> None:
        self.interval = interval
        self._stream = stream
        self._look = look
        self._last_line = ""

    def report(self, progress: MapProgress, final: bool) -> None:
        """Write the counters; do nothing if the stream is closed."""
        stream = sys.stderr if self._stream is None else self._stream
        if stream is None:  # pythonw and some daemons have no stderr
            return
        line = plain_line(progress)
        if line == self._last_line and not final and not self.interval:  # nothing has happened
            return
        self._last_line = line
        write(stream, last_lines(progress, self._look()) if final else pace_line(progress, self._look()))

    def close(self) -> None:
        """Do nothing, because nothing is held back."""


def pace_line(progress: MapProgress, seen: Snapshot) -> str:
    """Return the progress line, with the rate and the forecast if they are known.

    Examples
    --------
    >>> pace_line(MapProgress("fit", total=2, finished=1), Snapshot(per_second=0.5, seconds_left=(1.7, 2.7)))
    'fit progress: total: 2, active: 0, finished: 1, failures: 0, exceptions: 0, 30.0/min, ETA 2-3 s\\n'
    """
    parts = [plain_line(progress)]
    if seen.per_second is not None:
        parts.append(frequency(seen.per_second))
    if seen.seconds_left is not None:
        parts.append(f"ETA {span(*seen.seconds_left)}")
    return ", ".join(parts) + "\n"


def last_lines(progress: MapProgress, seen: Snapshot) -> str:
    """Return the progress line with the summary below it."""
    summary = f"{seen.summary}\n" if seen.summary else ""
    return f"{plain_line(progress)}\n{summary}"


if TYPE_CHECKING:
    _: Reporter = PlainReporter(30.0)
