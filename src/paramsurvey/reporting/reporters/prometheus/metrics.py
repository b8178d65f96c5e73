"""What Prometheus gets to know about a map: about forty time series, however many psets there are.

They contain nothing from the psets. The only text that comes from the user is the map's name.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from paramsurvey.engine.progress import MapProgress
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import FailureKind
from paramsurvey.transport.safe_text import safe_line

BOUNDS = (1e-5, 1e-4, *(factor * 10.0**power for power in range(-3, 4) for factor in (1.0, 3.0)), 1e4, 1e5)
"""The upper bounds of the histogram's buckets, in seconds."""
EARLIER = "earlier run"
"""The kind of failures that come from a checkpoint, since only that run knew why these psets failed."""
KINDS = (*(kind.value for kind in FailureKind), EARLIER)
LONGEST_NAME = 200  # characters of the map's name


@dataclass(frozen=True)
class Measurements:
    """A map at one moment, as the driver saw it.

    Attributes
    ----------
    progress : mapping of str to int
        The counters of `MapProgress` by name.
    failures : mapping of str to int
        How many psets have failed for good, by kind.
    running, workers : int
        How many psets are known to be running, and how many workers there are.
    per_second : float or None
    seconds_left : (float, float) or None
    below : sequence of int
        How many psets took at most as long as each of `BOUNDS`.
    timed, seconds : int, float
        How many psets were timed, and how long they took in total.
    peak_memory : int
        The most memory that a worker has held, in bytes; 0 if it is not known.
    begun, at : float
        When the map began, and when this was seen, in seconds since 1970.
    """

    progress: Mapping[str, int]
    failures: Mapping[str, int]
    running: int
    workers: int
    per_second: float | None
    seconds_left: tuple[float, float] | None
    below: Sequence[int]
    timed: int
    seconds: float
    peak_memory: int
    begun: float
    at: float


class Metrics:
    """The metrics of one map. The driver sets `now`, which is read when somebody asks for the metrics.

    Parameters
    ----------
    name : str
        The map's name, which is the label ``map`` of every series.
    """

    def __init__(self, name: str) -> None:
        self.now: Measurements | None = None
        self._label = safe_line(name)[:LONGEST_NAME]
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; this is called in the thread that serves or writes them."""
        now = self.now
        if now is None:
            return
        yield from self._counters(now)
        yield from self._gauges(now)
        family = HistogramMetricFamily(
            "paramsurvey_pset_seconds", "How long psets ran, those that failed included.", labels=["map"]
        )
        bounds = [*map(floatToGoString, BOUNDS), "+Inf"]
        buckets = list(zip(bounds, [*now.below, now.timed], strict=True))
        family.add_metric([self._label], buckets, now.seconds)
        yield family

    def _counters(self, now: Measurements) -> Iterator[Metric]:
        progress = now.progress
        finished = "Psets that have a result, those of an earlier run included."
        yield self._counter("psets_finished", finished, progress["finished"])
        yield self._counter("psets_retried", "Attempts beyond a pset's first.", progress["retried"])
        raised = "Exceptions of the worker function, and of out_func."
        yield self._counter("exceptions", raised, progress["exceptions"])
        about = "Psets that will not get a result, by what happened."
        failed = CounterMetricFamily("paramsurvey_psets_failed", about, labels=["map", "kind"])
        for kind in KINDS:
            failed.add_metric([self._label, kind], now.failures.get(kind, 0))
        yield failed

    def _gauges(self, now: Measurements) -> Iterator[Metric]:
        progress = now.progress
        yield self._gauge("psets", "Psets in the survey, as far as they are known.", progress["total"])
        resumed = "Finished psets that came from the checkpoint of an earlier run."
        yield self._gauge("psets_resumed", resumed, progress["resumed"])
        active = "Psets that were sent to a worker, and are not answered yet."
        yield self._gauge("psets_active", active, progress["active"])
        yield self._gauge("psets_running", "Psets that are known to run now.", now.running)
        yield self._gauge("workers", "Workers that there are now.", now.workers)
        yield self._gauge("psets_per_second", "Psets settled per second, lately.", _number(now.per_second))
        low, high = now.seconds_left or (math.nan, math.nan)
        about = "Between how many seconds it will probably take; NaN while that cannot be told."
        eta = GaugeMetricFamily("paramsurvey_eta_seconds", about, labels=["map", "bound"])
        eta.add_metric([self._label, "low"], low)
        eta.add_metric([self._label, "high"], high)
        yield eta
        memory = "The most memory that a worker has held."
        yield self._gauge("worker_peak_memory_bytes", memory, now.peak_memory)
        yield self._gauge("start_time_seconds", "When the map began, in seconds since 1970.", now.begun)
        update = "When these numbers were seen, in seconds since 1970."
        yield self._gauge("last_update_seconds", update, now.at)

    def _counter(self, name: str, about: str, value: float) -> Metric:
        family = CounterMetricFamily(f"paramsurvey_{name}", about, labels=["map"])
        family.add_metric([self._label], value)
        return family

    def _gauge(self, name: str, about: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"paramsurvey_{name}", about, labels=["map"])
        family.add_metric([self._label], value)
        return family


def counters(progress: MapProgress) -> dict[str, int]:
    """Return the counters by name, as they are now."""
    names = ("total", "active", "finished", "failures", "exceptions", "retried", "resumed")
    return {name: int(getattr(progress, name)) for name in names}


def by_kind(noted: Mapping[Any, int], failures: int) -> dict[str, int]:
    """Return how many psets have failed, by kind; those of unknown kind failed in an earlier run."""
    known = {str(kind): count for kind, count in noted.items()}
    return {**known, EARLIER: max(0, failures - sum(known.values()))}


def seconds_since_1970() -> float:
    """Return the time."""
    return time.time()


def _number(value: float | None) -> float:
    return math.nan if value is None else value
