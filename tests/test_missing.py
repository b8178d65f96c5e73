"""Finding out why psets have no result."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

import paramsurvey
from paramsurvey import errors
from paramsurvey.results import MapResults


class Unphysical(Exception):
    """Told apart from any other exception."""


def fit(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
    if pset["mass"] < 0:
        raise Unphysical(f"mass {pset['mass']} in {os.getcwd()}", system_kwargs, user_kwargs)
    if pset["mass"] > 90:
        return pset["mass"]
    return {"radius": pset["mass"] * 2}


@pytest.fixture
def results(in_tmp: Path) -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    (in_tmp / "there").mkdir()
    psets = [{"mass": mass, "kind": "star"} for mass in (1, -1, 2, -2, -3, 99)]
    return paramsurvey.map(
        fit,
        psets,
        name="fit",
        chdir="there",
        out_subdirs=100,
        system_kwargs={"level": 7},
        user_kwargs=["mine"],
    )


def test_the_summary_groups_failures_by_cause(results: MapResults) -> None:
    summary = results.missing.summary()
    line = f"{__file__}:{fit.__code__.co_firstlineno + 2} in fit"
    assert summary.columns.tolist() == ["kind", "exception", "line", "count", "pset", "example"]
    assert summary.drop(columns="example").to_numpy().tolist() == [
        ["raised", "Unphysical", line, 3, 0],
        ["raised", "ValueError", "", 1, 3],
    ]
    assert summary.example[0].startswith("Unphysical('mass -1 in ")


def test_the_summary_of_nothing_is_empty(results: MapResults) -> None:
    summary = results.missing[:0].summary()
    assert summary.empty
    assert "count" in summary.columns


def test_reproduce_raises_here_what_was_raised_there(results: MapResults, in_tmp: Path) -> None:
    with pytest.raises(Unphysical) as caught:
        results.missing.reproduce(1)
    text, system_kwargs, user_kwargs = caught.value.args
    assert text == f"mass -2 in {in_tmp / 'there'}"
    assert Path.cwd() == in_tmp
    assert user_kwargs == ["mine"]
    expected = {"name": "fit", "raw_stats": {}, "level": 7, "out_subdir": "ps03"}
    assert system_kwargs == {**expected, "chdir": str(in_tmp / "there")}


def test_reproduce_gives_the_function_what_a_worker_gives_it(results: MapResults) -> None:
    seen: list[tuple[object, object]] = []
    with pytest.raises(Unphysical):
        results.missing.reproduce(0, func=lambda *arguments: (seen.append(arguments), fit(*arguments))[1])
    again = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: {"types": str([type(value) for value in pset.values()])},
        results.missing.to_psets(),
    )
    pset = seen[0][0]
    assert isinstance(pset, dict)
    assert str([type(value) for value in pset.values()]) == again.types[0]


def test_reproduce_refuses_a_result_that_is_no_dict(results: MapResults) -> None:
    with pytest.raises(ValueError, match="must return a dict or None, and it returned 99"):
        results.missing.reproduce(3)


def test_reproduce_returns_the_result_when_it_works_now(results: MapResults) -> None:
    assert results.missing.reproduce(0, func=lambda pset, *rest: {"abs": -pset["mass"]}) == {"abs": 1}


def test_chosen_rows_keep_their_labels_and_can_be_reproduced(results: MapResults) -> None:
    chosen = results.missing[results.missing.mass < -1].sort_values("mass")
    assert chosen.index.tolist() == [2, 1]
    with pytest.raises(Unphysical, match="mass -3"):
        chosen.reproduce(2)
    with pytest.raises(KeyError, match="no missing pset 0"):
        chosen.reproduce(0)


def test_after_pickling_the_function_must_be_given(results: MapResults, in_tmp: Path) -> None:
    missing = pickle.loads(pickle.dumps(results)).missing
    assert missing.kinds().tolist() == ["raised"] * 4
    with pytest.raises(errors.FunctionUnknown, match=r"give it, reproduce\(i, func="):
        missing.reproduce(0)
    with pytest.raises(Unphysical, match=f"mass -1 in {in_tmp}"):
        missing.reproduce(0, func=fit, user_kwargs=3)


def test_results_can_be_pickled_when_the_arguments_of_the_map_cannot(results: MapResults) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    kept = paramsurvey.map(lambda pset, *rest: 3, [{"a": 1}])
    assert len(pickle.loads(pickle.dumps(kept)).missing) == 1


def test_psets_that_are_missing_can_be_given_to_map_with_or_without_their_reasons(
    results: MapResults,
) -> None:
    for psets in (results.missing, results.missing.drop(columns=["_exception", "_traceback"])):
        again = paramsurvey.map(fit, psets)
        assert again.missing.mass.tolist() == [-1, -2, -3, 99]


def test_kinds_tell_what_happened(results: MapResults) -> None:
    def die(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
        os._exit(3)

    paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
    missing = paramsurvey.map(die, [{"a": 1}]).missing
    assert missing.kinds().tolist() == ["crashed"]
    assert missing.columns.tolist() == ["a", "_exception", "_traceback", "_attempts"]
