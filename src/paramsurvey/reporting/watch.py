"""What is logged and shown while one map runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.options import Options
from paramsurvey.engine.overview import Overview
from paramsurvey.engine.progress import MapProgress
from paramsurvey.params.sources import PsetStream
from paramsurvey.reporting.console import LONGEST_SHOWN, Console
from paramsurvey.reporting.long_reads import LongReads
from paramsurvey.reporting.monitor import Monitor
from paramsurvey.reporting.next_steps import NextSteps
from paramsurvey.reporting.reporter import plain_line
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.reporting.reporters.selection import select_reporters
from paramsurvey.reporting.reporters.throttle import Reporters
from paramsurvey.reporting.signals import DeferredSignals
from paramsurvey.reporting.snapshot import pset_text
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import Failure, Pset, Rows
from paramsurvey.transport.safe_text import safe_line, shortened

if TYPE_CHECKING:
    from paramsurvey.engine.survey import Survey

PATIENCE_SECONDS = 1.0  # for the loop to hear of a signal, before code that may block is interrupted


class Watch:
    """Passes what happens in a map on to the log, to stderr and to the reporters."""

    def __init__(
        self, log: RunLog, runs_here: bool, options: Options, stats: PerfStats, next_steps: NextSteps
    ) -> None:
        self.console = Console(log, options.verbose, next_steps.pset)
        self.signals = DeferredSignals(runs_here, options.stop_signals, PATIENCE_SECONDS)
        self._log = log
        self._options = options
        self._stats = stats
        self._next_steps = next_steps
        self._runs_here = runs_here
        self._survey: Survey | None = None
        self._monitor = Monitor(
            time.monotonic, tells_others=options.checkpoint is not None, shown=next_steps.pset
        )
        self._reporters = Reporters([], time.monotonic, self.console.say)
        self._long_reads = LongReads(self.console.say, self._has_running_psets)

    def begin(self, survey: Survey, interactive: bool = True) -> None:
        """Say what begins, and show it from now on.

        Parameters
        ----------
        survey : Survey
        interactive : bool
            False if the caller's own code runs between two reports, and may want the terminal for itself.
        """
        columns = dict.fromkeys(survey.source.names)
        progress, names = survey.progress, ", ".join(self._next_steps.pset(columns))
        self.console.say(
            f"map {progress.name!r} begins: {progress.total} psets with the columns {names}", at=2
        )
        self._survey = survey
        self._monitor.begin(Overview(survey))
        reporters = select_reporters(
            self._log,
            self._options,
            self._stats,
            self._monitor,
            self.console.say,
            own_terminal=interactive and not self._runs_here,  # code in this process may have a breakpoint
        )
        self._reporters = Reporters(reporters, time.monotonic, self.console.say)

    def report(self, progress: MapProgress) -> None:
        """Raise if a signal has come; then give the counters to the reporters that are due."""
        self.signals.check()
        if time.monotonic() >= self._reporters.due:
            with self.signals.noted():
                self._reporters(progress)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal raise at once while the user's own iterator is read; warn if that takes long."""
        with self.signals.raised_at_once(), self._long_reads.watched():
            yield

    def _has_running_psets(self) -> bool:
        """Tell whether psets are running, whose results nobody takes while an iterator is read."""
        survey = self._survey
        return survey is not None and isinstance(survey.source, PsetStream) and survey.progress.active > 0

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Log why a pset has no result."""
        self._monitor.failed(row, failure)
        self.console.failed(pset, failure, attempts)

    def retried(self, row: int, failure: Failure) -> None:
        """Note why a pset is tried again, and log it."""
        self._monitor.retried(row, failure)
        reason = safe_line(shortened(failure.exception, LONGEST_SHOWN))
        self.console.say(f"{self._pset_text(row)} is tried again after: {reason}", at=2)

    def acted(self, what: str, rows: Callable[[], Rows]) -> None:
        """Say what was done with psets, and the counters, if the user wants to see every action."""
        if self._options.verbose >= 3 and self._survey is not None and len(psets := rows()):
            self.console.say(f"{plain_line(self._survey.progress)}; {what}: {self._psets_text(psets)}")

    def _psets_text(self, rows: Rows) -> str:
        """Return psets in words: their numbers, and also the keys if there is only one."""
        if len(rows) == 1:
            return self._pset_text(int(rows[0]))
        numbers = self._next_steps.numbers(rows)
        are_consecutive = numbers == [*range(numbers[0], numbers[-1] + 1)]
        return f"psets {numbers[0]} to {numbers[-1]}" if are_consecutive else f"{len(rows)} psets"

    def _pset_text(self, row: int) -> str:
        number = self._next_steps.numbers(range(row, row + 1))[0]
        with suppress(KeyError):  # an iterator's pset that was dropped
            if self._survey is not None and (keys := self._next_steps.pset(self._survey.pset(row))):
                return f"pset {number} ({safe_line(pset_text(number, keys))})"
        return f"pset {number}"

    def end(self, survey: Survey, interrupted: bool) -> None:
        """Show the last counters, say how it went, and end."""
        self._long_reads.end()
        failed, cores = survey.collector.failed, survey.backend.core_count()
        log, checkpoint = self._log.path, self._options.checkpoint
        summary = self._monitor.conclude(failed, cores, log, checkpoint, interrupted, self._next_steps)
        if summary:
            self._log.write(summary)
        self._reporters(survey.progress, final=True)
        self._reporters.close()
        self.console.end()
        self.console.say(f"map {survey.progress.name!r} ends", at=3)

    def note_conflicts(self, names: Sequence[str], keys: Mapping[Any, Any]) -> None:
        """Say which result keys are also keys of the psets."""
        both = [repr(name) for name in names if name in keys]
        if both:
            self.console.say(
                f"the results have keys that the psets have, too: {', '.join(both)}; the result's value wins"
            )
