"""Names of files that are not UTF-8: Python has halves of surrogate pairs in them; pandas' strings cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey import params
from paramsurvey.errors import DoesNotFit

NAMES = ["a", "caf\udce9.txt"]
ESCAPED = ["a", "caf\\udce9.txt"]
FORMS: dict[str, Callable[[], Any]] = {
    "list": lambda: [{"f": name} for name in NAMES],
    "generator": lambda: ({"f": name} for name in NAMES),
    "dict of columns": lambda: {"f": NAMES},
    "dict of tuples": lambda: {"f": tuple(NAMES)},
    "dict of iterators": lambda: {"f": iter(NAMES)},
    "dict of arrays": lambda: {"f": np.array(NAMES)},
    "dict of arrays of objects": lambda: {"f": np.array(NAMES, dtype=object)},
    "dict of arrays of pandas": lambda: {"f": pd.array(NAMES, dtype=object), "n": [1, 2]},
    "structured array": lambda: np.array(
        [(name, n) for n, name in enumerate(NAMES)], dtype=[("f", "U9"), ("n", "i8")]
    ),
    "structured array of objects": lambda: np.array([(name,) for name in NAMES], dtype=[("f", object)]),
    "grid": lambda: params.grid(f=NAMES),
    "aligned": lambda: params.aligned(f=NAMES, n=[1, 2]),
    "product": lambda: params.product({"f": NAMES}),
    "product without categories": lambda: params.product({"f": NAMES}, infer_category=False),
    "product of rows": lambda: params.product([{"f": name, "n": 1} for name in NAMES], {"x": [1]}),
    "where": lambda: params.grid(f=NAMES, x=[1, 2]).where(lambda pset: pset["x"] == 1),
    "with seeds": lambda: params.add_seed(params.grid(f=NAMES), 1),
    "rows with seeds": lambda: params.add_seed([{"f": name, "n": 1} for name in NAMES], 1),
    "added column": lambda: params.add_column(pd.DataFrame({"n": [0, 1]}), "f", lambda row: NAMES[row["n"]]),
    "added column without categories": lambda: params.add_column(
        pd.DataFrame({"n": [0, 1]}), "f", lambda row: NAMES[row["n"]], infer_category=False
    ),
    "table of a space": lambda: params.grid(f=NAMES).to_df(),
}


def measure(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"length": len(pset["f"]), "same": pset["f"]}


@pytest.mark.parametrize("options", [{}, {"checkpoint": "dir"}], ids=["", "checkpoint"])
@pytest.mark.parametrize("form", FORMS)
def test_psets_of_every_form_can_have_such_names(form: str, options: dict[str, Any], in_tmp: Any) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(measure, FORMS[form](), **options)
    assert results["f"].tolist() == results["same"].tolist() == NAMES
    assert results["length"].tolist() == [1, 8]
    if options:
        assert paramsurvey.load("dir")["f"].tolist() == NAMES
        assert paramsurvey.map(measure, FORMS[form](), **options).progress.resumed == 2


def test_psets_with_types_by_column_can_have_such_names(in_tmp: Any) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(measure, FORMS["list"](), pset_types="column")
    assert results["f"].tolist() == results["same"].tolist() == NAMES


def test_a_sample_can_have_such_names(in_tmp: Any) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(measure, params.sample(20, f=NAMES))
    assert set(results["f"]) == set(NAMES)


def test_columns_beside_such_names_keep_their_dtypes(in_tmp: Any) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    beside = {
        "small": np.array([1, 2], dtype=np.int8),
        "category": pd.Categorical(["x", "y"]),
        "nullable": pd.array([1, None], dtype="Int64"),
        "list": [0.5, 2],
        "shared": 7,
    }
    results = paramsurvey.map(measure, {"f": np.array(NAMES), **beside})
    pd.testing.assert_frame_equal(results[list(beside)], pd.DataFrame(beside))
    shared = paramsurvey.map(measure, {"f": NAMES[1], "n": [1, 2]})
    assert shared["f"].tolist() == [NAMES[1]] * 2


@pytest.mark.parametrize("form", ["list", "dict of columns", "dict of arrays"])
def test_the_check_of_psets_of_0_4_takes_such_names(form: str) -> None:
    with pytest.deprecated_call():
        prepared = paramsurvey.utils.psets_prep(FORMS[form]())
    assert prepared["f"].tolist() == NAMES


@pytest.mark.parametrize("form", ["list", "grid", "where", "dict of arrays"])
def test_results_with_such_names_become_arrays_which_have_backslashes(form: str) -> None:
    pytest.importorskip("xarray")
    paramsurvey.init(backend="serial", verbose=0)
    data = paramsurvey.map(measure, FORMS[form]()).to_xarray()
    assert data["f"].values.tolist() == ESCAPED
    assert set(data["same"].values.flat) == set(ESCAPED)
    assert set(data["length"].values.flat) == {1, 8}


def test_a_name_along_another_axis_is_a_coordinate() -> None:
    pytest.importorskip("xarray")
    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"n": n, "f": NAMES[n], "x": x} for n in (0, 1) for x in (1, 2)]
    data = paramsurvey.map(lambda pset, *rest: {"y": pset["x"]}, psets).to_xarray()
    assert data["f"].dims == ("n",)
    assert data["f"].values.tolist() == ESCAPED


@pytest.mark.parametrize("form", ["parquet", "feather", "csv"])
def test_what_to_do_about_such_texts_is_said(form: str, in_tmp: Any) -> None:
    pytest.importorskip("pyarrow")
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(measure, [{"f": name} for name in NAMES])
    with pytest.raises(DoesNotFit, match=r"'f', which has text that utf-8 cannot encode, 'caf.udce9.txt': "):
        getattr(results, f"to_{form}")("out")


@pytest.mark.parametrize("form", ["parquet", "feather", "csv"])
def test_a_column_with_such_a_name_is_to_be_renamed(form: str, in_tmp: Any) -> None:
    pytest.importorskip("pyarrow")
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(measure, [{"f": "a"}])
    results.columns = pd.Index(["f", NAMES[1], "same"], dtype=object)
    with pytest.raises(DoesNotFit, match=r"column 'caf.udce9.txt', whose name utf-8 cannot encode: rename"):
        getattr(results, f"to_{form}")("out")
