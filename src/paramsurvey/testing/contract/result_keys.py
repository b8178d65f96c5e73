"""Keys of results that are no texts: which of them name a column, and what becomes of the others."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from paramsurvey.testing.place import Place


@pytest.mark.parametrize("kind", ["cannot be pickled", "cannot be loaded"])
def test_a_result_key_that_cannot_travel_costs_that_pset_only(place: Place, kind: str) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, kind: str) -> dict[Any, Any]:
        class Key:
            def __reduce__(self) -> Any:
                if kind == "cannot be pickled":
                    raise TypeError("no way")
                return (lambda: exec("raise TypeError('no way')")), ()

        return {"r": 1, **({Key(): 2} if pset["a"] == 7 else {})}

    results = place.map(worker, [{"a": i} for i in range(20)], user_kwargs=kind)
    assert results.missing["a"].tolist() == [7]
    assert "no way" in results.missing["_exception"][0]
    assert list(results.columns) == ["a", "r"]


@pytest.mark.parametrize("kind", ["ends the program", "equals not its own copy"])
def test_a_result_key_that_cannot_be_compared_costs_that_pset_only(place: Place, kind: str) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, kind: str) -> dict[Any, Any]:
        class Key:
            def __hash__(self) -> int:
                return 7

            def __eq__(self, other: object) -> bool:
                if kind == "ends the program":
                    raise SystemExit(3)
                return self is other

        return {"r": 1, **({Key(): 2} if pset["a"] in (7, 8) else {})}

    results = place.map(worker, [{"a": i} for i in range(20)], user_kwargs=kind)
    assert results.missing["a"].tolist() == [7, 8]
    assert results.missing["_exception"].str.contains("a key of the result").all()
    assert list(results.columns) == ["a", "r"]


@pytest.mark.parametrize("group_size", [1, 3, 20])
def test_keys_with_nan_make_one_column_each_as_in_pandas(place: Place, group_size: int) -> None:
    psets = [{"a": i} for i in range(20)]
    results = place.map(
        lambda p, s, u: {float("nan"): 1, (1, float("nan")): 2, (1, (float("nan"), 2)): 3},
        psets,
        group_size=group_size,
    )
    assert results.shape == (20, 4)
    assert results.iloc[:, 1:].sum().tolist() == [20, 40, 60]


def test_objects_that_are_equal_to_their_copies_are_keys(place: Place) -> None:
    class Colour(enum.Enum):
        RED = 1

    class Point(NamedTuple):
        x: int

    @dataclass(frozen=True)
    class Star:
        name: str

    keys = [Colour.RED, Point(1), Star("Vega"), frozenset({1, 2}), range(3)]
    psets = [{"a": i} for i in range(20)]
    results = place.map(lambda p, s, u: dict.fromkeys(u, 1), psets, user_kwargs=keys, group_size=3)
    assert results.columns.tolist() == ["a", *keys]
    assert results.iloc[:, 1:].sum().tolist() == [20] * len(keys)


@pytest.mark.parametrize("group_size", [1, 20])
def test_of_equal_keys_that_of_the_first_pset_names_the_column(place: Place, group_size: int) -> None:
    psets = [{"a": i} for i in range(20)]
    results = place.map(lambda p, s, u: {(1, True, 1.0)[p["a"] % 3]: p["a"]}, psets, group_size=group_size)
    assert [repr(key) for key in results.columns] == ["'a'", "1"]
    assert results[1].tolist() == list(range(20))
