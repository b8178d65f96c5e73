"""Timelines: how busy each worker was, and where psets failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from paramsurvey.plotting.figures import axes_for
from paramsurvey.plotting.labels import label_seconds, label_y, legend_above, name_beside
from paramsurvey.plotting.palette import VALUES, VERMILLION
from paramsurvey.views.timeline import Timeline

ROW = 0.2  # inches
BUSY_SHARE = "busy share of the time"


def draw_timeline(view: Timeline, ax: Any = None, units: Mapping[str, str] | None = None) -> Any:
    """Draw the busy share of each worker's time, and a mark where psets that failed began.

    Parameters
    ----------
    view : Timeline
    ax : Axes, optional
    units : mapping, optional
        Not used: times are in seconds.

    Returns
    -------
    Axes
    """
    axes = axes_for(ax, width=8.0, height=min(8.0, max(2.6, ROW * len(view.workers) + 1.6)), places="y")
    edges = np.arange(len(view.workers) + 1) - 0.5
    mesh = axes.pcolormesh(view.edges, edges, view.share, cmap=VALUES, vmin=0, vmax=1, rasterized=True)
    scale = axes.figure.colorbar(mesh, ax=axes, label="busy share")
    handles = []
    if view.failed.any():
        rows, columns = np.nonzero(view.failed)
        middle = (view.edges[:-1] + view.edges[1:]) / 2
        style = {"marker": "x", "color": VERMILLION, "s": 16}
        handles = [axes.scatter(middle[columns], rows, label="psets that failed", **style)]
    axes.set(xlabel="seconds", ylabel="worker", ylim=(len(view.workers) - 0.5, -0.5))
    label_y(axes, view.workers)
    legend_above(axes, handles)  # leaves the workers less room
    label_y(axes, view.workers)
    label_seconds(axes)
    name_beside(scale.ax, _busy_share)
    return axes


def _busy_share(longest: int) -> str:
    """Return what the colours mean, in at most `longest` characters, or in two words."""
    return BUSY_SHARE if longest >= len(BUSY_SHARE) else "busy share"
