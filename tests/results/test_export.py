"""Results into other tools."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey import errors, params
from paramsurvey.results.grid_detection import find_grid
from paramsurvey.results.map_results import MapResults

xarray = pytest.importorskip("xarray")


def survey(psets: Any, func: Callable[..., Any], **options: Any) -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    return paramsurvey.map(lambda pset, *rest: func(**pset), psets, **options)


def add(a: float, b: float, **others: Any) -> dict[str, Any]:
    if (a, b) == (2, 30):
        raise ValueError("not this one")
    return {"c": a + b, "text": f"{a}-{b}", "even": a % 2 == 0}


AB = params.product({"a": [3, 1, 2], "b": [10, 30]})


# xarray


def test_a_grid_becomes_an_array_with_named_axes_and_nan_where_a_pset_is_missing() -> None:
    data = survey(AB, add).to_xarray()
    assert data.c.dims == ("a", "b")
    assert data.a.values.tolist() == [3, 1, 2]
    assert data.b.values.tolist() == [10, 30]
    assert np.array_equal(data.c.values, [[13, 33], [11, 31], [12, np.nan]], equal_nan=True)
    assert data.text.values[:2].tolist() == [["3-10", "3-30"], ["1-10", "1-30"]]
    assert math.isnan(data.text.values[2, 1])
    assert data.c.sel(a=1, b=30) == 31


def test_a_full_grid_keeps_integers_and_bools() -> None:
    data = survey(AB, lambda a, b: {"c": a + b, "even": a % 2 == 0}).to_xarray()
    assert (data.c.dtype.kind, data.even.dtype.kind) == ("i", "b")


def test_an_axis_whose_first_value_never_finished_is_where_it_was() -> None:
    def fails_first(a: int, b: int) -> dict[str, int]:
        return {"c": 1 // (a - 3) + b}

    data = survey(AB, fails_first).to_xarray()
    assert data.a.values.tolist() == [3, 1, 2]
    assert np.isnan(data.c.values[0]).all()
    assert not np.isnan(data.c.values[1:]).any()


def test_shuffled_psets_land_in_their_places() -> None:
    data = survey(AB.sample(frac=1, random_state=1), add).to_xarray().sortby(["a", "b"])
    assert np.array_equal(data.c.values, [[11, 31], [12, np.nan], [13, 33]], equal_nan=True)


def test_what_follows_from_the_axes_is_no_axis() -> None:
    psets = AB.copy()
    psets["i"] = range(len(psets))
    psets["double"] = psets.a.astype(int) * 2
    psets["sum"] = psets.a.astype(int) + psets.b.astype(int)
    data = survey(psets, lambda **pset: {"c": pset["i"]}).to_xarray()
    assert data.c.dims == ("a", "b")
    assert data.double.dims == ("a",)
    assert data.double.values.tolist() == [6, 2, 4]
    assert data["sum"].dims == ("a", "b")
    assert data.i.values.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_an_axis_of_one_value_stays_an_axis() -> None:
    data = survey(params.product({"a": [1], "b": [1, 2]}), add).to_xarray()
    assert dict(data.c.sizes) == {"a": 1, "b": 2}


def test_one_key_is_one_axis() -> None:
    data = survey([{"a": 5}, {"a": 7}], lambda a: {"b": a * 2}).to_xarray()
    assert data.b.sel(a=7) == 14


def test_a_grid_may_have_holes() -> None:
    psets = [{"a": a, "b": b} for a in range(4) for b in range(4) if a >= b]
    data = survey(psets, lambda a, b: {"c": a + b}).to_xarray()
    assert dict(data.sizes) == {"a": 4, "b": 4}
    assert np.isnan(data.c.values).sum() == 6


@pytest.mark.parametrize(
    "psets",
    [
        [{"a": 0.1, "b": 0.7}, {"a": 0.4, "b": 0.2}, {"a": 0.3, "b": 0.9}],
        [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 3, "b": 2}],
        [{"a": [1], "b": 1}, {"a": [2], "b": 1}],
    ],
    ids=["sample", "duplicates", "lists"],
)
def test_what_is_no_grid_has_one_dimension(psets: list[dict[str, Any]]) -> None:
    data = survey(psets, lambda a, b: {"c": 1 // (b != 0.2)}).to_xarray()
    assert data.c.dims == ("pset",)
    assert data.a.dims == ("pset",)
    assert data.b.values.tolist() == [pset["b"] for pset in psets]
    assert np.isnan(data.c.values).tolist() == [pset["b"] == 0.2 for pset in psets]


def test_dates_and_objects() -> None:
    days = pd.date_range("2024-01-01", periods=2)
    psets = params.product({"day": days, "b": [1, 2]})
    data = survey(psets, lambda day, b: {"next": day + pd.Timedelta(days=b), "list": [b]}).to_xarray()
    assert data.next.dtype.kind == "M"
    assert data["list"].sel(day="2024-01-02", b=2).item() == [2]


def test_no_results_at_all() -> None:
    data = survey(AB, lambda a, b: 1 / 0).to_xarray()
    assert dict(data.sizes) == {"a": 3, "b": 2}
    assert not survey([], add).to_xarray().variables
    assert dict(survey(AB, add, keep_results=False).to_xarray().sizes)


def test_xarray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    results = survey(AB, add)
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(errors.PackageMissing, match=r"pip install 'paramsurvey\[xarray\]'"):
        results.to_xarray()


def test_a_large_grid_is_found_in_any_order_of_its_keys() -> None:
    psets = params.product({"a": range(20), "b": range(30), "c": range(10)})
    for names in (["a", "b", "c"], ["c", "a", "b"]):
        grid = find_grid(psets[names].sample(frac=0.9, random_state=2))
        assert grid is not None
        assert [axis.name for axis in grid.axes] == names


# files


@pytest.mark.parametrize("form", ["parquet", "feather", "csv"])
def test_what_was_written_is_read_again(form: str) -> None:
    pytest.importorskip("pyarrow")
    results = survey(AB, add)
    options = {"index": False} if form == "csv" else {}
    getattr(results, f"to_{form}")(f"out.{form}", **options)
    again = getattr(pd, f"read_{form}")(f"out.{form}")
    assert again[["c", "text", "even"]].to_dict("list") == results[["c", "text", "even"]].to_dict("list")


class Thing:
    pass


@pytest.mark.parametrize(
    ("form", "value"), [("parquet", Thing()), ("feather", {1, "x"}), ("csv", np.arange(3))]
)
def test_a_value_that_does_not_fit_is_named(form: str, value: object) -> None:
    pytest.importorskip("pyarrow")
    results = survey([{"a": 1}], lambda a: {"fine": 1, "thing": value})
    with pytest.raises(errors.DoesNotFit, match=r"cannot hold the column 'thing'.*results.drop\(columns="):
        getattr(results, f"to_{form}")(f"out.{form}")
    getattr(results.drop(columns=["thing"]), f"to_{form}")(f"out.{form}")


def test_a_name_that_does_not_fit_is_named() -> None:
    pytest.importorskip("pyarrow")
    results = survey([{"a": 1}], lambda a: {("x", 1): 2})
    with pytest.raises(errors.DoesNotFit, match=r"column \('x', 1\), whose name is not a string"):
        results.to_parquet("out.parquet")


ARROW = ["parquet", "feather"]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        *[(form, value) for form in ARROW for value in (1j, [1j], 2**70, "\ud800", {1: 2})],
        *[("parquet", value) for value in ({}, [{}], {"deep": {"er": {}}})],
        ("csv", "lone \ud800"),
    ],
)
def test_nothing_is_written_where_a_value_does_not_fit(form: str, value: object) -> None:
    pytest.importorskip("pyarrow")
    results = survey([{"a": 1}, {"a": 2}], lambda a: {"fine": a, "thing": value})
    with pytest.raises(errors.DoesNotFit, match=r"cannot hold the column 'thing'.*results.drop\(columns="):
        getattr(results, f"to_{form}")("out")
    assert not Path("out").exists()


@pytest.mark.parametrize("form", [*ARROW, "csv"])
def test_the_values_of_a_categorical_fit_or_not_as_others_do(form: str) -> None:
    pytest.importorskip("pyarrow")
    results = survey(pd.DataFrame({"kind": pd.Categorical([Thing()])}), lambda kind: {"fine": 1})
    with pytest.raises(errors.DoesNotFit, match="the column 'kind'"):
        getattr(results, f"to_{form}")("out")


@pytest.mark.parametrize("form", ARROW)
def test_empty_dicts_fit_where_the_format_has_them(form: str) -> None:
    pytest.importorskip("pyarrow")
    results = survey([{"a": 1}], lambda a: {"thing": {}, "when": pd.Timestamp("2024-01-01"), "no": None})
    if form == "parquet":
        results = MapResults(results.assign(thing=[{"b": 1}]))
    getattr(results, f"to_{form}")("out")
    assert len(getattr(pd, f"read_{form}")("out")) == 1


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({"encoding": "latin-1"}, False),
        ({"encoding": "utf-16"}, True),
        ({"encoding": "ascii", "errors": "replace"}, True),
        ({}, True),
    ],
)
def test_text_fits_into_csv_where_its_encoding_has_it(options: dict[str, str], fits: bool) -> None:
    results = survey([{"a": 1}], lambda a: {"thing": "snow \u2603"})
    if fits:
        results.to_csv("out.csv", **options)
        return
    with pytest.raises(errors.DoesNotFit, match=r"'thing', which has text that latin-1 cannot encode"):
        results.to_csv("out.csv", **options)
    assert not Path("out.csv").exists()


def test_text_that_is_not_encoded_may_be_any() -> None:
    results = survey([{"a": 1}], lambda a: {"thing": "\ud800"})
    buffer = io.StringIO()
    results.to_csv(buffer, index=False)
    assert buffer.getvalue() == results.to_csv(index=False) == "a,thing\n1,\ud800\n"


def test_a_text_file_has_an_encoding_of_its_own() -> None:
    results = survey([{"a": 1}], lambda a: {"thing": "\u2603"})
    with open("out.csv", "w", encoding="ascii") as file, pytest.raises(errors.DoesNotFit, match="ascii"):
        results.to_csv(file)


def test_lists_of_plain_values_are_text_in_csv() -> None:
    results = survey([{"a": 1}], lambda a: {"many": [1, {"x": None}]})
    assert results.to_csv(index=False) == "a,many\n1,\"[1, {'x': None}]\"\n"


# best


def test_the_best_is_a_dict_of_native_values() -> None:
    best = survey(AB, add).best("c")
    assert best == {"a": 3, "b": 30, "c": 33, "text": "3-30", "even": False}
    assert type(best["c"]) is int


def test_the_n_best_come_in_order_and_the_first_of_equals_first() -> None:
    results = survey([{"a": a} for a in (2, 1, 3, 1)], lambda a: {"loss": a})
    best = results.best("loss", minimize=True, n=3)
    assert type(best) is pd.DataFrame
    assert best.index.tolist() == [1, 3, 0]
    assert results.best("loss", n=2).loss.tolist() == [3, 2]


def test_nan_is_never_best() -> None:
    results = survey([{"a": 1.0}, {"a": math.nan}], lambda a: {"loss": a})
    assert results.best("loss")["a"] == 1
    assert results.best("loss", minimize=True)["a"] == 1
    assert len(results.best("loss", n=2)) == 1


def test_the_best_of_an_unknown_column_or_of_nothing() -> None:
    results = survey([{"a": 1}], lambda a: {"loss": math.nan})
    with pytest.raises(KeyError, match="no column 'los'; did you mean 'loss'"):
        results.best("los")
    with pytest.raises(ValueError, match="no pset has a value of 'loss'"):
        results.best("loss")
    assert results.best("loss", n=3).empty


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([1, "a"], "int and str"),
        ([{"b": 1}, {"b": 2}], "dict"),
        ([np.arange(3), np.arange(3)], "ndarray"),
        ([1j, 2j], "complex"),
    ],
    ids=["mixed", "dicts", "arrays", "complex"],
)
@pytest.mark.parametrize("n", [None, 1])
def test_what_has_no_order_has_no_best(values: list[Any], kinds: str, n: int | None) -> None:
    results = survey([{"i": 0}, {"i": 1}], lambda i: {"loss": values[i]})
    with pytest.raises(ValueError, match=f"column 'loss' cannot be ordered.* {kinds}: .*numbers"):
        results.best("loss", n=n)
    assert results.best("i")["i"] == 1
