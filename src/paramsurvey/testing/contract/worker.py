"""What a worker function gets, what it may return, and what becomes of that: the same on every backend."""

from __future__ import annotations

import datetime
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs


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
    assert found["kwargs"].pop("worker_number") >= 1
    assert found["kwargs"] == {"name": "fit", "raw_stats": {}}


def test_the_name_is_default_by_default(place: Place) -> None:
    assert place.map(lambda p, s, u: {"name": s["name"]}, [{"a": 1}])["name"][0] == "default"


def test_system_kwargs_has_chdir_and_out_subdir_when_they_were_given(place: Place, in_tmp: Path) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        return {"keys": sorted(system_kwargs), "chdir": system_kwargs["chdir"]}

    (found,) = place.map(worker, [{"a": 1}], chdir=str(in_tmp), out_subdirs=10).iterdicts()
    assert found["keys"] == ["chdir", "name", "out_subdir", "raw_stats", "worker_number"]
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
    assert set(results["n"]) == {3}, "name, raw_stats and worker_number"
    found = results.stats.read_stats("timer")
    assert found is not None
    assert found[:2] == (20, 0.25)


def test_each_pset_is_told_the_number_of_its_worker(place: Place) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        number = system_kwargs["worker_number"]
        system_kwargs["worker_number"] = 0
        return {"number": number}

    results = place.map(worker, [{"a": i} for i in range(40)])
    assert results["number"].dtype == np.int64
    assert (results["number"] >= 1).all()


@needs("processes")
def test_each_process_has_a_number_of_its_own(place: Place) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        import time

        time.sleep(0.05)
        return {"number": system_kwargs["worker_number"], "pid": os.getpid()}

    results = place.map(worker, [{"a": i} for i in range(20)], group_size=1)
    pairs = results[["number", "pid"]].drop_duplicates()
    assert pairs["number"].is_unique
    assert pairs["pid"].is_unique


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
