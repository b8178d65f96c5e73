"""Where does the time go? Timers around the parts of a worker, and their percentiles."""

from __future__ import annotations

import time
from typing import Any

import paramsurvey
from paramsurvey.stats import record_iowait, record_wallclock

SECONDS = 1.0


def timed_worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
    """Compute for a while, then wait for as long: only the second part has iowait."""
    raw_stats = system_kwargs["raw_stats"]

    with record_wallclock("cpu-loop wallclock", raw_stats), record_iowait("cpu-loop iowait", raw_stats):
        stop = time.perf_counter() + SECONDS
        while time.perf_counter() < stop:
            pass

    with record_wallclock("sleep1-loop wallclock", raw_stats), record_iowait("sleep1-loop iowait", raw_stats):
        time.sleep(SECONDS)


def main() -> None:
    """Run the worker five times. Its timers and those of the whole pset are printed at the end of the map."""
    paramsurvey.init(backend="multiprocessing", verbose=0)

    psets = [{"number": number} for number in range(5)]
    results = paramsurvey.map(timed_worker, psets, name="stats-example")

    results.stats.print_histograms()  # to the log; stderr=True: to the terminal, too


if __name__ == "__main__":
    main()
