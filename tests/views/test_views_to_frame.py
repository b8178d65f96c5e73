"""Every view that the documentation lists has a `to_frame`, with the numbers that the view has."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survey_tables import run, survey

from paramsurvey import params, views
from paramsurvey.views import SECONDS, SurveyData

PAGE = Path(__file__).parents[2] / "docs/how-to/plots.md"
TIMES = (np.array([1, 1, 2]), np.array([0.0, 1.0, 0.5]), np.array([0.5, 0.25, 2.0]))


def timed() -> SurveyData:
    """Return a survey of three psets that finished, and one that failed."""
    frame = pd.DataFrame(
        {"a": [1, 1, 2], "b": ["x", "y", "x"], "v": [1.0, 2.0, 4.0], SECONDS: [1.0, 2.0, 3.0]}
    )
    return survey(frame, ["a", "b"], pd.DataFrame({"a": [2], "b": ["y"], SECONDS: [4.0]}))


FRAMES = {
    "slice_of": lambda: views.slice_of(timed(), "a", "b", "v", "mean").to_frame(),
    "distribution_of": lambda: views.distribution_of(timed(), "v").to_frame(),
    "importance_of": lambda: views.importance_of(timed(), "v").to_frame(),
    "failures_of": lambda: views.failures_of(timed()).to_frame(),
    "cost_of": lambda: views.cost_of(timed()).to_frame(),
    "slowest": lambda: pd.DataFrame(views.slowest(timed())),
    "parallel_of": lambda: views.parallel_of(timed(), ["a", "b"]).to_frame(),
    "measured_timeline": lambda: views.measured_timeline(finished().timeline()).to_frame(),
    "timeline_of": lambda: views.timeline_of(*TIMES).to_frame(),
    "blocks_of": lambda: views.blocks_of(*TIMES, np.array([False, True, False])).to_frame(),
    "cube_of": lambda: views.cube_of(timed(), ["a", "b"], ["v"]).to_frame(),
    "compare": lambda: views.compare(timed(), timed()).to_frame(),
}


def finished() -> object:
    return run(lambda pset, system_kwargs, user_kwargs: {"v": pset["a"]}, [{"a": 1}, {"a": 2}])


@pytest.mark.parametrize("name", FRAMES)
def test_it_is_a_dataframe_with_rows(name: str) -> None:
    assert len(FRAMES[name]()) > 0


def test_these_are_all_views_that_the_documentation_lists() -> None:
    text = PAGE.read_text().partition("## The numbers behind them")[2]
    listed = re.findall(r"`(\w+)\((?:data|results|before|worker)", text)
    assert set(listed) - {"importance", "data_of"} <= set(FRAMES)
    assert {name for name in views.__all__ if name.endswith("_of")} - set(FRAMES) == {
        "data_of",
        "provenance_of",
    }


def test_of_costs_all_axes_have_their_rows() -> None:
    frame = FRAMES["cost_of"]()
    assert frame.index.names == ["axis", "value"]
    assert frame["seconds"].to_dict() == {("a", "1"): 3, ("a", "2"): 7, ("b", "x"): 4, ("b", "y"): 6}


def test_of_a_survey_of_one_value_the_costs_have_no_row() -> None:
    one = survey(pd.DataFrame({"a": [1], SECONDS: [1.0]}), ["a"])
    frame = views.cost_of(one).to_frame()
    assert (len(frame), frame.columns[:2].tolist()) == (0, ["psets", "seconds"])


def test_of_parallel_coordinates_each_band_has_a_row() -> None:
    frame = views.parallel_of(timed(), ["a", "b", "v"], "v").to_frame()
    assert frame.index.names == ["from", "to", "left", "right"]
    assert frame["psets"].loc[("a", "b")].to_dict() == {
        ("1", "x"): 1,
        ("1", "y"): 1,
        ("2", "x"): 1,
        ("2", "y"): 1,
    }
    assert frame["mean"].loc[("a", "b", "2", "x")] == 4


def test_of_a_cube_each_cell_that_has_psets_has_a_row() -> None:
    frame = FRAMES["cube_of"]()
    assert frame.index.names == ["a", "b"]
    assert frame.loc[("1", "y")].to_dict() == {"finished": 1, "failed": 0, "not_run": 0, "v": 2}
    assert frame.loc[("2", "y"), ["finished", "failed"]].tolist() == [0, 1]


def test_of_blocks_each_has_its_worker() -> None:
    frame = FRAMES["blocks_of"]()
    assert frame["worker"].tolist() == [1, 1, 2]
    assert frame["seconds"].tolist() == [0.5, 0.25, 2.0]
    assert frame["failed"].tolist() == [0, 1, 0]


def test_a_table_that_is_not_the_results_of_a_map_is_refused_with_what_to_give() -> None:
    results = run(lambda pset, system_kwargs, user_kwargs: {"v": pset["a"]}, params.product(a=[1, 2]))
    for table in (results[results["a"] > 1], results.to_df(), [{"a": 1}], None):
        with pytest.raises(TypeError, match="the results of a map"):
            views.data_of(table)
