"""Failures by cause and place: counted all, shown few; what tells most comes first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from survey_tables import grid, run, survey

from paramsurvey.views import SurveyData, data_of, failures_of
from paramsurvey.views.columns.survey_data import KIND
from paramsurvey.views.failures import MOST_CAUSES, MOST_EXAMPLES
from paramsurvey.views.failures.rates import concentration, wilson


def failing(where: pd.Series[Any], psets: pd.DataFrame, form: str = "frame", **said: Any) -> SurveyData:
    return survey(psets[~where], list(psets.columns), psets[where].assign(**said), form=form)


PSETS = grid(x=range(10), k=["a", "b", "c"], n=range(4))


@pytest.mark.parametrize("form", ["frame", "arrow"])
def test_failures_are_counted_by_the_values_of_each_axis(form: str) -> None:
    data = failing((PSETS["x"] > 7) & (PSETS["k"] == "b"), PSETS, form)
    found = failures_of(data)
    assert (found.together.count, found.other_causes, found.other_failures, found.not_run) == (8, 0, 0, 0)
    (cause,) = found.causes
    assert (cause.cause.kind, cause.cause.exception, cause.cause.line) == (
        "raised",
        "ValueError",
        "fit.py:3 in fit",
    )
    by = {rates.axes[0].name: rates.to_frame() for rates in cause.axes}
    assert by["k"].loc["b", ["failures", "psets", "rate"]].tolist() == [8, 40, 0.2]
    assert by["x"]["failures"].tolist() == [0] * 8 + [4, 4]
    assert by["n"]["failures"].tolist() == [2] * 4
    assert (by["n"]["low"] < by["n"]["rate"]).all()
    assert (by["n"]["rate"] < by["n"]["high"]).all()


def test_the_axis_and_the_pair_that_tell_most_come_first() -> None:
    found = failures_of(failing((PSETS["x"] > 4) ^ (PSETS["k"] == "b"), PSETS)).together
    assert [axis.name for axis in found.pairs[0].axes] == ["x", "k"]
    assert found.pairs[0].concentration > 0.8
    assert found.axes[-1].axes[0].name == "n"
    assert found.axes[-1].concentration < 0.05
    matrix = found.pairs[0]
    assert matrix.failures.shape == (10, 3)
    assert matrix.psets.tolist() == [[4, 4, 4]] * 10
    b = matrix.axes[1].place_of("b")
    assert [matrix.failures[9, place] for place in range(3)] == [0 if place == b else 4 for place in range(3)]


def test_a_corner_of_a_fine_grid_is_found_though_each_cell_has_one_pset() -> None:
    psets = grid(noise=range(5), a=range(40), b=range(30))
    data = failing((psets["a"] > 35) & (psets["b"] > 26) & (psets["noise"] != 3), psets)
    found = failures_of(data).together
    assert {axis.name for axis in found.pairs[0].axes} == {"a", "b"}
    assert found.pairs[0].concentration > found.axes[0].concentration > 0.2
    assert found.pairs[0].failures.shape == (40, 30)


def test_at_most_twenty_causes_are_shown_with_five_examples_and_the_rest_is_counted() -> None:
    psets = pd.DataFrame({"i": range(400)})
    line = psets["i"].map(lambda i: f'File "fit.py", line {int(i**0.5)}, in fit')
    found = failures_of(failing(psets["i"] >= 0, psets, _traceback=line))
    assert len(found.causes) == MOST_CAUSES
    assert found.other_causes == 0
    psets = pd.DataFrame({"i": range(900)})
    line = psets["i"].map(lambda i: f'File "fit.py", line {int(i**0.5)}, in fit')
    found = failures_of(failing(psets["i"] >= 0, psets, _traceback=line))
    assert [cause.count for cause in found.causes] == list(range(59, 19, -2))
    assert found.other_causes == 10
    assert found.other_failures == sum(range(1, 20, 2))
    assert found.together.count == 900
    assert {len(cause.examples) for cause in found.causes} == {MOST_EXAMPLES}
    assert found.causes[0].examples[0].pset == {"i": 29 * 29}
    assert found.causes[0].examples[0].label == 29 * 29
    frame = found.to_frame()
    assert frame["count"].tolist() == [cause.count for cause in found.causes]
    assert frame["line"][0] == "fit.py:29 in fit"


def test_what_was_not_run_has_neither_failed_nor_run() -> None:
    kinds = np.where(PSETS["n"] == 0, "not run", "timed out")
    lost = PSETS["x"] == 3
    found = failures_of(failing(lost, PSETS, **{KIND: kinds[lost]}))
    assert (found.not_run, found.together.count) == (3, 9)
    rates = next(rates for rates in found.together.axes if rates.axes[0].name == "x")
    assert (rates.failures[3], rates.psets[3], rates.psets[4]) == (9, 9, 12)


def test_where_nothing_failed_there_is_nothing_to_see() -> None:
    found = failures_of(survey(PSETS, list(PSETS.columns)))
    assert found.causes == ()
    assert found.together.count == 0
    assert found.together.axes[0].failures.sum() == 0
    assert found.together.pairs == ()


def test_the_causes_are_those_of_the_missing_psets_summary() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["x"] == 2:
            raise ValueError(f"no {pset['n']}")
        return {"y": 1 / (pset["x"] - 7)}

    results = run(worker, PSETS)
    found, summary = failures_of(data_of(results)), results.missing.summary()
    assert found.to_frame()[["kind", "exception", "line", "count", "pset"]].equals(
        summary[["kind", "exception", "line", "count", "pset"]]
    )
    assert found.causes[0].examples[0].exception == summary["example"][0]


def test_wilsons_interval_is_that_of_the_tables_and_stays_within_0_and_1() -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998)
    low, high = wilson(np.array([81, 15, 0, 1, 0]), np.array([263, 148, 20, 29, 0]))
    np.testing.assert_allclose(low, [0.2553, 0.0624, 0, 0.0061, np.nan], atol=5e-5)
    np.testing.assert_allclose(high, [0.3662, 0.1605, 0.1611, 0.1718, np.nan], atol=5e-5)
    low, high = wilson(np.array([7]), np.array([7]))
    assert low < high == 1


def test_concentration_is_about_zero_for_what_chance_makes() -> None:
    random = np.random.default_rng(0)
    by_chance = [concentration(random.binomial(20, 0.2, 50), np.full(50, 20)) for _ in range(100)]
    assert abs(np.mean(by_chance)) < 0.01
    assert concentration(np.array([0, 20]), np.array([20, 20])) > 0.95
    assert concentration(np.array([0, 0]), np.array([20, 20])) == 0
