"""Slices, and failures by two axes: a value as colour, and patterns where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.plotting.figures import axes_for
from paramsurvey.plotting.labels import (
    LEAST_TICK,
    label_x,
    label_y,
    legend_above,
    name_below,
    name_beside,
    named,
)
from paramsurvey.plotting.palette import PATTERNS, VALUES, VERMILLION
from paramsurvey.plotting.profiles import (
    LEFT_OUT,
    WORDS,
    described,
    draw_profile,
    draw_rates,
    failed_share,
    title_of,
)
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.columns.survey_data import FAILING
from paramsurvey.views.failures import CauseView
from paramsurvey.views.slices import NO_PSET, SHOWN, Slice

PLACE = 0.24  # inches: a picture grows with its axes, so that their places can be told apart
SOME_FAILED = "at least one pset failed"  # the colour does not show a few in a thousand
SMALLEST, LARGEST = (4.8, 3.6), (10.0, 8.0)  # inches

Units = Mapping[str, str]


def draw_slice(view: Slice, ax: Any = None, units: Units | None = None) -> Any:
    """Draw a value by two axes as colours, or by one as a line.

    Parameters
    ----------
    view : Slice
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    units : mapping, optional
        Units by the columns' names.

    Returns
    -------
    Axes
    """
    if not view.y.name:
        return draw_profile(view, ax, units)
    axes = axes_for(ax, *_size(view.x, view.y), places="xy")
    what = partial(described, view, units)
    handles = _fill(axes, view.values, view.states, what, **_limits(view))
    if view.reduction not in WORDS and view.value != FAILING:
        handles += _mark(axes, view.without_failed, LEFT_OUT)
    _label_all(axes, view.x, view.y, units, what, handles)
    return axes


def draw_failures(view: CauseView, ax: Any = None, units: Units | None = None) -> Any:
    """Draw the share of the psets that failed: by the two axes that tell most, or by the only one.

    Parameters
    ----------
    view : CauseView
    ax : Axes, optional
    units : mapping, optional

    Returns
    -------
    Axes
    """
    if not view.pairs:
        return draw_rates(view, ax, units)
    rates = view.pairs[0]
    x, y = rates.axes
    axes = axes_for(ax, *_size(x, y), places="xy")
    states = np.where(rates.psets.T > 0, SHOWN, NO_PSET)
    handles = _fill(axes, rates.rate.T, states, failed_share, vmin=0.0, vmax=1.0)
    handles += _mark(axes, rates.failures.T > 0, SOME_FAILED)
    _label_all(axes, x, y, units, failed_share, handles, title_of(view))
    return axes


def _fill(
    axes: Any, values: Any, states: NDArray[Any], what: Callable[[int], str], **limits: float
) -> list[Any]:
    """Draw a colour for each value and a pattern for each other state; return what the legend shows."""
    down, across = values.shape
    finite = np.ma.masked_invalid(values)
    edges = np.arange(across + 1) - 0.5, np.arange(down + 1) - 0.5
    mesh = axes.pcolormesh(*edges, finite, cmap=VALUES, rasterized=True, **limits)
    if finite.count():
        axes.figure.colorbar(mesh, ax=axes, label=what(LEAST_TICK))  # takes the room that it needs
    return [_draw_pattern(axes, state, states == state) for state in PATTERNS if (states == state).any()]


def _draw_pattern(axes: Any, state: int, cells: NDArray[Any]) -> Any:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Patch, Rectangle

    pattern, style = PATTERNS[state], PATTERNS[state].style()
    at = np.argwhere(cells).tolist()
    axes.add_collection(PatchCollection([Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in at], **style))
    return Patch(label=pattern.text, **style)


def _limits(view: Slice) -> dict[str, float]:
    """Return what the ends of the colours mean, where that does not follow from the values."""
    if view.reduction in WORDS:
        return {"vmin": 0.0, "vmax": max(1.0, float(np.nanmax(view.values, initial=1.0)))}
    return {"vmin": 0.0, "vmax": 1.0} if view.value == FAILING else {}


def _mark(axes: Any, cells: NDArray[Any], why: str) -> list[Any]:
    """Put a cross into some cells; return what the legend shows."""
    if not cells.any():
        return []
    rows, columns = np.nonzero(cells)
    return [axes.scatter(columns, rows, marker="x", color=VERMILLION, s=14, label=why)]


def _label_all(
    axes: Any,
    x: Axis,
    y: Axis,
    units: Units | None,
    what: Callable[[int], str],
    handles: Sequence[Any],
    title: str = "",
) -> None:
    """Label everything, beginning with the y axis, which decides how much room the rest has."""
    axes.set(xlim=(-0.5, len(x) - 0.5), ylim=(-0.5, len(y) - 0.5))
    axes.set(xlabel=named(x.name, units, LEAST_TICK), ylabel=named(y.name, units, LEAST_TICK))
    label_y(axes, y.labels())  # long ones leave less room for the rest, which may then leave less for these
    legend_above(axes, handles, title)
    label_x(axes, x.labels())
    label_y(axes, y.labels())
    name_below(axes, partial(named, x.name, units))
    name_beside(axes, partial(named, y.name, units))
    scale = axes.collections[0].colorbar
    if scale is not None:
        name_beside(scale.ax, what)


def _size(x: Axis, y: Axis) -> tuple[float, float]:
    """Return how large a picture with these axes is to be, in inches."""
    wanted = (len(x) * PLACE + 2.4, len(y) * PLACE + 1.6)
    return tuple(np.clip(wanted, SMALLEST, LARGEST).tolist())
