"""Parallel coordinates: a band from each place of one axis to each of the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from paramsurvey.plotting.figures import axes_for, ink
from paramsurvey.plotting.labels import (
    fitting,
    name_beside,
    named,
    named_apart,
    points_between,
    width,
)
from paramsurvey.plotting.palette import BLUE, VALUES
from paramsurvey.plotting.short_labels import short_labels
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.parallel import Link, Parallel

WIDEST, NARROWEST = 7.0, 0.4  # points: of the band with most psets, and of any
STEPS = 24  # of a curve
MOST_LABELS = 12  # of an axis
SIZE, LABEL_GAP = "x-small", 4  # of the labels; points between them and an axis
GAP = 8  # points between the names of two axes
AXIS_INCHES = 1.7
LAST = 0.6  # of the space between two axes: for the labels of the last one

Units = Mapping[str, str]


def draw_parallel(view: Parallel, ax: Any = None, units: Units | None = None) -> Any:
    """Draw parallel coordinates: the wider a band, the more psets run through it.

    Parameters
    ----------
    view : Parallel
    ax : Axes, optional
    units : mapping, optional

    Returns
    -------
    Axes
    """
    axes = axes_for(ax, width=max(5.0, AXIS_INCHES * len(view.axes) + 1.0), places="xy")
    bands = _draw_bands(axes, view.links)
    if view.value and bands is not None:
        scale = axes.figure.colorbar(bands, ax=axes)
        name_beside(scale.ax, lambda longest: f"mean of {named(view.value, units, longest)}")
    axes.set(xlim=(-0.25, len(view.axes) - 1 + LAST), ylim=(-0.02, 1.02), yticks=[])
    _name_axes(axes, view.axes, units)
    room = points_between(axes)
    for at, axis in enumerate(view.axes):
        axes.axvline(at, color=ink(), linewidth=0.8)
        _label_places(axes, at, axis, room * (LAST if axis is view.axes[-1] else 1.0))
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", length=0)
    return axes


def _name_axes(axes: Any, shown: Sequence[Axis], units: Units | None) -> None:
    """Write the axes' names below them: with their units if there is room, small if there is little."""
    names, room = [axis.name for axis in shown], points_between(axes) - GAP
    for with_units, size in ((units, "medium"), (None, "medium"), (None, SIZE)):
        texts = fitting(partial(named_apart, names, with_units), room, size)
        if max(width(text, size) for text in texts) <= room:
            break
    axes.set_xticks(range(len(names)), texts, fontsize=size)


def _draw_bands(axes: Any, links: Sequence[Link]) -> Any:
    """Draw the bands of all links, those with most psets below the others."""
    from matplotlib.collections import LineCollection

    most = max((int(link.psets.max(initial=0)) for link in links), default=0)
    if not most:
        return None
    curves, widths, means = [], [], []
    for at, link in enumerate(links):
        for left, right in np.argwhere(link.psets > 0).tolist():
            curves.append(_curve(at, _height(left, link.left), _height(right, link.right)))
            widths.append(max(NARROWEST, WIDEST * link.psets[left, right] / most))
            means.append(link.mean[left, right])
    order = np.argsort(widths)[::-1]
    bands = LineCollection([curves[i] for i in order], linewidths=np.array(widths)[order], alpha=0.7)
    colours = np.array(means)[order]
    if np.isfinite(colours).any():
        bands.set(array=np.ma.masked_invalid(colours), cmap=VALUES)
    else:
        bands.set(color=BLUE, alpha=0.35)
    return axes.add_collection(bands)


def _curve(at: int, start: float, end: float) -> Any:
    """Return the points of a curve that leaves one axis and reaches the next at right angles."""
    along = np.linspace(0, 1, STEPS)
    bent = along * along * (3 - 2 * along)
    return np.column_stack([at + along, start + (end - start) * bent])


def _height(place: int, axis: Axis) -> float:
    return (place + 0.5) / len(axis)


def _label_places(axes: Any, at: int, axis: Axis, room: float) -> None:
    """Label the places of an axis; each label has `room` points."""
    labels = fitting(lambda longest: short_labels(axis, longest), room - 2 * LABEL_GAP, SIZE)
    step = -(-len(labels) // MOST_LABELS)
    ground = axes.get_facecolor()
    opacity = 0.75 if ground[3] else 0.0  # none if the picture has no background of its own
    style = {"facecolor": ground[:3], "alpha": opacity, "edgecolor": "none", "pad": 1}
    beside: Any = {"xytext": (LABEL_GAP, 0), "textcoords": "offset points", "va": "center"}
    for place in range(0, len(labels), step):
        if labels[place]:
            axes.annotate(labels[place], (at, _height(place, axis)), fontsize=SIZE, bbox=style, **beside)
