"""Labels of the places 0, 1, 2, ... of an axis: whenever it is drawn, as many as there is room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import Formatter, Locator


class PlaceLocator(Locator):
    """Marks every place, or only some if the axis is too short: a layout may make it so after all was drawn.

    Parameters
    ----------
    count : int
        How many places there are.
    inches : float
        How much of the axis a label takes.
    """

    def __init__(self, count: int, inches: float) -> None:
        self._count, self._inches = count, inches

    def __call__(self) -> list[int]:
        axis: Any = self.axis
        box, dpi = axis.axes.get_window_extent(), axis.axes.figure.dpi
        long = (box.width if axis.axis_name == "x" else box.height) / dpi
        return list(range(0, self._count, step_of(self._count, long, self._inches)))

    def tick_values(self, vmin: float, vmax: float) -> list[int]:
        """Return the places that are marked."""
        return self()


class PlaceFormatter(Formatter):
    """Returns the label of a place."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __call__(self, x: float, pos: int | None = None) -> str:
        at = round(x)
        return self._texts[at] if 0 <= at < len(self._texts) else ""


def step_of(count: int, long: float, inches: float) -> int:
    """Return from which place to the next there is a label, on an axis so `long`, if each takes `inches`."""
    return max(1, math.ceil(count / max(1, int(long / inches))))


def label_places(axis: Any, texts: Sequence[str], inches: float) -> None:
    """Label the places of an axis; each label takes so many inches of it."""
    axis.set_ticks(range(len(texts)))  # so that all places are in sight
    axis.set_major_locator(PlaceLocator(len(texts), inches))
    axis.set_major_formatter(PlaceFormatter(texts))
