"""What is told and shown while one map runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paramsurvey.collect import FailedPset
from paramsurvey.failures import Causes
from paramsurvey.interrupts import Interrupts
from paramsurvey.messages import Failure, Pset
from paramsurvey.notes import Notes
from paramsurvey.options import Options
from paramsurvey.progress import MapProgress
from paramsurvey.reporters import Reporters
from paramsurvey.reporters.base import Reporter
from paramsurvey.reporters.log import LogReporter, RunLog
from paramsurvey.stats import PerfStats
from paramsurvey.summary import PERCENTS, Facts, summary

INTERVALS = (math.inf, 30.0, 1.0, 0.0)  # seconds between two progress lines, by verbosity


class Watch:
    """Passes what happens in a map on to the log, to stderr and to the reporters."""

    def __init__(self, log: RunLog, runs_here: bool, options: Options, stats: PerfStats) -> None:
        self.notes = Notes(log, options.verbose)
        self.interrupts = Interrupts(at_once=runs_here)
        self._log = log
        self._stats = stats
        self._begun = time.monotonic()
        self._reporters = Reporters(
            _reporters(log, options, stats, self.notes), time.monotonic, self.notes.say
        )

    def begin(self, progress: MapProgress, names: Sequence[str]) -> None:
        """Say what begins."""
        self._begun = time.monotonic()
        self.notes.say(
            f"map {progress.name!r} begins: {progress.total} psets with the columns {', '.join(names)}", at=2
        )

    def report(self, progress: MapProgress) -> None:
        """Let a signal that came have its effect, then show the counters to those whose turn it is."""
        self.interrupts.check()
        self._reporters(progress)

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Log why a pset has no result."""
        self.notes.failed(pset, failure, attempts)

    def retried(self, row: int, failure: Failure) -> None:
        """Log that a pset is tried again."""
        self.notes.say(f"pset number {row} is tried again after: {failure.exception}", at=2)

    def end(self, progress: MapProgress) -> None:
        """Show the last counters, and end."""
        self._reporters(progress, final=True)
        self._reporters.close()
        self.notes.say(f"map {progress.name!r} ends", at=3)

    def sum_up(
        self, progress: MapProgress, failed: Mapping[int, FailedPset], cores: int, interrupted: bool
    ) -> None:
        """Say how it went."""
        timer = f"{progress.name}_wallclock"
        facts = Facts(
            progress=progress,
            elapsed=time.monotonic() - self._begun,
            work=self._stats.total(timer),
            cores=cores,
            percentiles=self._stats.percentiles(timer, PERCENTS),
            cases=causes_of(failed).most_frequent(),
            log=self._log.path,
            interrupted=interrupted,
        )
        if not interrupted or progress.finished or any(one.attempts for one in failed.values()):
            self.notes.say(summary(facts))  # of what never began, the exception says all there is to say

    def note_conflicts(self, names: Sequence[str], keys: Mapping[Any, Any]) -> None:
        """Say once which result keys are pset keys, too."""
        both = [repr(name) for name in names if name in keys]
        if both:
            self.notes.say(
                f"the results have keys that the psets have, too: {', '.join(both)}; the result's value wins"
            )


def causes_of(failed: Mapping[int, FailedPset]) -> Causes:
    """Return the causes of failures by row, numbered as `missing` labels them."""
    causes = Causes()
    for label, row in enumerate(sorted(failed)):
        failure = failed[row].failure
        causes.add(label, failure.kind, failure.exception, failure.traceback)
    return causes


def _reporters(log: RunLog, options: Options, stats: PerfStats, notes: Notes) -> list[Reporter]:
    from paramsurvey.reporters.statistics import StatisticsReporter
    from paramsurvey.reporters.terminal import PlainReporter

    reporters: list[Reporter] = [LogReporter(log)]
    level = min(options.verbose, 3)
    if level > 0:
        reporters.append(
            PlainReporter(INTERVALS[level] if options.progress_dt is None else options.progress_dt)
        )
    shown = min(options.vstats, options.verbose, 2)  # percentiles after every action help nobody
    reporters.append(StatisticsReporter(stats, INTERVALS[shown], always_final=shown >= 2))
    if options.carbon_server is not None:
        from paramsurvey.reporters.carbon import CarbonReporter

        reporters.append(
            CarbonReporter(
                options.carbon_server,
                options.carbon_port or 2004,
                options.carbon_prefix or "paramsurvey",
                notes.say,
            )
        )
    return reporters
