"""Cost: the sums of every axis are the survey's work; and the psets that took longest."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from survey_tables import random_table, survey

from paramsurvey.errors import NotStored
from paramsurvey.views import SECONDS, SurveyData, cost_of, slowest

COST_KEYS = ("n", "x", "t", "b")


def timed_survey(form: str = "frame") -> tuple[SurveyData, pd.DataFrame]:
    """Return a survey of which one pset in five failed, and all its psets."""
    frame = random_table(500)
    frame[SECONDS] = np.random.default_rng(1).lognormal(size=500).astype(np.float32)
    lost = frame.index % 5 == 0
    data = survey(frame[~lost], COST_KEYS, frame.loc[lost, [*COST_KEYS, SECONDS]], form=form)
    return data, frame


@pytest.mark.parametrize("form", ["frame", "arrow"])
def test_the_sums_of_each_axis_are_the_surveys_work(form: str) -> None:
    data, frame = timed_survey(form)
    cost = cost_of(data)
    work = math.fsum(frame[SECONDS].tolist())
    assert cost.seconds == pytest.approx(work, rel=1e-12)
    assert cost.failed_seconds == pytest.approx(math.fsum(frame[SECONDS][::5].tolist()), rel=1e-12)
    assert cost.psets == 500
    assert {one.axis.name for one in cost.axes} == set(COST_KEYS)
    for one in cost.axes:
        assert one.seconds.sum() == pytest.approx(work, rel=1e-12)
        assert one.share.sum() == pytest.approx(1, rel=1e-12)
        assert one.psets.sum() == 500


def test_median_and_95th_percentile_are_those_of_pandas() -> None:
    data, frame = timed_survey()
    for one in cost_of(data).axes:
        grouped = frame[SECONDS].astype(float).groupby(frame[one.axis.name])
        wanted = pd.DataFrame({"median": grouped.median(), "p95": grouped.quantile(0.95)})
        wanted = wanted.reindex(list(one.axis.values))
        np.testing.assert_allclose(one.median, wanted["median"], rtol=1e-9)
        np.testing.assert_allclose(one.p95, wanted["p95"], rtol=1e-9)
        assert one.to_frame().index.tolist() == one.axis.labels()


def test_the_axis_that_makes_most_difference_comes_first() -> None:
    frame = pd.DataFrame({"a": [1, 2] * 50, "b": [1] * 50 + [2] * 50})
    frame[SECONDS] = frame["b"] ** 3.0
    cost = cost_of(survey(frame, ["a", "b"]))
    assert [(one.axis.name, one.spread) for one in cost.axes] == [("b", 8.0), ("a", 1.0)]


def test_a_pset_without_a_time_costs_nothing_that_is_known() -> None:
    frame = pd.DataFrame({"a": [1, 1, 2], SECONDS: [1.0, np.nan, 2.0]})
    (one,) = cost_of(survey(frame, ["a"])).axes
    assert (one.psets.tolist(), one.seconds.tolist()) == ([1, 1], [1.0, 2.0])


def test_the_slowest_psets_are_named_finished_or_failed() -> None:
    data, frame = timed_survey()
    found = slowest(data, 30)
    order = frame.sort_values(SECONDS, ascending=False, kind="stable").head(30)
    np.testing.assert_array_equal([one.seconds for one in found], order[SECONDS].astype(float))
    assert [one.pset for one in found] == order[list(COST_KEYS)].to_dict("records")
    assert [one.label for one in found] == order.index.tolist()
    assert [one.failed for one in found] == [label % 5 == 0 for label in order.index]
    assert len(slowest(data, 9999)) == 500


def test_without_seconds_cost_is_refused_with_what_to_do() -> None:
    data = survey(random_table(5), ["n"])
    for look in (cost_of, slowest):
        with pytest.raises(NotStored, match="name the column"):
            look(data)


def test_a_survey_whose_psets_took_no_time_has_no_shares() -> None:
    cost = cost_of(survey(pd.DataFrame({"a": [1, 2], SECONDS: [0.0, 0.0]}), ["a"]))
    assert cost.seconds == 0
    assert cost.axes[0].share.tolist() == [0, 0]
