"""The state of a map: its psets, results, counters and statistics."""

from __future__ import annotations

from paramsurvey.engine.collecting.collector import Collector
from paramsurvey.engine.progress import MapProgress
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import PsetSource
from paramsurvey.stats import PerfStats


@dataclass(frozen=True, slots=True)
class MapState:
    """The state of a map. The loop updates it, and the results are made from it.

    Parameters
    ----------
    source : PsetSource
        The psets.
    collector : Collector
        The results and failures so far.
    progress : MapProgress
        The counters: how many psets there are, how many are active, have finished, and have failed.
    stats : PerfStats
        Seconds per pset, and the times that the worker function recorded.
    """

    source: PsetSource
    collector: Collector
    progress: MapProgress
    stats: PerfStats
