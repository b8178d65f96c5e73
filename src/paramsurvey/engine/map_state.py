"""What a map knows while it runs: its psets, what came back, the counters and the statistics."""

from __future__ import annotations

from dataclasses import dataclass

from paramsurvey.engine.collector import Collector
from paramsurvey.engine.progress import MapProgress
from paramsurvey.params.sources import PsetSource
from paramsurvey.stats import PerfStats


@dataclass(frozen=True, slots=True)
class MapState:
    """The state of one map, which the loop changes, the checkpoint stores, and the results are made of.

    Parameters
    ----------
    source : PsetSource
        The psets.
    collector : Collector
        Results and failures so far.
    progress : MapProgress
        How many psets there are, run, have finished and have failed.
    stats : PerfStats
        Seconds per pset, and what the worker function timed.
    """

    source: PsetSource
    collector: Collector
    progress: MapProgress
    stats: PerfStats
