"""Names with units, and as many tick labels as there is room for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from paramsurvey.plotting.figures import settle

POINT = 1 / 72  # inches
CHARACTER = 0.6  # of the font's size: about as wide as one character
LINE = 1.35  # of the font's size: from one line of text to the next
LONGEST_TICK, LEAST_TICK = 22, 6  # characters
LONGEST_NAME = 40
LABELS_PART = 0.36  # of a figure's width or height: so much the labels may take of it
FONT = 10.0  # points: matplotlib's own
HANDLE = 0.75  # inches: what a legend draws beside each text, and the space around it


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


def told_apart(labels: Sequence[str], longest: int = LONGEST_TICK) -> list[str]:
    """Return labels that are short, without what all long ones begin and end with.

    Examples
    --------
    >>> told_apart(["/data/runs/model-1/result.csv", "/data/runs/model-2/result.csv"], 12)
    ['…1…', '…2…']
    """
    long = [label for label in labels if len(label) > longest]
    if len(set(long)) > 1:
        begin = _alike(long)
        end = _alike([label[begin:][::-1] for label in long])
        labels = [_middle(label, begin, end) if label in long else label for label in labels]
    return [shown(label, longest) for label in labels]


def _middle(label: str, begin: int, end: int) -> str:
    """Return what is left of a label without its begin and end; each is kept if it is short."""
    begin, end = (part if part > LEAST_TICK else 0 for part in (begin, end))
    return "…" * (begin > 0) + label[begin : len(label) - end] + "…" * (end > 0)


def _alike(texts: Sequence[str]) -> int:
    """Return with how many characters all texts begin alike."""
    pairs = zip(min(texts), max(texts), strict=False)  # what these two share, all between them do, too
    return next((at for at, (one, other) in enumerate(pairs) if one != other), len(min(texts, key=len)))


def legend_above(axes: Any, handles: Sequence[Any], title: str = "") -> None:
    """Explain marks and patterns above the picture, where they cover nothing, below the title."""
    settle(axes)
    rows = 0
    if handles:
        size, inches = FONT * POINT * 0.83, _extent(axes)[0]
        widest = max(len(handle.get_label()) for handle in handles) * CHARACTER * size + HANDLE
        columns = min(len(handles), max(1, int(inches / widest)))
        rows = -(-len(handles) // columns)
        above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
        axes.legend(handles=handles, ncols=columns, frameon=False, fontsize="small", **above)
    if title:
        axes.set_title(title, pad=6 + 15 * rows)


def label_x(axes: Any, labels: Sequence[str]) -> None:
    """Put labels below the places 0, 1, 2, ...: side by side where they fit, else upright, else some."""
    settle(axes)
    inches, size = _extent(axes)[0], _size(axes.xaxis)
    texts = told_apart(labels, _longest(axes.figure.get_figheight(), size))
    across = max(map(len, texts), default=0) * CHARACTER * size + size
    fits = across * len(texts) <= inches
    step = 1 if fits else _step(len(texts), inches, size)
    axes.set_xticks(range(0, len(texts), step), texts[::step])
    if not fits and across * len(texts[::step]) > inches:
        axes.tick_params(axis="x", labelrotation=90)


def label_y(axes: Any, labels: Sequence[str]) -> None:
    """Put labels beside the places 0, 1, 2, ...; some of them where there is no room for all."""
    settle(axes)
    inches, size = _extent(axes)[1], _size(axes.yaxis)
    texts = told_apart(labels, _longest(axes.figure.get_figwidth(), size))
    step = _step(len(texts), inches, size)
    axes.set_yticks(range(0, len(texts), step), texts[::step])


def _longest(inches: float, size: float) -> int:
    """Return how many characters labels may have that stand across so much of a figure."""
    return min(LONGEST_TICK, max(LEAST_TICK, int(LABELS_PART * inches / (CHARACTER * size))))


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
