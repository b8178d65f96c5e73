"""Surveys of which there is little to draw, or nothing: pictures, report and trace say what is true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import pytest

import paramsurvey
from paramsurvey.errors import NotStored
from paramsurvey.report import page_of
from paramsurvey.results.map_results import MapResults
from paramsurvey.results.report_subjects import checkpoint_subject, subject_of
from paramsurvey.results.tracing.checkpoint_trace import trace_of_checkpoint

matplotlib.use("agg")

GRID = [{"a": a, "b": b} for a in range(3) for b in range(2)]
PICTURES: dict[str, Callable[[Any], Any]] = {
    "cost": lambda plot: plot.cost(),
    "timeline": lambda plot: plot.timeline(),
    "slice": lambda plot: plot.slice("a", "b"),
    "importance": lambda plot: plot.importance(),
    "distribution": lambda plot: plot.distribution("a"),
    "failures": lambda plot: plot.failures(),
    "parallel": lambda plot: plot.parallel(),
}
OLD = "older version"


def double(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"y": 2 * pset["a"]}


def fail(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    raise ValueError("no")


def interrupt(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    raise KeyboardInterrupt


def survey(function: Any, psets: Any) -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    results: MapResults = paramsurvey.map(function, psets, checkpoint="run")
    return results


def interrupted() -> MapResults:
    with pytest.raises(KeyboardInterrupt):
        survey(interrupt, GRID)
    return paramsurvey.load("run")


NOTHING: dict[str, tuple[Callable[[], MapResults], str, str]] = {
    "no psets": (lambda: survey(double, []), "the survey has no psets", "There are no psets."),
    "an empty axis": (
        lambda: survey(double, paramsurvey.params.grid(a=[], b=[1, 2])),
        "the survey has no psets",
        "There are no psets.",
    ),
    "interrupted": (
        interrupted,
        "none of the survey's 6 psets has run to its end",
        "No pset has ended so far.",
    ),
}


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the time that pictures take, where a test is about words."""
    monkeypatch.setattr("paramsurvey.report.pictures.Pictures.draw", lambda *view, **size: "")


def words(page: str) -> str:
    """Return what can be read on a page, without its header."""
    body = page[page.index("<main>") : page.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@pytest.mark.parametrize("case", NOTHING)
def test_where_nothing_has_run_each_picture_says_why_it_cannot_be_drawn(case: str) -> None:
    make, why, _ = NOTHING[case]
    results = make()
    for draw in PICTURES.values():
        with pytest.raises(NotStored, match=f"{why}, so there is nothing to draw: ") as refused:
            draw(results.plot)
        assert OLD not in str(refused.value)


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("case", NOTHING)
def test_where_nothing_has_run_each_section_of_the_report_says_so(case: str) -> None:
    make, _, said = NOTHING[case]
    results = make()
    for subject in (checkpoint_subject("run"), subject_of(results)):
        page = words(page_of(subject))
        for section in ("Slices", "Importance", "Distributions", "Cost", "Failures", "Timeline"):
            assert f"{section} {said}" in page
        assert subject.status == ("interrupted" if case == "interrupted" else "finished")


@pytest.mark.parametrize("case", NOTHING)
def test_where_nothing_has_run_the_trace_is_empty(case: str) -> None:
    results = NOTHING[case][0]()
    trace, psets, complaints = trace_of_checkpoint("run")
    assert (json.loads(trace)["traceEvents"], psets, list(complaints)) == ([], 0, [])
    results.timeline().to_trace("run.json")
    assert json.loads(Path("run.json").read_text())["traceEvents"] == []


@pytest.mark.usefixtures("without_pictures")
def test_where_results_were_not_kept_the_checkpoint_has_them() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(double, GRID, checkpoint="run", keep_results=False)
    with pytest.raises(NotStored, match="this table has none of the survey's 6 results, so nothing can"):
        results.plot.cost()
    assert "Cost The results were not kept in memory" in words(page_of(subject_of(results)))
    assert paramsurvey.load("run").plot.cost().figure is not None


def test_a_table_that_no_survey_made_may_be_empty() -> None:
    with pytest.raises(NotStored, match="the survey has no psets"):
        MapResults(pd.DataFrame({"x": []})).plot.cost()


def test_where_all_failed_there_are_all_pictures_but_none_of_results() -> None:
    results = survey(fail, GRID)
    for draw in PICTURES.values():
        assert draw(results.plot).figure is not None
        matplotlib.pyplot.close("all")
    ax = results.plot.distribution()
    assert (ax.get_title(), ax.get_xlabel()) == ("", "seconds per pset [s]")
    with pytest.raises(KeyError, match="there is no column 'y', because no pset has a result"):
        results.plot.slice("a", "b", "y")


@pytest.mark.usefixtures("without_pictures")
def test_where_all_failed_the_report_has_no_results() -> None:
    survey(fail, GRID)
    assert "Distributions No pset has a result." in words(page_of(checkpoint_subject("run")))


@pytest.mark.parametrize(
    "psets", [[{"a": 1}], [{"a": 1, "b": 2}], [{"a": 1}] * 3], ids=["one", "two keys", "three"]
)
def test_where_no_key_varies_pictures_of_axes_say_so(psets: list[dict[str, Any]]) -> None:
    results = survey(double, psets)
    with pytest.raises(ValueError, match="no key of the psets varies, so there is no cost to compare"):
        results.plot.cost()
    for value in (None, "y"):
        with pytest.raises(ValueError, match="no key of the psets varies: name the columns"):
            results.plot.parallel(value=value)
    with pytest.raises(IndexError, match="no pset has failed"):
        results.plot.failures(0)
    for name in ("timeline", "importance", "distribution", "failures"):
        assert PICTURES[name](results.plot).figure is not None
        matplotlib.pyplot.close("all")


@pytest.mark.usefixtures("without_pictures")
def test_of_one_pset_the_report_has_no_empty_tables_and_no_worker_is_busier_than_always() -> None:
    survey(double, [{"a": 1, "b": 2}])
    subject = checkpoint_subject("run")
    page = page_of(subject)
    for section in ("Slices", "Importance"):
        assert f"{section} No key of the psets varies" in words(page)
    assert "</summary></details>" not in page
    assert "<tbody></tbody>" not in page
    (share,) = re.findall(r"([0-9.]+) *$", words(page)[: words(page).index("Provenance")].strip())
    assert 0 < float(share) <= 1


@pytest.mark.usefixtures("without_pictures")
def test_one_axis_has_no_interactions() -> None:
    survey(double, [{"a": a} for a in range(4)])
    page = page_of(checkpoint_subject("run"))
    assert "Interactions of two" not in page
