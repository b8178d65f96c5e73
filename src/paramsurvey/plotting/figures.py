"""matplotlib, loaded when a picture is drawn; and the figure that it is drawn into."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from paramsurvey.errors import PackageMissing

MARGINS = ("left", "right", "bottom", "top", "wspace", "hspace")
WIDTH, HEIGHT = 6.4, 4.8  # inches: matplotlib's own


def pyplot() -> ModuleType:
    """Return ``matplotlib.pyplot``.

    Raises
    ------
    PackageMissing
        An ImportError: it is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise PackageMissing(
            f"pictures need matplotlib, but it cannot be imported ({error}): pip install 'paramsurvey[plot]'"
        ) from error
    return plt


def ink() -> str:
    """Return the colour of text: black on paper, white in a dark style."""
    pyplot()
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])


def settle(axes: Any) -> None:
    """Let the figure find out how large its Axes are, so that labels can be chosen that fit."""
    make_room(axes)
    axes.figure.figure.draw_without_rendering()  # the whole figure, if the Axes are in a part of one


def make_room(axes: Any) -> Any:
    """Make room for all labels in a figure that nobody has laid out; return the Axes.

    A figure of ``plt.subplots()`` has the same margins whatever its labels are: they grow to what
    ``tight_layout()`` makes them, and never shrink, so that a title of the whole figure still fits.
    A figure stays as it is when it has a layout of its own, when its user has adjusted it or placed any
    Axes by hand, and when it has several parts. There is room for a title above each legend: a user may
    set one later, when nobody makes room any more.
    """
    figure = axes.figure
    if not _is_unadjusted(figure):
        return axes
    with warnings.catch_warnings(), _titles_above_legends(figure):
        warnings.simplefilter("ignore")  # where there is too little room, it stays as it is
        _tight().execute(figure)
        _tight(rect=_inner(_margins(figure))).execute(figure)
    figure._paramsurvey_margins = _margins(figure)  # so that the next picture in it may adjust it again
    return axes


@contextmanager
def _titles_above_legends(figure: Any) -> Iterator[None]:
    """Let Axes whose legend stands above them have a title meanwhile."""
    from paramsurvey.plotting.titles import TitlesAboveLegend

    titles = [one.title for one in figure.axes if any(isinstance(a, TitlesAboveLegend) for a in one.artists)]
    without = [title for title in titles if not title.get_text()]
    for title in without:
        title.set_text("title")
    try:
        yield
    finally:
        for title in without:
            title.set_text("")


def _is_unadjusted(figure: Any) -> bool:
    if figure is not figure.figure or figure.subfigs or figure.get_layout_engine() is not None:
        return False
    if any(one.get_subplotspec() is None for one in figure.axes):
        return False
    return _margins(figure) in (_usual_margins(), getattr(figure, "_paramsurvey_margins", None))


def _margins(figure: Any) -> dict[str, float]:
    return {name: getattr(figure.subplotpars, name) for name in MARGINS}


def _inner(tight: dict[str, float]) -> tuple[float, float, float, float]:
    """Return the part of the figure in which tight margins are nowhere smaller than the usual ones."""
    usual = _usual_margins()
    left, bottom = (max(0.0, usual[side] - tight[side]) for side in ("left", "bottom"))
    right, top = (1 - max(0.0, tight[side] - usual[side]) for side in ("right", "top"))
    return left, bottom, right, top


def _usual_margins() -> dict[str, float]:
    """Return matplotlib's own margins; a style that a user has chosen may have others."""
    import matplotlib as mpl

    usual: Any = mpl.rcParamsDefault
    return {name: usual[f"figure.subplot.{name}"] for name in MARGINS}


def _tight(rect: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> Any:
    from matplotlib.layout_engine import TightLayoutEngine

    return TightLayoutEngine(rect=rect)


def axes_for(ax: Any, width: float = WIDTH, height: float = HEIGHT, *, places: str = "") -> Any:
    """Return the Axes to draw into: those that were given, or those of a new figure.

    Parameters
    ----------
    ax : Axes, optional
    width, height : float
        Of a new figure, in inches.
    places : str
        Which of ``x`` and ``y`` will have the places 0, 1, 2, ...: these are evenly spaced, even if the Axes
        that were given have a logarithmic scale, on which 0 has no place.
    """
    plt = pyplot()
    if ax is None:
        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    uneven = [name for name in places if getattr(ax, f"get_{name}scale")() != "linear"]
    ax.set(**{f"{name}scale": "linear" for name in uneven})  # else, what a user has set stays
    return ax
