"""What may be given as psets, and what is refused; the same on every backend."""

from __future__ import annotations

import datetime
import itertools
import queue
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from paramsurvey.params import NOT_YET, grid, in_background, product
from paramsurvey.testing.place import Place, check_books


def add(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"c": pset["a"] + pset["b"]}


def sums(place: Place, psets: Any, **options: Any) -> pd.DataFrame:
    by_value = add
    return place.map(lambda p, s, u: by_value(p, s, u), psets, **options).to_df()


EXPECTED = pd.DataFrame({"a": [1, 2, 3], "b": [10, 20, 30], "c": [11, 22, 33]})
DICTS = [{"a": 1, "b": 10}, {"a": 2, "b": 20}, {"a": 3, "b": 30}]


def of_arrow_types(frame: pd.DataFrame) -> pd.DataFrame:
    pytest.importorskip("pyarrow")
    return frame.convert_dtypes(dtype_backend="pyarrow")


FORMS: dict[str, Any] = {
    "list": lambda: DICTS,
    "tuple": lambda: tuple(DICTS),
    "generator": lambda: (pset for pset in DICTS),
    "iterator": lambda: iter(DICTS),
    "dict values": lambda: dict(enumerate(DICTS)).values(),
    "object array": lambda: np.array(DICTS, dtype=object),
    "Series of dicts": lambda: pd.Series(DICTS),
    "mappings": lambda: [MappingProxyType(pset) for pset in DICTS],
    "DataFrame": lambda: pd.DataFrame(DICTS),
    "DataFrame with an index": lambda: pd.DataFrame(DICTS, index=["x", "y", "x"]),
    "slice of a DataFrame": lambda: pd.DataFrame([*DICTS, *DICTS])[::1][:3],
    "polars": lambda: pytest.importorskip("polars").DataFrame(DICTS),
    "Arrow": lambda: pytest.importorskip("pyarrow").Table.from_pylist(DICTS),
    "DataFrame of Arrow types": lambda: of_arrow_types(pd.DataFrame(DICTS)),
}


@pytest.mark.parametrize("form", FORMS)
def test_psets_in_any_form(place: Place, form: str) -> None:
    results = sums(place, FORMS[form]())
    assert_frame_equal(results.astype("int64"), EXPECTED)
    assert results.index.equals(pd.RangeIndex(3))


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"generator", "iterator"}))
def test_psets_in_any_form_are_left_alone(place: Place, form: str) -> None:
    psets, same = FORMS[form](), FORMS[form]()
    sums(place, psets)
    assert str(psets) == str(same)


def test_a_product(place: Place) -> None:
    results = sums(place, product({"a": [1, 2], "b": [10, 20]}))
    assert results["c"].tolist() == [11, 21, 12, 22]
    assert results.dtypes.tolist() == [np.int64] * 3
    assert (results["a"] * 2).tolist() == [2, 2, 4, 4]
    assert results[results["b"] > 10]["a"].tolist() == [1, 2]
    assert results.corr(numeric_only=True).columns.tolist() == ["a", "b", "c"]


def test_the_missing_psets_of_a_product_have_plain_columns_too(place: Place) -> None:
    psets = product({"a": [1, 2], "s": ["x", "y"]}, pd.Series(["u", "v"], dtype="category", name="own"))
    missing = place.map(lambda p, s, u: 1 / 0, psets).missing
    text = pd.Series(["x"]).dtype
    assert missing.to_psets().dtypes.tolist() == [np.int64, text, psets["own"].dtype]
    assert missing["a"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def test_a_grid(place: Place) -> None:
    results = sums(place, grid(a=[1, 2], b=range(10, 30, 10)))
    assert_frame_equal(
        results, pd.DataFrame({"a": [1, 1, 2, 2], "b": [10, 20, 10, 20], "c": [11, 21, 12, 22]})
    )


def test_a_space_that_is_filtered_and_shuffled(place: Place) -> None:
    space = grid(a=range(50), b=range(50)).where(lambda pset: pset["a"] + pset["b"] < 20).shuffle(seed=3)
    results = sums(place, space)
    assert_frame_equal(results[["a", "b"]], space.to_df())
    assert (results["c"] == results["a"] + results["b"]).all()


def seen(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"seen": ", ".join(f"{key}={value!r}" for key, value in pset.items())}


def test_a_dict_of_columns(place: Place) -> None:
    psets = {"a": [1, 2], "f": [1, 0.5], "s": ["x", None], "same": 7}
    by_value = seen
    results = place.map(lambda p, s, u: by_value(p, s, u), psets)
    missing_text = repr(pd.Series(["x", None]).tolist()[1])  # nan with pandas 3, None before
    assert results["seen"].tolist() == [
        "a=1, f=1.0, s='x', same=7",
        f"a=2, f=0.5, s={missing_text}, same=7",
    ]
    assert_frame_equal(results[list(psets)], pd.DataFrame(psets))


TYPED = [
    {"a": 1, "n": None, "d": datetime.datetime(2020, 1, 1, 12), "b": True, "s": "x", "o": [1]},
    {"a": 2.5, "n": 3, "d": None, "b": False, "s": None, "o": None},
    {"a": 4, "n": 5, "b": True, "o": (1,)},
]
"""What release 0.4.21 makes of each is in `COLUMN`: it made a DataFrame of a list of dicts."""

GIVEN = [
    "a=1, n=None, d=datetime.datetime(2020, 1, 1, 12, 0), b=True, s='x', o=[1]",
    "a=2.5, n=3, d=None, b=False, s=None, o=None",
    "a=4, n=5, d=nan, b=True, s=nan, o=(1,)",
]
COLUMN = [
    "a=1.0, n=nan, d=Timestamp('2020-01-01 12:00:00'), b=True, s='x', o=[1]",
    "a=2.5, n=3.0, d=NaT, b=False, s=MISSING, o=None",
    "a=4.0, n=5.0, d=NaT, b=True, s=nan, o=(1,)",
]


@pytest.mark.parametrize(("pset_types", "expected"), [("given", GIVEN), ("column", COLUMN)])
def test_dicts_arrive_as_given_or_with_the_types_of_their_columns(
    place: Place, pset_types: str, expected: list[str]
) -> None:
    by_value = seen
    results = place.map(lambda p, s, u: by_value(p, s, u), TYPED, pset_types=pset_types)
    missing_text = repr(pd.Series(["x", None]).tolist()[1])  # nan with pandas 3, None before
    assert results["seen"].tolist() == [text.replace("MISSING", missing_text) for text in expected]
    assert_frame_equal(results.drop(columns="seen"), pd.DataFrame(TYPED))


def test_a_generator_gives_the_same_table_as_a_list(place: Place) -> None:
    psets = [{"a": i, **({"s": "x"} if i == 7 else {}), **({"late": i} if i > 30 else {})} for i in range(60)]

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] in (7, *range(30, 60)):
            raise ValueError
        return {"r": pset["a"]}

    expected, found = place.map(worker, psets), place.map(worker, iter(psets))
    assert_frame_equal(found.to_df(), expected.to_df())
    assert_frame_equal(found.missing.to_df(), expected.missing.to_df())


def test_an_endless_generator_with_a_limit(place: Place) -> None:
    results = sums(place, ({"a": i, "b": 1} for i in itertools.count()), limit=7)
    assert results["c"].tolist() == list(range(1, 8))


def test_a_generator_is_read_as_it_is_needed_and_every_pset_is_run(place: Place) -> None:
    def psets() -> Iterator[dict[str, int]]:
        for i in range(500):
            yield {"a": i, "b": i}

    assert sums(place, psets())["c"].tolist() == [2 * i for i in range(500)]


def test_a_generator_that_yields_one_dict_again_and_again(place: Place) -> None:
    def psets() -> Iterator[dict[str, int]]:
        pset = {"a": 0, "b": 0}
        for i in range(50):
            pset["a"] = i
            yield pset

    assert sums(place, psets())["c"].tolist() == list(range(50))


def test_a_generator_that_raises_ends_the_map_and_what_had_finished_is_kept(place: Place) -> None:
    def psets() -> Iterator[dict[str, int]]:
        yield from DICTS
        raise LookupError("the file is broken")

    with pytest.raises(LookupError, match="the file is broken"):
        sums(place, psets())
    last = place.session.last_results()
    assert last is not None
    check_books(last)
    assert last.progress.total == 3
    kept = last.to_df()  # any of the three, for the generator may raise while they run
    expected = EXPECTED[EXPECTED["a"].isin(kept["a"])].reset_index(drop=True)
    assert_frame_equal(kept, expected[list(kept)])
    assert sums(place, DICTS)["c"].tolist() == [11, 22, 33]


@pytest.mark.parametrize("as_iterator", [False, True])
def test_a_pset_without_a_key_that_others_have_gets_nan(place: Place, as_iterator: bool) -> None:
    psets: Any = [{"a": 1}, {"b": "x"}, {"a": 2, "b": "y"}, {}]
    results = place.map(lambda p, s, u: None, iter(psets) if as_iterator else psets)
    assert_frame_equal(results.to_df(), pd.DataFrame(psets))


def test_integers_stay_integers_and_floats_floats(place: Place) -> None:
    psets = [{"i": i, "f": float(i), "big": 2**62 + i, "huge": 2**64 + i} for i in range(5)]
    results = place.map(lambda p, s, u: {f"{key}2": value for key, value in p.items()}, psets)
    for key in ("i", "f", "big", "huge"):
        assert results[key].tolist() == [pset[key] for pset in psets]
        assert results[key].dtype == results[f"{key}2"].dtype
        assert results[f"{key}2"].tolist() == [pset[key] for pset in psets]
    assert [str(results[key].dtype) for key in ("i", "f", "big")] == ["int64", "float64", "int64"]


@pytest.mark.parametrize("fails", [False, True])
def test_numbers_of_the_other_byte_order(place: Place, fails: bool) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if fails and pset["x"] == 2:
            raise ValueError
        return {"y": pset["x"], "z": np.array([pset["x"]], dtype=other)[0]}

    other = np.dtype("f8").newbyteorder("S")
    psets = pd.DataFrame({"x": np.array([1, 2, 3], dtype=other)})
    results = place.map(worker, psets)
    assert results["y"].tolist() == results["x"].tolist() == results["z"].tolist()
    assert results.missing["x"].tolist() == ([2.0] if fails else [])
    assert {dtype.isnative for dtype in results.dtypes} == {True}


@pytest.mark.parametrize("values", [[None, 5, 10], [True, 1, "auto"], [True, False, None]], ids=repr)
@pytest.mark.parametrize("space", [product, lambda axes: grid(**axes), lambda axes: grid(**axes).to_df()])
def test_a_worker_sees_the_very_values_of_a_product(place: Place, space: Any, values: list[Any]) -> None:
    results = place.map(lambda p, s, u: {"seen": repr(p["m"])}, space({"m": values, "n": [1]}))
    assert results["seen"].tolist() == list(map(repr, values))


@pytest.mark.parametrize(("package", "table"), [("polars", "DataFrame"), ("pyarrow", "table")])
def test_integers_beside_nulls_stay_integers(place: Place, package: str, table: str) -> None:
    make = getattr(pytest.importorskip(package), table)
    results = place.map(lambda p, s, u: {"seen": repr(p["a"])}, make({"a": [2**60 + 1, None]}))
    assert results["seen"].tolist() == [str(2**60 + 1), "<NA>"]
    assert results["a"].tolist() == [2**60 + 1, pd.NA]


@pytest.mark.parametrize(
    "form", [lambda m: m, lambda m: list(m.iterdicts()), lambda m: m.iterdicts(), lambda m: m.to_df()]
)
def test_missing_psets_with_their_reasons(place: Place, form: Any) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if user_kwargs and pset["a"] > 1:
            raise ValueError
        return {"names": " ".join(pset)}

    missing = place.map(worker, DICTS, user_kwargs=True).missing
    again = place.map(worker, form(missing))
    assert again.to_dict("records") == [{"a": 2, "b": 20, "names": "a b"}, {"a": 3, "b": 30, "names": "a b"}]


def test_many_columns(place: Place) -> None:
    psets = [{f"k{j}": i * j for j in range(300)} for i in range(3)]
    results = place.map(lambda p, s, u: {"n": len(p), "sum": sum(p.values())}, psets)
    assert results["n"].tolist() == [300] * 3
    assert results["sum"].tolist() == [sum(pset.values()) for pset in psets]


# limit


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (2, 2), (3, 3), (100, 3), (0, 3), (None, 3)])
@pytest.mark.parametrize("form", ["list", "generator", "DataFrame", "grid"])
def test_limit_computes_only_the_first_psets_and_0_means_all(
    place: Place, form: str, limit: int | None, count: int
) -> None:
    psets = grid(a=[1, 2, 3], b=[10]) if form == "grid" else FORMS[form]()
    results = place.map(lambda p, s, u: {"c": 1}, psets, limit=limit)
    assert results["a"].tolist() == [1, 2, 3][:count]
    assert results.progress.total == count
    assert len(results.missing) == 0


# what is refused


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a b", "identifier"),
        ("1a", "identifier"),
        ("", "identifier"),
        ("a-b", "identifier"),
        ("class", "keyword"),
        ("raise", "keyword"),
        ("None", "keyword"),
        ("_a", "_"),
        ("_pset_id", "_"),
        ("_attempts", "_"),
        ("_exception", "_"),
        ("__", "_"),
        (1, "string"),
        (("a", "b"), "string"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("form", [list, iter, pd.DataFrame])
def test_a_column_that_cannot_be_one_is_refused_by_name(
    place: Place, form: Any, name: Any, hint: str
) -> None:
    if form is pd.DataFrame and name is None:
        pytest.skip("pandas makes it nan")
    psets = pd.Series([1, 2]).to_frame(name) if form is pd.DataFrame else form([{name: 1}, {name: 2}])
    if isinstance(name, tuple) and form is pd.DataFrame:
        psets.columns = pd.MultiIndex.from_tuples([name])
    with pytest.raises(ValueError, match=hint) as caught:
        place.map(lambda p, s, u: None, psets)
    assert repr(name) in str(caught.value)


def test_a_bad_name_in_a_later_pset_is_found_too(place: Place) -> None:
    with pytest.raises(ValueError, match="'b c'"):
        place.map(lambda p, s, u: None, [{"a": 1}, {"a": 2, "b c": 3}])


def test_two_columns_with_one_name_are_refused(place: Place) -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"])
    with pytest.raises(ValueError, match="column 'a' occurs 2 times"):
        place.map(lambda p, s, u: None, frame)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        3,
        2.5,
        "text",
        b"bytes",
        {"a": 1},
        [1, 2],
        [[("a", 1)]],
        ["a"],
        [{"a": 1}, None],
        pytest.param(object(), id="object()"),
    ],
    ids=repr,
)
def test_what_is_no_table_of_psets_is_refused(place: Place, wrong: Any) -> None:
    ran: list[int] = []
    with pytest.raises((TypeError, ValueError), match="pset"):
        place.map(lambda p, s, u: None, wrong, out_func=lambda *args: ran.append(1))
    assert ran == []


def test_the_refusal_names_the_pset(place: Place) -> None:
    with pytest.raises(ValueError, match="pset number 1 is an int, 7"):
        place.map(lambda p, s, u: None, [{"a": 1}, 7])


def test_psets_that_are_made_of_the_results_of_others(place: Place) -> None:
    work: queue.Queue[int | None] = queue.Queue()
    for number in (1, 2):
        work.put(number)

    def out(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        found = user_ret["result"]["b"]
        work.put(found if found < 30 else None)

    psets = ({"a": number} for number in iter(work.get, None))
    results = place.map(lambda p, s, u: {"b": 3 * p["a"]}, in_background(psets), out_func=out, group_size=1)
    assert results.progress.failures == 0
    assert set(results["a"]) >= {1, 2}
    assert set(results["a"]) <= {1, 2, 3, 6, 9, 18, 27}
    assert results["b"].tolist() == [3 * a for a in results["a"]]


def test_an_iterator_that_has_no_pset_yet_is_asked_again(place: Place) -> None:
    found: dict[int, int] = {}

    def ask() -> Iterator[Any]:
        for a in (1, 2, 3):
            yield {"a": a}
            while a not in found:
                yield NOT_YET

    def out(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        found[user_ret["pset"]["a"]] = user_ret["result"]["b"]

    results = place.map(lambda p, s, u: {"b": -p["a"]}, ask(), out_func=out)
    assert results["b"].tolist() == [-1, -2, -3]
    assert results.progress.total == 3
