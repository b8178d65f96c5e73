"""The sections about the run: how far it got, what it was and cost, which worker ran when, what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from paramsurvey.plotting import bars, heatmap, workers
from paramsurvey.plurals import counted
from paramsurvey.report.markup import (
    code,
    details,
    frame_table,
    paragraph,
    pset_text,
    section,
    table,
    text,
)
from paramsurvey.report.pictures import Pictures
from paramsurvey.report.subject import STATES, Subject
from paramsurvey.reporting.humanize import clipped
from paramsurvey.views import cost_of, failures_of, provenance_of, slowest
from paramsurvey.views.cost import AxisCost
from paramsurvey.views.failures import CauseView, Failures

BAR = 0.26  # inches, of each bar in a picture
MOST_BARS = 24  # in a picture; the table has all
MOST_COSTS = 4  # axes with a picture
ROWS_OF_TIMELINE = 12
LONGEST_EXCEPTION = 200  # characters, in a table of examples

UNKNOWN_RUN = (
    "It is not known what was run, because only a checkpoint records it. Give map() "
    "checkpoint='a directory', or make the report from one: paramsurvey report DIRECTORY."
)

COUNTS = {
    "total": "psets",
    "finished": "finished",
    "failed": "failed",
    "not_run": "not run",
    "retried": "retried",
    "resumed": "from earlier runs",
}


def summary(subject: Subject) -> str:
    """Return how far the run got."""
    counts = _counts(subject)
    cards = "".join(
        f"<div><dt>{text(words)}</dt><dd>{counts.get(key, 0):,}</dd></div>"
        for key, words in COUNTS.items()
        if counts.get(key) or key in ("total", "finished", "failed")
    )
    notices = "".join(f'<p class="notice">{text(one)}</p>' for one in subject.complaints)
    if subject.complaints:
        notices = f'<p class="bad">Not all of the checkpoint can be read:</p>{notices}'
    status = f"{subject.status or 'not known'}: {STATES.get(subject.status, STATES[''])}"
    status += f" {_unsettled(counts)}" * bool(_unsettled(counts))
    return section(
        "summary",
        "Summary",
        f'<p class="status">{text(status)}</p>',
        notices,
        f'<dl class="cards">{cards}</dl>',
    )


def _counts(subject: Subject) -> dict[str, int]:
    """Return the counters; what was not run is not counted as failed."""
    counts = dict(subject.counts)
    counts["failed"] = max(0, counts.get("failures", 0) - counts.get("not_run", 0))
    return counts


def _unsettled(counts: dict[str, int]) -> str:
    left = counts.get("total", 0) - counts.get("finished", 0) - counts.get("failures", 0)
    have = "has" if left == 1 else "have"
    return f"{counted(left, 'pset')} {have} neither a result nor a failure." if left > 0 else ""


def provenance(subject: Subject) -> str:
    """Return what was run, on what, where and when."""
    found = provenance_of(_run_as_stored(subject))
    if not found.facts:
        return section("provenance", "Provenance", paragraph(UNKNOWN_RUN))
    facts = {name: said for name, said in found.facts.items() if not name.startswith("version of ")}
    versions = [(name[11:], said) for name, said in found.facts.items() if name.startswith("version of ")]
    parts = [table("The run", ("fact", "is"), facts.items())]
    if versions:
        parts.append(
            details(
                f"Versions of {counted(len(versions), 'package')}",
                table("Versions", ("package", "version"), versions),
            )
        )
    if found.source:
        parts.append(details("Source of the worker function", code(found.source)))
    return section("provenance", "Provenance", *parts)


def _run_as_stored(subject: Subject) -> Mapping[str, Any]:
    """Return what is recorded of the run, with the status and the counters of the summary.

    The last record of a run that was killed says that it is running, and has fewer psets than it stored.
    """
    if not subject.run:
        return {}
    recorded = subject.run.get("counts")
    counts = {**(recorded if isinstance(recorded, Mapping) else {}), **subject.counts}
    if subject.status != "running":
        counts["active"] = 0
    return {**subject.run, "status": subject.status or subject.run.get("status"), "counts": counts}


def cost(subject: Subject, pictures: Pictures) -> str:
    """Return where the time went."""
    if not subject.data.has_seconds:
        said = subject.why_empty or "It is not known how long these psets took."
        return section("cost", "Cost", paragraph(said))
    found = cost_of(subject.data)
    failed = f", {found.failed_seconds:,.4g} s of it for psets that failed" if found.failed_seconds else ""
    total = paragraph(f"{counted(found.psets, 'pset')} took {found.seconds:,.6g} s of work{failed}.")
    figures = [_cost_picture(one, pictures) for one in found.axes[:MOST_COSTS]]
    tables = [frame_table(f"Seconds by {one.axis.name}", one.to_frame()) for one in found.axes]
    slow = [
        (
            subject.linked(pset_text(one.pset), one.number),
            one.seconds,
            "failed" if one.failed else "finished",
        )
        for one in slowest(subject.data)
    ]
    return section(
        "cost",
        "Cost",
        total,
        f'<div class="pair">{"".join(figures)}</div>',
        details("Seconds by axes, as tables", "".join(tables)),
        details(
            "The slowest psets" if len(slow) > 1 else "The slowest pset",
            table("The slowest psets", ("pset", "seconds", "state"), slow),
        ),
    )


def _cost_picture(one: AxisCost, pictures: Pictures) -> str:
    if len(one.axis) > MOST_BARS:
        return ""
    words = f"Seconds by {one.axis.name}, as bars; the numbers are in the table below."
    return pictures.draw(bars.draw_cost, one, words, BAR * len(one.axis) + 1.4)


def timeline(subject: Subject, pictures: Pictures) -> str:
    """Return when which worker was busy."""
    view = subject.timeline()
    if view is None or not len(view.workers):
        said = subject.why_empty or "It is not known when and where these psets ran."
        return section("timeline", "Timeline", paragraph(said))
    busy = view.busy.sum(axis=1)
    shares = np.minimum(1.0, busy / (view.seconds * view.members))  # seconds are rounded, too
    rows = zip(view.workers, view.psets.sum(axis=1), view.failed.sum(axis=1), busy, shares, strict=True)
    words = f"How busy {counted(len(view.workers), 'worker')} kept during {view.seconds:,.4g} seconds."
    return section(
        "timeline",
        "Timeline",
        pictures.draw(workers.draw_timeline, view, words, min(6.0, 0.2 * len(view.workers) + 1.8)),
        table("Workers", ("worker", "psets", "failed", "busy seconds", "busy share"), rows),
    )


def failures(subject: Subject, pictures: Pictures) -> str:
    """Return what failed, where, and how to run it again."""
    found = failures_of(subject.data)
    if not found.together.count:
        said = "No pset has failed." if subject.data.ended else subject.why_empty
        left = f"{counted(found.not_run, 'pset')} {'was' if found.not_run == 1 else 'were'} not run."
        return section("failures", "Failures", paragraph(said, left * bool(found.not_run)))
    causes = [
        (f"{at}", view.count, view.cause.kind, view.cause.exception, view.cause.line)
        for at, view in enumerate(found.causes, 1)
    ]
    return section(
        "failures",
        "Failures",
        table("Causes, the most frequent first", ("cause", "psets", "kind", "exception", "line"), causes),
        _others(found),
        "".join(_cause(view, at, subject, pictures) for at, view in enumerate(found.causes, 1)),
        f"<h3>All causes</h3>{_where(found.together, pictures)}" if len(found.causes) > 1 else "",
    )


def _others(found: Failures) -> str:
    said = []
    if found.other_causes:
        failures = counted(found.other_failures, "failure")
        verb = "accounts" if found.other_causes == 1 else "account"
        said.append(f"{counted(found.other_causes, 'more cause')} {verb} for {failures}.")
    if found.not_run:
        was = "was" if found.not_run == 1 else "were"
        said.append(f"{counted(found.not_run, 'pset')} {was} not run, which does not count as failing.")
    return paragraph(*said) if said else ""


def _cause(view: CauseView, at: int, subject: Subject, pictures: Pictures) -> str:
    title = f"Cause {at}: {view.count:,} × {view.cause.exception or view.cause.kind} {view.cause.line}"
    examples = [
        (
            subject.linked(pset_text(one.pset), one.number),
            clipped(one.exception, LONGEST_EXCEPTION),
            subject.again(one.label, one.number),
        )
        for one in view.examples
    ]
    return (
        f"<h3>{text(title)}</h3>"
        + table("Examples, and how to run each again", ("pset", "exception", "again"), examples)
        + _where(view, pictures, picture=at <= 3)
    )


def _where(view: CauseView, pictures: Pictures, picture: bool = True) -> str:
    """Return where psets fail: a picture by the pair that tells most, and tables of rates."""
    tables = [
        frame_table(f"Failures by {' and '.join(axis.name for axis in rates.axes)}", rates.to_frame())
        for rates in (*view.pairs[:1], *view.axes)
    ]
    drawn = ""
    if picture and (view.pairs or view.axes):
        words = (
            f"Share of the psets that failed: {counted(view.count, 'failure')}, by the axes that tell most."
        )
        drawn = pictures.draw(heatmap.draw_failures, view, words, 3.8)
    return drawn + details("Rates by axes, with 95 % intervals", "".join(tables))
