"""What a function changes in its arguments reaches no other pset, on every backend, whatever the groups."""

from __future__ import annotations

import collections
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.testing.contract.worker_init import Opener
from paramsurvey.testing.place import Place

PSETS = [{"a": i} for i in range(12)]
LARGE = 300_000  # numbers: more than 1 MB


class Box:
    def __init__(self, inside: Any) -> None:
        self.inside = inside


def change_everything(thing: Any) -> None:
    """Change a thing and what is in it, by all the ways that there are."""
    for inner in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        change_everything(inner)
    if isinstance(thing, Box):
        change_everything(thing.inside)
        thing.inside = "changed"
    elif isinstance(thing, collections.deque | list):
        thing.append("changed")
    elif isinstance(thing, set):
        thing.add("changed")
    elif isinstance(thing, dict):
        thing.pop(next(iter(thing), None), None)
        thing["changed"] = True
    elif isinstance(thing, np.ndarray):
        thing *= 2
    elif isinstance(thing, pd.DataFrame):
        thing["changed"] = True


def shown(thing: Any) -> str:
    if isinstance(thing, Box):
        return f"Box({shown(thing.inside)})"
    if isinstance(thing, dict):
        return "{" + ", ".join(f"{key}: {shown(value)}" for key, value in thing.items()) + "}"
    return repr(thing.tolist() if isinstance(thing, np.ndarray) else thing)


def in_itself() -> list[Any]:
    one: list[Any] = [1]
    one.append(one)
    return one


GIVEN: dict[str, Any] = {
    "a dict of numbers": lambda: {"a": 1, "b": 2.5, "c": "text"},
    "a list": lambda: [1, 2],
    "containers in containers": lambda: {"list": [1, [2]], "dict": {"x": {"y": 1}}, "set": {1}},
    "an array": lambda: {"a": np.arange(3)},
    "one list twice": lambda: (lambda one: {"x": one, "y": one})([1]),
    "a list in itself": lambda: {"x": in_itself()},
    "an object": lambda: Box([1, 2]),
    "a deque": lambda: {"d": collections.deque([1])},
    "a DataFrame": lambda: {"frame": pd.DataFrame({"x": [1, 2]})},
    "a tuple of lists": lambda: {"t": ([1], [2])},
}


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("name", ["user_kwargs", "system_kwargs"])
@pytest.mark.parametrize("group_size", [None, 1, 12], ids=lambda size: f"groups of {size or 'any size'}")
def test_what_a_function_changes_reaches_no_other_pset(
    place: Place, kind: str, name: str, group_size: int | None
) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        given = user_kwargs if name == "user_kwargs" else system_kwargs["given"]
        text = shown(given)
        if kind == "a list in itself":
            given["x"].append(1)
        else:
            change_everything(given)
        return {"text": text}

    given = GIVEN[kind]()
    arguments = {"user_kwargs": given} if name == "user_kwargs" else {"system_kwargs": {"given": given}}
    results = place.map(worker, PSETS, group_size=group_size, **arguments)
    assert len(results) == len(PSETS), results.missing.to_df().to_string()
    assert set(results["text"]) == {shown(given)} == {shown(GIVEN[kind]())}


def test_one_object_that_both_hold_is_one_object_in_the_function_too(place: Place) -> None:
    shared = [1]
    results = place.map(
        lambda p, s, u: {"one": s["x"] is u["x"] is u["y"]},
        PSETS,
        user_kwargs={"x": shared, "y": shared},
        system_kwargs={"x": shared},
    )
    assert results["one"].all()


def test_classes_and_functions_of_the_program_are_those_that_the_function_knows(place: Place) -> None:
    @dataclasses.dataclass
    class Point:
        x: list[int]

    def double(x: int) -> int:
        return 2 * x

    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        point = user_kwargs["point"]
        point.x.append(1)
        return {
            "class": isinstance(point, Point) and point == Point([0, 1]),
            "function": user_kwargs["double"] is double and double(2) == 4,
        }

    results = place.map(worker, PSETS, user_kwargs={"point": Point([0]), "double": double})
    assert results["class"].all()
    assert results["function"].all()


@pytest.mark.parametrize("name", ["user_kwargs", "system_kwargs"])
def test_a_large_array_is_shared_and_says_that_it_is_read_only(place: Place, name: str) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        array = (user_kwargs if name == "user_kwargs" else system_kwargs)["array"]
        if pset["a"] == 3:
            array *= 2
        return {"first": array[1], "writeable": array.flags.writeable}

    array = np.arange(LARGE, dtype=float)
    results = place.map(worker, PSETS, **{name: {"array": array}})
    assert results["a"].tolist() == [i for i in range(12) if i != 3]
    assert set(results["first"]) == {1.0}
    assert not results["writeable"].any()
    assert "read-only" in results.missing["_exception"][0]
    assert "work on a copy" in results.missing["_traceback"][0]
    assert array.flags.writeable
    assert array[1] == 1


def test_an_array_of_the_functions_own_module_or_closure_can_be_changed_as_ever(place: Place) -> None:
    array = np.zeros(LARGE)

    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        array[0] = 1
        return {"first": array[0]}

    assert place.map(worker, PSETS)["first"].tolist() == [1.0] * 12
    assert array[0] == 0


def test_an_array_in_an_object_of_system_kwargs_arrives(place: Place) -> None:
    array = np.arange(LARGE)
    results = place.map(
        lambda p, s, u: {"sum": int(s["box"][0].sum()), "same": s["box"][0] is u},
        PSETS[:2],
        user_kwargs=array,
        system_kwargs={"box": [array]},
    )
    assert results["sum"].tolist() == [int(array.sum())] * 2
    assert results["same"].all()


def test_arguments_are_pickled_once_per_map(place: Place, in_tmp: Path) -> None:
    class Counted:
        def __reduce__(self) -> Any:
            with (in_tmp / "pickled").open("a") as file:
                file.write("x")
            return list, ()

    place.map(lambda p, s, u: None, [{"a": i} for i in range(100)], user_kwargs=[Counted()], group_size=5)
    assert (in_tmp / "pickled").read_text() == "x"


def test_what_an_out_func_changes_is_the_callers_and_no_pset_sees_it(place: Place) -> None:
    mine: dict[str, Any] = {"seen": [], "array": np.zeros(LARGE)}

    def remember(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: dict[str, Any]) -> None:
        user_kwargs["seen"].append(user_ret["result"])
        user_kwargs["array"][0] += 1

    def worker(pset: Any, system_kwargs: Any, user_kwargs: dict[str, Any]) -> dict[str, Any]:
        user_kwargs["seen"].append(1)
        return {"seen": len(user_kwargs["seen"]), "first": user_kwargs["array"][0]}

    results = place.map(worker, PSETS, out_func=remember, user_kwargs=mine, group_size=1)
    assert set(results["seen"]) == {1}
    assert set(results["first"]) == {0.0}
    assert len(mine["seen"]) == mine["array"][0] == 12


def test_reproduce_changes_neither_the_callers_arguments_nor_those_of_the_next_time(place: Place) -> None:
    mine: dict[str, Any] = {"list": [1], "array": np.zeros(3)}

    def worker(pset: Any, system_kwargs: Any, user_kwargs: dict[str, Any]) -> None:
        user_kwargs["list"].append(1)
        user_kwargs["array"] += 1
        raise ValueError(len(user_kwargs["list"]), user_kwargs["array"].tolist(), system_kwargs["x"].pop())

    missing = place.map(worker, PSETS[:1], user_kwargs=mine, system_kwargs={"x": [7]}).missing
    for _ in range(2):
        with pytest.raises(ValueError, match=r"\(2, \[1.0, 1.0, 1.0\], 7\)"):
            missing.reproduce(0)
    assert mine["list"] == [1]
    assert mine["array"].tolist() == [0, 0, 0]


def test_the_worker_state_is_the_workers_and_its_psets_see_what_they_change(open_session: Opener) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        system_kwargs["worker_state"].append(1)
        return {"n": len(system_kwargs["worker_state"])}

    results = open_session(worker_init=list).map(worker, PSETS)
    assert sorted(results["n"].tolist())[-1] >= len(PSETS) / 2
