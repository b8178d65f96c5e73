"""Timers for workers, and the statistics that a map collects from them.

A worker times its parts with `record_wallclock` and `record_iowait`; `PerfStats` adds up what all workers
have measured. Workers import this package, so it needs nothing but numpy: the histogram library is loaded
only when a histogram is read.
"""

from paramsurvey.stats.perf_stats import PerfStats
from paramsurvey.stats.recording import RawStats, record_iowait, record_wallclock

__all__ = ["PerfStats", "RawStats", "record_iowait", "record_wallclock"]
