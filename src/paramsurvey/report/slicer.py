"""The slicer: any two axes, any value, any reduction, other axes held; a table whose cells are coloured.

The page gets the moments of the cells, and its script adds them up: it shows what `results.plot.slice`
draws. Without a script there is a table for each pair of axes and each value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.plotting.profiles import LEFT_OUT
from paramsurvey.report.markup import details, paragraph, shown_name, text
from paramsurvey.views import FAILING, SurveyData
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.cube import MOST_PLACES, CellMoments, Cube, cube_of
from paramsurvey.views.slices import NO_PSET, ONLY_FAILED, ONLY_NAN, ONLY_NOT_RUN, SHOWN

MOST_NUMBERS = 400_000  # in the page: about 3 MB
MOST_AXES = 12
MOST_PAIRS, AXES_OF_PAIRS = 15, 6
FEW_PSETS, LEAST_CELLS = 200_000, 1 << 12
MOST_STATIC = 40_000  # cells of tables that need no script
SHADES = 24  # of the colour map
WHY = {ONLY_FAILED: "all failed", ONLY_NOT_RUN: "not run", ONLY_NAN: "no number", NO_PSET: "no pset"}
CLASSES = {ONLY_FAILED: "failed", ONLY_NOT_RUN: "notrun", ONLY_NAN: "nan", NO_PSET: "nopset"}
REDUCTIONS = ("mean", "min", "max", "std", "count", "failures")


@dataclass(frozen=True)
class Slicer:
    """The slicer of one survey.

    Attributes
    ----------
    html : str
    cells : str
        Its data as JSON.
    axes : tuple of Axis
        Those that it can show, as coarse as it shows them.
    """

    html: str
    cells: str = "null"
    axes: tuple[Axis, ...] = ()


def slicer(
    data: SurveyData,
    axes: Sequence[str],
    values: Sequence[str],
    units: Mapping[str, str],
    live: bool = False,
) -> Slicer:
    """Return a survey's slicer.

    Parameters
    ----------
    data : SurveyData
    axes : sequence of str
        The axes that vary, the most important first.
    values : sequence of str
        Columns with numbers.
    units : mapping
    live : bool
        Whether cells with running psets will be marked.
    """
    if not axes:
        return Slicer(paragraph("No key of the psets varies, so there is no axis to slice along."))
    cubes = _cubes(data, axes, values)
    shown = list(dict.fromkeys(axis.name for cube in cubes for axis in cube.axes))
    left_out = [name for name in axes if name not in shown]
    note = ""
    if left_out:
        note = paragraph(f"There is no room for all axes: every slice is reduced over {', '.join(left_out)}.")
    whole = len(cubes) == 1 and cubes[0].finished.size * (3 + 5 * len(values)) <= MOST_NUMBERS
    pairs = cubes if len(cubes) > 1 else _pairs(cubes[0])
    tables = cubes if whole else pairs
    known = {axis.name: axis for cube in cubes for axis in cube.axes}
    names = [FAILING, *values]
    content = {
        "axes": [{"name": name, "labels": known[name].labels()} for name in shown],
        "values": [{"name": shown_name(name), "unit": units.get(name, "")} for name in names],
        "reductions": REDUCTIONS,
        "first": 1 if values else 0,
        "shades": SHADES,
        "tables": [
            {"axes": [shown.index(axis.name) for axis in cube.axes], **_numbers(cube, values)}
            for cube in tables
        ],
    }
    shown_axes = tuple(known[name] for name in shown)
    return Slicer(note + _controls(whole) + _legend(live) + _static(pairs, names), _json(content), shown_axes)


def _legend(live: bool) -> str:
    """Return the legend: what cells without a number mean."""
    running = '<li><span class="sample running"></span>running</li>' * live
    samples = {"failed": "all failed", "notrun": "not run", "nan": "no number", "nopset": "no pset"}
    if live:
        samples["nopset"] = "no pset, or not yet"
        del samples["notrun"]  # what has not run yet is not stored
    shown = "".join(f'<li><span class="sample {name}"></span>{said}</li>' for name, said in samples.items())
    return f'<ul class="key">{running}{shown}<li><b class="some">×</b> {LEFT_OUT}</li></ul>'


def _cubes(data: SurveyData, axes: Sequence[str], values: Sequence[str]) -> list[Cube]:
    """Return one cube that all axes span; for few psets with many combinations, one for each pair of axes."""
    few = len(data) <= FEW_PSETS
    places = [min(len(data.axis(name)), MOST_PLACES) for name in axes]
    if few and len(axes) > 2 and math.prod(places) > max(LEAST_CELLS, 2 * len(data)):
        return [cube_of(data, pair, values) for pair in combinations(axes[:AXES_OF_PAIRS], 2)]
    return [cube_of(data, axes[:MOST_AXES], values)]


def _pairs(cube: Cube) -> list[Cube]:
    """Return what a cube has for each pair of its axes, the most important first."""
    pairs = list(combinations(range(len(cube.axes)), 2))
    return [cube.onto(kept) for kept in pairs[:MOST_PAIRS]] or [cube]


def _numbers(cube: Cube, values: Sequence[str]) -> dict[str, Any]:
    """Return a cube's numbers, cell after cell."""
    return {
        "finished": cube.finished.ravel().tolist(),
        "failed": cube.failed.ravel().tolist(),
        "notRun": cube.not_run.ravel().tolist(),
        "values": [_moments(cube.values[name]) for name in values],
    }


def _moments(value: CellMoments) -> dict[str, Any]:
    return {
        "shift": _short(value.shift),
        "n": value.counts.ravel().tolist(),
        "sum": [_short(one) for one in value.sums.ravel().tolist()],
        "squares": [_short(one) for one in value.squares.ravel().tolist()],
        "min": [_short(one) for one in value.smallest.ravel().tolist()],
        "max": [_short(one) for one in value.largest.ravel().tolist()],
    }


def _short(value: float) -> float | None:
    """Return a number with nine digits, of which the page shows fewer; None where it is not finite."""
    return float(f"{value:.9g}") if math.isfinite(value) else None


def _json(value: Any) -> str:
    """Return JSON for a script element: no text in it can end the element."""
    shown = json.dumps(value, separators=(",", ":"), allow_nan=False)  # in ASCII
    return shown.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# ---- what is there without a script


def _controls(whole: bool) -> str:
    """Return the empty form, which the script fills and shows."""
    held = "" if whole else paragraph("There are too many combinations to hold an axis at one value here.")
    return (
        '<div id="slicer" hidden><form class="controls" aria-label="slicer"></form>'
        f'{held}<div class="scroll" role="group" tabindex="0" aria-label="slice">'
        '<table class="heat"><caption></caption><thead></thead><tbody></tbody></table></div>'
        '<p class="scale"></p></div>'
    )


def _static(pairs: Sequence[Cube], names: Sequence[str]) -> str:
    """Return a table for each pair of axes and each value, as long as there is room."""
    parts, room = [], MOST_STATIC
    for small in pairs:
        room -= small.finished.size * len(names)
        if room < 0:
            parts.append(paragraph("The slicer, which needs JavaScript, shows the other pairs."))
            break
        title = " × ".join(axis.name for axis in small.axes)
        parts.append(details(title, "".join(heat_table(small, name) for name in names)))
    return f'<details id="static" open><summary>Slices as tables</summary>{"".join(parts)}</details>'


def heat_table(cube: Cube, name: str) -> str:
    """Return the mean of a value by two axes, or by one, as a table with colours."""
    values, states, some = _means(cube, name)
    if len(cube.axes) == 1:
        values, states, some = (array.reshape(1, -1) for array in (values, states, some))
    else:
        values, states, some = values.T, states.T, some.T
    x, y = cube.axes[0], cube.axes[1] if len(cube.axes) > 1 else None
    head = "".join(f'<th scope="col">{text(label)}</th>' for label in x.labels())
    downs = y.labels() if y is not None else ["share that failed" if name == FAILING else "mean"]
    rows = "".join(
        f'<tr><th scope="row">{text(label)}</th>{"".join(cells)}</tr>'
        for label, cells in zip(downs, _cells(values, states, some), strict=True)
    )
    what = "share that failed" if name == FAILING else f"mean of {shown_name(name)}"
    corner = text(x.name if y is None else f"{y.name} ↓  {x.name} →")
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{text(what)}"><table class="heat">'
        f"<caption>{text(what)}</caption>"
        f'<thead><tr><td><div title="{corner}">{corner}</div></td>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _means(cube: Cube, name: str) -> tuple[Any, Any, Any]:
    """Return means, why a cell has none, and where psets that failed are left out."""
    ran = cube.finished + cube.failed
    with np.errstate(invalid="ignore", divide="ignore"):
        values = cube.failed / ran if name == FAILING else cube.values[name].means
    states = np.full(values.shape, SHOWN)
    empty = np.isnan(values)
    states[empty] = ONLY_NAN
    states[empty & (cube.finished == 0)] = ONLY_FAILED
    states[empty & (ran == 0)] = ONLY_NOT_RUN
    states[ran + cube.not_run == 0] = NO_PSET
    if name == FAILING:
        return values, states, np.zeros(values.shape, dtype=np.bool_)
    left_out = cube.values[name].counts <= cube.finished  # but none of them from the seconds
    return values, states, (cube.failed > 0) & left_out


def _cells(values: Any, states: Any, some: Any) -> Iterator[list[str]]:
    low, high = np.nanmin(values, initial=np.inf), np.nanmax(values, initial=-np.inf)
    span = (high - low) or 1.0
    for numbers, whys, marks in zip(values.tolist(), states.tolist(), some.tolist(), strict=True):
        yield [
            _cell(value, why, mark, (value - low) / span)
            for value, why, mark in zip(numbers, whys, marks, strict=True)
        ]


def _cell(value: float, why: int, mark: bool, height: float) -> str:
    if why != SHOWN:
        return f'<td class="{CLASSES[why]}">{WHY[why]}</td>'
    shade = min(SHADES - 1, max(0, int(height * SHADES)))
    return f'<td class="v{shade}">{value:.4g}{SOME if mark else ""}</td>'


SOME = f' <b class="some" title="{LEFT_OUT}">×</b>'
