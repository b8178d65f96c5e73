"""Provenance: what is known of a run, whatever is missing or damaged in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from survey_tables import run

from paramsurvey.views import provenance_of


def survey_in(directory: str, offset: int) -> dict[str, Any]:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": pset["x"] + user_kwargs}

    run(worker, [{"x": 1}, {"x": 2}], checkpoint=directory, user_kwargs=offset, name="fit")
    found: dict[str, Any] = json.loads(Path(directory, "run.json").read_text())
    return found


def test_a_run_tells_what_was_run_and_how_far_it_came() -> None:
    found = provenance_of(survey_in("one", 1))
    assert found.facts["map"] == "fit"
    assert found.facts["status"] == "finished"
    assert found.facts["psets"] == "2 total, 2 finished"
    assert found.facts["function"].endswith("worker")
    assert "version of numpy" in found.facts
    assert "user_kwargs" in found.source
    assert found.to_frame()["fact"].tolist() == list(found.facts)


def test_two_runs_differ_in_what_was_changed_alone() -> None:
    one, two = provenance_of(survey_in("one", 1)), provenance_of(survey_in("two", 2))
    assert [fact for fact, _, _ in one.changes(two)] == ["arguments"]
    assert one.changes(one) == []


def test_of_results_without_a_checkpoint_the_counters_are_known() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": 1 / pset["x"]}

    progress = run(worker, [{"x": 0}, {"x": 1}]).progress
    assert provenance_of({}, progress).facts == {"map": "default", "psets": "2 total, 1 finished, 1 failures"}


SIMPLE = st.sampled_from([None, "", "text", 0, -3, 1.5, float("nan"), True])
ANYTHING = SIMPLE | st.lists(SIMPLE, max_size=3) | st.dictionaries(st.sampled_from("ab"), SIMPLE, max_size=3)
NAMES = ("name", "counts", "function", "git", "user_kwargs", "versions", "history", "command", "elapsed")


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_whatever_stands_in_a_run_file_is_read_as_far_as_it_goes(run: dict[str, Any]) -> None:
    found = provenance_of(run)
    assert all(isinstance(text, str) and text for text in found.facts.values())


@pytest.mark.parametrize("key", ["repr", "password"])
def test_the_arguments_themselves_are_not_shown(key: str) -> None:
    found = provenance_of({"user_kwargs": {"hash": "abc", key: "s3cret"}})
    assert "s3cret" not in str(found)
