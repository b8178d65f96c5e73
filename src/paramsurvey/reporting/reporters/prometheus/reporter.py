"""The reporter that keeps Prometheus' numbers up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.reporters.prometheus.metrics import (
    BOUNDS,
    Measured,
    Metrics,
    by_kind,
    counters,
    seconds_since_1970,
)
from paramsurvey.reporting.reporters.prometheus.server import MetricsServer
from paramsurvey.reporting.reporters.prometheus.textfile import MetricsFile
from paramsurvey.reporting.snapshot import Snapshot
from paramsurvey.stats import PerfStats

INTERVAL = 1.0  # seconds between two looks at the map


class Watched(Protocol):
    """What is asked what there is to see: a `Monitor`."""

    def look(self) -> Snapshot:
        """Return what there is to see now."""
        ...


class PrometheusReporter:
    """Serves the numbers of a map over HTTP, and writes them to a file.

    The driver notes the numbers once a second; threads hand them out. Trouble costs one note, and no result.

    Parameters
    ----------
    name : str
        The map's name.
    address : (str, int), optional
        Where they are served: host and port.
    path : str, optional
        The file that they are written to.
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
        self._file = None if path is None else MetricsFile(path, self._metrics.registry)

    def report(self, progress: MapProgress, final: bool) -> None:
        """Note the numbers; the last ones stay in the file, where nothing runs any more."""
        self._measure(progress, final)
        self._tell()

    def close(self) -> None:
        """Write the last numbers, and serve them no more."""
        if self._file is not None:
            self._file.close()
        if self._server is not None:
            self._server.close()
        self._tell()

    def _serve(self, host: str, port: int) -> MetricsServer | None:
        try:
            server = MetricsServer(host, port, self._metrics.registry)
        except OSError as error:
            self._note(
                f"The metrics cannot be served at {host}:{port} ({error.strerror or error}), and the survey "
                "goes on without that: choose another metrics_port; 0 finds a free one."
            )
            return None
        if port == 0:
            self._note(f"metrics: http://{_shown(host)}:{server.port}/metrics")
        return server

    def _measure(self, progress: MapProgress, final: bool = False) -> None:
        seen = self._monitor.look()
        below, timed, seconds = self._stats.counts_below(self._timer, BOUNDS)
        self._metrics.now = Measured(
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

    def _tell(self) -> None:
        if self._file is not None and self._file.trouble is not None and not self._noted:
            self._noted = True
            self._note(
                f"The metrics cannot be written to {self._file.path} ({self._file.trouble}), and the survey "
                "goes on without that: choose another metrics_file."
            )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if TYPE_CHECKING:
    from paramsurvey.reporting.monitor import Monitor

    def _proof(monitor: Monitor) -> Reporter:
        return PrometheusReporter("fit", None, None, monitor, PerfStats(), print)
