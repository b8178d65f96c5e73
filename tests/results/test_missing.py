"""Finding out why psets have no result."""

from __future__ import annotations

import datetime
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey import errors
from paramsurvey.results.map_results import MapResults


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
    expected = {"name": "fit", "raw_stats": {}, "worker_number": 1, "level": 7, "out_subdir": "ps03"}
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


def test_reproduce_calls_worker_init_in_this_process() -> None:
    calls: list[int] = []

    def load() -> dict[str, int]:
        calls.append(os.getpid())
        return {"model": 5}

    def use(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
        raise Unphysical(system_kwargs["worker_state"])

    paramsurvey.init(ncores=1, verbose=0, worker_init=load)
    missing = paramsurvey.map(use, [{"a": 1}]).missing
    assert calls == []
    with pytest.raises(Unphysical, match=r"\{'model': 5\}"):
        missing.reproduce(0)
    assert calls == [os.getpid()]


def test_what_worker_init_raises_is_raised_by_reproduce() -> None:
    healthy = [True]

    def load() -> None:
        if not healthy:
            raise Unphysical("no model")

    paramsurvey.init(backend="serial", verbose=0, worker_init=load)
    missing = paramsurvey.map(lambda pset, *rest: 1 / 0, [{"a": 1}]).missing
    healthy.clear()
    with pytest.raises(Unphysical, match="no model"):
        missing.reproduce(0)


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


# what the table shows and what the workers got

START = datetime.datetime(2020, 1, 1, 12)
PROMOTED: dict[str, list[dict[str, Any]]] = {
    "an integer beside a missing key": [{"a": 1, "n": 3}, {"a": 2}],
    "an integer among floats": [{"n": 1}, {"n": 2.5}, {"n": 3}],
    "a bool beside None": [{"n": True}, {"n": None}],
    "None among floats": [{"n": None}, {"n": 0.5}],
    "None among strings": [{"n": "x"}, {"n": None}],
    "datetimes": [{"n": START}, {"n": START + datetime.timedelta(1)}],
    "a datetime beside None": [{"n": START}, {"n": None}],
    "dates": [{"n": START.date()}, {"n": None}],
    "an integer that no float holds": [{"n": 2**60 + 1}, {"n": 0.5}],
    "numpy's numbers": [{"n": np.int64(3)}, {"n": np.float32(0.5)}],
    "lists": [{"n": [1]}, {"n": 2}],
}


def tell(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
    if user_kwargs == "fail":
        raise Unphysical(pset)
    return {"seen": repr(pset)}


def what_fails(psets: Any) -> MapResults:
    """Return the results of a survey in which every pset fails and says what it got."""
    paramsurvey.init(backend="serial", verbose=0)
    return paramsurvey.map(tell, psets, user_kwargs="fail")


@pytest.mark.parametrize("form", ["dicts", "iterator", "frame", "space", "loaded frame"])
@pytest.mark.parametrize("name", PROMOTED)
def test_reproduce_runs_the_very_pset_that_the_worker_got(name: str, form: str, in_tmp: Path) -> None:
    psets: Any = PROMOTED[name]
    if form == "space" and len({len(pset) for pset in psets}) == 1:
        psets = paramsurvey.params.aligned(n=[pset["n"] for pset in psets])
    elif form.endswith("frame"):
        psets = pd.DataFrame(psets)
    missing = what_fails(iter(psets) if form == "iterator" else psets).missing
    if form.startswith("loaded"):
        missing = pickle.loads(pickle.dumps(missing))
    for i in range(len(psets)):
        with pytest.raises(Unphysical) as caught:
            missing.reproduce(i, func=tell, user_kwargs="fail")
        assert f"Unphysical({caught.value.args[0]!r})" == missing["_exception"][i]


@pytest.mark.parametrize("name", PROMOTED)
def test_missing_psets_given_to_map_again_give_what_the_first_map_would_have_given(name: str) -> None:
    psets = PROMOTED[name]
    missing = what_fails(psets).missing
    everything = paramsurvey.map(tell, psets)
    for rows in ([0], [1], list(range(len(psets)))):
        chosen = missing.iloc[rows]
        for again in (chosen, chosen.to_psets(), pickle.loads(pickle.dumps(chosen)).to_psets()):
            results = paramsurvey.map(tell, again)
            expected = everything.to_df().iloc[rows].reset_index(drop=True)
            pd.testing.assert_frame_equal(results.to_df(), expected)
            assert results.attrs == {}


def test_missing_psets_given_to_map_again_are_no_new_psets_of_a_checkpoint(in_tmp: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"n": 1}, {"n": 2.5}]
    first = paramsurvey.map(tell, psets, user_kwargs="fail", checkpoint="c")
    paramsurvey.map(tell, first.missing.to_psets()[:1], user_kwargs="fail", checkpoint="c")
    assert len(paramsurvey.load("c").missing) == 2
    paramsurvey.map(tell, first.missing, user_kwargs="", checkpoint="c", on_change="ignore")
    assert paramsurvey.load("c").seen.tolist() == ["{'n': 1}", "{'n': 2.5}"]


def test_the_table_itself_keeps_the_dtypes_of_the_results() -> None:
    missing = what_fails([{"n": 1, "t": START}, {"n": 2.5, "t": START}]).missing
    assert missing.n.dtype == "float64"
    assert missing.t.dt.year.tolist() == [2020, 2020]


def test_what_the_user_writes_into_the_table_counts() -> None:
    missing = what_fails([{"n": 1, "t": START}, {"n": 2.5, "t": START}, {"n": 3, "t": START}]).missing
    missing.loc[0, "n"] = 7.0
    missing["more"] = "x"
    chosen = missing[missing.n > 2.7].drop(columns="t")
    again = paramsurvey.map(tell, chosen)
    assert again.seen.tolist() == ["{'n': 7.0, 'more': 'x'}", "{'n': 3, 'more': 'x'}"]
    assert chosen.reproduce(0, user_kwargs="") == {"seen": "{'n': 7.0, 'more': 'x'}"}
    assert chosen.reproduce(2, user_kwargs="") == {"seen": "{'n': 3, 'more': 'x'}"}


def test_what_the_user_writes_into_the_psets_counts() -> None:
    psets = what_fails([{"n": 1}, {"n": 2.5}]).missing.to_psets()
    psets.loc[0, "n"] = "text"
    assert paramsurvey.map(tell, psets).seen.tolist() == ["{'n': 'text'}", "{'n': 2.5}"]


def test_rows_without_a_label_of_the_survey_are_what_they_show() -> None:
    missing = what_fails([{"n": 1}, {"n": 2.5}]).missing
    moved = missing.set_axis(["x", "y"], axis="index")
    assert paramsurvey.map(tell, moved).seen.tolist() == ["{'n': 1.0}", "{'n': 2.5}"]
    assert moved.reproduce("x", user_kwargs="") == {"seen": "{'n': 1.0}"}


def test_what_a_function_does_to_its_pset_is_undone_when_it_is_reproduced_again() -> None:
    missing = what_fails([{"o": [1]}]).missing
    for _ in range(2):
        assert missing.reproduce(0, func=lambda pset, *rest: {"o": pset["o"].append(2) or pset["o"]}) == {
            "o": [1, 2]
        }
    assert missing.o.tolist() == [[1]]


def test_kinds_tell_what_happened(results: MapResults) -> None:
    def die(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
        os._exit(3)

    paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
    missing = paramsurvey.map(die, [{"a": 1}]).missing
    assert missing.kinds().tolist() == ["crashed"]
    assert missing.columns.tolist() == ["a", "_exception", "_traceback", "_attempts"]


def test_what_print_shows_of_results_ends_with_what_is_missing(results: MapResults) -> None:
    assert repr(results).splitlines()[-1] == (
        "4 of 6 missing: 3 × Unphysical, 1 × ValueError; results.missing"
    )
    complete = paramsurvey.map(fit, [{"mass": 1}])
    assert "missing" not in repr(complete)
    nothing_kept = paramsurvey.map(fit, [{"mass": 1}, {"mass": -1}], keep_results=False)
    assert "1 of 2 missing" in repr(nothing_kept)
    assert "missing" not in repr(results[results.mass > 0])


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (-1, "199 of 200 missing: 1 × Unphysical; results.missing; 198 not run yet"),
        (1, "198 of 200 missing: 198 not run yet"),
    ],
    ids=["one has failed", "none has failed"],
)
def test_what_print_shows_of_a_survey_that_was_interrupted_counts_what_has_not_run(
    first: int, told: str, in_tmp: Path
) -> None:
    def interrupted(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> Any:
        if pset["i"] == 2:
            raise KeyboardInterrupt
        return fit(pset, system_kwargs, user_kwargs)

    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"i": i, "mass": first if i == 0 else 1} for i in range(200)]
    with pytest.raises(KeyboardInterrupt):
        paramsurvey.map(interrupted, psets, checkpoint="out", group_size=1)
    loaded = paramsurvey.load("out")
    assert loaded.progress.total == 200
    assert repr(loaded).splitlines()[-1] == told
    page = str(loaded._repr_html_())
    assert told.replace(" missing:", " psets are missing:").replace("; results", "; see results") in page


def test_missing_psets_are_shown_with_the_reason_first(results: MapResults) -> None:
    lines = repr(results.missing).splitlines()
    assert lines[0].split()[:3] == ["_exception", "mass", "kind"]
    assert "Unphysical" in lines[1]
    assert "Traceback" not in repr(results.missing)  # which is text of many lines, and there all the same
    assert "Traceback" in results.missing._traceback[0]
    assert list(results.missing.columns)[:2] == ["mass", "kind"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_summary_shows_all_its_columns_at_any_width(results: MapResults, width: int) -> None:
    with pd.option_context("display.width", width):
        shown = repr(results.missing.summary())
    for name in ("kind", "exception", "line", "count", "pset", "example"):
        assert name in shown


def test_counters_and_statistics_show_what_they_hold(results: MapResults) -> None:
    assert repr(results.progress) == (
        "<MapProgress 'fit', total: 6, active: 0, finished: 2, failures: 4, exceptions: 4>"
    )
    assert repr(results.stats).startswith("<PerfStats fit_wallclock: 6 × ")


async def later() -> None:
    """Is not awaited."""


def one_by_one() -> Any:
    yield {}


LONG = "the matrix of the solver is singular at mass 3.25"


def test_a_long_reason_can_be_read_in_the_summary_and_in_a_notebook() -> None:
    def fail(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        raise ArithmeticError(LONG)

    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        missing = session.map(fail, [{"x": 1}]).missing
    summary = missing.summary()
    assert f"ArithmeticError('{LONG}')" in repr(summary)
    assert max(map(len, repr(summary).splitlines())) <= 80
    assert all(LONG in str(table._repr_html_()) for table in (missing, summary))
    with pd.option_context("display.max_colwidth", 40):  # which a user may set
        assert "the matrix" in repr(summary)
        assert LONG not in repr(summary)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (later, "it returned a coroutine: run it with asyncio.run()"),
        (one_by_one, "it returned a generator: replace its yield by a return"),
    ],
)
def test_values_without_a_result_have_one_reason_in_all_psets(returned: Any, reason: str) -> None:
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        missing = session.map(lambda *arguments: returned(), [{"x": 1}, {"x": 2}]).missing
    assert missing["_exception"].nunique() == 1
    assert reason in missing["_exception"].iloc[0]
