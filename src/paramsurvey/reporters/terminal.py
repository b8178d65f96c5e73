"""Progress for whoever watches the survey."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from paramsurvey.progress import MapProgress
from paramsurvey.reporters.base import Reporter, plain_line


class PlainReporter:
    """Writes the progress line: for files, pipes, and terminals that cannot do more.

    Parameters
    ----------
    interval : float
        Seconds between two lines.
    stream : text stream, optional
        Where to; None: whatever `sys.stderr` is at that moment, because notebooks and tests replace it.
    """

    def __init__(self, interval: float, stream: TextIO | None = None) -> None:
        self.interval = interval
        self._stream = stream

    def report(self, progress: MapProgress, final: bool) -> None:
        """Write the counters, or do nothing where nobody listens."""
        stream = sys.stderr if self._stream is None else self._stream
        if stream is None:  # pythonw and some daemons have no stderr
            return
        with suppress(OSError, ValueError):  # ValueError: closed
            stream.write(plain_line(progress) + "\n")
            stream.flush()

    def close(self) -> None:
        """Do nothing: a line is complete when it is written."""


if TYPE_CHECKING:
    _: Reporter = PlainReporter(30.0)
