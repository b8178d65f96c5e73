"""Names with units, and as many tick labels as there is room for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

POINT = 1 / 72  # inches
CHARACTER = 0.6  # of the font's size: about as wide as one character
LINE = 1.35  # of the font's size: from one line of text to the next
LONGEST_TICK = 18  # characters
LONGEST_NAME = 40


def named(name: str, units: Mapping[str, str] | None = None) -> str:
    """Return a column's name with its unit, where that is known.

    Examples
    --------
    >>> named("mass", {"mass": "kg"})
    'mass [kg]'
    """
    unit = (units or {}).get(name)
    return shown(name, LONGEST_NAME) + (f" [{shown(str(unit), LONGEST_NAME)}]" if unit else "")


def shown(text: str, longest: int = LONGEST_TICK) -> str:
    """Return text as matplotlib draws it literally: short, and with no formula in it.

    Examples
    --------
    >>> shown("cost in $")
    'cost in \\\\$'
    """
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return text.replace("$", r"\$")


def legend_above(axes: Any, handles: Sequence[Any], title: str = "") -> None:
    """Explain marks and patterns above the picture, where they cover nothing, below the title."""
    if handles:
        above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
        axes.legend(handles=handles, ncols=3, frameon=False, fontsize="small", **above)
    if title:
        rows = -(-len(handles) // 3)
        axes.set_title(title, pad=6 + 15 * rows)


def label_x(axes: Any, labels: Sequence[str]) -> None:
    """Put labels below the places 0, 1, 2, ...: side by side where they fit, else upright, else some."""
    inches, size = _extent(axes)[0], _size(axes.xaxis)
    texts = [shown(label) for label in labels]
    across = max(map(len, texts), default=0) * CHARACTER * size + size
    fits = across * len(texts) <= inches
    step = 1 if fits else _step(len(texts), inches, size)
    axes.set_xticks(range(0, len(texts), step), texts[::step])
    if not fits and across * len(texts[::step]) > inches:
        axes.tick_params(axis="x", labelrotation=90)


def label_y(axes: Any, labels: Sequence[str]) -> None:
    """Put labels beside the places 0, 1, 2, ...; some of them where there is no room for all."""
    inches, size = _extent(axes)[1], _size(axes.yaxis)
    step = _step(len(labels), inches, size)
    axes.set_yticks(range(0, len(labels), step), [shown(label) for label in labels[::step]])


def _step(count: int, inches: float, size: float) -> int:
    room = max(1, int(inches / (LINE * size)))
    return max(1, math.ceil(count / room))


def _extent(axes: Any) -> tuple[float, float]:
    box = axes.get_window_extent()
    dpi = axes.figure.dpi
    return float(box.width / dpi), float(box.height / dpi)


def _size(axis: Any) -> float:
    """Return the height of an axis' tick labels, in inches."""
    from matplotlib.font_manager import FontProperties

    size = axis.get_tick_params().get("labelsize") or "medium"
    return float(FontProperties(size=size).get_size_in_points()) * POINT
