"""The performance statistics while a map runs, and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.stats import PerfStats


class StatisticsReporter:
    """Prints percentiles to the log, and to stderr.

    Parameters
    ----------
    stats : PerfStats
    interval : float
        Seconds between two reports on stderr. A map that is over before the first shows none
        there, unless `always_final`.
    always_final : bool
    """

    def __init__(self, stats: PerfStats, interval: float, always_final: bool) -> None:
        self.interval = interval
        self._stats = stats
        self._on_stderr = always_final

    def report(self, progress: MapProgress, final: bool) -> None:
        """Print the percentiles of everything that was timed."""
        self._on_stderr = self._on_stderr or not final
        self._stats.print_percentiles(progress.name, stderr=self._on_stderr)

    def close(self) -> None:
        """Do nothing: all that was printed is printed."""


if TYPE_CHECKING:
    _: Reporter = StatisticsReporter(PerfStats(), 30.0, False)
