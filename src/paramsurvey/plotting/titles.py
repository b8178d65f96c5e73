"""Titles of Axes whose legend stands above them: whenever they are drawn, titles stand above the legend."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist
from matplotlib.transforms import Bbox


class TitlesAboveLegend(Artist):
    """Moves the titles of its Axes above their legend when they are laid out or drawn; shows nothing itself.

    matplotlib moves titles above ticks and powers of ten, but not above a legend. A title may be set when
    all else has been drawn; one that its user puts inside the Axes, or higher, stays where it is.
    """

    zorder = 0  # it is drawn before the titles

    def __init__(self) -> None:
        super().__init__()
        self.set_clip_on(False)  # else a layout would not ask it

    def draw(self, renderer: Any) -> None:
        """Move the titles."""
        self._move(renderer)

    def get_tightbbox(self, renderer: Any = None) -> Any:
        """Move the titles; return from where to where they reach now, in a box as wide as the Axes."""
        axes: Any = self.axes
        across = axes.get_window_extent(renderer)
        boxes = [title.get_window_extent(renderer) for title in self._move(renderer)]
        boxes = [Bbox.from_extents(across.x0, box.y0, across.x1, box.y1) for box in boxes]
        return Bbox.union(boxes) if boxes else None

    def _move(self, renderer: Any) -> list[Any]:
        """Move titles that are as high as the legend; return them."""
        axes: Any = self.axes
        legend = axes.get_legend()
        if legend is None or not legend.get_visible():
            return []
        box = legend.get_window_extent(renderer)
        titles = [one for one in (axes._left_title, axes.title, axes._right_title) if one.get_text()]
        beside = [one for one in titles if _beside(one.get_window_extent(renderer), box)]
        for title in beside:
            _put_above(title, axes.transAxes.inverted(), box.y1, renderer)
        return beside


def _beside(one: Any, other: Any) -> bool:
    return bool(one.y0 < other.y1 and other.y0 < one.y1)


def _put_above(title: Any, to_axes: Any, height: float, renderer: Any) -> None:
    """Put a title above a height in pixels: by its own pad, or more if it would reach below that."""
    across = title.get_position()[0]
    title.set_position((across, to_axes.transform((0, height))[1]))
    below = height - title.get_window_extent(renderer).y0
    if below > 0:
        title.set_position((across, to_axes.transform((0, height + below))[1]))
