"""What is said at the end of a map: how it went, what failed and why, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from paramsurvey.engine.failure_causes import Case, readable_path
from paramsurvey.engine.progress import MapProgress
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.plurals import counted
from paramsurvey.reporting.humanize import clipped, duration
from paramsurvey.reporting.next_steps import IN_PYTHON, NextSteps
from paramsurvey.transport.messages import FailureKind
from paramsurvey.transport.safe_text import safe_line

SHOWN_CAUSES = 5
WIDEST_EXAMPLE = 120  # characters
COSTLY_COPYING = 0.1  # of the psets' time: copying is mentioned if it takes at least this share
WORTH_TELLING = 1.0  # seconds: copying that takes less is not worth a line
PERCENTS = (50, 90, 99)


@dataclass(frozen=True, kw_only=True)
class SummaryFacts:
    """The facts that a summary is made from.

    Parameters
    ----------
    progress : MapProgress
    elapsed : float
        Seconds that the map took.
    work : float
        Seconds that the psets took in total.
    copying : float
        How many of these seconds were spent on copying user_kwargs and system_kwargs.
    cores : int
        Cores that worked on them.
    percentiles : sequence of float
        Seconds per pset, at `PERCENTS`; empty if nothing was timed.
    cases : sequence of Case
        The failures by cause, the most frequent first.
    log, checkpoint : str, optional
        Their paths.
    interrupted : bool
        Whether the map did not run to its end, so that its caller has not been given any results.
    next_steps : NextSteps
        Says what to type next.
    """

    progress: MapProgress
    elapsed: float
    work: float = 0.0
    copying: float = 0.0
    cores: int = 1
    percentiles: Sequence[float] = field(default=())
    cases: Sequence[Case] = field(default=())
    log: str | None = None
    checkpoint: str | None = None
    interrupted: bool = False
    next_steps: NextSteps = IN_PYTHON


def summary(facts: SummaryFacts) -> str:
    """Return the summary: a few lines of plain text.

    Examples
    --------
    >>> print(summary(SummaryFacts(progress=MapProgress("fit", 4, 0, 4), elapsed=2.0, work=3.6, cores=2)))
    fit: 4 of 4 psets finished in 2.0 s, efficiency 90 % of 2 cores
    """
    times = [*_times(facts), *_copying(facts)]
    return "\n  ".join([_counts(facts), *times, *_failures(facts), *_places(facts), *_next(facts)])


def _counts(facts: SummaryFacts) -> str:
    progress = facts.progress
    not_run = sum(case.count for case in facts.cases if case.cause.kind == FailureKind.NOT_RUN)
    resumed = f" ({progress.resumed:,} of them by an earlier run)" if progress.resumed else ""
    parts = [
        f"{safe_line(progress.name)}: {progress.finished:,} of {progress.total:,} psets finished{resumed}"
    ]
    for count, name in (
        (progress.failures - not_run, "failed"),
        (not_run, "not run"),
        (progress.retried, "tried again"),
    ):
        if count:
            parts.append(f"{count:,} {name}")
    return f"{', '.join(parts)} in {duration(facts.elapsed)}{_efficiency(facts)}"


def _efficiency(facts: SummaryFacts) -> str:
    available = facts.elapsed * facts.cores
    if facts.work <= 0 or available <= 0:
        return ""
    share = min(facts.work / available, 1.0)
    return f", efficiency {share:.0%} of {counted(facts.cores, 'core')}".replace("%", " %")


def _times(facts: SummaryFacts) -> list[str]:
    if not facts.percentiles or facts.progress.total < 2:
        return []
    values = zip(PERCENTS, facts.percentiles, strict=True)
    return ["time per pset: " + ", ".join(f"p{percent} {duration(seconds)}" for percent, seconds in values)]


def _copying(facts: SummaryFacts) -> list[str]:
    share = facts.copying / facts.work if facts.work > 0 else 0.0
    if share < COSTLY_COPYING or facts.copying < WORTH_TELLING:
        return []
    return [
        f"{share:.0%} of that time was spent on copying user_kwargs for each pset: ".replace("%", " %")
        + "make what the function only reads, such as a model, once per worker with worker_init"
    ]


def _failures(facts: SummaryFacts) -> list[str]:
    shown = facts.cases[:SHOWN_CAUSES]
    lines = [_case(case) for case in shown]
    rest = facts.cases[SHOWN_CAUSES:]
    if rest:
        lines.append(f"{sum(case.count for case in rest):,} × {counted(len(rest), 'other cause')}")
    return lines


def _case(case: Case) -> str:
    if case.cause.kind == FailureKind.NOT_RUN:
        return f"{case.count:,} × {clipped(case.example, WIDEST_EXAMPLE)}"
    line = safe_line(readable_path(case.cause.line))
    where = f"{case.cause.kind} at {line}" if line else case.cause.kind
    example = clipped(case.example, WIDEST_EXAMPLE)
    return f"{case.count:,} × {where}{', e.g.' if case.count > 1 else ':'} {example}"


def _places(facts: SummaryFacts) -> list[str]:
    places = []
    if facts.log and (facts.cases or facts.checkpoint):
        places.append(f"log: {safe_line(facts.log)}")
    if facts.checkpoint:
        places.append(f"checkpoint: {safe_line(facts.checkpoint)}")
    return places


def _next(facts: SummaryFacts) -> list[str]:
    if not facts.cases:
        return []
    if facts.interrupted or all(case.cause.kind == FailureKind.NOT_RUN for case in facts.cases):
        return [safe_line(f"next: {facts.next_steps.go_on(facts.checkpoint, facts.interrupted)}")]
    return [safe_line(f"next: {facts.next_steps.after_failures(_first_failed(facts), facts.checkpoint)}")]


def _first_failed(facts: SummaryFacts) -> int:
    """Return the label of an example of the most frequent cause, among psets that were run."""
    return next(case.number for case in facts.cases if case.cause.kind != FailureKind.NOT_RUN)
