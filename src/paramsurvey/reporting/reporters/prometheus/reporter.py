"""The reporter that keeps the metrics for Prometheus up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from paramsurvey.engine.progress import MapProgress
from paramsurvey.errors import SurveyError
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.reporters.prometheus.metrics import (
    BOUNDS,
    Measurements,
    Metrics,
    by_kind,
    counters,
    seconds_since_1970,
)
from paramsurvey.reporting.reporters.prometheus.server import MetricsServer
from paramsurvey.reporting.reporters.prometheus.textfile import MetricsFile
from paramsurvey.reporting.snapshot import Snapshot
from paramsurvey.stats import PerfStats

INTERVAL = 1.0  # seconds between two measurements


class Watched(Protocol):
    """What is measured: a `Monitor`."""

    def look(self) -> Snapshot:
        """Return what there is to see now."""
        ...


class PrometheusReporter:
    """Serves the numbers of a map over HTTP, and writes them to a file.

    The driver notes the numbers once a second, and threads hand them out. If that fails, the user is told
    once, and no result is lost.

    Parameters
    ----------
    name : str
        The map's name.
    address : (str, int), optional
        The host and port where they are served.
    path : str, optional
        The file to which they are written.
    monitor : Watched
    stats : PerfStats
    note : callable
        Called with one sentence, and only by the thread that calls `report` and `close`.
    """

    interval = INTERVAL

    def __init__(
        self,
        name: str,
        address: tuple[str, int] | None,
        path: str | None,
        monitor: Watched,
        stats: PerfStats,
        note: Callable[[str], object],
    ) -> None:
        self._monitor, self._stats, self._note = monitor, stats, note
        self._timer = f"{name}_wallclock"
        self._metrics = Metrics(name)
        self._begun = seconds_since_1970()
        self._noted = False
        self._measure(MapProgress(name))
        self._server = None if address is None else self._serve(*address)
        try:
            self._file = None if path is None else MetricsFile(path, self._metrics.registry)
        except SurveyError:
            if self._server is not None:
                self._server.close()
            raise

    def report(self, progress: MapProgress, final: bool) -> None:
        """Note the numbers. The last ones stay in the file, and say that nothing is running any more."""
        self._measure(progress, final)
        self._note_trouble()

    def close(self) -> None:
        """Write the last numbers, and stop serving them."""
        if self._file is not None:
            self._file.close()
        if self._server is not None:
            self._server.close()
        self._note_trouble()

    def _serve(self, host: str, port: int) -> MetricsServer | None:
        try:
            server = MetricsServer(host, port, self._metrics.registry)
        except OSError as error:
            self._note(
                f"The metrics cannot be served at {host}:{port} ({error.strerror or error}); the survey "
                "goes on without them: choose another metrics_port; 0 finds a free one."
            )
            return None
        if port == 0:
            self._note(f"metrics: http://{_url_host(host)}:{server.port}/metrics")
        return server

    def _measure(self, progress: MapProgress, final: bool = False) -> None:
        seen = self._monitor.look()
        below, timed, seconds = self._stats.counts_below(self._timer, BOUNDS)
        self._metrics.now = Measurements(
            counters(progress),
            by_kind(seen.failures, progress.failures),
            seen.running,
            seen.workers,
            0.0 if final else seen.per_second,
            (0.0, 0.0) if final else seen.seconds_left,
            below,
            timed,
            seconds,
            self._stats.peak_memory,
            self._begun,
            seconds_since_1970(),
        )

    def _note_trouble(self) -> None:
        if self._file is not None and self._file.trouble is not None and not self._noted:
            self._noted = True
            self._note(
                f"The metrics cannot be written to {self._file.path} ({self._file.trouble}); the survey "
                "goes on without them: choose another metrics_file."
            )


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if TYPE_CHECKING:
    from paramsurvey.reporting.monitor import Monitor

    def _proof(monitor: Monitor) -> Reporter:
        return PrometheusReporter("fit", None, None, monitor, PerfStats(), print)
