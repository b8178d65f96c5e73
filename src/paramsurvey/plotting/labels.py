"""Names with units, and as many tick labels as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Any

from paramsurvey.plotting.figures import settle
from paramsurvey.views.columns.short_texts import common_beginning, distinct, shortened
from paramsurvey.views.columns.survey_data import SECONDS

POINT = 1 / 72  # inches
CHARACTER = 0.6  # of the font's size: about as wide as one character
LINE = 1.35  # of the font's size: from one line of text to the next
LONGEST_TICK, LEAST_TICK = 22, 6  # characters
LONGEST_NAME = 40
LABELS_PART = 0.36  # how much of the width or height of the Axes' place labels may take
SECONDS_SHOWN, FEW_DIGITS = 5, (-2, 5)  # ticks; powers of ten that are written out
LEGEND = "small"  # its font
HANDLE, COLUMN_GAP = 2.8, 2.0  # of its font's size: the mark beside each text, and the space between columns
FRAME, ABOVE = 2.5, 0.2  # of its font's size: the space around it, and below it
TIGHT = {"borderpad": 0.2, "labelspacing": 0.25}  # also of its font's size: a legend that takes little room
NAME_GAP = 0.08  # of the width of the Axes' place: between the names of two of them


def named(name: str, units: Mapping[str, str] | None = None, longest: int = LONGEST_NAME) -> str:
    """Return a column's name, with its unit if that is known; each of at most `longest` characters.

    Examples
    --------
    >>> named("mass", {"mass": "kg"})
    'mass [kg]'
    """
    unit = (units or {}).get(name)
    if name == SECONDS:
        name, unit = "seconds per pset", unit or "s"
    return shown(name, longest) + (f" [{shown(str(unit), longest)}]" if unit else "")


def named_apart(names: Sequence[str], units: Mapping[str, str] | None, longest: int) -> list[str]:
    """Return the names of several columns with their units, short but all different.

    Examples
    --------
    >>> named_apart(["mass_of_the_star", "mass_of_the_planet"], {"mass_of_the_star": "kg"}, 12)
    ['…f_the_star [kg]', '…f_the_plan…']
    """
    short = distinct(names, max(LEAST_TICK, longest))
    known = units or {}
    return [
        named(text, {text: known[name]} if name in known else None, max(LEAST_TICK, longest))
        for name, text in zip(names, short, strict=True)
    ]


def shown(text: str, longest: int = LONGEST_TICK) -> str:
    """Return text as matplotlib draws it literally: short, and with no formula in it.

    Examples
    --------
    >>> shown("cost in $")
    'cost in \\\\$'
    """
    return _literal(shortened(text, longest))


def told_apart(labels: Sequence[str], longest: int = LONGEST_TICK) -> list[str]:
    """Return labels that are short but all different, without what all long ones begin and end with.

    Examples
    --------
    >>> told_apart(["/data/runs/model-1/result.csv", "/data/runs/model-2/result.csv"], 12)
    ['…1…', '…2…']
    """
    long = [label for label in labels if len(label) > longest]
    if len({shortened(label, longest) for label in long}) < len(set(long)):
        begin = common_beginning(long)
        end = common_beginning([label[begin:][::-1] for label in long])
        labels = [_middle(label, begin, end) if label in long else label for label in labels]
    return [_literal(label) for label in distinct(labels, longest)]


def _literal(text: str) -> str:
    """Return text as matplotlib draws it literally: with no formula in it."""
    return text.replace("$", r"\$")


def _middle(label: str, begin: int, end: int) -> str:
    """Return what is left of a label without its begin and end; each is kept if it is short."""
    begin, end = (part if part > LEAST_TICK else 0 for part in (begin, end))
    return "…" * (begin > 0) + label[begin : len(label) - end] + "…" * (end > 0)


def legend_above(axes: Any, handles: Sequence[Any], title: str = "") -> None:
    """Explain marks and patterns above the picture, where they cover nothing, below any title.

    It is no wider than the Axes, because a layout would make these narrower to give it room.
    """
    from paramsurvey.plotting.titles import TitlesAboveLegend

    settle(axes)
    power = axes.yaxis.get_offset_text()  # a power of ten is at the left, above the axis
    below = power.get_window_extent().height if power.get_text() else 0.0
    if handles:
        size = _font_size(LEGEND) / POINT
        room = _room_above(axes) * _points(axes) - FRAME * size
        texts = _broken([handle.get_label() for handle in handles], room - HANDLE * size)
        columns = _columns(texts, room, size)
        pad = ABOVE + below * _points(axes) / size
        if max(width(line, LEGEND) for text in texts for line in text.splitlines()) + HANDLE * size > room:
            pad = ABOVE + max(below, _power_above(axes)) * _points(axes) / size  # no room beside it
        above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": pad}
        axes.legend(handles, texts, ncols=columns, frameon=False, fontsize=LEGEND, **TIGHT, **above)
        axes.add_artist(TitlesAboveLegend())
    if title:
        axes.set_title(fill(title, _longest_title(axes, title)))


def _room_above(axes: Any) -> float:
    """Return how many pixels wide a legend may be: as the Axes, or up to the colorbar's power of ten."""
    box = axes.get_window_extent()
    return float(min([box.x1, *(one.x0 for one in _powers_of_colors(axes))]) - box.x0)


def _power_above(axes: Any) -> float:
    """Return how many pixels high the colorbar's power of ten is."""
    return float(max((one.height for one in _powers_of_colors(axes)), default=0.0))


def _powers_of_colors(axes: Any) -> list[Any]:
    """Return where powers of ten stand, above the colorbar."""
    bars = [one.colorbar for one in axes.collections if one.colorbar is not None]
    powers = [bar.ax.yaxis.get_offset_text() for bar in bars]
    return [one.get_window_extent() for one in powers if one.get_text()]


def _broken(texts: Sequence[str], room: float) -> list[str]:
    """Return the texts of a legend; those that are wider than `room` points are broken into lines."""
    widest = max(width(text, LEGEND) / len(text) for text in texts)  # of a character
    longest = max(LEAST_TICK, int(room / widest))
    return [fill(text, longest, break_long_words=False) for text in texts]


def _columns(texts: Sequence[str], room: float, size: float) -> int:
    """Return in how many columns a legend has room, if matplotlib fills one after the other."""
    widths = [max(width(line, LEGEND) for line in text.splitlines()) + HANDLE * size for text in texts]
    for count in range(len(texts), 1, -1):
        step = -(-len(texts) // count)
        columns = [max(widths[at : at + step]) for at in range(0, len(texts), step)]
        if sum(columns) + COLUMN_GAP * size * (len(columns) - 1) <= room:
            return count
    return 1


def _longest_title(axes: Any, title: str) -> int:
    """Return how many characters a line of the title may have."""
    size = axes.title.get_fontsize()
    return max(LEAST_TICK, int(len(title) * _room_around(axes) * _points(axes) / width(title, size)))


def label_x(axes: Any, labels: Sequence[str]) -> None:
    """Put labels below the places 0, 1, 2, ...: side by side if they fit, else upright, else only some."""
    from paramsurvey.plotting.place_labels import label_places, step_of

    settle(axes)
    inches, size = _extent(axes)[0], tick_size(axes.xaxis)
    texts = told_apart(labels, _longest(_place(axes)[1], size))
    across = max((width(text, size / POINT) for text in texts), default=0.0) * POINT + size
    fits = across * len(texts) <= inches
    step = 1 if fits else step_of(len(texts), inches, LINE * size)
    is_upright = not fits and across * len(texts[::step]) > inches
    if is_upright:
        axes.tick_params(axis="x", labelrotation=90)
    label_places(axes.xaxis, texts, LINE * size if is_upright else across)


def label_y(axes: Any, labels: Sequence[str]) -> None:
    """Put labels beside the places 0, 1, 2, ...; only some of them if there is no room for all."""
    from paramsurvey.plotting.place_labels import label_places

    settle(axes)
    size = tick_size(axes.yaxis)
    across = _place(axes)[0]
    room, most = LABELS_PART * across / POINT, _longest(across, size)
    texts = fitting(lambda longest: told_apart(labels, min(longest, most)), room, size / POINT)
    label_places(axes.yaxis, texts, LINE * size)


def label_seconds(axes: Any) -> None:
    """Let the x axis show few seconds, with few digits, so that they do not touch each other."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    axes.xaxis.set_major_locator(MaxNLocator(SECONDS_SHOWN))
    few_digits = ScalarFormatter()
    few_digits.set_powerlimits(FEW_DIGITS)
    axes.xaxis.set_major_formatter(few_digits)
    settle(axes)
    size = tick_size(axes.xaxis) / POINT
    widest = max([size, *(width(text.get_text(), size) for text in axes.get_xticklabels())])
    most = int(_extent(axes)[0] / POINT / (2 * widest))
    axes.xaxis.set_major_locator(MaxNLocator(max(1, min(SECONDS_SHOWN, most))))
    name, power = axes.xaxis.label, axes.xaxis.get_offset_text()
    if name.get_window_extent().overlaps(power.get_window_extent()):  # a power of ten is at the right
        axes.set_xlabel(name.get_text(), loc="left")


def points_across(axes: Any) -> float:
    """Return how wide the Axes are, in points."""
    settle(axes)
    return _extent(axes)[0] / POINT


def points_between(axes: Any) -> float:
    """Return how many points there are from one unit of the x axis to the next."""
    low, high = axes.get_xlim()
    return float(points_across(axes) / (high - low))


def fitting(make: Callable[[int], list[str]], points: float, size: float | str) -> list[str]:
    """Return texts of which the widest fits into `points`, if they can be made short enough.

    Parameters
    ----------
    make : callable
        Makes the texts, given how many characters each may have.
    points : float
    size : float or str
        Of the font, in points or as matplotlib names it.
    """
    longest = LONGEST_TICK
    while True:
        texts = make(longest)
        widest = max((width(text, size) for text in texts), default=0.0)
        if widest <= points or longest == LEAST_TICK:
            return texts
        longest = max(LEAST_TICK, min(longest - 1, int(longest * points / widest)))


def width(text: str, size: float | str) -> float:
    """Return how wide a text is, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return float(text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0])


def name_beside(axes: Any, make: Callable[[int], str]) -> None:
    """Name the y axis, with no more characters than have room along it.

    Parameters
    ----------
    axes : Axes
    make : callable
        Makes the name, given how many characters each part of it may have.
    """
    settle(axes)
    room, longest = float(axes.get_window_extent().height), LONGEST_NAME
    while True:
        drawn = axes.set_ylabel(make(longest)).get_window_extent().height
        if drawn <= room or longest == LEAST_TICK:
            return
        longest = max(LEAST_TICK, min(longest - 1, int(longest * room / drawn)))


def name_below(axes: Any, make: Callable[[int], str]) -> None:
    """Name the x axis, with no more characters than there is room for between the Axes' neighbours."""
    settle(axes)
    box, power, longest = axes.get_window_extent(), axes.xaxis.get_offset_text(), LONGEST_NAME
    room, middle = _room_around(axes), float(box.x0 + box.x1) / 2
    if power.get_text():  # a power of ten is at the right, as high as the name
        room = min(room, 2 * (float(power.get_window_extent().x0) - middle) - NAME_GAP * box.width)
    while True:
        drawn = axes.set_xlabel(make(longest)).get_window_extent().width
        if drawn <= room or longest == LEAST_TICK:
            return
        longest = max(LEAST_TICK, min(longest - 1, int(longest * room / drawn)))


def _room_around(axes: Any) -> float:
    """Return how many pixels there are for a text above or below the middle of the Axes."""
    box, across = axes.get_window_extent(), axes.figure.get_window_extent().width
    middle = float(box.x0 + box.x1) / 2
    place = _place(axes)[0] * axes.figure.dpi
    return float(min(2 * middle, 2 * (across - middle), place) - NAME_GAP * place)


def _points(axes: Any) -> float:
    """Return how many points a pixel is."""
    return float(1 / (POINT * axes.figure.dpi))


def _longest(inches: float, size: float) -> int:
    """Return how many characters labels across this many inches may have."""
    return min(LONGEST_TICK, max(LEAST_TICK, int(LABELS_PART * inches / (CHARACTER * size))))


def _extent(axes: Any) -> tuple[float, float]:
    box = axes.get_window_extent()
    dpi = axes.figure.dpi
    return float(box.width / dpi), float(box.height / dpi)


def _place(axes: Any) -> tuple[float, float]:
    """Return how much of the figure is for these Axes and what is around them, in inches."""
    spec = axes.get_subplotspec()
    if spec is not None and any(one.colorbar is not None for one in (*axes.collections, *axes.images)):
        spec = _outer(spec) or spec  # a colorbar has split the place into a grid, for the Axes and itself
    return _room(spec, axes.figure)


def _room(spec: Any, figure: Any) -> tuple[float, float]:
    """Return the size of a cell of a grid, which may be in a cell of another; None: that of the figure."""
    if spec is None:
        wide, high = (side / figure.dpi for side in figure.bbox.size)
        return wide, high
    wide, high = _room(_outer(spec), figure)
    grid = spec.get_gridspec()
    across, down = grid.get_width_ratios(), grid.get_height_ratios()
    part_across = sum(across[at] for at in spec.colspan) / sum(across)
    part_down = sum(down[at] for at in spec.rowspan) / sum(down)
    return wide * part_across, high * part_down


def _outer(spec: Any) -> Any:
    """Return the cell that a cell's grid is in; None if it fills the figure."""
    return getattr(spec.get_gridspec(), "_subplot_spec", None)


def tick_size(axis: Any) -> float:
    """Return the height of an axis' tick labels, in inches."""
    return _font_size(axis.get_tick_params().get("labelsize") or "medium")


def _font_size(size: float | str) -> float:
    """Return the height of a font, in inches."""
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points()) * POINT
