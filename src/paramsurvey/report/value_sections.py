"""The sections about values: slices, importance, distributions, parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paramsurvey.plotting import bars, lines
from paramsurvey.plurals import counted
from paramsurvey.report.choice_of_axes import ShownColumns
from paramsurvey.report.markup import (
    details,
    frame_table,
    paragraph,
    section,
    shown_name,
    table,
    text,
)
from paramsurvey.report.pictures import Pictures
from paramsurvey.report.slicer import Slicer, slicer
from paramsurvey.report.subject import Subject
from paramsurvey.views import SECONDS, parallel_of
from paramsurvey.views.distribution import Distribution
from paramsurvey.views.importance import Importance

BAR = 0.26  # inches
DIGITS = 6  # after the point, of shares: more would be chance, and make the table too wide
MOST_COLUMNS = 5  # of parallel coordinates


def slices(subject: Subject, seen: ShownColumns) -> Slicer:
    """Return the slicer, in a section."""
    if subject.why_empty:
        return Slicer(section("slices", "Slices", paragraph(subject.why_empty)))
    values = [*seen.values, *([SECONDS] if subject.data.has_seconds else [])]
    units = {SECONDS: "s", **subject.data.units}
    shown = slicer(subject.data, seen.axes, values, units, live=subject.link is not None)
    return replace(shown, html=section("slices", "Slices", _unread(subject), shown.html))


def _unread(subject: Subject) -> str:
    """Return which keys cannot be axes, and which report has them."""
    if not subject.data.unread:
        return ""
    keys = ", ".join(subject.data.unread)
    return paragraph(
        f"These keys are left out, because a report on a checkpoint does not read values that are pickled, "
        f"nested or of several types: {keys}. A report on what paramsurvey.load() returns has them."
    )


def importance(subject: Subject, seen: ShownColumns, pictures: Pictures) -> str:
    """Return how much each axis matters."""
    parts = [] if subject.why_empty else [_importance(one, pictures) for one in seen.importances if one.axes]
    if not parts:
        which = "No other key" if subject.data.unread else "No key"
        said = subject.why_empty or f"{which} of the psets varies, so none matters."
        return section("importance", "Importance", _unread(subject), paragraph(said))
    return section("importance", "Importance", f'<div class="pair">{"".join(parts)}</div>')


def _importance(one: Importance, pictures: Pictures) -> str:
    name = shown_name(one.value)
    title = f"<h3>{text(name)}</h3>{paragraph(one.note)}"
    if not np.isfinite(one.indices.first).any():
        return f"<div>{title}{paragraph('It does not vary, or too little is known.')}</div>"
    words = f"Shares of the variance of {name} that the axes explain; the numbers are in the table below."
    rows = len(one.axes) + min(5, len(one.axes) * (len(one.axes) - 1) // 2)
    drawn = pictures.draw(bars.draw_importance, one, words, BAR * rows + 1.5)
    tables = frame_table(f"Shares of {name}", one.to_frame().round(DIGITS)) + frame_table(
        f"Interactions of two, {name}", one.pairs().set_index(["x", "y"]).round(DIGITS)
    )
    return f"<div>{title}{drawn}{details(f'Importance for {name}, as tables', tables)}</div>"


def distributions(subject: Subject, seen: ShownColumns, pictures: Pictures) -> str:
    """Return how the results are distributed."""
    parts = [_distribution(one, pictures) for one in seen.distributions]
    more = len(subject.data.results) - len(parts)
    are = "is" if more == 1 else "are"
    note = paragraph(f"{counted(more, 'more result')} {are} not shown.") if more > 0 else ""
    if not parts:
        said = subject.why_empty or (
            "The results have no keys." if len(subject.data.finished) else "No pset has a result."
        )
        return section("distributions", "Distributions", paragraph(said))
    return section("distributions", "Distributions", f'<div class="pair">{"".join(parts)}</div>', note)


def _distribution(one: Distribution, pictures: Pictures) -> str:
    title = f"<h3>{text(one.name)}</h3>"
    if not one.known:
        return f"<div>{title}{paragraph('It has no text and no finite number.')}</div>"
    words = f"Histogram of {one.name}; the numbers are in the table below."
    height = BAR * len(one.counts) + 1.2 if one.labels or one.bools else 3.2
    tables = frame_table(f"Values of {one.name}", one.to_frame().set_index(one.to_frame().columns[0]))
    if one.quantiles:
        known = [("mean", one.mean), ("standard deviation", one.deviation), ("without a number", one.absent)]
        shares = [(f"quantile {share:g}", value) for share, value in one.quantiles.items()]
        tables = table(f"Quantiles of {one.name}", ("statistic", one.name), [*known, *shares]) + tables
    drawn = pictures.draw(bars.draw_distribution, one, words, height)
    return f"<div>{title}{drawn}{details(f'Distribution of {one.name}, as tables', tables)}</div>"


def parallel(subject: Subject, seen: ShownColumns, pictures: Pictures) -> str:
    """Return how psets run through the axes."""
    if subject.why_empty:
        return ""
    value = seen.values[0] if seen.values else None
    columns: Sequence[str] = [*seen.axes[: MOST_COLUMNS - 1], *([value] if value else [])]
    if len(columns) < 2:
        return ""
    view = parallel_of(subject.data, columns, value)
    coloured = f", coloured by the mean of {value}" if value else ""
    words = f"Parallel coordinates: how many psets run through {', '.join(columns)}{coloured}."
    tables = "".join(
        frame_table(f"From {link.left.name} to {link.right.name}", link.to_frame()) for link in view.links
    )
    drawn = pictures.draw(lines.draw_parallel, view, words, 3.6, width=1.7 * len(columns) + 1.0)
    return section("parallel", "Parallel coordinates", drawn, details("As tables", tables))
