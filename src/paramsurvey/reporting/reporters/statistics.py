"""The performance statistics while a map runs, and at its end."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.stats import PerfStats


class AtEnd(Enum):
    """When the statistics are printed on stderr at the end of a map."""

    ALWAYS = auto()
    OWN_TIMERS = auto()  # if psets have timed something themselves
    AFTER_OTHERS = auto()  # if they were printed there while the map ran


class StatisticsReporter:
    """Prints percentiles to the log, and to stderr.

    Parameters
    ----------
    stats : PerfStats
    interval : float
        Seconds between two reports on stderr.
    at_end : AtEnd
        If statistics were printed while the map ran, they are always printed at its end, too.
    """

    def __init__(self, stats: PerfStats, interval: float, at_end: AtEnd) -> None:
        self.interval = interval
        self._stats = stats
        self._at_end = at_end
        self._was_on_stderr = False

    def report(self, progress: MapProgress, final: bool) -> None:
        """Print the percentiles of everything that was timed."""
        on_stderr = not final or self._was_on_stderr or self._belongs_at_end(progress.name)
        self._was_on_stderr = on_stderr
        self._stats.print_percentiles(progress.name, stderr=on_stderr)

    def _belongs_at_end(self, name: str) -> bool:
        own = set(self._stats.all_stat_names()) - {f"{name}_wallclock", f"{name}_iowait"}
        return self._at_end is AtEnd.ALWAYS or (self._at_end is AtEnd.OWN_TIMERS and bool(own))

    def close(self) -> None:
        """Do nothing, because nothing is held back."""


if TYPE_CHECKING:
    _: Reporter = StatisticsReporter(PerfStats(), 30.0, AtEnd.OWN_TIMERS)
