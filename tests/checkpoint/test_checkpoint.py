"""What a user sees of checkpoints: maps that go on where they stopped."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey.errors import (
    CheckpointChanged,
    CheckpointError,
    CheckpointInUse,
    NotACheckpoint,
    OptionError,
    PackageMissing,
)
from paramsurvey.params import product

PSETS = [{"a": a, "b": b} for a in range(5) for b in ("x", "y")]


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


@pytest.fixture
def ran(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the psets that ran since it was last called."""
    notes = in_tmp / "notes"
    monkeypatch.setenv("NOTES", str(notes))

    def read() -> list[dict[str, Any]]:
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    return read


RanPsets = Callable[[], list[dict[str, Any]]]


def noted(pset: dict[str, Any]) -> None:
    with open(os.environ["NOTES"], "a") as file:
        file.write(json.dumps(pset, default=str) + "\n")


def work(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    noted(pset)
    return {"text": f"{pset}", "number": len(pset)}


def fragile(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    noted(pset)
    if pset["a"] == 3 and not Path("repaired").exists():
        raise ValueError("three")
    return {"twice": 2 * pset["a"]}


def various(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[Any, Any]:
    noted(pset)
    i = pset["i"]
    result = {
        "int": i,
        "float": i / 3,
        "mixed": i if i % 2 else i / 4,
        "huge": 2**70 + i,
        "flag": i > 3,
        "text": "é" * i,
        "maybe": None if i % 2 else "yes",
        "gap": float("nan") if i % 3 else "no",
        "time": pd.Timestamp("2024-01-01") + pd.Timedelta(i, "D"),
        "array": np.arange(i, dtype=np.float64),
        "list": [i, i + 1],
        "object": {"i": (i, {i})},
        "surrogate": "\ud800" if i == 2 else "a",
        7: i,
        "_hidden": i,
        "i": i + 1000,
    }
    return result | ({"sometimes": i} if i % 2 else {})


# ---- going on


def test_a_finished_survey_runs_nothing_again(ran: RanPsets) -> None:
    first = paramsurvey.map(work, PSETS, checkpoint="dir")
    assert ran() == PSETS
    again = paramsurvey.map(work, PSETS, checkpoint="dir")
    assert ran() == []
    pd.testing.assert_frame_equal(first.to_df(), again.to_df())
    assert again.progress.finished == again.progress.resumed == again.progress.total == len(PSETS)


def test_results_of_every_kind_come_back_as_they_were(ran: RanPsets) -> None:
    psets = [{"i": i} for i in range(8)]
    plain = paramsurvey.map(various, psets)
    paramsurvey.map(various, psets[:3], checkpoint="dir")
    paramsurvey.map(various, psets[2:6], checkpoint="dir")
    ran()
    resumed = paramsurvey.map(various, psets, checkpoint="dir")
    assert [pset["i"] for pset in ran()] == [6, 7]
    pd.testing.assert_frame_equal(plain.to_df(), resumed.to_df(), check_like=True)
    pd.testing.assert_frame_equal(plain.to_df(), paramsurvey.load("dir").to_df(), check_like=True)


@pytest.mark.parametrize("how", ["longer axis", "other column order", "shuffled", "fewer"])
def test_only_new_psets_run(ran: RanPsets, how: str) -> None:
    before = pd.DataFrame(PSETS)
    after = {
        "longer axis": paramsurvey.params.product({"a": range(7)}, {"b": ["w", "x", "y"]}),
        "other column order": before[["b", "a"]],
        "shuffled": before.sample(frac=1, random_state=1),
        "fewer": before.iloc[3:7],
    }[how]
    paramsurvey.map(work, before, checkpoint="dir")
    ran()
    results = paramsurvey.map(work, after, checkpoint="dir")
    known = set(before.itertuples(index=False, name=None))
    new = [pset for pset in after[["a", "b"]].to_dict("records") if (pset["a"], pset["b"]) not in known]
    assert ran() == new
    assert results[["a", "b"]].astype(object).to_numpy().tolist() == after[["a", "b"]].to_numpy().tolist()
    assert len(paramsurvey.load("dir")) == len(before) + len(new)


def test_extending_again_and_again_loses_and_doubles_nothing(ran: RanPsets) -> None:
    chance, known = random.Random(5), set()
    for _ in range(12):
        psets = [{"a": chance.randrange(40)} for _ in range(10)]
        unique = list({pset["a"]: pset for pset in psets}.values())
        results = paramsurvey.map(work, unique, checkpoint="dir")
        assert results.a.tolist() == [pset["a"] for pset in unique]
        new = {pset["a"] for pset in unique} - known
        assert sorted(pset["a"] for pset in ran()) == sorted(new)
        known |= new
        assert sorted(paramsurvey.load("dir").a) == sorted(known)


def test_duplicates_stay_duplicates(ran: RanPsets) -> None:
    one, other = {"a": 1}, {"a": 2}
    paramsurvey.map(work, [one, one, other], checkpoint="dir")
    assert len(ran()) == 3
    assert len(paramsurvey.map(work, [other, one, one, one], checkpoint="dir")) == 4
    assert ran() == [one]
    assert len(paramsurvey.map(work, [one], checkpoint="dir")) == 1
    assert ran() == []


def test_psets_are_compared_by_value_not_by_dtype(ran: RanPsets) -> None:
    paramsurvey.map(work, pd.DataFrame({"a": np.array([1, 2], dtype=np.int8)}), checkpoint="dir")
    ran()
    paramsurvey.map(work, pd.DataFrame({"a": pd.Categorical([2, 1])}), checkpoint="dir")
    assert ran() == []
    paramsurvey.map(work, [{"a": 1.0}, {"a": True}, {"a": "1"}], checkpoint="dir")
    assert len(ran()) == 3, "1.0, True and '1' are not 1"


def test_a_new_column_makes_new_psets_but_nan_counts_as_no_column(ran: RanPsets) -> None:
    paramsurvey.map(work, [{"a": 1}, {"a": 2}], checkpoint="dir")
    ran()
    paramsurvey.map(work, [{"a": 1}, {"a": 2, "b": 0}], checkpoint="dir")
    assert ran() == [{"a": 2, "b": 0}]


def test_spaces_and_iterators_are_resumed_too(ran: RanPsets) -> None:
    space = paramsurvey.params.grid(a=range(30), b=[0.5, 1.5])
    paramsurvey.map(work, space, checkpoint="dir", limit=25)
    ran()
    results = paramsurvey.map(work, iter(space), checkpoint="dir")
    assert len(ran()) == 35
    assert results[["a", "b"]].to_numpy().tolist() == space.to_df().to_numpy().tolist()
    assert len(paramsurvey.map(work, space.shuffle(seed=3), checkpoint="dir")) == 60
    assert ran() == []


def test_psets_that_are_objects_are_recognized(ran: RanPsets) -> None:
    psets = [{"a": [1, {"x": 2.5}]}, {"a": None}, {"a": {3, 1, 2}}, {"a": "text"}, {"a": np.arange(3)}]
    paramsurvey.map(work, psets, checkpoint="dir")
    ran()
    paramsurvey.map(work, psets[::-1], checkpoint="dir")
    assert ran() == []


def test_what_an_earlier_run_yielded_is_not_yielded_again(ran: RanPsets) -> None:
    paramsurvey.map(work, PSETS[:4], checkpoint="dir")
    ran()
    yielded = list(paramsurvey.imap_unordered(work, iter(PSETS), checkpoint="dir"))
    assert ran() == PSETS[4:]
    assert [{"a": one["a"], "b": one["b"]} for one in yielded] == PSETS[4:]
    assert len(paramsurvey.load("dir")) == len(PSETS)


def test_results_that_are_not_kept_are_in_the_checkpoint(ran: RanPsets) -> None:
    assert len(paramsurvey.map(work, PSETS, checkpoint="dir", keep_results=False)) == 0
    assert len(paramsurvey.load("dir")) == len(PSETS)
    again = paramsurvey.map(work, PSETS, checkpoint="dir", keep_results=False)
    assert again.progress.resumed == len(PSETS)


def test_the_environment_variable_names_the_checkpoint(
    monkeypatch: pytest.MonkeyPatch, ran: RanPsets
) -> None:
    monkeypatch.setenv("PARAMSURVEY_CHECKPOINT", "from-env")
    paramsurvey.map(work, PSETS)
    assert len(paramsurvey.load("from-env")) == len(PSETS)


# ---- failures


def test_failures_are_kept_with_their_tracebacks_and_tried_again(ran: RanPsets) -> None:
    paramsurvey.map(fragile, PSETS, checkpoint="dir")
    loaded = paramsurvey.load("dir")
    assert loaded.missing.a.tolist() == [3, 3]
    assert loaded.missing._exception.tolist() == ["ValueError('three')"] * 2
    assert loaded.missing._traceback.str.contains("in fragile").all()
    ran()
    Path("repaired").touch()
    results = paramsurvey.map(fragile, PSETS, checkpoint="dir")
    assert [pset["a"] for pset in ran()] == [3, 3]
    assert results.a.tolist() == [pset["a"] for pset in PSETS]
    loaded = paramsurvey.load("dir")
    assert len(loaded.missing) == 0
    pd.testing.assert_frame_equal(loaded.to_df(), results.to_df())


def test_failures_stay_when_they_shall_not_be_tried_again(ran: RanPsets) -> None:
    paramsurvey.map(fragile, PSETS, checkpoint="dir")
    ran()
    results = paramsurvey.map(fragile, PSETS[::-1], checkpoint="dir", retry_failed=False)
    assert ran() == []
    assert results.missing._exception.tolist() == ["ValueError('three')"] * 2
    progress = results.progress
    assert (progress.finished, progress.failures, progress.total) == (8, 2, 10)


def test_a_failure_in_another_order_is_still_made_good(ran: RanPsets) -> None:
    paramsurvey.map(fragile, PSETS, checkpoint="dir")
    paramsurvey.map(fragile, PSETS[::-1], checkpoint="dir")
    assert len(paramsurvey.load("dir").missing) == 2
    Path("repaired").touch()
    paramsurvey.map(fragile, PSETS[3:8], checkpoint="dir")
    loaded = paramsurvey.load("dir")
    assert len(loaded) == len(PSETS)
    assert len(loaded.missing) == 0


def test_max_failures_counts_what_fails_in_this_run_and_not_what_had_failed_before() -> None:
    def fail(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        raise ValueError(pset["i"])

    paramsurvey.init(backend="serial", verbose=0)
    failed = []
    for _ in range(3):
        results = paramsurvey.map(
            fail,
            [{"i": i} for i in range(9)],
            checkpoint="dir",
            retry_failed=False,
            max_failures=2,
            group_size=1,
        )
        failed.append(results.missing["_exception"].str.startswith("ValueError").sum())
    assert failed == [2, 4, 6]


def test_what_was_not_run_is_no_failure(ran: RanPsets) -> None:
    results = paramsurvey.map(fragile, PSETS, checkpoint="dir", max_failures=1, group_size=1)
    assert len(results.missing) > 1
    assert len(paramsurvey.load("dir").missing) == 1
    counts = json.loads(Path("dir/run.json").read_text())["counts"]
    assert counts["failures"] - counts["not_run"] == 1


# ---- what Arrow has no type for


def echo(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    noted({})
    return {} if pset["x"] is None else {"y": pset["x"]}


def assert_all_agree(ran: RanPsets, function: Any, psets: Any) -> paramsurvey.MapResults:
    """A map, one with a checkpoint, one that resumes it, and what is loaded give the same."""
    plain = paramsurvey.map(function, psets)
    first = paramsurvey.map(function, psets, checkpoint="dir")
    ran()
    resumed = paramsurvey.map(function, psets, checkpoint="dir")
    assert ran() == []
    for results in (first, resumed, paramsurvey.load("dir")):
        pd.testing.assert_frame_equal(results.to_df(), plain.to_df())
        for name in plain.columns:
            assert types_of(results[name]) == types_of(plain[name])
    return plain


def types_of(column: Any) -> list[type]:
    return [type(value) for value in column.tolist()]


NUMPY_TYPES = ["longdouble", "clongdouble", "complex64", "float16", ">f2", "float32", "int8", "uint64"]


@pytest.mark.parametrize("dtype", NUMPY_TYPES)
def test_psets_of_every_number_of_numpy_are_stored_and_recognized(ran: RanPsets, dtype: str) -> None:
    assert_all_agree(ran, echo, pd.DataFrame({"x": np.array([1, 0, 3, 1], dtype=dtype)}))


def test_long_doubles_that_differ_in_their_last_digits_are_different_psets(ran: RanPsets) -> None:
    third = np.longdouble(1) / 3
    near = third + np.finfo(np.longdouble).eps / 8
    psets = pd.DataFrame({"x": np.array([third, near, np.nan], dtype=np.longdouble), "i": range(3)})
    paramsurvey.map(work, psets[["x"]], checkpoint="dir")
    assert len(ran()) == 3
    paramsurvey.map(work, psets[["x"]].iloc[::-1], checkpoint="dir")
    assert ran() == []
    assert paramsurvey.load("dir").x.tolist()[:2] == [third, near]
    paramsurvey.map(work, [{"x": near}], checkpoint="dir")
    assert ran() == [], "it does not matter how they were given"


STRANGE_VALUES = {
    "long double": np.longdouble(1) / 4,
    "long complex": np.clongdouble(1 + 2j),
    "short float": np.float16(0.5),
    "void": np.void(b"abc"),
    "structure": np.array([(1, 2.5)], dtype="i4,f8")[0],
    "bytes": np.bytes_(b"a"),
    "text": np.str_("a"),
    "array of long doubles": np.array([1, 2], dtype=np.longdouble),
    "array of short floats": np.array([1, 2], dtype=np.float16),
    "array of the other byte order": np.array([1, 2], dtype=">f8"),
    "array of texts": np.array(["a", "bc"]),
    "array of dates": np.array(["2020", "NaT"], dtype="datetime64[s]"),
    "far date": pd.Timestamp(np.datetime64(2**56, "s")),
    "many digits": 10**5000,
}


@pytest.mark.parametrize("value", STRANGE_VALUES.values(), ids=STRANGE_VALUES.keys())
def test_results_and_psets_that_arrow_has_no_type_for_come_back(ran: RanPsets, value: Any) -> None:
    psets = [{"x": "text"}, {"x": value}, {"x": [value, {"a": value}]}]
    plain = paramsurvey.map(echo, psets)
    paramsurvey.map(echo, psets, checkpoint="dir")
    ran()
    for results in (paramsurvey.map(echo, psets, checkpoint="dir"), paramsurvey.load("dir")):
        np.testing.assert_equal(results.y.tolist(), plain.y.tolist())
        np.testing.assert_equal(results.x.tolist(), plain.x.tolist())
        assert types_of(results.y) == types_of(plain.y)
        back = results.y.tolist()[2][1]["a"]
        np.testing.assert_equal(back, value)
        assert (type(back), getattr(back, "dtype", None)) == (type(value), getattr(value, "dtype", None))
    assert ran() == []


def test_spans_of_the_same_number_and_another_unit_are_different_psets(ran: RanPsets) -> None:
    seconds, hours = [{"x": [np.timedelta64(1, unit)]} for unit in ("s", "h")]
    paramsurvey.map(work, [seconds], checkpoint="dir")
    paramsurvey.map(work, [hours], checkpoint="dir")
    assert len(ran()) == 2


# ---- units of time


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("gap", [pd.NaT, None], ids=["NaT", "no value"])
def test_dates_and_spans_keep_their_units(ran: RanPsets, unit: str, gap: Any) -> None:
    def dated(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        noted({})
        if pset["i"] == 1:
            return {} if gap is None else {"date": gap, "span": gap}
        moment = pd.Timestamp("2020-01-01").as_unit(unit)  # type: ignore[arg-type]
        return {"date": moment, "span": pd.Timedelta(1, "D").as_unit(unit)}  # type: ignore[arg-type]

    psets = pd.DataFrame({"i": range(3), "date0": pd.to_datetime(["2020", "2021", None]).as_unit(unit)})
    psets["span0"] = psets["date0"] - psets["date0"][0]
    plain = assert_all_agree(ran, dated, psets)
    assert [str(dtype) for dtype in plain.dtypes[["date0", "span0"]]] == [
        f"datetime64[{unit}]",
        f"timedelta64[{unit}]",
    ]
    returned = dated({"i": 0})
    for key in ("date", "span"):  # pandas before version 3 makes nanoseconds of other units
        assert plain.dtypes[key] == pd.Series([returned[key]] * 2).dtype


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
def test_dates_of_numpy_keep_their_units(ran: RanPsets, unit: str) -> None:
    def dated(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        noted({})
        text = "NaT" if pset["i"] == 1 else "2020-01-01"
        return {"date": np.datetime64(text, unit), "span": np.timedelta64(pset["i"], unit)}  # type: ignore[call-overload]

    days: list[Any] = [np.datetime64(f"2020-01-0{day}", unit) for day in (1, 2, 3)]  # type: ignore[call-overload]
    assert_all_agree(ran, dated, [{"i": i, "day": day} for i, day in enumerate(days)])


def test_dates_that_are_too_far_for_milliseconds_are_stored_too(ran: RanPsets) -> None:
    def far(*_: object) -> dict[str, Any]:
        noted({})
        return {"date": pd.Timestamp(np.datetime64(2**56, "s"))}

    assert_all_agree(ran, far, [{"i": 1}, {"i": 2}])


def test_dates_of_several_units_stay_as_they_are(ran: RanPsets) -> None:
    def dated(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        noted({})
        return {"date": pd.Timestamp("2020-01-01").as_unit(pset["unit"])}

    assert_all_agree(ran, dated, [{"unit": unit} for unit in ("s", "ms", "ns", "s")])


# ---- what psets printed


def talk(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] != 1:
        print("I am", pset["a"], pset["b"])
    return fragile(pset, system_kwargs, user_kwargs) | {"output": pset["a"]}


def printed(results: paramsurvey.MapResults) -> list[tuple[int, str, str]]:
    """Return the psets of both tables with what they printed."""
    return [
        (row.a, row.b, table.output_of(row.Index))
        for table in (results, results.missing)
        for row in table.itertuples()
    ]


def test_what_psets_printed_is_kept_with_their_results_and_failures(ran: RanPsets) -> None:
    first = paramsurvey.map(talk, PSETS, checkpoint="dir", capture_output="store")
    assert printed(first)[:3] == [(0, "x", "I am 0 x\n"), (0, "y", "I am 0 y\n"), (1, "x", "")]
    assert printed(first)[-1] == (3, "y", "I am 3 y\n")
    loaded = paramsurvey.load("dir")
    assert printed(loaded) == printed(first)
    pd.testing.assert_frame_equal(loaded.to_df(), first.to_df())
    assert list(loaded.missing.columns) == list(first.missing.columns)
    assert own_columns(first.scan()) == list(first.columns) == ["a", "b", "twice", "output"]
    resumed = paramsurvey.map(talk, PSETS, checkpoint="dir", retry_failed=False)
    assert printed(resumed) == printed(first)
    ran()
    Path("repaired").touch()
    shuffled = paramsurvey.map(talk, PSETS[::-1], checkpoint="dir", capture_output="store")
    assert len(ran()) == 2
    expected = [(p["a"], p["b"], "" if p["a"] == 1 else f"I am {p['a']} {p['b']}\n") for p in PSETS]
    assert printed(shuffled) == expected[::-1]
    assert printed(paramsurvey.load("dir")) == expected


def test_runs_with_and_without_stored_output_share_a_checkpoint(ran: RanPsets) -> None:
    import pyarrow.parquet as pq

    psets = [{"a": a, "b": "x"} for a in (0, 2, 3, 4, 5, 6)]
    paramsurvey.map(talk, psets[:3], checkpoint="dir")
    assert not any("_output" in pq.read_schema(part).names for part in [*parts(), *parts("dir/failures")])
    paramsurvey.map(talk, psets[:4], checkpoint="dir", capture_output="store")
    results = paramsurvey.map(talk, psets, checkpoint="dir", retry_failed=False)
    texts = ["", "", "I am 4 x\n", "", "", "I am 3 x\n"]
    assert [text for *_, text in printed(results)] == texts
    assert [text for *_, text in printed(paramsurvey.load("dir"))] == texts
    Path("repaired").touch()
    paramsurvey.map(talk, psets, checkpoint="dir")
    assert paramsurvey.load("dir").output_of(2) == "", "the run that succeeded stored none"


def test_what_a_pset_printed_before_its_worker_died_is_kept(ran: RanPsets) -> None:
    def die(pset: dict[str, Any], *_: object) -> None:
        print("x" * 100_000 if pset["a"] == 0 else "last words")
        sys.stdout.flush()
        if pset["a"] == 1:
            os._exit(1)

    paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
    first = paramsurvey.map(die, [{"a": 0}, {"a": 1}], checkpoint="dir", capture_output="store")
    loaded = paramsurvey.load("dir")
    assert loaded.missing.output_of(0) == first.missing.output_of(0) == "last words\n"
    assert loaded.output_of(0) == first.output_of(0)
    assert "all of it is in" in loaded.output_of(0)


def test_what_is_not_kept_in_memory_has_its_output_in_the_checkpoint_only(
    ran: RanPsets, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paramsurvey.session import prepare as mapping

    made: list[mapping.Collector] = []

    class Seen(mapping.Collector):
        def __init__(self, keep_results: bool = True) -> None:
            super().__init__(keep_results)
            made.append(self)

    monkeypatch.setattr(mapping, "Collector", Seen)
    options = {"checkpoint": "dir", "capture_output": "store", "keep_results": False, "retry_failed": False}
    for _ in range(2):
        paramsurvey.map(talk, PSETS, **options)
        assert made.pop().output == {6: "I am 3 x\n", 7: "I am 3 y\n"}, "failures are kept in any case"
    assert paramsurvey.load("dir").output_of(0) == "I am 0 x\n"


# ---- what the directory says


def test_run_json_says_what_the_directory_is(ran: RanPsets) -> None:
    paramsurvey.map(
        fragile, PSETS, checkpoint="dir", name="digits", user_kwargs={"x": 1}, store_user_kwargs=True
    )
    run = json.loads(Path("dir/run.json").read_text())
    assert run["name"] == "digits"
    assert run["status"] == "finished"
    assert run["function"]["name"] == f"{__name__}.fragile"
    assert "raise ValueError" in run["function"]["source"]
    assert run["user_kwargs"]["repr"] == "{'x': 1}"
    assert run["pid"] == os.getpid()
    assert run["counts"]["finished"] == 8
    assert run["stored"] == {"results": 8, "failures": 2}
    assert run["started"] <= run["updated"] <= run["ended"] or run["ended"] <= run["updated"]
    assert {"python", "numpy", "pandas", "pyarrow", "paramsurvey"} <= set(run["versions"])


def test_run_json_has_the_commit_of_the_function(in_tmp: Path) -> None:
    Path("module.py").write_text("def work(pset, system_kwargs, user_kwargs): return {'b': pset['a']}\n")
    program = (
        "import paramsurvey, module; "
        "paramsurvey.map(module.work, [{'a': 1}], backend=None, checkpoint='../dir', verbose=0)"
    ).replace("backend=None, ", "")
    git = "git -c user.name=a -c user.email=a@b.c"
    commands = f"git init -q . && git add module.py && {git} commit -q -m one && git rev-parse HEAD"
    repository = in_tmp / "repository"
    repository.mkdir()
    Path("module.py").rename(repository / "module.py")
    head = subprocess.run(commands, shell=True, cwd=repository, check=True, capture_output=True, text=True)
    for dirty in (False, True):
        subprocess.run([sys.executable, "-c", program], cwd=repository, check=True)
        run = json.loads(Path("dir/run.json").read_text())
        assert run["git"] == {"commit": head.stdout.strip(), "dirty": dirty}
        (repository / "module.py").write_text((repository / "module.py").read_text() + "# changed\n")


def other(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    return {"text": "other", "number": -1}


def test_a_changed_function_is_shown(ran: RanPsets, capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.map(work, PSETS, checkpoint="dir")
    capfd.readouterr()
    results = paramsurvey.map(other, PSETS, checkpoint="dir", verbose=1)
    said = capfd.readouterr().err
    assert "the worker function has changed" in said
    assert '+    return {"text": "other", "number": -1}' in said
    assert (results.number != -1).all()


def test_changed_arguments_are_shown(ran: RanPsets, capfd: pytest.CaptureFixture[str]) -> None:
    for depth in (1, 2):
        arguments = {"depth": depth, "model": "svm"}
        paramsurvey.map(
            work, PSETS, checkpoint="dir", user_kwargs=arguments, store_user_kwargs=True, verbose=1
        )
    said = capfd.readouterr().err
    assert "user_kwargs have changed" in said
    assert "+{'depth': 2," in said


class Unshowable:
    """Can be sent, and not be shown."""

    def __repr__(self) -> str:
        raise ValueError("no repr")


@pytest.mark.parametrize("value", [10**5000, {"a": [10**5000]}, Unshowable(), [Unshowable()]], ids=type)
def test_arguments_that_cannot_be_shown_are_compared_nevertheless(
    ran: RanPsets, capfd: pytest.CaptureFixture[str], value: Any
) -> None:
    paramsurvey.map(work, PSETS, checkpoint="dir", user_kwargs=value)
    paramsurvey.map(work, PSETS, checkpoint="dir", user_kwargs=value, on_change="error")
    assert len(ran()) == len(PSETS)
    options: dict[str, Any] = {"checkpoint": "dir", "store_user_kwargs": True, "verbose": 1}
    paramsurvey.map(work, PSETS, user_kwargs=10**5000 + 1, **options)
    assert "user_kwargs have changed" in capfd.readouterr().err
    assert "an integer of 16610 bits" in json.loads(Path("dir/run.json").read_text())["user_kwargs"]["repr"]


def test_a_change_can_be_an_error_or_nothing(ran: RanPsets, capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.map(work, PSETS, checkpoint="dir")
    with pytest.raises(CheckpointChanged, match="the worker function has changed"):
        paramsurvey.map(other, PSETS, checkpoint="dir", on_change="error")
    with pytest.raises(OptionError, match="on_change"):
        paramsurvey.map(other, PSETS, checkpoint="dir", on_change="maybe")
    paramsurvey.map(work, PSETS, checkpoint="dir", on_change="error")
    capfd.readouterr()
    paramsurvey.map(other, PSETS, checkpoint="dir", on_change="ignore", verbose=1)
    assert "changed" not in capfd.readouterr().err


def test_what_failed_is_the_same_pset_after_load() -> None:
    def needs_integers(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["n"] == 3:
            raise ValueError(type(pset["n"]).__name__)
        return {"y": pset["n"]}

    psets = [{"n": 3}, {"n": None}, {"n": 2.5}]
    paramsurvey.map(needs_integers, psets, checkpoint="dir")
    missing = paramsurvey.load("dir").missing
    with pytest.raises(ValueError, match=r"^int$"):
        missing.reproduce(0, needs_integers)
    again = paramsurvey.map(needs_integers, missing.to_psets(), checkpoint="dir")
    assert again.progress.total == again.progress.failures == 1
    assert len(paramsurvey.load("dir").missing) == 1


# ---- directories that cannot be used


def test_a_directory_with_other_files_is_refused() -> None:
    Path("dir").mkdir()
    Path("dir/thesis.tex").touch()
    with pytest.raises(NotACheckpoint, match=r"thesis\.tex.*give an empty directory"):
        paramsurvey.map(work, PSETS, checkpoint="dir")
    assert [path.name for path in Path("dir").iterdir()] == ["thesis.tex"]
    with pytest.raises(NotACheckpoint, match="is not a checkpoint"):
        paramsurvey.load("dir")
    with pytest.raises(NotACheckpoint, match="is not a checkpoint"):
        paramsurvey.scan("nowhere")


def test_a_file_is_refused(ran: RanPsets) -> None:
    Path("file").write_text("mine")
    with pytest.raises(NotACheckpoint, match="is a file: give an empty directory"):
        paramsurvey.map(work, PSETS, checkpoint="file")
    assert (ran(), Path("file").read_text()) == ([], "mine")


def test_another_format_is_refused(ran: RanPsets) -> None:
    paramsurvey.map(work, PSETS, checkpoint="dir")
    path = Path("dir/run.json")
    run = json.loads(path.read_text())
    del run["checksum"]  # that of another format may be computed otherwise
    path.write_text(json.dumps({**run, "format": 99}))
    with pytest.raises(NotACheckpoint, match="format 99"):
        paramsurvey.map(work, PSETS, checkpoint="dir")
    with pytest.raises(NotACheckpoint, match="format 99"):
        paramsurvey.load("dir")
    assert not Path("dir/lock.json").exists()


def test_a_path_that_cannot_be_written_is_an_error_before_any_work(ran: RanPsets) -> None:
    Path("file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        paramsurvey.map(work, PSETS, checkpoint="file/dir")
    assert ran() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_an_error_before_any_work(ran: RanPsets) -> None:
    Path("dir").mkdir(mode=0o500)
    with pytest.raises(CheckpointError, match="where you may write"):
        paramsurvey.map(work, PSETS, checkpoint="dir")
    assert ran() == []


def test_without_pyarrow_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PackageMissing, match=r"pip install 'paramsurvey\[parquet\]'"):
        paramsurvey.map(work, PSETS, checkpoint="dir")


# ---- one driver at a time


def lock_of(**changes: Any) -> None:
    from dataclasses import asdict

    from paramsurvey.checkpoint.locking.lock_holder import LockHolder

    aside = Path("dir/lock.json.aside")  # a driver that reads it meanwhile must find all of it
    aside.write_text(json.dumps({**asdict(LockHolder.me()), **changes}))
    aside.replace("dir/lock.json")


@pytest.fixture
def checkpoint(ran: RanPsets) -> Iterator[Path]:
    paramsurvey.map(work, PSETS[:3], checkpoint="dir")
    yield Path("dir")
    (Path("dir") / "lock.json").unlink(missing_ok=True)


def test_a_second_driver_is_refused(checkpoint: Path) -> None:
    lock_of(host="node7", machine="another machine", pid=4711)
    with pytest.raises(CheckpointInUse, match="process 4711 on node7"):
        paramsurvey.map(work, PSETS, checkpoint="dir")
    assert len(paramsurvey.load("dir")) == 3, "reading needs no lock"


def test_the_lock_of_a_dead_process_here_is_taken_over(checkpoint: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    lock_of(pid=dead.pid)
    assert len(paramsurvey.map(work, PSETS, checkpoint="dir")) == len(PSETS)
    assert not (checkpoint / "lock.json").exists()


def test_the_lock_of_another_process_with_the_same_number_is_taken_over(checkpoint: Path) -> None:
    lock_of(process_start=1.0)
    assert len(paramsurvey.map(work, PSETS, checkpoint="dir")) == len(PSETS)


def test_a_lock_elsewhere_that_nobody_touches_is_taken_over(checkpoint: Path) -> None:
    lock_of(host="node7", machine="another machine")
    os.utime(checkpoint / "lock.json", (0, 0))
    assert len(paramsurvey.map(work, PSETS, checkpoint="dir")) == len(PSETS)


@pytest.mark.parametrize("content", [b"", b'{"host": "no', b"\xff\xfe", b"[]", b'{"pid": 1}'])
def test_a_lock_that_cannot_be_read_is_told_and_counts_no_more_after_a_while(
    checkpoint: Path, ran: RanPsets, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr("paramsurvey.checkpoint.locking.lock.time.sleep", lambda seconds: None)
    lock = checkpoint / "lock.json"
    lock.write_bytes(content)
    ran()
    with pytest.raises(CheckpointInUse, match=r"lock\.json does not say which process holds it.*remove it"):
        paramsurvey.map(work, PSETS, checkpoint="dir")
    assert (ran(), lock.read_bytes()) == ([], content), "it may be somebody who is just writing it"
    assert len(paramsurvey.load("dir")) == 3
    os.utime(lock, (0, 0))
    assert len(paramsurvey.map(work, PSETS, checkpoint="dir")) == len(PSETS)


def test_a_lock_of_nonsense_is_one_that_cannot_be_read(checkpoint: Path) -> None:
    from paramsurvey.checkpoint.locking.lock import holder_of

    for nonsense in ({"pid": "many"}, {"pid": None}, {"process_start": "now"}):
        lock_of(**nonsense)
        assert holder_of(checkpoint) is None


def test_a_driver_that_lost_its_lock_writes_nothing_more_and_goes_on(
    ran: RanPsets, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paramsurvey.checkpoint.locking.lock.BEAT_SECONDS", 0.1)

    def slow(pset: dict[str, Any], *_: object) -> dict[str, int]:
        for _ in range(5):
            if pset["a"] == 2:  # again, because the driver may be writing its own at this moment
                lock_of(host="node7", machine="another machine")
            time.sleep(0.1)
        return {"b": 1}

    results = paramsurvey.map(slow, [{"a": a} for a in range(8)], checkpoint="dir", verbose=1)
    assert len(results) == 8
    assert re.search(r"was taken over by process \d+ on node7", capfd.readouterr().err)
    assert 0 < len(paramsurvey.load("dir")) < 8
    assert json.loads(Path("dir/lock.json").read_text())["host"] == "node7", "it is not ours any more"


# ---- damage


def parts(directory: str = "dir/results") -> list[Path]:
    return sorted(Path(directory).glob("*.parquet"))


@pytest.mark.parametrize("damage", ["bit", "cut", "emptied"])
def test_a_damaged_part_is_set_aside_and_its_psets_run_again(
    ran: RanPsets, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    expected = paramsurvey.map(work, PSETS[:4], checkpoint="dir")
    paramsurvey.map(work, PSETS, checkpoint="dir")
    ran()
    part = parts()[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes({"bit": bytes(content), "cut": content[:-100], "emptied": b""}[damage])
    with pytest.warns(UserWarning, match="damaged"):
        assert len(paramsurvey.load("dir")) < len(PSETS)
    results = paramsurvey.map(work, PSETS, checkpoint="dir", verbose=1)
    assert "is damaged" in capfd.readouterr().err
    again = ran()
    assert 0 < len(again) < len(PSETS)
    assert part.with_name(part.name + ".bad").exists()
    assert results.text.tolist()[:4] == expected.text.tolist()
    assert len(paramsurvey.load("dir")) == len(PSETS)
    assert json.loads(Path("dir/run.json").read_text())["stored"]["results"] == len(PSETS)


@pytest.mark.parametrize("content", [b"", b'{"format": 1, "na', b"\xff", b"[]", b"{}", b'{"format": 1}'])
def test_results_outlive_a_damaged_run_json(
    ran: RanPsets, capfd: pytest.CaptureFixture[str], content: bytes
) -> None:
    paramsurvey.map(fragile, PSETS, checkpoint="dir", name="digits")
    before = paramsurvey.load("dir")
    path = Path("dir/run.json")
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"run\.json of the checkpoint 'dir' is damaged"):
        loaded = paramsurvey.load("dir")
    pd.testing.assert_frame_equal(loaded.to_df(), before.to_df())
    pd.testing.assert_frame_equal(loaded.missing.to_df(), before.missing.to_df())
    progress = loaded.progress
    assert (progress.total, progress.finished, progress.failures) == (10, 8, 2)
    with pytest.warns(UserWarning, match=r"run\.json of the checkpoint 'dir' is damaged"):
        assert paramsurvey.scan("dir").count_rows() == 8
    assert path.read_bytes() == content, "who reads changes nothing"
    assert not Path("dir/lock.json").exists()
    ran()
    results = paramsurvey.map(fragile, PSETS, checkpoint="dir", verbose=1)
    assert "it is now run.json.bad" in capfd.readouterr().err
    assert [pset["a"] for pset in ran()] == [3, 3]
    assert results.progress.resumed == 8
    assert Path("dir/run.json.bad").read_bytes() == content
    assert json.loads(path.read_text())["status"] == "finished"
    pd.testing.assert_frame_equal(paramsurvey.load("dir").to_df(), before.to_df())


def test_a_survey_that_was_extended_goes_on_without_its_run_json(ran: RanPsets) -> None:
    paramsurvey.map(work, PSETS[4:], checkpoint="dir")
    paramsurvey.map(work, PSETS[::-1], checkpoint="dir")
    Path("dir/run.json").write_text("")
    ran()
    more = [*PSETS, {"a": 7, "b": "z"}]
    assert len(paramsurvey.map(work, more, checkpoint="dir")) == len(more)
    assert ran() == more[-1:]
    assert len(paramsurvey.load("dir")) == len(more)


def test_a_directory_that_lost_its_run_json_is_still_ours(ran: RanPsets) -> None:
    paramsurvey.map(work, PSETS, checkpoint="dir")
    Path("dir/run.json").rename("dir/run.json.bad")  # as after a crash, just when it was set aside
    with pytest.warns(UserWarning, match=r"run\.json of the checkpoint 'dir' is damaged or gone"):
        assert len(paramsurvey.load("dir")) == len(PSETS)
    ran()
    paramsurvey.map(work, PSETS, checkpoint="dir")
    assert ran() == []


def test_somebody_elses_run_json_stays_where_it_is(ran: RanPsets) -> None:
    Path("dir/results").mkdir(parents=True)
    Path("dir/results/mine.parquet").touch()
    Path("dir/run.json").write_text("[1, 2]")
    for use in (paramsurvey.load, paramsurvey.scan, lambda path: paramsurvey.map(work, [], checkpoint=path)):
        with pytest.raises(NotACheckpoint, match="is not a checkpoint"):
            use("dir")
    assert Path("dir/run.json").read_text() == "[1, 2]"


def test_what_arrow_refuses_costs_no_other_results() -> None:
    import pyarrow as pa

    from paramsurvey.checkpoint.writer import Writer

    stored: list[str] = []
    told: list[str] = []

    class Shelf:
        def add(self, things: list[str]) -> None:
            if "strange" in things:
                raise pa.ArrowInvalid("no type for it")
            stored.extend(things)

        def merge(self, go_on: object) -> bool:
            return False

    writer = Writer({"results": (Shelf(), list)}, lambda: None, told.append)  # type: ignore[dict-item]
    writer.start()
    for thing in ("one", "strange", "two"):
        writer.add("results", thing, 1)
    assert writer.close() == 0
    assert stored == ["one", "two"]
    (line,) = told
    assert "some psets cannot be stored in the checkpoint, and will run again" in line
    assert "no type for it" in line


# ---- reading


def own_columns(table: Any) -> list[str]:
    """Return the columns of psets and results, without those that say when and where they ran."""
    return [name for name in table.schema.names if not name.startswith("_")]


def test_scan_reads_lazily_and_load_gives_the_same(ran: RanPsets) -> None:
    import pyarrow.compute as pc

    results = paramsurvey.map(work, PSETS, checkpoint="dir")
    found = paramsurvey.scan("dir").to_table(columns=["a", "text"], filter=pc.field("a") >= 3).to_pandas()
    assert sorted(found.text) == sorted(results.text[results.a >= 3])
    assert own_columns(results.scan()) == own_columns(paramsurvey.load("dir").scan()) == list(results.columns)
    with pytest.raises(NotACheckpoint, match="checkpoint="):
        paramsurvey.map(work, PSETS).scan()


@pytest.mark.parametrize("parts", [1, 2])
def test_why_a_scan_leaves_out_file_names_that_are_not_unicode(parts: int, ran: RanPsets) -> None:
    psets = [{"file": "a.txt"}, {"file": "caf\udce9.txt"}]
    for one in [psets] if parts == 1 else [psets[:1], psets[1:]]:
        paramsurvey.map(lambda *_: {"y": 1}, one, checkpoint="dir")
    with pytest.warns(UserWarning, match="'file' has values for which .* text that is not Unicode"):
        paramsurvey.scan("dir")


def test_scan_unites_columns_whose_types_differ_a_little(ran: RanPsets) -> None:
    psets = [{"i": i} for i in range(8)]
    for start in range(8):
        paramsurvey.map(various, psets[start : start + 1], checkpoint="dir")
    with pytest.warns(UserWarning, match="'surrogate' has values for which Arrow has no common type"):
        table = paramsurvey.scan("dir").to_table()
    assert sorted(table["mixed"].to_pylist()) == sorted(i if i % 2 else i / 4 for i in range(8))
    assert table["maybe"].null_count == 4
    assert table["gap"].null_count == 5
    assert "surrogate" not in table.schema.names
    pd.testing.assert_frame_equal(
        paramsurvey.load("dir").to_df(), paramsurvey.map(various, psets).to_df(), check_like=True
    )


class Trap:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def test_a_scan_unpickles_nothing(ran: RanPsets) -> None:
    paramsurvey.map(lambda *_: {"trap": Trap()}, [{"a": 1, "b": [Path("a")]}], checkpoint="dir")
    Path("sprung").unlink(missing_ok=True)
    assert paramsurvey.scan("dir").to_table().num_rows == 1
    assert not Path("sprung").exists()


def test_an_empty_checkpoint_is_loaded_as_nothing(ran: RanPsets) -> None:
    paramsurvey.map(work, [], checkpoint="dir")
    assert len(paramsurvey.load("dir")) == 0
    assert paramsurvey.scan("dir").count_rows() == 0


def test_psets_keep_their_dtypes(ran: RanPsets) -> None:
    psets = pd.DataFrame(
        {
            "i": np.arange(6, dtype=np.int8),
            "f": np.arange(6, dtype=np.float32),
            "c": pd.Categorical(list("bababa"), categories=["b", "a", "unused"], ordered=True),
            "t": pd.date_range("2024-01-01", periods=6),
            "n": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
            "s": list("uvwxyz"),
        }
    )
    results = paramsurvey.map(work, psets, checkpoint="dir")
    pd.testing.assert_frame_equal(paramsurvey.load("dir").to_df(), results.to_df())


def test_psets_of_a_product_are_native_in_results_and_when_read_back(ran: RanPsets) -> None:
    psets = product({"a": [1, 2, 3], "c": [0.5, 1.5], "s": ["x", "y"], "t": [True, False], "n": [4, None]})
    psets["own"] = pd.Categorical(["u", "v"] * 24)

    def odd(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        return {"y": 1 / (pset["a"] % 2)}

    results = paramsurvey.map(odd, psets, checkpoint="dir")
    text = pd.Series(["x"]).dtype
    native = [np.int64, np.float64, text, np.bool_, np.float64, psets["own"].dtype]
    assert results.dtypes.tolist() == [*native, np.float64]
    assert results.missing.to_psets().dtypes.tolist() == [*native[:4], object, native[5]]
    loaded = paramsurvey.load("dir")
    pd.testing.assert_frame_equal(loaded.to_df(), results.to_df())
    pd.testing.assert_frame_equal(loaded.missing.to_psets(), results.missing.to_psets())
    schema = paramsurvey.scan("dir").schema
    kinds = [str(schema.field(name).type) for name in ("a", "c", "s", "t", "n")]
    assert kinds == ["int64", "double", "string", "bool", "int64"]


def test_a_checkpoint_of_a_product_is_gone_on_with_by_one_of_plain_columns(ran: RanPsets) -> None:
    axes = {"a": [1, 2, 3], "s": ["x", "y"]}
    paramsurvey.map(work, product(axes), checkpoint="dir")
    results = paramsurvey.map(work, product(axes, infer_category=False), checkpoint="dir")
    assert results.progress.resumed == 6
    pd.testing.assert_frame_equal(paramsurvey.load("dir").to_df(), results.to_df())


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (np.array([300, 1]), np.array([7, 8], dtype=np.int8), [300, 1, 7, 8]),
        (np.array([7, 8], dtype=np.int8), np.array([300, 1]), [7, 8, 300, 1]),
        (np.array([1.5, 2.0]), np.array([7, 8]), [1.5, 2.0, 7, 8]),
        (["a", "b"], [True, False], ["a", "b", True, False]),
        ([1, 2], ["a", "b"], [1, 2, "a", "b"]),
        (
            np.array(["2020-01-01T00:00:00.5"], dtype="datetime64[ms]"),
            np.array(["2021"], dtype="datetime64[s]"),
            [pd.Timestamp("2020-01-01T00:00:00.5"), pd.Timestamp("2021")],
        ),
    ],
    ids=["narrow", "wide", "floats", "bools", "texts", "dates"],
)
def test_values_of_an_extended_survey_are_not_cut_to_the_dtype_of_a_part(
    ran: RanPsets, first: Any, second: Any, expected: list[Any]
) -> None:
    for values in (first, second):
        paramsurvey.map(work, pd.DataFrame({"x": values}), checkpoint="dir")
    assert paramsurvey.load("dir").x.tolist() == expected


def test_psets_keep_the_dtypes_of_arrow(ran: RanPsets) -> None:
    import pyarrow as pa

    columns = {
        "decimal": (pa.decimal128(10, 2), [Decimal("1.50"), None]),
        "list": (pa.list_(pa.int64()), [[1], [2, 3]]),
        "struct": (pa.struct([("a", pa.int64())]), [{"a": 1}, {"a": 2}]),
        "coded": (pa.dictionary(pa.int32(), pa.string()), ["a", "b"]),
        "seconds": (pa.timestamp("s"), [pd.Timestamp("2020"), None]),
        "text": (pa.string(), ["a", None]),
        "int": (pa.int8(), [1, None]),
    }
    series = {name: pd.Series(values, dtype=pd.ArrowDtype(kind)) for name, (kind, values) in columns.items()}
    results = paramsurvey.map(work, pd.DataFrame(series), checkpoint="dir")
    pd.testing.assert_frame_equal(paramsurvey.load("dir").to_df(), results.to_df())


def test_a_categorical_without_values_is_loaded(ran: RanPsets) -> None:
    many = pd.Categorical([None, None], categories=list(range(2000)))
    paramsurvey.map(work, pd.DataFrame({"c": many, "a": [1, 2]}), checkpoint="dir")
    assert str(paramsurvey.load("dir").c.dtype) == "category"


@pytest.mark.parametrize("values", [[2**53 + 1, 0.5], [0.5, 2**53 + 1, 2], [-(2**60) - 1, 0.5]])
def test_a_scan_leaves_out_integers_that_no_float_is_equal_to(ran: RanPsets, values: list[Any]) -> None:
    def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        return {"y": values[pset["i"]]}

    psets = [{"i": i} for i in range(len(values))]
    for pset in psets:
        paramsurvey.map(work, [pset], checkpoint="dir")
    with pytest.warns(
        UserWarning, match=r"'y' has values for which Arrow has no common type.*use paramsurvey\.load\(\)"
    ):
        table = paramsurvey.scan("dir").to_table()
    assert own_columns(table) == ["i"]
    pd.testing.assert_frame_equal(paramsurvey.load("dir").to_df(), paramsurvey.map(work, psets).to_df())


def test_a_scan_has_integers_that_floats_are_equal_to(ran: RanPsets) -> None:
    for i, value in enumerate([2**53, 0.5, -3]):
        paramsurvey.map(lambda pset, *_: {"y": value}, [{"i": i}], checkpoint="dir")  # noqa: B023
    assert sorted(paramsurvey.scan("dir").to_table()["y"].to_pylist()) == [-3, 0.5, 2**53]


@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "bit in the footer"])
def test_a_scan_leaves_out_damaged_parts_by_name(
    ran: RanPsets, monkeypatch: pytest.MonkeyPatch, damage: str, small: bool
) -> None:
    monkeypatch.setattr("paramsurvey.checkpoint.format.part_files.SMALL_BYTES", 2**20 if small else 0)
    paramsurvey.map(work, PSETS[:4], checkpoint="dir")
    sound = paramsurvey.scan("dir").count_rows()
    paramsurvey.map(work, PSETS, checkpoint="dir")
    part = parts()[-1]
    content = part.read_bytes()
    at = content.rindex(b"ARROW:schema") + 40
    flipped = content[:at] + b"\xff" + content[at + 1 :]
    part.write_bytes({"cut": content[:-100], "emptied": b"", "bit in the footer": flipped}[damage])
    with pytest.warns(UserWarning, match=rf"is damaged .*{part.name}.*is left out"):
        found = paramsurvey.scan("dir")
    assert sound <= found.count_rows() < len(PSETS)
    assert found.to_table().num_rows == found.count_rows()
    assert part.exists(), "who reads changes nothing"


def test_a_scan_looks_at_every_byte_of_small_parts(ran: RanPsets) -> None:
    paramsurvey.map(work, PSETS, checkpoint="dir")
    part = parts()[0]
    content = part.read_bytes()
    for at in range(0, len(content), len(content) // 20):
        part.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.warns(UserWarning, match=part.name):
            assert paramsurvey.scan("dir").count_rows() < len(PSETS)


def test_scan_reads_a_column_that_some_parts_do_not_have(ran: RanPsets) -> None:
    import pyarrow.parquet as pq

    for psets in (
        [{"a": 0}],
        [{"a": 0}, {"a": 1, "b": 2}],
        [{"a": 0}, {"a": 1, "b": 2}, {"a": 3, "b": None}],
    ):
        paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"c": pset["a"]}, psets, checkpoint="dir")
    table = paramsurvey.scan("dir").to_table()
    pq.write_table(table, "copy.parquet")  # it would refuse nulls in a column that is said to have none
    assert pq.read_table("copy.parquet").select(["a", "b"]).sort_by("a").to_pydict() == {
        "a": [0, 1, 3],
        "b": [None, 2, None],
    }
