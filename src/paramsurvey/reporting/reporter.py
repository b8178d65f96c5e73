"""The contract between the survey and the reporters, which show or send its progress."""

from __future__ import annotations

from typing import Protocol

from paramsurvey.engine.progress import MapProgress
from paramsurvey.transport.safe_text import safe_line


class Reporter(Protocol):
    """Shows one map's progress somewhere.

    A reporter must not delay a survey, so it never waits for anything. It cannot fail a survey either: the
    caller logs whatever it raises, and goes on.
    """

    interval: float
    """Seconds between two calls of `report`; if it is 0, `report` is called after every reply."""

    def report(self, progress: MapProgress, final: bool) -> None:
        """Show the counters; `final` is true once, at the end of the map."""
        ...

    def close(self) -> None:
        """End, because the map has ended in one way or another. It may be called twice."""
        ...


def plain_line(progress: MapProgress) -> str:
    """Return one line for files and pipes: the map's name, the word ``progress``, the counters.

    Examples
    --------
    >>> plain_line(MapProgress("fit", total=2, finished=2))
    'fit progress: total: 2, active: 0, finished: 2, failures: 0, exceptions: 0'
    """
    return f"{safe_line(progress.name)} progress: {progress}"
