"""One axis alone: a slice of it as a line, and the failures at each of its places."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from paramsurvey.plotting.figures import axes_for
from paramsurvey.plotting.labels import (
    LEAST_TICK,
    label_x,
    legend_above,
    name_below,
    name_beside,
    named,
    shown,
)
from paramsurvey.plotting.palette import BLUE, PATTERNS, VERMILLION
from paramsurvey.views.columns.survey_data import FAILING
from paramsurvey.views.failures import CauseView
from paramsurvey.views.slices import Slice

WORDS = {"count": "finished psets", "failures": "failed psets"}
FAILED_SHARE = "share of the psets that failed"
LEFT_OUT = "without psets that failed"  # what a cross beside a mean or another reduction means
SHARE_LIMITS = (-0.03, 1.03)  # of an axis that shows a share of a whole
LONGEST_TITLE = 50  # characters

Units = Mapping[str, str]


def described(view: Slice, units: Units | None, longest: int) -> str:
    """Return what a slice shows, in words; the value's name has at most `longest` characters."""
    if view.reduction in WORDS:
        return WORDS[view.reduction]
    if view.value == FAILING:
        return failed_share(longest)
    return f"{view.reduction} of {named(view.value, units, longest)}"


def failed_share(longest: int) -> str:
    """Return what a rate of failures is, in at most `longest` characters, or in two words."""
    return FAILED_SHARE if longest >= len(FAILED_SHARE) else "failed share"


def title_of(view: CauseView) -> str:
    """Return how many psets failed, and why."""
    if not view.count:
        return "no pset has failed"
    what = f": {view.cause.exception}" if view.cause.exception else ""
    return shown(f"{view.count:,} failed{what}", LONGEST_TITLE)


def draw_profile(view: Slice, ax: Any = None, units: Units | None = None) -> Any:
    """Draw a slice of one axis: a line where its values ascend, else a point for each."""
    axes = axes_for(ax, places="x")
    places = np.arange(len(view.x))
    axes.plot(places, view.values[0], "o-" if view.x.ordered else "o", color=BLUE, markersize=4)
    handles = []
    for state, pattern in PATTERNS.items():
        at = np.flatnonzero(view.states[0] == state)
        style = {**pattern.style(), "label": pattern.text, "zorder": 0}
        spans = [axes.axvspan(place - 0.5, place + 0.5, **style) for place in at]
        handles += spans[:1]
    some = np.flatnonzero(view.without_failed[0])
    if len(some) and view.reduction not in WORDS and view.value != FAILING:
        marks = axes.scatter(some, view.values[0, some], marker="x", color=VERMILLION, zorder=3)
        marks.set_label(LEFT_OUT)
        handles.append(marks)
    axes.set(xlim=(-0.5, len(places) - 0.5), xlabel=named(view.x.name, units, LEAST_TICK))
    axes.set_ylabel(described(view, units, LEAST_TICK))  # takes the room that it needs
    if view.value == FAILING and view.reduction not in WORDS:
        axes.set_ylim(SHARE_LIMITS)
    legend_above(axes, handles)
    label_x(axes, view.x.labels())
    name_below(axes, partial(named, view.x.name, units))
    name_beside(axes, partial(described, view, units))
    return axes


def draw_rates(view: CauseView, ax: Any = None, units: Units | None = None) -> Any:
    """Draw the share of psets that failed at each place of the axis that tells most, with its interval."""
    axes = axes_for(ax, places="x")
    axes.set(ylim=SHARE_LIMITS)
    axes.set_title(title_of(view))
    if not view.axes:
        axes.set_xticks([])
        name_beside(axes, failed_share)
        return axes
    rates = view.axes[0]
    (low, high), places = rates.interval, np.arange(len(rates.axes[0]))
    error = np.clip([rates.rate - low, high - rates.rate], 0, None)
    axes.errorbar(places, rates.rate, error, fmt="o", color=VERMILLION, markersize=4, capsize=2)
    name = partial(named, rates.axes[0].name, units)
    axes.set(xlim=(-0.5, len(places) - 0.5), xlabel=name(LEAST_TICK))
    label_x(axes, rates.axes[0].labels())
    name_below(axes, name)
    name_beside(axes, failed_share)
    return axes
