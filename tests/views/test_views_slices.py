"""Slices: every reduction as pandas computes it; cells that show nothing say why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from survey_tables import grid, random_table, survey

from paramsurvey.views import FAILING, SECONDS, slice_of
from paramsurvey.views.columns.axes import Range
from paramsurvey.views.columns.survey_data import KIND
from paramsurvey.views.slices import NO_PSET, ONLY_FAILED, ONLY_NAN, ONLY_NOT_RUN, SHOWN

OF_PANDAS = ("mean", "median", "min", "max", "std", "count")


@pytest.mark.parametrize("form", ["frame", "arrow"])
@pytest.mark.parametrize("reduction", OF_PANDAS)
def test_a_reduction_is_that_of_pandas(reduction: Any, form: str) -> None:
    frame = random_table(200)
    data = survey(frame, ["n", "x", "t", "b"], form=form)
    found = slice_of(data, "n", "t", "y", reduction)
    wanted = getattr(frame.groupby(["t", "n"])["y"], reduction)().unstack()
    assert found.y.values == tuple(frame["t"].unique())
    np.testing.assert_allclose(found.values, wanted.loc[list(found.y.values)], rtol=1e-12)


def test_one_axis_is_a_single_row() -> None:
    frame = random_table(100)
    found = slice_of(survey(frame, ["n", "b"]), "b", value="y")
    np.testing.assert_allclose(found.values, [frame.groupby("b")["y"].mean()])
    assert found.to_frame().columns.tolist() == ["False", "True"]


def test_other_axes_are_held_at_a_value() -> None:
    frame = random_table(300)
    found = slice_of(survey(frame, ["n", "x", "t"]), "n", "x", "y", "max", at={"t": "ü"})
    wanted = frame[frame["t"] == "ü"].groupby(["x", "n"])["y"].max().unstack()
    np.testing.assert_array_equal(found.values, wanted)


def test_failures_and_psets_are_counted_in_each_cell() -> None:
    finished = pd.DataFrame({"x": [1, 1, 2], "k": ["a", "b", "a"], "y": [1.0, np.nan, 3.0]})
    lost = pd.DataFrame({"x": [1, 2, 2], "k": ["a", "b", "c"], KIND: ["raised", "crashed", "not run"]})
    data = survey(finished, ["x", "k"], lost)
    found = slice_of(data, "x", "k", "y")
    assert found.psets.tolist() == [[2, 1], [1, 1], [0, 1]]
    assert found.finished.tolist() == [[1, 1], [1, 0], [0, 0]]
    assert found.failed.tolist() == [[1, 0], [0, 1], [0, 0]]
    assert found.not_run.tolist() == [[0, 0], [0, 0], [0, 1]]
    assert found.numbers.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert found.states.tolist() == [[SHOWN, SHOWN], [ONLY_NAN, ONLY_FAILED], [NO_PSET, ONLY_NOT_RUN]]
    failures = slice_of(data, "x", "k", reduction="failures")
    np.testing.assert_array_equal(failures.values, [[1, 0], [0, 1], [np.nan, 0]])
    rate = slice_of(data, "x", "k", FAILING)
    np.testing.assert_array_equal(rate.values, [[0.5, 0], [0, 1], [np.nan, np.nan]])


def test_an_axis_with_many_values_is_shown_in_ranges() -> None:
    frame = pd.DataFrame({"x": np.arange(1000), "y": np.arange(1000.0)})
    found = slice_of(survey(frame, ["x"], pieces=300), "x", value="y", most=10)
    assert found.x.values[0] == Range(0, 99)
    coarser = slice_of(survey(frame[:100], ["x"]), "x", value="y", most=60)
    assert len(coarser.x) == 12
    np.testing.assert_allclose(found.values[0], np.arange(10) * 100 + 49.5)


def test_medians_of_very_many_rows_are_those_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramsurvey.views.slices.MEDIAN_ROWS", 2000)
    values = np.random.default_rng(0).uniform(size=20_000)
    frame = pd.DataFrame({"x": np.arange(20_000) % 2, "y": values})
    found = slice_of(survey(frame, ["x"], pieces=3000), "x", value="y", reduction="median")
    assert (abs(found.values - 0.5) < 0.06).all()


def test_a_reduction_that_is_none_is_refused_with_those_that_are() -> None:
    data = survey(random_table(5), ["n"])
    with pytest.raises(ValueError, match="no reduction 'avg': choose one of mean, median, min"):
        slice_of(data, "n", value="y", reduction="avg")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="no column 'z'"):
        slice_of(data, "n", value="z")
    with pytest.raises(ValueError, match="'n' has no value 99"):
        slice_of(data, "t", value="y", at={"n": 99})


def test_psets_that_failed_are_left_out_of_a_result_and_not_of_the_seconds() -> None:
    frame = grid(a=[1, 2, 3], b=[1, 2]).assign(y=1.0, **{SECONDS: 0.5})
    failed = frame.iloc[[0, 4, 5]].drop(columns="y")
    data = survey(frame.drop([0, 4, 5]), ["a", "b"], failed)
    assert slice_of(data, "a", value="y").without_failed.tolist() == [[True, False, False]]
    assert not slice_of(data, "a", value=SECONDS).without_failed.any()
