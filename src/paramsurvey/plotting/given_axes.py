"""Axes that the user gave: letters that leave room for the picture, and a figure that cuts nothing off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paramsurvey.plotting.figures import pyplot
from paramsurvey.plotting.labels import POINT, tick_size

ROOMY = (3.1, 2.3)  # inches: Axes of this size, as a figure of 4 by 3 has them, have room for usual letters
SMALLEST = 5.0  # points: smaller letters cannot be read
TITLE = 1.2  # of the letters' size: a title's, as matplotlib has it


@contextmanager
def room_in(ax: Any) -> Iterator[None]:
    """Have what is drawn into `ax` fit: with smaller letters in small Axes, and a layout where there is none.

    Parameters
    ----------
    ax : Axes or None
        None: the picture gets a figure of its own, which is large enough.
    """
    if ax is None:
        yield
        return
    with _letters(ax), _layout(ax.figure):
        yield


@contextmanager
def _letters(ax: Any) -> Iterator[None]:
    pyplot()
    import matplotlib as mpl

    box, figure = ax.get_position(original=True), ax.figure.bbox.size / ax.figure.dpi
    usual = mpl.rcParams["font.size"]
    scale = min(1.0, box.width * figure[0] / ROOMY[0], box.height * figure[1] / ROOMY[1])
    size = max(min(usual, SMALLEST), scale * usual)
    with mpl.rc_context({"font.size": size}):
        if size < usual:
            _make_smaller(ax, size)
        yield


def _make_smaller(ax: Any, size: float) -> None:
    """Have the letters that the Axes have already no larger than so many points."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_tick_params(labelsize=min(size, tick_size(axis) / POINT))
        for text in (axis.label, axis.get_offset_text()):
            text.set_size(min(size, text.get_size()))
    ax.title.set_size(min(TITLE * size, ax.title.get_size()))


@contextmanager
def _layout(figure: Any) -> Iterator[None]:
    """Lay a figure out while it is drawn, unless its user has done so."""
    if not _is_left_alone(figure):
        yield
        return
    figure.set_layout_engine("tight")
    try:
        yield
        figure.draw_without_rendering()
    finally:
        figure.set_layout_engine("none")  # as after plt.tight_layout(): the user can still move everything


def _is_left_alone(figure: Any) -> bool:
    """Return whether a figure has Axes of ``plt.subplots`` only, which lie where matplotlib has put them."""
    from matplotlib.figure import Figure, SubplotParams
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    if not isinstance(figure, Figure) or any(axes.get_subplotspec() is None for axes in figure.axes):
        return False
    engine = figure.get_layout_engine()
    if engine is None:
        sides = ("left", "right", "bottom", "top", "wspace", "hspace")
        usual, here = SubplotParams(), figure.subplotpars
        return all(getattr(here, side) == getattr(usual, side) for side in sides)
    return isinstance(engine, PlaceHolderLayoutEngine) and engine.adjust_compatible
