"""Choosing the reporters of a map, by the options, and by where the output goes."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable

from paramsurvey.engine.options import Options
from paramsurvey.errors import DirectoryMissing, SurveyError
from paramsurvey.reporting.monitor import Monitor
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.reporters.log import LogReporter, RunLog
from paramsurvey.reporting.reporters.plain_lines import PlainReporter
from paramsurvey.reporting.reporters.screen import in_notebook, is_terminal
from paramsurvey.reporting.reporters.statistics import AtEnd, StatisticsReporter
from paramsurvey.stats import PerfStats

INTERVALS = (math.inf, 30.0, 1.0, 1.0)  # seconds between two progress lines, by verbosity


def select_reporters(
    log: RunLog,
    options: Options,
    stats: PerfStats,
    monitor: Monitor,
    note: Callable[[str], object],
    own_terminal: bool,
) -> list[Reporter]:
    """Return the reporters of one map.

    Parameters
    ----------
    log : RunLog
    options : Options
    stats : PerfStats
    monitor : Monitor
        Knows what there is to see. It comes first, because the others show what it has seen.
    note : callable
        Called with a message if a reporter fails.
    own_terminal : bool
        Whether lines on the terminal may be redrawn.
    """
    reporters: list[Reporter] = [monitor, LogReporter(log)]
    if options.verbose > 0:
        reporters.append(_view(options, monitor, own_terminal))
    elif options.progress_dt is not None:  # show the progress that was asked for, and nothing more
        reporters.append(PlainReporter(options.progress_dt))
    reporters.append(_statistics(options, stats))
    if options.carbon_server is not None:
        reporters += _if_possible(lambda: _carbon(options, note), note, "Carbon is sent no progress")
    if options.metrics_port is not None or options.metrics_file is not None:
        reporters += _if_possible(
            lambda: _prometheus(options, stats, monitor, note), note, "this map has no metrics"
        )
    return reporters


def _if_possible(make: Callable[[], Reporter], note: Callable[[str], object], loss: str) -> list[Reporter]:
    """Make a reporter that a survey can do without: if the system refuses it a thread, note what is lost."""
    try:
        return [make()]
    except SurveyError as error:
        note(f"{loss}: {error}")
        return []


def _view(options: Options, monitor: Monitor, own_terminal: bool) -> Reporter:
    """Return the live view at verbose 1 if it can be shown, and plain lines otherwise."""
    if options.verbose == 1 and options.progress_dt is None:
        if in_notebook():
            from paramsurvey.reporting.reporters.notebook import NotebookReporter

            return NotebookReporter(monitor.look)
        if own_terminal and _can_draw():
            from paramsurvey.reporting.reporters.live import LiveReporter

            return LiveReporter(sys.stderr, monitor.look)
    interval = INTERVALS[min(options.verbose, 3)] if options.progress_dt is None else options.progress_dt
    return PlainReporter(interval, look=monitor.look)


def _statistics(options: Options, stats: PerfStats) -> Reporter:
    """Return the reporter that prints the statistics.

    The summary has the times of the psets, so the table at the end says something new only if psets have
    timers of their own. Then it is printed, as in release 0.4, at any `verbose`, unless vstats is 0. At
    vstats 2 it is always printed, and while the map runs only if verbose is 2, too.
    """
    often = min(options.vstats, options.verbose, 2) == 2  # never after every action, which would be too often
    in_full = options.vstats >= 2 and options.verbose >= 1
    at_end = AtEnd.ALWAYS if in_full else AtEnd.OWN_TIMERS if options.vstats > 0 else AtEnd.AFTER_OTHERS
    return StatisticsReporter(stats, INTERVALS[2] if often else math.inf, at_end)


def _can_draw() -> bool:
    encoding = getattr(sys.stderr, "encoding", None) or ""
    is_unicode = encoding.lower().replace("-", "") == "utf8"
    return (
        is_unicode and is_terminal(sys.stderr) and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    )


def _carbon(options: Options, note: Callable[[str], object]) -> Reporter:
    from paramsurvey.reporting.reporters.carbon import CarbonReporter

    return CarbonReporter(
        options.carbon_server or "",
        options.carbon_port or 2004,
        options.carbon_prefix or "paramsurvey",
        note,
    )


def check_metrics(options: Options) -> None:
    """Refuse metrics that cannot be provided, before any work starts.

    Raises
    ------
    PackageMissing
        prometheus_client is not installed.
    DirectoryMissing
        The file's directory does not exist.
    """
    if options.metrics_port is None and options.metrics_file is None:
        return
    from paramsurvey.reporting.reporters.prometheus import need_prometheus_client

    need_prometheus_client()
    path = options.metrics_file
    if path is not None and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise DirectoryMissing(
            f"metrics_file={path!r} is in a directory that does not exist: create it first, or choose another"
        )


def _prometheus(
    options: Options, stats: PerfStats, monitor: Monitor, note: Callable[[str], object]
) -> Reporter:
    from paramsurvey.reporting.reporters.prometheus.reporter import PrometheusReporter

    return PrometheusReporter(options.name, options.metrics_port, options.metrics_file, monitor, stats, note)
