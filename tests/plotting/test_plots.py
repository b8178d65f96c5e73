"""Pictures show what the views say, in the Axes that were given, and nothing of pandas is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

import paramsurvey
from paramsurvey import MapResults
from paramsurvey.errors import NotStored, PackageMissing
from paramsurvey.plotting.bars import draw_cost
from paramsurvey.plotting.labels import told_apart
from paramsurvey.plotting.palette import PATTERNS
from paramsurvey.views.columns.axes import Axis
from paramsurvey.views.cost import AxisCost
from paramsurvey.views.slices import NO_PSET, ONLY_FAILED, ONLY_NAN, ONLY_NOT_RUN


def fit(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["kernel"] == "poly" and pset["C"] > 5:
        raise ValueError(f"no convergence at {pset['C']}")
    score = np.nan if pset["C"] < 0.05 and pset["kernel"] == "linear" else np.log10(pset["C"]) + pset["depth"]
    return {
        "score": score,
        "took": pset["C"] ** 0.5,
        "pid": pset["depth"],
        "status": "ok" if score > 1 else "bad",
    }


@pytest.fixture
def results() -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    axes = {"C": [0.01, 0.1, 1, 10], "kernel": ["rbf", "linear", "poly"], "depth": [1, 2]}
    found = paramsurvey.map(fit, paramsurvey.params.product(axes))
    found["began"] = np.arange(len(found)) * 0.5
    found.units = {"C": "mN", "took": "s"}
    return found


@pytest.fixture(autouse=True)
def figures_closed() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax: Any) -> list[str]:
    """Return what the legend and the title say."""
    legend = ax.get_legend()
    said = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    return [*said, ax.get_title()]


def mesh_values(ax: Any) -> Any:
    return ax.collections[0].get_array().filled(np.nan)


# ---- what is drawn


def test_a_slice_shows_the_means_with_units_and_marks_what_failed(results: MapResults) -> None:
    ax = results.plot.slice("C", "kernel", "score")
    wanted = results.groupby(["kernel", "C"])["score"].mean().unstack().loc[["rbf", "linear", "poly"]]
    np.testing.assert_allclose(mesh_values(ax), wanted)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("C [mN]", "kernel")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.01", "0.1", "1", "10"]
    assert texts(ax)[:2] == ["all failed", "no number"]
    assert ax.figure.axes[1].get_ylabel() == "mean of score"


def test_every_kind_of_empty_cell_has_a_pattern_and_colours_of_its_own() -> None:
    assert set(PATTERNS) == {NO_PSET, ONLY_FAILED, ONLY_NAN, ONLY_NOT_RUN}
    looks = [(look.hatch[0], look.face, look.line, look.text) for look in PATTERNS.values()]
    for kind in zip(*looks, strict=True):
        assert len(set(kind)) == len(looks)


def test_a_slice_of_one_axis_is_a_line_and_of_failing_a_part(results: MapResults) -> None:
    ax = results.plot.slice("C", at={"kernel": "poly"})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0, 0, 0, 1])
    assert ax.get_ylabel() == "share of the psets that failed"
    assert results.plot.slice("kernel", value="score", reduction="max").get_ylabel() == "max of score"


def test_a_pair_with_long_names_shows_parts_of_both() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    axes = {f"number_of_the_axis_{at}": [0, 1, 2] for at in range(3)}

    def times(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        first, second, _ = pset.values()
        return {"y": first * second}

    ax = paramsurvey.map(times, paramsurvey.params.product(axes)).plot.importance("y")
    labels = [label.get_text() for label in ax.get_yticklabels()]
    (pair,) = [label for label in labels if "×" in label]
    assert sorted(part.strip()[-1] for part in pair.split("×")) == ["0", "1"]


def test_importance_says_whether_it_is_exact(results: MapResults) -> None:
    assert texts(results.plot.importance())[-1] == "exact"
    ax = results.plot.importance("score")
    assert texts(ax)[-1] == "estimated from 20 psets"
    assert ax.get_yticklabels()[0].get_text() == "C"


def test_a_distribution_shows_numbers_and_texts(results: MapResults) -> None:
    ax = results.plot.distribution("took", bins=5)
    assert sum(bar.get_height() for bar in ax.patches) == 22
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("took [s]", "psets")
    assert texts(results.plot.distribution("score"))[-1] == "2 without a number"
    ax = results.plot.distribution("status")
    assert {bar.get_width() for bar in ax.patches} == set(results["status"].value_counts())


def test_without_a_name_the_first_result_is_drawn(results: MapResults) -> None:
    first = next(name for name in results.columns if name not in results.missing.columns)
    wanted = results.plot.distribution(first)
    ax = results.plot.distribution()
    assert ax.get_xlabel() == wanted.get_xlabel() != ""
    assert [bar.get_height() for bar in ax.patches] == [bar.get_height() for bar in wanted.patches]


def test_bools_are_counted_as_false_and_true(results: MapResults) -> None:
    results["good"] = results["took"] > 1
    ax = results.plot.distribution("good")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["False", "True"]
    assert [bar.get_width() for bar in ax.patches] == results["good"].value_counts().sort_index().to_list()
    results["good"] = True
    ax = results.plot.distribution("good")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["True"]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_seconds_may_be_durations_and_times(results: MapResults, zone: str | None) -> None:
    results["duration"] = pd.to_timedelta(results["took"], unit="s")
    results["moment"] = pd.Timestamp("2026-01-01", tz=zone) + pd.to_timedelta(results["began"], unit="s")
    wanted = results.plot.cost("C", seconds="took")
    found = results.plot.cost("C", seconds="duration")
    widths = [[bar.get_width() for bar in ax.patches] for ax in (found, wanted)]
    np.testing.assert_allclose(*widths, rtol=1e-6)
    wanted = results.plot.timeline(worker="pid", start="began", seconds="took")
    found = results.plot.timeline(worker="pid", start="moment", seconds="duration")
    np.testing.assert_allclose(mesh_values(found), mesh_values(wanted), atol=1e-6)
    assert found.get_xlim() == pytest.approx(wanted.get_xlim())


def test_zeros_and_ones_are_numbers(results: MapResults) -> None:
    results["bit"] = (results["took"] > 1).astype(int)
    assert results.plot.distribution("bit").get_ylabel() == "psets"


def test_psets_are_counted_in_whole_numbers(results: MapResults) -> None:
    ax = results.plot.distribution("took", bins=5)
    assert [at for at in ax.get_yticks() if at != round(at)] == []


def test_a_mean_that_leaves_out_failed_psets_has_a_cross_that_says_so(results: MapResults) -> None:
    assert texts(results.plot.slice("C", "depth", "score"))[0] == "without psets that failed"
    assert texts(results.plot.slice("C", value="score"))[0] == "without psets that failed"


def test_failures_are_shown_by_the_axes_that_tell_most_and_by_cause(results: MapResults) -> None:
    ax = results.plot.failures()
    assert {ax.get_xlabel(), ax.get_ylabel()} == {"C [mN]", "kernel"}
    assert np.nansum(mesh_values(ax)) == 1
    assert texts(ax) == ["at least one pset failed", "2 failed"]
    assert texts(results.plot.failures(0))[-1] == "2 failed: ValueError"
    with pytest.raises(IndexError, match=r"choose another one that results.missing.summary\(\) shows"):
        results.plot.failures(1)


def test_a_cause_is_a_row_of_the_summary_also_where_psets_were_not_run(results: MapResults) -> None:
    calls = iter(range(100))

    def interrupted(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if next(calls) == 3:
            raise KeyboardInterrupt
        raise ValueError("no")

    with pytest.raises(KeyboardInterrupt):
        paramsurvey.map(interrupted, [{"x": x} for x in range(9)])
    stopped = paramsurvey.last_results()
    assert stopped.missing.summary()["kind"].to_list() == ["not run", "raised"]
    assert texts(stopped.plot.failures(1))[-1].endswith(" failed: ValueError")
    with pytest.raises(IndexError, match="but psets that were not run: choose another one"):
        stopped.plot.failures(0)


def test_where_nothing_failed_the_picture_says_so(results: MapResults) -> None:
    done = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {}, [{"x": 1}, {"x": 2}])
    assert texts(done.plot.failures())[-1] == "no pset has failed"


def test_parallel_coordinates_have_the_keys_that_vary_and_the_value(results: MapResults) -> None:
    ax = results.plot.parallel(value="score")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["C [mN]", "kernel", "depth", "score"]
    ax = results.plot.parallel(["depth", "status"])
    assert "(no value)" in [text.get_text().strip() for text in ax.texts]  # of what failed
    assert len(ax.collections[0].get_segments()) == 2 * 3


def test_cost_is_that_of_the_measured_times_or_of_a_column(results: MapResults) -> None:
    ax = results.plot.cost("C")
    assert ax.get_ylabel() == "C [mN]"
    failed = results.missing.seconds.sum()
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(
        results.seconds.sum() + failed, rel=1e-5
    )
    ax = results.plot.cost(seconds="took")
    assert ax.get_ylabel() == "C [mN]"
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(results["took"].sum())
    assert results.plot.cost("depth", seconds="took").get_ylabel() == "depth"
    with pytest.raises(KeyError, match="no axis 'colour' that varies: those that do are 'C'"):
        results.plot.cost("colour", seconds="took")


def test_a_timeline_is_that_of_the_measured_times_or_of_columns(results: MapResults) -> None:
    ax = results.plot.timeline()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1"]
    ax = results.plot.timeline(worker="pid", start="began", seconds="took")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2"]
    with pytest.raises(TypeError, match="all of worker=, start= and seconds=, or none"):
        results.plot.timeline(worker="pid")


def test_results_without_times_say_what_to_do() -> None:
    results = MapResults(pd.DataFrame({"x": [1, 2]}))
    with pytest.raises(NotStored, match=r"name the column \(seconds='column'\)"):
        results.plot.cost()
    with pytest.raises(NotStored, match="let the worker function return it, and name the columns"):
        results.plot.timeline()


# ---- where


@pytest.mark.parametrize(
    "draw",
    [
        lambda plot, ax: plot.slice("C", "depth", "score", ax=ax),
        lambda plot, ax: plot.slice("C", value="score", ax=ax),
        lambda plot, ax: plot.importance("score", ax=ax),
        lambda plot, ax: plot.distribution("score", ax=ax),
        lambda plot, ax: plot.distribution("status", ax=ax),
        lambda plot, ax: plot.failures(ax=ax),
        lambda plot, ax: plot.parallel(value="score", ax=ax),
        lambda plot, ax: plot.cost(seconds="took", ax=ax),
        lambda plot, ax: plot.timeline(worker="pid", start="began", seconds="took", ax=ax),
    ],
)
def test_a_picture_is_drawn_into_the_axes_that_were_given_and_warns_of_nothing(
    results: MapResults, draw: Any, recwarn: pytest.WarningsRecorder
) -> None:
    _, axes = plt.subplots(1, 2, figsize=(8, 4))
    assert draw(results.plot, axes[1]) is axes[1]
    assert not axes[0].has_data()
    axes[1].figure.savefig("picture.png")
    assert [str(warning.message) for warning in recwarn] == []


def test_labels_do_not_overlap_however_many_places_there_are() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    frame = paramsurvey.params.product(
        {"alpha": np.linspace(0, 1, 55).tolist(), "name": [f"n{i}" for i in range(50)]}
    )
    ax = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": 1}, frame).plot.slice(
        "alpha", "name", "y"
    )
    ax.figure.draw_without_rendering()
    for labels, low, high in ((ax.get_xticklabels(), "x0", "x1"), (ax.get_yticklabels(), "y0", "y1")):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        assert len(boxes) > 10
        for one, other in pairwise(boxes):
            assert getattr(one, high) <= getattr(other, low) + 1


def test_what_users_wrote_is_text_and_no_formula() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"path": f"/a/long/path/to/$x_{i}$/file.csv"} for i in range(3)]
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"$y$": 1.0}, psets)
    ax = results.plot.slice("path", value="$y$")
    ax.figure.savefig("picture.png")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["…0…", "…1…", "…2…"]
    assert ax.get_ylabel() == r"mean of \$y\$"


def test_long_labels_are_told_apart() -> None:
    assert told_apart(["short", "a" * 30 + "1", "a" * 30 + "2"]) == ["short", "…1", "…2"]
    assert told_apart(["a" + "_path" * 8, "a × a" + "_path" * 8], 10) == ["a_path_pa…", "a × a_pat…"]
    assert told_apart(["x" * 50], 10) == ["x" * 9 + "…"]
    assert told_apart([]) == []


def test_labels_that_differ_only_at_their_end_stay_different_beside_others_that_are_long() -> None:
    assert told_apart(["0.6931471805599453", "0.6931471805599454", "3.141592653589793"], 12) == [
        "…5599453",
        "…5599454",
        "3.141592653…",
    ]
    close = told_apart([repr(0.6931471805599453 + at * 2**-53) for at in range(4)] + ["7.123456789"], 6)
    assert len(set(close)) == 5
    assert max(map(len, close)) <= 6
    assert told_apart(["$" * 30 + "1", "$" * 30 + "2", "b" * 30], 4) == [r"…\$\$1", r"…\$\$2", "bbb…"]


def overlaps(labels: Any) -> list[str]:
    """Return the labels that touch the next one."""
    boxes = [(label.get_text(), label.get_window_extent()) for label in labels if label.get_text()]
    return [one for (one, box), (_, other) in pairwise(boxes) if box.x1 >= other.x0]


@pytest.mark.parametrize("longest", [1e-6, 0.003, 1.0, 123456.0])
def test_seconds_do_not_touch_each_other_however_short_or_long(results: MapResults, longest: float) -> None:
    results["took"] = np.linspace(longest / 10, longest, len(results))
    _, axes = plt.subplots(figsize=(4.0, 3.0))
    for ax in (
        results.plot.cost("C", seconds="took", ax=axes),
        results.plot.timeline(worker="pid", start="began", seconds="took"),
    ):
        ax.figure.draw_without_rendering()
        assert overlaps(ax.get_xticklabels()) == []


def test_parallel_coordinates_with_long_names_and_values_are_readable() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    long = "a_key_with_a_long_name_that_goes_on"
    path = "/data/projects/somewhere/deep/in/a/tree/model-{}/run/result.csv"
    psets = [{f"{long}_a": path.format(i), f"{long}_b": i, "c": i, "d": i} for i in range(6)]
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": pset["c"]}, psets)
    ax = results.plot.parallel(value="y")
    ax.figure.draw_without_rendering()
    assert overlaps(ax.get_xticklabels()) == []
    assert len({label.get_text() for label in ax.get_xticklabels()}) == 5
    assert len({text.get_text() for text in ax.texts if text.xy[0] == 0}) == 6


def test_names_of_many_parallel_coordinates_do_not_touch_in_a_narrow_figure(results: MapResults) -> None:
    axes = plt.figure(figsize=(3.4, 2.6), layout="constrained").subplots()
    ax = results.plot.parallel(["C", "kernel", "depth", "status", "took", "pid"], value="score", ax=axes)
    ax.figure.draw_without_rendering()
    assert overlaps(ax.get_xticklabels()) == []


def parallel_labels(found: list[float | None], wide: float) -> list[str]:
    """Return the labels of a result in parallel coordinates, in a figure `wide` inches wide."""
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: {"y": found[pset["at"]]},
        [{"at": at} for at in range(len(found))],
    )
    axes = plt.figure(figsize=(wide, 2.6), layout="constrained").subplots()
    drawn = results.plot.parallel(["at", "y", "at"], ax=axes).texts
    return [text.get_text() for text in drawn if text.xy[0] == 1]


def test_numbers_are_rounded_where_there_is_little_room_in_parallel_coordinates() -> None:
    found = [1.8197e-10, 0.0316228, 0.99993, 31.6228, 1234567.0, None]
    assert parallel_labels(found, 6.4) == [
        "1.8197e-10",
        "0.0316228",
        "0.99993",
        "31.6228",
        "1.23457e+06",
        "(no value)",
    ]
    assert parallel_labels(found, 1.6) == ["2e-10", "0.03", "1", "32", "1e+06", "(none)"]


def test_numbers_that_look_the_same_when_they_are_rounded_are_written_once_in_parallel_coordinates() -> None:
    close = [0.1, *(0.999901 + at * 1e-6 for at in range(4)), 2.0]
    assert parallel_labels(close, 1.6) == ["0.1", "0.9999", "2"]


def test_ranges_with_little_room_in_parallel_coordinates_are_their_lower_ends() -> None:
    labels = parallel_labels([at / 200 for at in range(200)], 1.6)
    assert labels[0] == "0"
    lows = [float(label) for label in labels]  # none is cut
    assert lows == sorted(set(lows))


def test_parallel_coordinates_with_wide_letters_do_not_touch_the_next_axis() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    wide = ["W" * 60, "M" * 60, "Q" * 60]
    psets = [{"W" * 50: one, "M" * 50: other} for one in wide for other in wide]
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"Q" * 60: pset["W" * 50]}, psets)
    results["y"] = 1.0 * np.arange(len(results))
    ax = results.plot.parallel(["W" * 50, "M" * 50, "Q" * 60], value="y")
    ax.figure.draw_without_rendering()
    assert overlaps(ax.get_xticklabels()) == []
    ends = [ax.transData.transform((at, 0))[0] for at in (1, 2)] + [ax.get_window_extent().x1]
    for text in ax.texts:
        assert text.get_window_extent().x1 <= ends[int(text.xy[0])]


@pytest.mark.parametrize("name", ["n" * 40, "W" * 30])
def test_a_name_is_not_longer_than_the_axis_that_it_stands_beside(name: str) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {name: "w"}, [{"x": 1}])
    results.units = {name: "m" * 30}
    ax = results.plot.distribution(name)
    ax.figure.draw_without_rendering()
    assert ax.yaxis.label.get_window_extent().height <= ax.get_window_extent().height + 1


def test_the_cost_says_times_in_words(results: MapResults) -> None:
    results["took"] = 2.03e-5
    said = [text.get_text() for text in results.plot.cost("C", seconds="took").texts]
    assert all(text.endswith("median 20 µs") for text in said)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (4, 3), (6.4, 4.8), (10, 8)], ids=str)
@pytest.mark.parametrize("count", [1, 5, 20, 200])
def test_what_stands_beside_bars_of_cost_touches_nothing_however_small_they_are(
    count: int, size: tuple[float, float]
) -> None:
    seconds = np.random.default_rng(1).lognormal(size=count)
    view = AxisCost(
        Axis("depth", tuple(range(count)), np.ones(count, dtype=np.int64), ordered=True),
        np.ones(count, dtype=np.int64),
        seconds,
        seconds / seconds.sum(),
        seconds,
        seconds,
    )
    ax = draw_cost(view, plt.figure(figsize=size).subplots())
    ax.figure.draw_without_rendering()
    assert len(ax.texts) in (0, count)
    assert not any(one.overlaps(other) for one, other in pairwise(_boxes(ax.texts)))
    inside = ax.get_window_extent().x1 - 2  # pixels: it does not touch the frame
    assert all(box.x1 <= inside for box in _boxes(ax.texts))


@pytest.mark.parametrize("layout", [None, "tight", "constrained"])
@pytest.mark.parametrize("longest", [1e-3, 9.0, 3e4])
def test_what_stands_beside_the_longest_bar_of_cost_ends_before_the_frame(
    results: MapResults, longest: float, layout: str | None
) -> None:
    results["took"] = np.linspace(longest / 9, longest, len(results))
    ax = results.plot.cost("C", seconds="took", ax=plt.figure(figsize=(3.4, 2.6), layout=layout).subplots())
    ax.figure.draw_without_rendering()
    assert max(box.x1 for box in _boxes(ax.texts)) < ax.get_window_extent().x1 - 2


def _boxes(texts: Any) -> list[Any]:
    return [text.get_window_extent() for text in texts]


def test_a_cost_of_many_values_is_no_tower() -> None:
    ones = np.ones(500, dtype=np.int64)
    view = AxisCost(Axis("n", tuple(range(500)), ones, True), ones, *[np.ones(500)] * 4)
    assert draw_cost(view).figure.get_figheight() <= 12


def test_a_slice_with_long_names_and_values_is_readable() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = paramsurvey.params.product(
        {"W" * 40: [f"{'W' * 40}-{i}" for i in range(6)], "b": ["Q" * 90, "x"]}
    )
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"M" * 60: len(pset["b"])}, psets)
    for y in ("b", None):
        ax = results.plot.slice("W" * 40, y, "M" * 60)
        ax.figure.draw_without_rendering()
        assert overlaps(ax.get_xticklabels()) == []
        scale = ax.figure.axes[-1]
        assert scale.yaxis.label.get_window_extent().height <= scale.get_window_extent().height + 1


@pytest.mark.filterwarnings("error")
def test_long_names_and_values_leave_room_for_the_picture() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        assert pset["a"] < 3
        return {"a_very_long_name_of_a_result_that_somebody_has_chosen": pset["a"] * 1.5}

    paramsurvey.init(backend="serial", verbose=0)
    long, path = "a_path_with_a_long_name_that_goes_on", "/data/projects/somewhere/model-{}/run/result.csv"
    axes = {"a": [1, 2, 3], long: [path.format(i) for i in range(6)], "tag": ["x<y", "abc", "Q" * 120]}
    results = paramsurvey.map(worker, paramsurvey.params.product(axes))
    ax = results.plot.slice(long, "tag", "a_very_long_name_of_a_result_that_somebody_has_chosen")
    ax.figure.draw_without_rendering()
    assert ax.get_window_extent().width > 0.2 * ax.figure.get_window_extent().width
    assert overlaps(ax.get_xticklabels()) == []


def test_in_a_small_picture_names_of_parallel_coordinates_have_no_units(results: MapResults) -> None:
    results.units = {"C": "mN", "score": "arbitrary units"}
    _, grid = plt.subplots(4, 4, figsize=(20, 16))
    ax = results.plot.parallel(["C", "kernel", "depth", "status", "score"], value="score", ax=grid[0, 0])
    ax.figure.draw_without_rendering()
    assert overlaps(ax.get_xticklabels()) == []


def test_where_no_key_varies_there_is_no_cost_to_compare() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": 1}, [{"x": 1}])
    with pytest.raises(ValueError, match=r"no key of the psets varies.*: results\.seconds has"):
        results.plot.cost()


# ---- beside pandas


def test_pandas_own_pictures_are_as_they_were(results: MapResults) -> None:
    assert results.plot(x="C", y="score").get_xlabel() == "C"
    assert results.plot.scatter("C", "score").get_ylabel() == "score"
    assert len(results.plot(kind="hist", y="score").patches) == 10
    assert results.plot.hexbin("C", "score", gridsize=5) is not None
    assert isinstance(results.plot, pd.DataFrame.plot)
    assert MapResults.plot.scatter.__doc__ == pd.DataFrame.plot.scatter.__doc__
    with pytest.raises(ValueError, match="slice is not a valid plot kind"):
        results.plot(kind="slice")


def test_units_stay_with_the_results_and_what_is_made_of_them(results: MapResults) -> None:
    assert results.units == {"C": "mN", "took": "s"}
    results.units["score"] = "%"
    assert results.attrs["units"]["score"] == "%"
    assert results[results["depth"] == 1].attrs["units"]["C"] == "mN"
    assert results.to_df().attrs["units"]["C"] == "mN"


def test_matplotlib_is_loaded_by_the_first_picture_only() -> None:
    program = """
import sys, paramsurvey
paramsurvey.init(backend="serial", verbose=0)
results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": 1.0}, [{"x": 1}, {"x": 2}])
results.plot, results.units, repr(results)
assert "matplotlib" not in sys.modules
results.plot.slice("x", value="y")
assert "matplotlib" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_matplotlib_a_picture_says_what_to_install(
    results: MapResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(PackageMissing, match=r"pip install 'paramsurvey\[plot\]'"):
        results.plot.slice("C", value="score")


def test_the_accessor_says_which_pictures_there_are() -> None:
    shown = repr(paramsurvey.MapResults({"x": [1]}).plot)
    assert shown.startswith("<SurveyPlot: .slice(), ")
    assert ".importance()" in shown
    assert "0x" not in shown
