"""matplotlib, loaded when a picture is drawn; and the figure that it is drawn into."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from paramsurvey.errors import PackageMissing

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
            f"pictures need matplotlib, and it cannot be imported ({error}): pip install 'paramsurvey[plot]'"
        ) from error
    return plt


def ink() -> str:
    """Return the colour of text: black on paper, white in a dark style."""
    pyplot()
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])


def settle(axes: Any) -> None:
    """Let the figure find out how large its Axes are, so that labels can be chosen that fit."""
    axes.figure.figure.draw_without_rendering()  # of a part of a figure, the whole one


def axes_for(ax: Any, width: float = WIDTH, height: float = HEIGHT) -> Any:
    """Return the Axes to draw into: those that were given, or those of a new figure."""
    plt = pyplot()
    return plt.subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax
