"""Results in a notebook: the counts, a sparkline of each column, and the table.

It must not make a cell slow, however large the results are: sparklines are drawn from a sample of the rows,
and failures are read only if they are few. Everything that comes from a user is escaped.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from html import escape
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.results.missing_count import heading
from paramsurvey.views.columns.axes import ABSENT, label
from paramsurvey.views.columns.frame import FrameColumns
from paramsurvey.views.columns.survey_data import SurveyData
from paramsurvey.views.distribution import Distribution, distribution_of

if TYPE_CHECKING:
    from paramsurvey.results.missing import Missing

ROWS = 2000  # from which a sparkline is drawn
MOST_COLUMNS = 24
BINS, WIDTH, HEIGHT = 24, 96, 24  # of a sparkline; pixels
COLOUR = "#0072B2"  # Okabe and Ito's blue, which can be seen on light and on dark pages
CARD = "display:inline-block;margin:0 1em .5em 0;vertical-align:top;font-size:smaller"


def html_of(
    results: pd.DataFrame, finished: int, missing: Missing, table: str, total: int | None = None
) -> str:
    """Return what a notebook shows for results.

    Parameters
    ----------
    results : DataFrame
    finished : int
        How many psets have a result, whether or not it was kept.
    missing : Missing
    table : str
        pandas' own HTML of the results.
    total : int, optional
        How many psets the survey has, if some may have neither finished nor failed.
    """
    cards = "".join(_cards(results))
    counts = escape(heading(finished, missing, total))
    return f'<div class="paramsurvey-results"><p>{counts}</p><div>{cards}</div>{table}</div>'


def _cards(results: pd.DataFrame) -> Iterator[str]:
    """Yield the name, the sparkline and the limits of each column."""
    if not results.columns.is_unique:
        return
    names = [name for name in results.columns if isinstance(name, str)]
    data = SurveyData(FrameColumns(_sample(results, names[:MOST_COLUMNS])))
    for name in names[:MOST_COLUMNS] if len(results) else ():
        view = distribution_of(data, name, BINS)
        limits = _how_many(results[name], data) if view.labels else _limits(results[name], view)
        drawn = sparkline(view.counts.tolist(), f"{label(name)}: {limits}")
        yield f'<div style="{CARD}">{escape(label(name))}<br>{drawn}<br>{escape(limits)}</div>'
    if len(names) > MOST_COLUMNS:
        more = len(names) - MOST_COLUMNS
        yield f'<div style="{CARD}">and {more:,} more column{"s" * (more != 1)}</div>'


def _sample(results: pd.DataFrame, names: Sequence[Hashable]) -> pd.DataFrame:
    frame = pd.DataFrame(results)[list(names)]
    if len(frame) <= ROWS:
        return frame
    return frame.iloc[np.sort(np.random.default_rng(0).integers(0, len(frame), ROWS))]


def _how_many(column: pd.Series[Any], sample: SurveyData) -> str:
    """Return how many different texts a column has; if only a sample was read, at least how many."""
    axis = sample.axis(str(column.name))
    count = len(axis) - (axis.values[-1] is ABSENT)
    if count == len(column):
        return "all different"
    at_least = "at least " * (len(column) > ROWS)  # the sample may lack the rare ones
    return f"{at_least}{count:,} value{'s' * (count != 1)}"


def _limits(column: pd.Series[Any], view: Distribution) -> str:
    """Return the smallest and the largest number or time, of all rows."""
    if not view.known and column.isna().all():
        return "no value"
    if view.bools:
        return ", ".join(str(value) for value in (False, True) if (column == value).any())
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind not in "iuf":
        return _ends(column)
    values = column.to_numpy()
    low, high = values.min(), values.max()
    if low != low:  # a nan hides the others
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    return f"{low:.4g} – {high:.4g}" if low < high else f"{low:.4g}"


def _ends(column: pd.Series[Any]) -> str:
    """Return the first and last of a column's times, or the limits of its numbers that may be absent."""
    try:
        ends = [column.min(), column.max()]
    except TypeError:  # they have no order
        return ""
    low, high = (f"{float(end):.4g}" if isinstance(end, (Real, Decimal)) else label(end) for end in ends)
    return f"{low} – {high}" if low != high else low


def sparkline(counts: Sequence[int], title: str) -> str:
    """Return bars as an SVG that loads nothing.

    Parameters
    ----------
    counts : sequence of int
    title : str
        The text of the tooltip, which screen readers read out. It is escaped here.
    """
    most, width = max(counts, default=0), WIDTH / max(1, len(counts))
    bars = "".join(
        f'<rect x="{at * width:.1f}" y="{HEIGHT - tall:.1f}" width="{width * 0.85:.1f}" height="{tall:.1f}"/>'
        for at, tall in enumerate(HEIGHT * max(count / most, 0.04) if count else 0 for count in counts)
        if tall
    )
    box = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    return f'<svg {box} fill="{COLOUR}"><title>{escape(title)}</title>{bars}</svg>'
