"""Pictures in the user's Axes: nothing is cut off, no texts touch, and what the user laid out stays."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.text import Text

import paramsurvey
from paramsurvey import MapResults
from paramsurvey.plotting.figures import make_room
from paramsurvey.plotting.labels import _place

LONG = "sigmoid_with_a_long_name"
PICTURES = {
    "slice": lambda plot, ax: plot.slice("C", "kernel", "score", ax=ax),
    "slice of failures": lambda plot, ax: plot.slice("kernel", "depth", ax=ax),
    "line": lambda plot, ax: plot.slice("kernel", value="score", ax=ax),
    "importance": lambda plot, ax: plot.importance("score", ax=ax),
    "distribution": lambda plot, ax: plot.distribution("score", ax=ax),
    "texts": lambda plot, ax: plot.distribution("kernel", ax=ax),
    "failures": lambda plot, ax: plot.failures(ax=ax),
    "parallel": lambda plot, ax: plot.parallel(value="score", ax=ax),
    "cost": lambda plot, ax: plot.cost("C", seconds="took", ax=ax),
    "timeline": lambda plot, ax: plot.timeline(worker="depth", start="began", seconds="took", ax=ax),
}


def fit(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if (pset["kernel"] == "poly" and pset["C"] > 5) or (pset["kernel"] == LONG and pset["depth"] == 2):
        raise ValueError(f"no convergence at {pset['C']}")
    is_known = pset["kernel"] != "linear" or pset["depth"] != 1
    return {"score": np.log10(pset["C"]) * pset["depth"] if is_known else np.nan, "took": pset["C"] * 1e-5}


@pytest.fixture
def results() -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    axes = {
        "C": [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
        "kernel": ["rbf", "linear", "poly", LONG],
        "depth": [1, 2],
    }
    found = paramsurvey.map(fit, paramsurvey.params.product(axes))
    found["began"] = np.arange(len(found)) * 1e-4
    found.units = {"C": "mN/m²", "score": "log₁₀ J"}
    return found


@pytest.fixture(autouse=True)
def figures_closed() -> Iterator[None]:
    yield
    plt.close("all")


def drawn_texts(figure: Any) -> list[tuple[str, Any, bool]]:
    """Return the texts that can be seen: what they say, where, and whether on a ground of their own."""
    figure.draw_without_rendering()
    left_out = set()
    for axis in itertools.chain.from_iterable((ax.xaxis, ax.yaxis) for ax in figure.axes):
        shown = {id(tick) for tick in axis._update_ticks()}
        ticks = [tick for tick in axis.get_major_ticks() if id(tick) not in shown]
        left_out |= {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    return [
        (text.get_text(), text.get_window_extent(), text.get_bbox_patch() is not None)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in left_out
    ]


def touch(one: Any, other: Any) -> bool:
    return bool(
        one.x0 < other.x1 - 1 and other.x0 < one.x1 - 1 and one.y0 < other.y1 - 1 and other.y0 < one.y1 - 1
    )


def assert_legible(figure: Any) -> None:
    texts = drawn_texts(figure)
    width, height = figure.bbox.size
    gaps = [(said, min(box.x0, box.y0, width - box.x1, height - box.y1)) for said, box, _ in texts]
    assert [said for said, gap in gaps if gap < -1] == []
    pairs = itertools.combinations(texts, 2)
    assert [(a, b) for (a, box, c), (b, other, d) in pairs if not (c or d) and touch(box, other)] == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_cut_off_and_no_two_texts_touch(results: MapResults, name: str) -> None:
    figure, ax = plt.subplots(figsize=(4, 3), dpi=100, layout="constrained")
    PICTURES[name](results.plot, ax)
    assert_legible(figure)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_nor_in_a_figure_without_a_layout(results: MapResults, name: str) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for ax in axes:
        PICTURES[name](results.plot, ax)
    assert_legible(figure)


@pytest.fixture
def long_names() -> MapResults:
    """Return results with long names, and numbers so small that a power of ten stands beside their axis."""
    paramsurvey.init(backend="serial", verbose=0)
    axes = {
        "a_key_with_a_long_name_that_goes_on": [f"/data/model-{at}/run/result.csv" for at in range(8)],
        "another_rather_long_name_of_a_key": [1.2345678e-7 * at for at in range(1, 7)],
        "flag": [True, False],
    }

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        _, small, flag = pset.values()
        assert small < 6e-7 or not flag
        return {"the_name_of_a_result_that_goes_on": small * (1 + flag)}

    return paramsurvey.map(worker, paramsurvey.params.product(axes))


LONG_KEY, SMALL_KEY, RESULT = (
    "a_key_with_a_long_name_that_goes_on",
    "another_rather_long_name_of_a_key",
    "the_name_of_a_result_that_goes_on",
)
LONG_NAMES = {
    "slice": lambda plot, ax: plot.slice(LONG_KEY, "flag", RESULT, ax=ax),
    "line": lambda plot, ax: plot.slice(LONG_KEY, value=RESULT, ax=ax),
    "line of small keys": lambda plot, ax: plot.slice(SMALL_KEY, ax=ax),
    "distribution": lambda plot, ax: plot.distribution(RESULT, ax=ax),
    "distribution of a key": lambda plot, ax: plot.distribution(SMALL_KEY, ax=ax),
    "importance": lambda plot, ax: plot.importance(RESULT, ax=ax),
    "failures": lambda plot, ax: plot.failures(ax=ax),
}


@pytest.mark.parametrize("name", LONG_NAMES)
@pytest.mark.parametrize("layout", ["constrained", None])
def test_long_names_touch_neither_those_of_the_next_axes_nor_a_power_of_ten(
    long_names: MapResults, name: str, layout: Any
) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3), layout=layout)
    for ax in axes:
        LONG_NAMES[name](long_names.plot, ax)
    assert_legible(figure)
    for ax in axes:
        legend, power = ax.get_legend(), ax.yaxis.get_offset_text()
        assert legend is None or not touch(legend.get_window_extent(), power.get_window_extent())


@pytest.fixture
def days() -> MapResults:
    """Return results of 30 days, with numbers so large that a sum stands above their colours."""
    paramsurvey.init(backend="serial", verbose=0)
    when = [np.datetime64("2024-01-01") + day for day in range(30)]

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        day = pset["when"].day
        assert pset["k"] != 2 or day not in (3, 4)
        return {"y": 1e12 + 1e6 * day}

    psets = {"when": [value.astype("datetime64[s]").item() for value in when], "k": [1, 2, 3]}
    return paramsurvey.map(worker, paramsurvey.params.product(psets))


@pytest.mark.parametrize("layout", ["constrained", None])
@pytest.mark.parametrize("figsize", [(5, 4), (7, 4)], ids=str)
def test_upright_dates_beside_a_second_picture_do_not_touch(
    days: MapResults, layout: Any, figsize: Any
) -> None:
    figure, axes = plt.subplots(1, 2, figsize=figsize, layout=layout)
    for ax in axes:
        days.plot.slice("when", "k", "y", ax=ax)
    assert_legible(figure)


def test_labels_of_a_figure_that_is_made_smaller_do_not_touch(days: MapResults) -> None:
    figure, ax = plt.subplots(figsize=(8, 8), layout="constrained")
    days.plot.slice("k", "when", "y", ax=ax)
    assert len(ax.get_yticks()) == 30
    figure.set_size_inches(4, 3)
    assert_legible(figure)


def test_in_a_column_of_a_paper_a_legend_stands_above_the_sum_of_the_colours(days: MapResults) -> None:
    figure, ax = plt.subplots(figsize=(3.4, 2.6))
    days.plot.slice("k", "when", "y", ax=ax)
    assert "1e12" in figure.axes[-1].yaxis.get_offset_text().get_text()
    assert_legible(figure)


def test_in_a_short_timeline_the_name_of_the_colours_is_as_short_as_their_scale(results: MapResults) -> None:
    figure, ax = plt.subplots(figsize=(4, 1.8), layout="constrained")
    PICTURES["timeline"](results.plot, ax)
    figure.draw_without_rendering()
    scale = figure.axes[-1]
    assert scale.yaxis.label.get_window_extent().height <= scale.get_window_extent().height + 1


def test_in_a_column_of_a_paper_seconds_of_hours_do_not_touch(results: MapResults) -> None:
    results["began"] = np.linspace(0, 7000, len(results))
    results["who"] = [f"node{at % 4:03}.cluster.example.org" for at in range(len(results))]
    _, ax = plt.subplots(figsize=(3.4, 2.6))
    results.plot.timeline(worker="who", start="began", seconds="took", ax=ax)
    assert_legible(ax.figure)


def test_in_a_column_of_a_paper_every_bar_of_importance_has_its_name(results: MapResults) -> None:
    _, ax = plt.subplots(figsize=(3.4, 2.6))
    results.plot.importance("score", ax=ax)
    bars = {round(bar.get_y() + bar.get_height() / 2) for bar in ax.patches}
    assert set(ax.get_yticks()) == bars
    assert_legible(ax.figure)


def test_a_figure_that_its_user_has_laid_out_stays_so(results: MapResults) -> None:
    figure, axes = plt.subplots(1, 2)
    figure.subplots_adjust(left=0.31)
    results.plot.slice("kernel", value="score", ax=axes[0])
    assert figure.subplotpars.left == 0.31
    figure = plt.figure()
    ax = figure.add_axes((0.2, 0.3, 0.5, 0.5))
    results.plot.slice("kernel", value="score", ax=ax)
    assert ax.get_position().bounds == pytest.approx((0.2, 0.3, 0.5, 0.5))


def test_a_figure_without_a_layout_can_still_be_laid_out_by_its_user(results: MapResults) -> None:
    figure, ax = plt.subplots()
    results.plot.slice("C", "kernel", "score", ax=ax)
    assert figure.get_layout_engine() is None
    figure.subplots_adjust(left=0.4)
    results.plot.slice("C", "kernel", "score", ax=ax)
    assert figure.subplotpars.left == 0.4
    figure.tight_layout()


@pytest.mark.parametrize("name", ["slice", "cost"])
def test_a_picture_can_be_drawn_into_a_part_of_a_figure(results: MapResults, name: str) -> None:
    left, _ = plt.figure(figsize=(8, 3)).subfigures(1, 2)
    ax = left.subplots()
    assert PICTURES[name](results.plot, ax) is ax


def test_margins_only_grow_so_that_a_title_of_the_figure_fits() -> None:
    figure, axes = plt.subplots(1, 2)
    for ax in axes:
        ax.set(title="title", ylabel="a name")
        make_room(ax)
    figure.suptitle("of the whole figure")
    assert_legible(figure)
    usual, now = mpl.rcParamsDefault, figure.subplotpars
    assert now.left >= usual["figure.subplot.left"] - 1e-9
    assert now.bottom >= usual["figure.subplot.bottom"] - 1e-9
    assert now.right <= usual["figure.subplot.right"] + 1e-9
    assert now.top <= usual["figure.subplot.top"] + 1e-9


def test_margins_that_a_style_has_chosen_stay(results: MapResults) -> None:
    with mpl.rc_context({"figure.subplot.left": 0.31}):
        figure, ax = plt.subplots()
        results.plot.slice("kernel", value="score", ax=ax)
    assert figure.subplotpars.left == 0.31


def test_the_place_of_axes_is_their_cell_whatever_its_width_and_whatever_grid_it_is_in() -> None:
    _, axes = plt.subplots(1, 2, figsize=(8, 4), width_ratios=[3, 1])
    assert [_place(ax) for ax in axes] == [pytest.approx((6, 4)), pytest.approx((2, 4))]
    outer = plt.figure(figsize=(8, 4)).add_gridspec(1, 2)
    inner = outer[1].subgridspec(2, 2, height_ratios=[1, 3])
    assert _place(plt.subplot(inner[1, 0])) == pytest.approx((2, 3))
    assert _place(plt.subplot(inner[:, 1])) == pytest.approx((2, 4))


def test_a_colorbar_takes_nothing_of_the_place_of_its_axes() -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), width_ratios=[3, 1])
    figure.colorbar(axes[0].pcolormesh([[1, 2], [3, 4]]), ax=axes[0])
    assert _place(axes[0]) == pytest.approx((6, 4))


@pytest.mark.parametrize("name", ["slice", "failures", "cost"])
def test_no_two_texts_touch_in_axes_of_different_widths_and_in_a_grid_inside_a_cell(
    results: MapResults, name: str
) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(12, 4), width_ratios=[2, 1], layout="constrained")
    for ax in axes:
        PICTURES[name](results.plot, ax)
    assert_legible(figure)
    figure = plt.figure(figsize=(20, 5), layout="constrained")
    inner = figure.add_gridspec(1, 2)[1].subgridspec(1, 2)
    for at in range(2):
        PICTURES[name](results.plot, figure.add_subplot(inner[at]))
    assert_legible(figure)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["slice", "line", "importance", "distribution", "failures", "timeline"])
@pytest.mark.parametrize("layout", ["constrained", "tight", None])
@pytest.mark.parametrize("figsize", [(3.4, 2.6), (6.4, 4.8)], ids=str)
def test_a_title_that_its_user_sets_later_stands_above_the_legend(
    results: MapResults, name: str, layout: Any, figsize: Any
) -> None:
    pictures = PICTURES | {"timeline": lambda plot, ax: plot.timeline(ax=ax)}  # has psets that failed
    figure, ax = plt.subplots(figsize=figsize, layout=layout)
    pictures[name](results.plot, ax)
    ax.set_title("")
    for where in ("left", "center", "right"):
        title = ax.set_title("of the user", loc=where)
        assert_legible(figure)
        assert title.get_window_extent().y0 >= ax.get_legend().get_window_extent().y1 - 1
        title.set_text("")


@pytest.mark.parametrize("layout", ["constrained", "tight"])
def test_a_later_title_stands_below_that_of_the_figure(results: MapResults, layout: str) -> None:
    figure, ax = plt.subplots(figsize=(3.4, 2.6), layout=layout)
    PICTURES["distribution"](results.plot, ax)
    ax.set_title("of the Axes")
    figure.suptitle("of the whole figure")
    assert_legible(figure)


@pytest.mark.parametrize("name", ["line", "distribution of a key"])
@pytest.mark.parametrize("where", ["left", "center"])
def test_a_later_title_stands_above_a_legend_and_a_power_of_ten(
    long_names: MapResults, name: str, where: Any
) -> None:
    figure, ax = plt.subplots(figsize=(3.4, 2.6), layout="constrained")
    LONG_NAMES[name](long_names.plot, ax)
    title = ax.set_title("a title of the user's own", loc=where)
    assert_legible(figure)
    assert title.get_window_extent().y0 >= ax.get_legend().get_window_extent().y1 - 1


def test_a_later_title_is_within_a_picture_that_is_saved_tight(results: MapResults) -> None:
    figure, ax = plt.subplots(figsize=(3.4, 2.6))
    PICTURES["distribution"](results.plot, ax)
    title = ax.set_title("a title of the user\nin two lines")
    saved = (
        figure.get_tightbbox().y1 * figure.dpi
    )  # what savefig(bbox_inches="tight") saves, before any drawing
    figure.draw_without_rendering()
    assert saved >= title.get_window_extent().y1 - 1


def test_a_later_title_stays_where_its_user_puts_it_and_falls_back_when_the_legend_is_removed(
    results: MapResults,
) -> None:
    figure, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    PICTURES["distribution"](results.plot, ax)
    ax.set_title("inside", y=0.8)
    figure.draw_without_rendering()
    assert ax.title.get_position()[1] == 0.8
    other, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    PICTURES["distribution"](results.plot, ax)
    ax.set_title("above")
    ax.get_legend().remove()
    other.draw_without_rendering()
    assert ax.title.get_position()[1] == 1.0


PLACES = {"slice": "xy", "line": "x", "importance": "y", "texts": "y", "failures": "xy", "parallel": "xy"}
PLACES |= {"slice of failures": "xy", "cost": "y", "timeline": "y"}


@pytest.mark.parametrize("picture", PLACES)
def test_places_are_evenly_spaced_in_axes_that_had_a_logarithmic_scale(
    picture: str, results: MapResults
) -> None:
    ax = plt.figure().add_subplot()
    ax.set(**{f"{name}scale": "log" for name in PLACES[picture]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PICTURES[picture](results.plot, ax)
    assert {getattr(ax, f"get_{name}scale")() for name in PLACES[picture]} == {"linear"}


def test_a_line_keeps_the_logarithmic_scale_of_its_values(results: MapResults) -> None:
    ax = plt.figure().add_subplot()
    ax.set_yscale("log")
    results.plot.slice("C", value="took", ax=ax)
    assert ax.get_yscale() == "log"


def test_importance_of_texts_says_that_they_are_no_numbers(results: MapResults) -> None:
    results["verdict"] = np.where(results["C"] > 1, "good", "bad")
    assert results.plot.importance("verdict").get_title() == "no numbers"
