"""Functions that take the columns of many psets: everything is as for single psets, on every backend."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey import params
from paramsurvey.errors import OptionError
from paramsurvey.testing.contract.out_func import Recorder
from paramsurvey.testing.place import Place

COUNT = 300
BAD = [3, 150, 151]
GOOD = [i for i in range(COUNT) if i not in BAD]


def add(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
    return {"c": psets["a"] + psets["b"]}


def faulty(fault: Callable[[Any], Any], bad: list[int] = BAD) -> Callable[..., Any]:
    """Return a function that squares, unless some of the psets are bad."""

    def square(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        if np.isin(psets["i"], bad).any():
            return fault(psets)
        return {"square": psets["i"] ** 2}

    return square


def raise_error(psets: Any) -> None:
    raise ValueError("a bad pset is among them")


def only_the_bad_are_missing(results: Any, bad: list[int] = BAD) -> pd.DataFrame:
    """Check that, and return the missing psets."""
    good = [i for i in range(COUNT) if i not in bad]
    assert results["i"].tolist() == good
    assert results["square"].tolist() == [i**2 for i in good]
    assert results.missing["i"].tolist() == bad
    missing: pd.DataFrame = results.missing
    return missing


def psets() -> Any:
    return params.grid(i=range(COUNT))


# what a function gets, and returns


def test_a_batch_function_gets_columns_and_returns_columns(place: Place) -> None:
    results = place.map(add, params.grid(a=range(50), b=[0.5, 1.5]), batch=True)
    assert results["c"].tolist() == (results["a"] + results["b"]).tolist()
    assert [str(dtype) for dtype in results.dtypes] == ["int64", "float64", "float64"]


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_a_batch_has_at_most_as_many_psets_as_asked_for(place: Place, most: int) -> None:
    def count(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"count": np.full(len(psets["i"]), len(psets["i"]))}

    results = place.map(count, params.grid(i=range(40)), batch=most)
    assert results["i"].tolist() == list(range(40))
    assert 1 <= results["count"].max() <= most


FORMS: dict[str, Callable[[], Any]] = {
    "a space": lambda: params.grid(a=range(6)),
    "a list of dicts": lambda: [{"a": a} for a in range(6)],
    "an iterator": lambda: ({"a": a} for a in range(6)),
    "a DataFrame": lambda: pd.DataFrame({"a": range(6)}),
    "a product": lambda: params.product({"a": list(range(6))}),
    "a structured array": lambda: np.array([(a,) for a in range(6)], dtype=[("a", np.int64)]),
    "some of a space": lambda: params.grid(a=range(12)).where(lambda pset: pset["a"] < 6),
    "a sum of spaces": lambda: params.grid(a=range(3)) + params.grid(a=range(3, 6)),
}


@pytest.mark.parametrize("form", FORMS)
def test_psets_of_any_form_become_columns(place: Place, form: str) -> None:
    def describe(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        kind = psets["a"].dtype.kind if type(psets["a"]).__name__ == "ndarray" else "no array"
        return {"kind": [kind] * len(psets["a"]), "twice": 2 * psets["a"]}

    results = place.map(describe, FORMS[form](), batch=True)
    assert results["kind"].tolist() == ["i"] * 6
    assert results["twice"].tolist() == [0, 2, 4, 6, 8, 10]


COLUMNS = {
    "int": ([1, 2, 3], "int64"),
    "float": ([0.5, 1.5, 2.0], "float64"),
    "int and float": ([1, 2.5, 3], "float64"),
    "bool": ([True, False, True], "bool"),
    "str": (["x", "y", "z"], "object"),
    "None": ([None, 1, 2], "object"),
    "list": ([[1], [2, 3], []], "object"),
    "large int": ([2**70, 1, 2], "object"),
    "small int": (pd.Series([1, 2, 3], dtype="int8"), "int8"),
    "float32": (pd.Series([0.5, 1.5, 2.0], dtype="float32"), "float32"),
    "categorical str": (pd.Series(["x", "y", "x"], dtype="category"), "object"),
    "categorical int": (pd.Series([10, 20, 10], dtype="category"), "int64"),
    "categorical with a gap": (pd.Series([10, None, 20], dtype="category"), "float64"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_numbers_are_arrays_of_numbers_and_everything_else_is_objects(place: Place, kind: str) -> None:
    def describe(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        count = len(psets["a"])
        return {"dtype": [str(psets["a"].dtype)] * count, "same": psets["a"]}

    values, dtype = COLUMNS[kind]
    table = pd.DataFrame({"a": values})
    for given in (table, [{"a": value} for value in values]) if isinstance(values, list) else (table,):
        results = place.map(describe, given, batch=True)
        if isinstance(given, list) or kind not in ("int and float", "None"):  # pandas converts these
            assert set(results["dtype"]) == {dtype}
        assert results["same"].tolist() == results["a"].tolist() or kind in ("None", "categorical with a gap")


def test_the_keys_that_a_pset_lacks_are_nan(place: Place) -> None:
    def see(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"seen": [str(value) for value in psets["b"]]}

    some = [{"a": 1}, {"a": 2, "b": 5}, {"a": 3}]
    assert place.map(see, some, batch=True)["seen"].tolist() == ["nan", "5.0", "nan"]
    assert place.map(see, iter(some), batch=True)["seen"].str.contains("nan").tolist() == [True, False, True]


def test_changed_columns_change_nothing_but_the_call(place: Place) -> None:
    def spoil(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        psets["i"] += 1
        if len(psets["i"]) > 50:
            raise ValueError("too many: the halves get their own columns")
        twice = 2 * psets["i"]
        del psets["i"]
        return {"twice": twice}

    results = place.map(spoil, pd.DataFrame({"i": range(COUNT)}), batch=True)
    assert results["i"].tolist() == list(range(COUNT))
    assert results["twice"].tolist() == [2 * (i + 1) for i in range(COUNT)]


RETURNS: dict[str, tuple[Callable[[int], Any], list[Any], str | None]] = {
    "arrays": (lambda n: np.arange(n, dtype=np.float32) / 2, [0.0, 0.5, 1.0], "float64"),
    "lists": (lambda n: list(range(n)), [0, 1, 2], "int64"),
    "small integers": (lambda n: np.arange(n, dtype=np.uint8), [0, 1, 2], "int64"),
    "bools": (lambda n: np.arange(n) > 0, [False, True, True], "bool"),
    "every second value": (lambda n: np.arange(2 * n)[::2], [0, 2, 4], "int64"),
    "a Series": (lambda n: pd.Series(range(n), index=range(5, 5 + n)), [0, 1, 2], "int64"),
    "strings": (lambda n: np.array(["x", "yy", "z"][:n]), ["x", "yy", "z"], None),
    "objects": (lambda n: [{"k": i} for i in range(n)], [{"k": 0}, {"k": 1}, {"k": 2}], "object"),
    "complex": (lambda n: 1j * np.arange(n), [0j, 1j, 2j], None),
    "masked": (lambda n: np.ma.masked_equal(np.arange(n), 1), [0, None, 2], None),
}


@pytest.mark.parametrize("kind", RETURNS)
def test_a_column_may_be_an_array_a_list_or_a_series(place: Place, kind: str) -> None:
    make, values, dtype = RETURNS[kind]

    def worker(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"r": make(len(psets["i"]))}

    results = place.map(worker, params.grid(i=range(3)), batch=True)
    found = results["r"].astype(object).where(results["r"].notna(), None).tolist()
    assert found == values
    assert dtype is None or str(results["r"].dtype) == dtype


def test_an_array_with_more_dimensions_gives_each_pset_an_array(place: Place) -> None:
    def embed(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"vector": psets["i"][:, None] * np.array([1.0, 10.0])}

    results = place.map(embed, params.grid(i=range(4)), batch=True)
    assert [list(vector) for vector in results["vector"]] == [[0, 0], [1, 10], [2, 20], [3, 30]]


def test_a_batch_function_may_return_a_dataframe_or_nothing(place: Place) -> None:
    def table(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return pd.DataFrame({"x": psets["i"] + 1, "y": "text"}, index=psets["i"] + 7)

    results = place.map(table, params.grid(i=range(5)), batch=True)
    assert results["x"].tolist() == [1, 2, 3, 4, 5]
    assert set(results["y"]) == {"text"}
    results = place.map(lambda psets, system_kwargs, user_kwargs: None, params.grid(i=range(5)), batch=True)
    assert list(results.columns) == ["i"]
    assert results.progress.finished == 5


def test_arrays_that_a_function_uses_again_are_copied(place: Place) -> None:
    buffer = np.zeros(COUNT, dtype=np.int64)

    def reuse(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        if len(psets["i"]) > 5:
            raise ValueError("so that one group needs many calls")
        own = buffer[: len(psets["i"])]
        own[:] = psets["i"]
        return {"same": own}

    results = place.map(reuse, params.grid(i=range(64)), batch=True)
    assert results["same"].tolist() == list(range(64))


def test_a_batch_gets_what_a_pset_gets_beside_its_values(place: Place) -> None:
    def see(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        count = len(psets["i"])
        with paramsurvey.stats.record_wallclock("part", raw_stats=system_kwargs["raw_stats"]):
            pass
        return {
            "name": [system_kwargs["name"]] * count,
            "subdir": system_kwargs["out_subdir"],
            "number": [system_kwargs["worker_number"]] * count,
            "own": [system_kwargs["own"]] * count,
            "scaled": psets["i"] * user_kwargs["factor"],
        }

    results = place.map(
        see,
        params.grid(i=range(20)),
        batch=8,
        name="waves",
        out_subdirs=12,
        system_kwargs={"own": "mine"},
        user_kwargs={"factor": 3},
    )
    assert results["subdir"].tolist() == [f"ps{i % 12:02d}" for i in range(20)]
    assert results["scaled"].tolist() == [3 * i for i in range(20)]
    assert set(results["name"]) == {"waves"}
    assert set(results["own"]) == {"mine"}
    assert results["number"].min() >= 1
    part = results.stats.read_stats("part")
    assert part is not None
    assert part[0] >= 3, "each batch has recorded it once"


def test_keywords_gives_a_function_the_columns_by_name(place: Place) -> None:
    def model(a: Any, b: Any = 1) -> Any:
        return a * b

    results = place.map(paramsurvey.keywords(model), params.grid(a=range(5), b=[2, 3]), batch=True)
    assert results["result"].tolist() == (results["a"] * results["b"]).tolist()

    def table(a: Any) -> Any:
        return pd.DataFrame({"twice": 2 * a, "square": a * a})

    results = place.map(paramsurvey.keywords(table), params.grid(a=range(5)), batch=True)
    assert results["square"].tolist() == [0, 1, 4, 9, 16]


def test_seeds_are_those_of_single_psets(place: Place) -> None:
    def draw(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"drawn": psets["seed"]}

    space = params.add_seed(params.grid(i=range(30)), 7)
    one_by_one = place.map(lambda pset, system_kwargs, user_kwargs: {"drawn": pset["seed"]}, space)
    assert place.map(draw, space, batch=True)["drawn"].tolist() == one_by_one["drawn"].tolist()


# with the other options


def test_out_func_sees_each_pset(place: Place, out: Recorder) -> None:
    results = place.map(faulty(raise_error), psets(), batch=True, out_func=out)
    only_the_bad_are_missing(results)
    finished = {one["pset"]["i"]: one["result"]["square"] for one in out.calls if "result" in one}
    assert finished == {i: i**2 for i in GOOD}
    assert sorted(one["pset"]["i"] for one in out.calls if "exception" in one) == BAD


def test_imap_unordered_yields_each_pset(place: Place) -> None:
    found = list(place.session.imap_unordered(faulty(raise_error), psets(), batch=True))
    assert {one["i"]: one["square"] for one in found if "square" in one} == {i: i**2 for i in GOOD}
    assert sorted(one["i"] for one in found if "_exception" in one) == BAD


def test_a_checkpoint_is_continued_with_batches_of_another_size(place: Place) -> None:
    some = place.map(faulty(raise_error), psets(), batch=32, checkpoint="stored", limit=200)
    assert some.missing["i"].tolist() == BAD
    results = place.map(faulty(raise_error), psets(), batch=50, checkpoint="stored", retry_failed=False)
    only_the_bad_are_missing(results)
    assert results.progress.resumed == 197


def test_the_order_and_the_limit_are_those_of_single_psets(place: Place) -> None:
    space = params.grid(i=range(1000)).shuffle(seed=3)
    results = place.map(faulty(raise_error, []), space, batch=16, limit=100)
    assert results["i"].tolist() == space.to_df()["i"].tolist()[:100]
    results = place.map(faulty(raise_error, []), space, batch=16, limit=100, order="longest")
    assert results["i"].tolist() == space.to_df()["i"].tolist()[:100]


def test_results_that_are_not_kept_are_counted(place: Place) -> None:
    results = place.map(faulty(raise_error), psets(), batch=True, keep_results=False)
    assert len(results) == 0
    assert results.progress.finished == len(GOOD)
    assert results.missing["i"].tolist() == BAD


def test_seconds_are_those_of_the_batch_divided_by_its_psets(place: Place) -> None:
    def wait(psets: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        time.sleep(0.1)

    results = place.map(wait, params.grid(i=range(40)), batch=10)
    assert results.seconds.between(0.01, 1.0).all()
    wallclock = results.stats.read_stats("default_wallclock")
    assert wallclock is not None
    assert wallclock[0] == 40
    assert 0.01 <= wallclock[1] < 1.0


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many"])
def test_a_batch_has_a_positive_number_of_psets(place: Place, wrong: Any) -> None:
    with pytest.raises(OptionError, match="batch"):
        place.map(add, [{"a": 1, "b": 2}], batch=wrong)


def test_batch_and_group_size_exclude_each_other(place: Place) -> None:
    with pytest.raises(OptionError, match="leave group_size= out"):
        place.map(add, [{"a": 1, "b": 2}], batch=True, group_size=5)


def test_no_psets_are_no_batch(place: Place) -> None:
    assert len(place.map(add, [], batch=True)) == 0
