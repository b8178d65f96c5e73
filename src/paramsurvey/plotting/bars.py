"""Importance, distributions and cost, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from paramsurvey.plotting.figures import axes_for, ink
from paramsurvey.plotting.labels import (
    LEAST_TICK,
    LONGEST_NAME,
    LONGEST_TICK,
    label_seconds,
    label_y,
    legend_above,
    name_below,
    name_beside,
    named,
    points_across,
    shown,
    width,
)
from paramsurvey.plotting.palette import BLUE, GREEN, ORANGE, SKY, VERMILLION
from paramsurvey.reporting.humanize import duration
from paramsurvey.views.columns.short_texts import distinct
from paramsurvey.views.columns.survey_data import FAILING, SECONDS
from paramsurvey.views.cost import AxisCost
from paramsurvey.views.distribution import Distribution
from paramsurvey.views.importance import Importance

MOST_PAIRS, LEAST_SHARE = 5, 0.01  # of the variance: weaker interactions cannot be seen
BAR, TALLEST = 0.32, 12.0  # inches: of a bar, and of all of them
MOST_COUNTS = 8  # on an axis that counts psets
BESIDE, GAP = "small", 6.0  # the font of texts beside bars; points between them and the frame
MOST_BESIDE = 0.6  # of the width of the axes: more would leave no room for bars
LONGEST_PART = 30  # characters of a name within a sentence
TIMES = " × "  # between the names of two axes
VALUE_NAMES = {FAILING: "failing", SECONDS: "the seconds"}

Units = Mapping[str, str]


def draw_importance(view: Importance, ax: Any = None, units: Units | None = None) -> Any:
    """Draw how much of a value's variance each axis explains, and the strongest interactions.

    Parameters
    ----------
    view : Importance
    ax : Axes, optional
    units : mapping, optional
        Not used; shares have no unit.

    Returns
    -------
    Axes
    """
    frame, pairs = view.to_frame(), view.pairs()
    pairs = pairs[pairs["share"] > LEAST_SHARE].head(MOST_PAIRS)
    names = [*frame.index, *_pair_names(list(frame.index), pairs)]
    axes = axes_for(ax, height=max(2.4, BAR * len(names) + 1.5), places="y")
    places = np.arange(len(frame))
    handles = []
    if frame["total"].notna().any():
        handles.append(axes.barh(places, frame["total"], color=SKY, label="with interactions"))
    if frame["first"].notna().any():
        handles.append(axes.barh(places, frame["first"], height=0.5, color=BLUE, label="alone"))
    if len(pairs):
        below = len(frame) + np.arange(len(pairs))
        handles.append(axes.barh(below, pairs["share"], height=0.5, color=ORANGE, label="interaction of two"))
    if not view.exact:
        _draw_intervals(axes, frame, pairs)
    name = VALUE_NAMES.get(view.value, view.value)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="share of the variance")
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.axvline(0, color=ink(), linewidth=0.8)
    label_y(axes, names)
    legend_above(axes, handles, _how(view))  # leaves the names less room
    label_y(axes, names)
    name_below(axes, partial(_share_of, name))
    return axes


def _share_of(name: str, longest: int) -> str:
    """Return what the bars of importance show: in two lines, if there is no room for a long name in one."""
    between = " " if longest == LONGEST_NAME else "\n"
    return f"share of the variance{between}of {shown(name, min(longest, LONGEST_PART))}"


def _pair_names(axes: list[str], pairs: Any) -> list[str]:
    """Return a name for each pair of axes; of one that is too long, both parts are made short."""
    short = dict(zip(axes, distinct(axes, (LONGEST_TICK - len(TIMES)) // 2), strict=True))
    return [
        TIMES.join((x, y) if len(x + TIMES + y) <= LONGEST_TICK else (short[x], short[y]))
        for x, y in zip(pairs["x"], pairs["y"], strict=True)
    ]


def _how(view: Importance) -> str:
    if not view.used:
        return "no numbers"
    if not np.isfinite(view.indices.first).any():
        return "nothing varies"
    return "exact" if view.exact else f"estimated from {view.used:,} psets"


def _draw_intervals(axes: Any, frame: Any, pairs: Any) -> None:
    style = {"fmt": "none", "ecolor": ink(), "capsize": 2, "linewidth": 1}
    place = np.arange(len(frame))
    for shares, down in (("first", 0.0), ("total", 0.3)):
        error = frame[f"{shares}_high"] - frame[shares]
        if error.notna().any():
            axes.errorbar(frame[shares], place + down, xerr=error, **style)
    if len(pairs):
        error = pairs["high"] - pairs["share"]
        axes.errorbar(pairs["share"], len(frame) + np.arange(len(pairs)), xerr=error, **style)


def draw_distribution(view: Distribution, ax: Any = None, units: Units | None = None) -> Any:
    """Draw a histogram with median and quartiles; of texts, how often each occurs.

    Parameters
    ----------
    view : Distribution
    ax : Axes, optional
    units : mapping, optional

    Returns
    -------
    Axes
    """
    if view.labels or not view.known:
        return _draw_texts(view, ax, units)
    if view.bools:
        return _draw_texts(_of_bools(view), ax, units)
    axes = axes_for(ax)
    axes.bar(
        view.edges[:-1],
        view.counts,
        np.diff(view.edges),
        align="edge",
        color=SKY,
        edgecolor=BLUE,
        linewidth=0.5,
    )
    median = axes.axvline(view.quantiles[0.5], color=VERMILLION, label="median")
    quarters = [view.quantiles[share] for share in (0.25, 0.75)]
    lines = [axes.axvline(at, color=VERMILLION, linestyle="--", label="quartiles") for at in quarters]
    if view.logarithmic:
        axes.set_xscale("log")
    name = partial(named, view.name, units)
    axes.set(xlabel=name(LEAST_TICK), ylabel="psets")
    _count_whole(axes.yaxis)
    absent = f"{view.absent:,} without a number" if view.absent else ""
    legend_above(axes, [median, lines[0]], absent)
    name_below(axes, name)
    return axes


def _count_whole(axis: Any) -> None:
    """Let an axis that counts psets show whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(MOST_COUNTS, integer=True))


def _of_bools(view: Distribution) -> Distribution:
    """Return a distribution of bools as one of the texts False and True."""
    return replace(view, labels=tuple(map(str, view.to_frame()[view.name])))


def _draw_texts(view: Distribution, ax: Any, units: Units | None) -> Any:
    axes = axes_for(ax, height=max(2.4, BAR * len(view.labels) + 1.2), places="y")
    axes.barh(np.arange(len(view.labels)), view.counts, color=SKY, edgecolor=BLUE)
    axes.set(ylim=(len(view.labels) - 0.4, -0.6), xlabel="psets")
    name_beside(axes, lambda longest: named(view.name, units, longest))
    _count_whole(axes.xaxis)
    label_y(axes, view.labels)
    return axes


def draw_cost(view: AxisCost, ax: Any = None, units: Units | None = None) -> Any:
    """Draw the seconds that went into each place of an axis, and what one pset took there.

    Parameters
    ----------
    view : AxisCost
    ax : Axes, optional
    units : mapping, optional

    Returns
    -------
    Axes
    """
    axes = axes_for(ax, height=min(TALLEST, max(2.4, BAR * len(view.axis) + 1.5)), places="y")
    bars = axes.barh(np.arange(len(view.axis)), view.seconds, color=GREEN)
    axes.set(ylim=(len(view.axis) - 0.4, -0.6), xlabel="seconds of all psets")
    name_beside(axes, lambda longest: named(view.axis.name, units, longest))
    label_y(axes, view.axis.labels())
    beside = _write_beside(axes, bars, view)
    label_seconds(axes)
    if beside:  # its ticks may have left the Axes less room
        points = points_across(axes) / axes.get_window_extent().width
        _end_inside(axes, view, np.array([text.get_window_extent().width for text in beside]) * points)
    return axes


def _write_beside(axes: Any, bars: Any, view: AxisCost) -> list[Any]:
    """Write share and median beside all bars; or only the share if there is no room, or nothing."""
    if len(axes.get_yticks()) < len(view.axis):
        return []  # a text is higher than a bar, and would overlap its neighbours
    room = points_across(axes)
    for texts in (_shares(view, medians=True), _shares(view, medians=False)):
        wide = np.array([width(text, BESIDE) for text in texts])
        if wide.max(initial=0.0) + GAP <= MOST_BESIDE * room:
            _end_inside(axes, view, wide)
            return list(axes.bar_label(bars, texts, fontsize=BESIDE))
    return []


def _end_inside(axes: Any, view: AxisCost, wide: Any) -> None:
    """Let bars, and the texts beside them, which are so many points `wide`, end before the frame."""
    room = points_across(axes)
    left = np.maximum(room - wide - GAP, (1 - MOST_BESIDE) * room / 2)  # for the bars
    axes.set_xlim(0, (view.seconds * room / left).max(initial=0.0) or 1.0)


def _shares(view: AxisCost, medians: bool) -> list[str]:
    return [
        f" {share:.0%}" + (f", median {duration(median)}" if medians and np.isfinite(median) else "")
        for share, median in zip(view.share.tolist(), view.median.tolist(), strict=True)
    ]
