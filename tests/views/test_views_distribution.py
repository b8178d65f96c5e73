"""Distributions: every finite value is in its bin, and the quantiles are numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from survey_tables import survey

from paramsurvey.views import SECONDS, distribution_of
from paramsurvey.views.columns.survey_data import KIND
from paramsurvey.views.distribution import SHARES, Distribution


def distribution(values: Any) -> Distribution:
    return distribution_of(survey(pd.DataFrame({"y": values}), []), "y")


@given(st.lists(st.floats(), min_size=1, max_size=40))
def test_every_finite_number_is_counted_once_whatever_it_is(values: list[float]) -> None:
    found = distribution_of(survey(pd.DataFrame({"y": np.array(values)}), []), "y")
    finite = int(np.isfinite(values).sum())
    assert found.counts.sum() == finite == found.known
    assert found.absent == len(values) - finite


def test_infinities_alone_are_absent_like_those_beside_numbers() -> None:
    found = distribution_of(survey(pd.DataFrame({"y": [np.inf, -np.inf, np.nan]}), []), "y")
    assert (found.labels, found.known, found.absent) == ((), 0, 3)


def test_bins_and_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    found = distribution_of(survey(pd.DataFrame({"y": values}), [], pieces=999), "y", bins=20)
    np.testing.assert_array_equal(found.counts, np.histogram(values, found.edges)[0])
    np.testing.assert_allclose(list(found.quantiles.values()), np.quantile(values, SHARES))
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))
    assert found.to_frame()["count"].sum() == 5000


def test_whole_numbers_have_a_bin_each() -> None:
    found = distribution_of(survey(pd.DataFrame({"y": [1, 2, 2, 5, 5, 5, 3, 3]}), []), "y")
    assert found.edges.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert found.counts.tolist() == [1, 2, 2, 0, 3]


@pytest.mark.parametrize(
    "values",
    [range(40), range(100), range(0, 4000, 100), np.linspace(-1, 3, 50), np.geomspace(1e-6, 1, 36)],
    ids=["whole numbers", "many of them", "hundreds", "a grid", "a grid of powers"],
)
def test_a_regular_grid_looks_even(values: Any) -> None:
    found = distribution(np.tile(np.asarray(values, dtype=float), 50))
    assert len(found.counts) < len(values)  # several in each bin
    assert len(set(found.counts.tolist())) == 1


def test_bins_of_a_grid_that_cannot_all_have_equally_many_points_differ_at_the_end_alone() -> None:
    *first, last = distribution(np.tile(np.arange(41.0), 100)).counts.tolist()
    assert set(first) == {300}
    assert last == 200


@pytest.mark.parametrize("values", [[0.0, 5e-324, 1e-323], [1e-320, 1.0, 1e308], [-1.7e308, 0.0, 1.7e308]])
def test_grids_of_the_smallest_and_largest_floats_have_bins(values: list[float]) -> None:
    assert distribution(np.asarray(values)).counts.sum() == 3


def test_what_is_spread_over_powers_of_ten_has_logarithmic_bins() -> None:
    values = np.random.default_rng(0).lognormal(sigma=4, size=3000)
    found = distribution_of(survey(pd.DataFrame({"y": values}), []), "y")
    assert found.logarithmic
    assert found.counts.max() < 600
    assert not distribution_of(survey(pd.DataFrame({"y": values - 1}), []), "y").logarithmic


def test_texts_are_counted_and_bools_are_numbers() -> None:
    found = distribution_of(survey(pd.DataFrame({"y": ["a", "b", "a", None]}), []), "y")
    assert (found.labels, found.counts.tolist(), found.known, found.absent) == (("a", "b"), [2, 1], 3, 1)
    bools = distribution_of(survey(pd.DataFrame({"y": [True, False, True]}), []), "y")
    assert bools.counts.tolist() == [1, 2]


def test_bools_are_told_from_zeros_and_ones() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3], "good": [True, False, True], "bit": [1, 0, 1], "all": [True] * 3})
    data = survey(frame, ["x"])
    assert distribution_of(data, "good").to_frame().to_dict("list") == {
        "good": [False, True],
        "count": [1, 2],
    }
    assert distribution_of(data, "all").to_frame().to_dict("list") == {"all": [True], "count": [3]}
    assert not distribution_of(data, "bit").bools


def test_failed_psets_have_no_result_and_yet_a_key() -> None:
    data = survey(
        pd.DataFrame({"x": [1.0, 2.0], "y": [0.5, np.nan], "t": ["a", "b"]}),
        ["x"],
        pd.DataFrame({"x": [3.0]}),
    )
    assert (distribution_of(data, "y").known, distribution_of(data, "y").absent) == (1, 1)
    assert (distribution_of(data, "x").known, distribution_of(data, "x").absent) == (3, 0)
    assert (distribution_of(data, "t").known, distribution_of(data, "t").absent) == (2, 0)


def test_psets_that_failed_have_seconds_and_those_that_were_not_run_have_none() -> None:
    finished = pd.DataFrame({"x": [1, 2], SECONDS: [0.5, np.nan]})
    missing = pd.DataFrame(
        {"x": [3, 4, 5], KIND: ["raised", "raised", "not run"], SECONDS: [1.0, 2.0, np.nan]}
    )
    found = distribution_of(survey(finished, ["x"], missing), SECONDS)
    assert (found.known, found.absent) == (3, 1)


def test_numbers_farther_apart_than_a_float_can_say_have_bins() -> None:
    values = [9.940119554610395e272, 1.2277678968719472e-51, 1.2277678968719472e-51]  # their quotient is 0
    assert distribution_of(survey(pd.DataFrame({"y": values}), []), "y").counts.sum() == 3
