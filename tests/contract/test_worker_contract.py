"""What a worker function gets, what it may return, and what becomes of that: the same on every backend."""

from __future__ import annotations

import datetime
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from places import Place


def types_of(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    return {f"{key}_type": type(value).__qualname__ for key, value in pset.items()}


def type_of(place: Place, psets: Any) -> str:
    """Return the type with which the worker function sees the column ``a`` of the first pset."""
    by_value = types_of
    found = place.map(lambda pset, system_kwargs, user_kwargs: by_value(pset, {}, None), psets)
    return str(found["a_type"][0])


# the pset

COLUMNS = {
    "int": (pd.Series([1, 2]), "int"),
    "small int": (pd.Series([1, 2], dtype="int8"), "int"),
    "unsigned": (pd.Series([1, 2], dtype="uint64"), "int"),
    "nullable int": (pd.Series([1, None], dtype="Int64"), "int"),
    "float": (pd.Series([0.5, 1.5]), "float"),
    "float32": (pd.Series([0.5, 1.5], dtype="float32"), "float"),
    "bool": (pd.Series([True, False]), "bool"),
    "str": (pd.Series(["x", "y"]), "str"),
    "object str": (pd.Series(["x", "y"], dtype=object), "str"),
    "complex": (pd.Series([1j, 2j]), "complex"),
    "datetime": (pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])), "Timestamp"),
    "timedelta": (pd.Series(pd.to_timedelta([1, 2], unit="s")), "Timedelta"),
    "categorical str": (pd.Series(["x", "y"], dtype="category"), "str"),
    "categorical int": (pd.Series([10, 20], dtype="category"), "int"),
    "categorical float": (pd.Series([0.5, 1.5], dtype="category"), "float"),
    "categorical bool": (pd.Series([True, False], dtype="category"), "bool"),
    "categorical datetime": (
        pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])).astype("category"),
        "Timestamp",
    ),
    "numpy scalars in an object column": (pd.Series([np.int64(1), np.float64(2)], dtype=object), "int"),
    "list": (pd.Series([[1], [2]]), "list"),
    "dict": (pd.Series([{"x": 1}, {"x": 2}]), "dict"),
    "array": (pd.Series([np.zeros(2), np.ones(2)]), "ndarray"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_pset_of_a_dataframe_has_python_scalars(place: Place, kind: str) -> None:
    series, expected = COLUMNS[kind]
    assert type_of(place, pd.DataFrame({"a": series})) == expected


GIVEN = [
    (1, "int"),
    (2**70, "int"),
    (0.5, "float"),
    (True, "bool"),
    ("x", "str"),
    (None, "NoneType"),
    (b"x", "bytes"),
    (np.int32(1), "int"),
    (np.float32(0.5), "float"),
    (np.bool_(True), "bool"),
    (np.str_("x"), "str"),
    (np.datetime64("2020-01-01"), "Timestamp"),
    (np.timedelta64(1, "s"), "Timedelta"),
    (datetime.datetime(2020, 1, 1), "datetime"),
    (datetime.date(2020, 1, 1), "date"),
    (pd.Timestamp("2020-01-01"), "Timestamp"),
    (Decimal("1.5"), "Decimal"),
    ((1, 2), "tuple"),
    ({1, 2}, "set"),
    ([1, 2], "list"),
    (np.zeros(2), "ndarray"),
    (pd.DataFrame({"x": [1]}), "DataFrame"),
    (Path("x"), type(Path("x")).__qualname__),
    (abs, "builtin_function_or_method"),
]


@pytest.mark.parametrize(("value", "expected"), GIVEN, ids=[f"{type(value).__name__}" for value, _ in GIVEN])
def test_a_pset_of_a_dict_has_the_value_that_was_given(place: Place, value: Any, expected: str) -> None:
    assert type_of(place, [{"a": value}]) == expected


def test_one_odd_value_does_not_change_the_types_of_the_others(place: Place) -> None:
    psets = [{"a": 1}, {"a": 0.5}, {"a": True}, {"a": "x"}, {"a": None}, {"a": np.int64(7)}, {"a": [1]}]
    seen = place.map(lambda pset, s, u: {"type": type(pset["a"]).__name__, "text": repr(pset["a"])}, psets)
    assert seen["type"].tolist() == ["int", "float", "bool", "str", "NoneType", "int", "list"]
    assert seen["text"].tolist() == ["1", "0.5", "True", "'x'", "None", "7", "[1]"]


def test_a_missing_key_is_nan_and_leaves_integers_integers(place: Place) -> None:
    psets = [{"a": 1}, {"b": 2}]
    seen = place.map(lambda pset, s, u: {"text": repr(pset)}, psets)
    assert seen["text"].tolist() == ["{'a': 1, 'b': nan}", "{'a': nan, 'b': 2}"]


def test_a_missing_category_is_nan(place: Place) -> None:
    psets = pd.DataFrame({"a": pd.Categorical(["x", None])})
    seen = place.map(lambda pset, s, u: {"text": repr(pset["a"])}, psets)
    assert seen["text"].tolist() == ["'x'", "nan"]


def test_timestamps_keep_their_nanoseconds_and_their_zone(place: Place) -> None:
    stamp = pd.Timestamp("2020-01-01 00:00:00.123456789", tz="Europe/Oslo")
    psets = pd.DataFrame({"a": [stamp]})
    seen = place.map(lambda pset, s, u: {"text": str(pset["a"]), "again": pset["a"]}, psets)
    assert seen["text"][0] == "2020-01-01 00:00:00.123456789+01:00"
    assert seen["again"][0] == stamp


def test_a_pset_is_a_plain_dict_with_the_given_keys_in_their_order(place: Place) -> None:
    seen = place.map(lambda pset, s, u: {"type": str(type(pset)), "keys": ",".join(pset)}, [{"b": 1, "a": 2}])
    assert seen["type"][0] == "<class 'dict'>"
    assert seen["keys"][0] == "b,a"


def test_psets_without_keys_are_psets_too(place: Place) -> None:
    results = place.map(lambda pset, s, u: {"n": len(pset)}, [{}, {}, {}])
    assert results["n"].tolist() == [0, 0, 0]
    assert list(results.columns) == ["n"]


def test_what_a_function_does_to_its_pset_reaches_no_column(place: Place) -> None:
    def vandal(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        number = pset["number"]
        pset["number"] = "overwritten"
        pset["items"].append(number)
        pset["table"]["x"] = number
        pset["array"][:] = number
        pset["new"] = 1
        del pset["word"]
        return {"n": number}

    psets = [{"number": i, "word": "w", "items": [], "table": {}, "array": np.zeros(1)} for i in range(50)]
    results = place.map(vandal, psets)
    assert list(results.columns) == ["number", "word", "items", "table", "array", "n"]
    assert results["number"].tolist() == list(range(50))
    assert set(results["word"]) == {"w"}
    assert results["items"].tolist() == [[]] * 50
    assert results["table"].tolist() == [{}] * 50
    assert all(array.tolist() == [0] for array in results["array"])
    assert psets == [{**pset, "items": [], "table": {}} for pset in psets]


@pytest.mark.parametrize("as_frame", [False, True], ids=["dicts", "DataFrame"])
def test_an_object_that_many_psets_have_is_private_to_each(place: Place, as_frame: bool) -> None:
    picked = ["A"]

    def count(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        pset["picked"].append(pset["station"])
        return {"n": len(pset["picked"])}

    psets: Any = [{"station": i, "picked": picked} for i in range(200)]
    results = place.map(count, pd.DataFrame(psets) if as_frame else psets)
    assert set(results["n"]) == {2}
    assert picked == ["A"]


def test_a_categorical_of_objects_is_private_to_each_pset(place: Place) -> None:
    class Model:
        def __init__(self) -> None:
            self.fits = 0

    def fit(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        pset["model"].fits += 1
        return {"fits": pset["model"].fits}

    psets = pd.DataFrame({"model": pd.Categorical([Model()] * 30)})
    assert set(place.map(fit, psets)["fits"]) == {1}


def test_keys_may_be_any_kind_of_string(place: Place) -> None:
    psets = [{np.str_("a"): 1, "ﬁ": 2, "fi": 3, "größe": 4, "print": 5}]
    seen = place.map(lambda pset, s, u: {"values": list(pset.values()), "keys": list(pset)}, psets)
    assert seen["keys"][0] == ["a", "ﬁ", "fi", "größe", "print"]
    assert seen["values"][0] == [1, 2, 3, 4, 5]


# system_kwargs


def test_system_kwargs_is_a_dict_with_the_name_and_an_empty_raw_stats(place: Place) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        return {"type": str(type(system_kwargs)), "kwargs": system_kwargs}

    (found,) = place.map(worker, [{"a": 1}], name="fit").iterdicts()
    assert found["type"] == "<class 'dict'>"
    assert found["kwargs"] == {"name": "fit", "raw_stats": {}}


def test_the_name_is_default_by_default(place: Place) -> None:
    assert place.map(lambda p, s, u: {"name": s["name"]}, [{"a": 1}])["name"][0] == "default"


def test_system_kwargs_has_chdir_and_out_subdir_when_they_were_given(place: Place, in_tmp: Path) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        return {"keys": sorted(system_kwargs), "chdir": system_kwargs["chdir"]}

    (found,) = place.map(worker, [{"a": 1}], chdir=str(in_tmp), out_subdirs=10).iterdicts()
    assert found["keys"] == ["chdir", "name", "out_subdir", "raw_stats"]
    assert found["chdir"] == str(in_tmp)


def test_system_kwargs_has_what_the_caller_added(place: Place) -> None:
    added = {"site": "Oslo", "reduce": lambda x: x + 1}
    results = place.map(
        lambda p, s, u: {"site": s["site"], "two": s["reduce"](1)}, [{"a": 1}], system_kwargs=added
    )
    assert (results["site"][0], results["two"][0]) == ("Oslo", 2)
    assert set(added) == {"site", "reduce"}


def test_each_pset_has_its_own_system_kwargs(place: Place) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        found = dict(system_kwargs)
        system_kwargs["left behind"] = True
        system_kwargs["raw_stats"]["timer"] = [0.25]
        return {"n": len(found) + len(found["raw_stats"]) - 1}

    results = place.map(worker, [{"a": i} for i in range(20)])
    assert set(results["n"]) == {2}
    count, mean, _ = results.stats.read_stats("timer")
    assert (count, mean) == (20, 0.25)


# user_kwargs


@pytest.mark.parametrize("given", [None, {"a": [1, 2]}, "text", 3, [1], 0, ""], ids=repr)
def test_user_kwargs_arrive_untouched(place: Place, given: Any) -> None:
    results = place.map(
        lambda p, s, u: {"type": type(u).__name__, "text": repr(u)}, [{"a": 1}], user_kwargs=given
    )
    assert results["text"][0] == repr(given)
    assert results["type"][0] == type(given).__name__


def test_user_kwargs_are_none_when_nothing_is_given(place: Place) -> None:
    assert place.map(lambda p, s, u: {"none": u is None}, [{"a": 1}])["none"][0]


def test_user_kwargs_of_the_caller_are_left_alone(place: Place) -> None:
    mine: dict[str, Any] = {"seen": []}

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: dict[str, Any]) -> None:
        user_kwargs["seen"].append(pset["a"])
        user_kwargs["more"] = 1

    place.map(worker, [{"a": i} for i in range(5)], user_kwargs=mine)
    assert mine == {"seen": []}


# what it returns


def test_the_keys_of_the_dict_become_columns_after_the_psets_own(place: Place) -> None:
    results = place.map(lambda p, s, u: {"z": p["a"], "y": -p["a"]}, [{"b": 1, "a": 2}])
    assert list(results.columns) == ["b", "a", "z", "y"]
    assert results.to_dict("records") == [{"b": 1, "a": 2, "z": 2, "y": -2}]


@pytest.mark.parametrize("result", [None, {}], ids=repr)
def test_none_and_an_empty_dict_are_success_without_columns(place: Place, result: Any) -> None:
    results = place.map(lambda p, s, u: result, [{"a": 1}, {"a": 2}])
    assert results.progress.finished == 2
    assert list(results.columns) == ["a"]
    assert results["a"].tolist() == [1, 2]


def test_none_beside_dicts_is_nan_in_their_columns(place: Place) -> None:
    results = place.map(lambda p, s, u: {"b": p["a"]} if p["a"] else None, [{"a": 1}, {"a": 0}, {"a": 2}])
    assert results.progress.finished == 3
    assert results["b"].fillna(-1).tolist() == [1, -1, 2]


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        (3, "3"),
        ("text", "'text'"),
        ([("a", 1)], r"\[\('a', 1\)\]"),
        ((1,), r"\(1,\)"),
        (True, "True"),
        (0, "0"),
        (pd.Series({"a": 1}), "a  +1"),
        (pd.DataFrame({"a": [1]}), "a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_a_failure_that_shows_what_came(place: Place, returned: Any, shown: str) -> None:
    results = place.map(lambda p, s, u: returned, [{"a": 1}, {"a": 2}])
    assert (results.progress.finished, results.progress.failures, results.progress.exceptions) == (0, 2, 2)
    reason = results.missing["_exception"][0]
    assert reason.startswith("ValueError(")
    assert "a dict" in reason
    assert results.missing["_exception"].str.contains(shown).all()


def test_any_kind_of_dict_is_a_dict(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> Any:
        from collections import Counter, OrderedDict, defaultdict

        kinds = [OrderedDict, Counter, lambda **values: defaultdict(int, values)]
        return kinds[pset["kind"]](b=1)

    assert place.map(worker, [{"kind": i} for i in range(3)])["b"].tolist() == [1, 1, 1]


def test_a_result_may_be_one_dict_or_array_that_is_used_again_and_again(place: Place) -> None:
    def worker_with_buffers() -> Any:
        buffers: dict[str, Any] = {}

        def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
            buffers.setdefault("array", np.zeros(2))[:] = pset["a"]
            buffers.setdefault("list", []).append(pset["a"])
            buffers["last"] = pset["a"]
            return buffers

        return worker

    results = place.map(worker_with_buffers(), [{"a": i} for i in range(100)])
    assert results["last"].tolist() == list(range(100))
    assert [array.tolist() for array in results["array"]] == [[i, i] for i in range(100)]
    assert [items[-1] for items in results["list"]] == list(range(100))


@pytest.mark.parametrize("count", [1, 2, 7, 100, 1000])
def test_results_are_in_the_order_of_the_psets(place: Place, count: int) -> None:
    psets = [{"a": (i * 37) % count} for i in range(count)]
    results = place.map(lambda p, s, u: {"b": p["a"] + 1}, psets)
    assert results["a"].tolist() == [pset["a"] for pset in psets]
    assert results["b"].tolist() == [pset["a"] + 1 for pset in psets]
    assert results.index.equals(pd.RangeIndex(count))


# when it raises


def test_an_exception_is_a_failure_of_that_pset_with_its_traceback(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] % 3 == 1:
            raise ValueError(f"no {pset['a']}")
        return {"b": pset["a"]}

    results = place.map(worker, [{"a": i} for i in range(7)])
    assert str(results.progress) == "total: 7, active: 0, finished: 5, failures: 2, exceptions: 2"
    assert results["a"].tolist() == [0, 2, 3, 5, 6]
    assert results["b"].tolist() == [0, 2, 3, 5, 6]
    assert results["b"].dtype == np.int64
    assert results.missing["a"].tolist() == [1, 4]
    assert results.missing["_exception"].tolist() == ["ValueError('no 1')", "ValueError('no 4')"]
    for traceback in results.missing["_traceback"]:
        assert traceback.startswith("Traceback (most recent call last):")
        assert 'raise ValueError(f"no {pset' in traceback or "in worker" in traceback
        assert "paramsurvey/worker/runner.py" not in traceback, "the user's frames only"


RAISED: dict[str, Any] = {
    "SystemExit": SystemExit(3),
    "GeneratorExit": GeneratorExit(),
    "StopIteration": StopIteration(),
    "MemoryError": MemoryError(),
    "RecursionError": RecursionError(),
    "BaseException": BaseException("base"),
}


@pytest.mark.parametrize("name", RAISED)
def test_no_exception_ends_a_worker(place: Place, name: str) -> None:
    error = RAISED[name]

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        if pset["a"] == 2:
            raise error
        return {"b": 1}

    results = place.map(worker, [{"a": i} for i in range(4)])
    assert results["a"].tolist() == [0, 1, 3]
    assert results.missing["_exception"][0].startswith(name)
    assert results.progress.exceptions == 1


def test_sys_exit_is_a_failure_of_that_pset(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        sys.exit("enough")

    results = place.map(worker, [{"a": 1}, {"a": 2}])
    assert results.missing["_exception"].tolist() == ["SystemExit('enough')"] * 2


@pytest.mark.parametrize("place", ["multiprocessing", "ray", "threads", "loky"], indirect=True)
def test_a_keyboard_interrupt_that_the_function_raises_is_its_failure(place: Place) -> None:
    results = place.map(lambda p, s, u: exec("raise KeyboardInterrupt"), [{"a": 1}, {"a": 2}])
    assert results.missing["_exception"].tolist() == ["KeyboardInterrupt()"] * 2


def test_an_exception_that_cannot_be_shown_or_pickled_is_a_failure_like_others(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        import threading

        class Awkward(Exception):
            lock = threading.Lock()

            def __repr__(self) -> str:
                raise RuntimeError("no repr")

            def __str__(self) -> str:
                raise RuntimeError("no str")

        raise Awkward(threading.Lock())

    results = place.map(worker, [{"a": 1}, {"a": 2}])
    assert results.progress.failures == 2
    assert results.missing["_exception"].str.contains("Awkward").all()


def test_a_value_that_cannot_be_shown_costs_its_pset_and_the_others_are_logged(place: Place) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    psets = [{"a": i, "o": Shy(), "big": 10**5000} for i in range(4)]
    results = place.map(lambda pset, *rest: {"b": 1 / (pset["a"] - 2)}, psets)
    assert results["a"].tolist() == [0, 1, 3]
    assert results.missing["_exception"].tolist() == ["ZeroDivisionError('division by zero')"]
    shown = "'a': 2, 'o': <Shy, whose repr raised RuntimeError>, 'big': <int, whose repr raised ValueError>"
    assert f"pset: {{{shown}}}" in place.new_log()


def test_a_traceback_shows_the_cause_too(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer") from error

    traceback = place.map(worker, [{"a": 1}]).missing["_traceback"][0]
    assert "KeyError: 'inner'" in traceback
    assert "RuntimeError: outer" in traceback


def test_a_text_with_lone_surrogates_is_text_like_any_other(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, str]:
        if pset["a"]:
            raise ValueError("bad \udcff")
        return {"b": "bad \udcff"}

    results = place.map(worker, [{"a": 0}, {"a": 1}])
    assert results["b"].tolist() == ["bad \udcff"]
    assert "udcff" in results.missing["_exception"][0]


# what goes into raw_stats


@pytest.mark.parametrize("junk", [3.0, ["x"], "abc", [None], {"a": 1}, [[1.0]]], ids=repr)
def test_raw_stats_that_hold_no_seconds_cost_their_pset_only(place: Place, junk: Any) -> None:
    def worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, int]:
        if pset["a"] == 1:
            system_kwargs["raw_stats"]["timer"] = junk
        return {"b": 1}

    results = place.map(worker, [{"a": i} for i in range(4)])
    assert results["a"].tolist() == [0, 2, 3]
    assert "raw_stats" in results.missing["_exception"][0]
