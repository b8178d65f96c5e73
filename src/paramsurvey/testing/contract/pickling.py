"""What may be a worker function or travel with it, and what becomes of what cannot; on every backend."""

from __future__ import annotations

import functools
import math
import operator
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.errors import NotPicklable
from paramsurvey.testing.place import Place

PSETS = [{"a": 1}, {"a": 2}, {"a": 3}]


def results_of(place: Place, func: Any, **options: Any) -> list[Any]:
    return place.map(func, PSETS, **options)["r"].tolist()


# functions


def test_a_lambda(place: Place) -> None:
    assert results_of(place, lambda pset, system_kwargs, user_kwargs: {"r": pset["a"] * 2}) == [2, 4, 6]


def test_a_closure(place: Place) -> None:
    factor = 3

    def nested(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"r": pset["a"] * factor}

    assert results_of(place, nested) == [3, 6, 9]


def test_a_partial(place: Place) -> None:
    def scaled(factor: int, pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"r": pset["a"] * factor}

    assert results_of(place, functools.partial(scaled, 5)) == [5, 10, 15]


def test_a_bound_method_and_a_callable_object(place: Place) -> None:
    class Scale:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def run(self, pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
            return {"r": pset["a"] * self.factor}

        __call__ = run

    assert results_of(place, Scale(2).run) == [2, 4, 6]
    assert results_of(place, Scale(3)) == [3, 6, 9]


def test_a_static_method_and_a_class_method(place: Place) -> None:
    class Scale:
        factor = 7

        @staticmethod
        def static(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
            return {"r": pset["a"]}

        @classmethod
        def of_class(cls, pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
            return {"r": pset["a"] * cls.factor}

    assert results_of(place, Scale.static) == [1, 2, 3]
    assert results_of(place, Scale.of_class) == [7, 14, 21]


def test_a_decorated_function(place: Place) -> None:
    def twice(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> dict[str, Any]:
            return {key: 2 * value for key, value in function(*args).items()}

        return wrapper

    @twice
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"r": pset["a"]}

    assert results_of(place, worker) == [2, 4, 6]


def test_a_recursive_function(place: Place) -> None:
    def factorial(n: int) -> int:
        return 1 if n <= 1 else n * factorial(n - 1)

    assert results_of(place, lambda p, s, u: {"r": factorial(p["a"])}) == [1, 2, 6]


def test_a_function_that_imports(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import colorsys

        return {"r": colorsys.rgb_to_hsv(0, 0, pset["a"])[2]}

    assert results_of(place, worker) == [1, 2, 3]


def test_a_function_that_uses_modules_and_standard_streams(place: Place) -> None:
    stream = sys.stdout

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        print("", end="", file=sys.stderr)
        return {"r": math.floor(operator.add(pset["a"], 0.5))}

    assert results_of(place, worker) == [1, 2, 3]
    assert stream is sys.stdout


def test_a_function_made_while_the_program_runs(place: Place) -> None:
    names: dict[str, Any] = {}
    exec("def worker(pset, system_kwargs, user_kwargs):\n    return {'r': pset['a'] + 1}", names)
    assert results_of(place, names["worker"]) == [2, 3, 4]


def test_a_function_of_a_module(place: Place) -> None:
    from paramsurvey.examples import sleep_worker

    results = place.map(sleep_worker, [{"duration": 0.0}] * 3)
    assert results["slept"].tolist() == [0, 0, 0]


def test_a_function_that_was_changed_between_two_maps(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"r": "old"}

    assert results_of(place, worker) == ["old"] * 3

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:  # type: ignore[no-redef]
        return {"r": "new"}

    assert results_of(place, worker) == ["new"] * 3


def test_objects_of_a_class_of_the_program_come_back_as_that_class(place: Place) -> None:
    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        assert isinstance(pset["point"], Point)
        return {"r": Point(pset["point"].x + user_kwargs.x)}

    results = place.map(worker, [{"point": Point(i)} for i in range(20)], user_kwargs=Point(100))
    assert all(isinstance(point, Point) for point in results["r"])
    assert [point.x for point in results["r"]] == list(range(100, 120))


def test_functions_are_values_of_psets_and_results(place: Place) -> None:
    psets = [{"f": math.sqrt}, {"f": lambda x: -x}]
    results = place.map(lambda p, s, u: {"r": p["f"](4), "g": lambda: p["f"](9)}, psets)
    assert results["r"].tolist() == [2, -4]
    assert [g() for g in results["g"]] == [3, -9]


def test_an_exception_class_of_the_program_is_found_again_by_retry_on(place: Place) -> None:
    class Flaky(Exception):
        pass

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        seen = Path(f"seen{pset['a']}")
        if not seen.exists():
            seen.touch()
            raise Flaky
        return {"r": pset["a"]}

    assert results_of(place, worker, retries=1, retry_on=(Flaky,)) == [1, 2, 3]


# what is refused before any work starts


@pytest.mark.parametrize("wrong", [3, "name", None, [print]], ids=repr)
def test_a_function_that_is_not_callable_is_refused(place: Place, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="callable"):
        place.map(wrong, PSETS)


@pytest.mark.parametrize(
    "wrong",
    [lambda: None, lambda pset: None, lambda a, b: None, lambda a, b, c, d: None, lambda a, b, c, *, d: None],
    ids=["none", "one", "two", "four", "keyword"],
)
def test_a_function_with_other_arguments_is_refused(place: Place, wrong: Any) -> None:
    with pytest.raises(TypeError, match="pset, system_kwargs, user_kwargs"):
        place.map(wrong, PSETS)


@pytest.mark.parametrize(
    "fine",
    [lambda *args: {"r": 1}, lambda a, b, c, d=1: {"r": 1}, lambda *a, **k: {"r": 1}],
    ids=["star", "default", "all"],
)
def test_a_function_that_can_take_the_three_is_fine(place: Place, fine: Any) -> None:
    assert results_of(place, fine) == [1, 1, 1]


def test_a_function_that_holds_what_cannot_be_pickled_is_refused_and_the_culprit_named(
    place: Place, in_tmp: Path
) -> None:
    lock = threading.Lock()

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        Path("ran").touch()
        with lock:
            pass

    with pytest.raises(NotPicklable, match=r"'lock' \(which the worker function uses\).* it is a lock"):
        place.map(worker, PSETS)
    assert not Path("ran").exists()


def test_the_culprit_is_named_through_any_depth(place: Place) -> None:
    class Config:
        def __init__(self) -> None:
            self.parts: dict[str, list[Any]] = {"io": [1, socket.socket()]}

    given = {"config": Config()}
    with pytest.raises(NotPicklable, match=r"user_kwargs\['config'\]\.parts\['io'\]\[1\] .* it is a socket"):
        place.map(lambda p, s, u: None, PSETS, user_kwargs=given)
    given["config"].parts["io"][1].close()


def test_the_culprit_in_a_partial_is_named(place: Place) -> None:
    def worker(lock: Any, pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        pass

    with pytest.raises(NotPicklable, match=r"the worker function\.args\[0\] .* it is a lock"):
        place.map(functools.partial(worker, threading.Lock()), PSETS)


@pytest.mark.parametrize("name", ["user_kwargs", "system_kwargs"])
def test_arguments_that_cannot_be_pickled_are_refused(place: Place, name: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"{name}\['lock'\]"):
        place.map(lambda p, s, u: None, PSETS, **{name: {"lock": threading.Lock()}})


def test_a_default_value_that_cannot_be_pickled_is_refused(place: Place) -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any, lock: Any = threading.Lock()) -> None:  # noqa: B008
        pass

    with pytest.raises(NotPicklable, match="default value 1 of the worker function"):
        place.map(worker, PSETS)


def test_the_place_works_after_a_refusal(place: Place) -> None:
    with pytest.raises(NotPicklable):
        place.map(lambda p, s, u: None, PSETS, user_kwargs=threading.Lock())
    assert results_of(place, lambda p, s, u: {"r": p["a"]}) == [1, 2, 3]


def not_loadable() -> Any:
    """An object that can be pickled and cannot be unpickled anywhere."""

    class NotLoadable:
        def __reduce__(self) -> Any:
            return (lambda: exec("raise RuntimeError('no way')")), ()

    return NotLoadable()


def test_arguments_that_the_workers_cannot_load_end_the_map_and_the_next_one_works(
    place: Place, not_loadable: Any
) -> None:
    with pytest.raises(RuntimeError, match="no way"):
        place.map(lambda p, s, u: None, PSETS, user_kwargs=not_loadable)
    assert results_of(place, lambda p, s, u: {"r": p["a"]}) == [1, 2, 3]


# what costs one pset


def a_file() -> Any:
    with open(__file__) as file:
        return file  # closed, for nobody would close it later; it cannot be pickled either


class EndsTheProgram:
    """Does so when it is pickled."""

    def __reduce__(self) -> Any:
        raise SystemExit(3)


def unpicklable_values() -> dict[str, Any]:
    return {
        "ends the program": EndsTheProgram(),
        "file": a_file(),
        "stdout": sys.__stdout__,
        "lock": threading.Lock(),
        "generator": (i for i in range(3)),
        "nested": {"x": [threading.Lock()]},
    }


@pytest.mark.parametrize("kind", unpicklable_values())
@pytest.mark.parametrize("others", [0, 20])
def test_a_pset_value_that_cannot_be_pickled_costs_that_pset_only(
    place: Place, kind: str, others: int
) -> None:
    value = unpicklable_values()[kind]
    psets: list[dict[str, Any]] = [{"a": i, "v": [i]} for i in range(others)]
    psets.insert(others // 2, {"a": -1, "v": value})
    results = place.map(lambda p, s, u: {"r": p["a"]}, psets)
    assert (results.progress.finished, results.progress.failures) == (others, 1)
    assert results["a"].tolist() == list(range(others))
    assert results.missing["a"].tolist() == [-1]
    assert "pset['v']" in results.missing["_exception"][0]
    assert results.missing["v"][0] is value


def test_the_test_of_0_4(place: Place) -> None:
    from paramsurvey.examples import sleep_worker

    results = place.map(sleep_worker, [{"fd": sys.stdout, "duration": 0.1}])
    assert (results.progress.total, results.progress.finished, results.progress.failures) == (1, 0, 1)


def test_a_pset_value_that_the_worker_cannot_load_costs_its_pset_only(
    place: Place, not_loadable: Any
) -> None:
    psets: list[dict[str, Any]] = [{"a": i, "v": [i]} for i in range(20)]
    psets[7]["v"] = not_loadable
    results = place.map(lambda p, s, u: {"r": p["a"]}, psets)
    assert results.missing["a"].tolist() == [7]
    assert "no way" in results.missing["_exception"][0]
    assert "pset['v']" in results.missing["_exception"][0]


@pytest.mark.parametrize("kind", ["file", "stdout", "lock", "generator", "nested", "ends the program"])
def test_a_result_that_cannot_be_pickled_costs_that_pset_only(place: Place, kind: str) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, make: Any) -> dict[str, Any]:
        return {"r": pset["a"], "x": make() if pset["a"] == 7 else None}

    def make() -> Any:
        makers: dict[str, Callable[[], Any]] = {
            "file": a_file,
            "stdout": lambda: sys.__stdout__,
            "lock": threading.Lock,
            "generator": lambda: (i for i in range(3)),
            "nested": lambda: {"x": [threading.Lock()]},
            "ends the program": EndsTheProgram,
        }
        return makers[kind]()

    results = place.map(worker, [{"a": i} for i in range(20)], user_kwargs=make)
    assert results["r"].tolist() == [i for i in range(20) if i != 7]
    assert results.missing["a"].tolist() == [7]
    assert "the result 'x' cannot be pickled" in results.missing["_exception"][0]


def test_a_result_that_cannot_be_loaded_here_costs_that_pset_only_and_runs_once(
    place: Place, not_loadable: Any, in_tmp: Path
) -> None:
    kind = type(not_loadable)

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        with open(f"ran{pset['a']}", "a") as file:
            file.write("x")
        return {"r": pset["a"], "x": kind() if pset["a"] == 7 else [1]}

    results = place.map(worker, [{"a": i} for i in range(20)])
    assert results["r"].tolist() == [i for i in range(20) if i != 7]
    assert results.missing["a"].tolist() == [7]
    assert "the result 'x' cannot be loaded here (RuntimeError('no way'))" in results.missing["_exception"][0]
    assert {path.read_text() for path in in_tmp.glob("ran*")} == {"x"}


def test_as_many_bad_results_as_good_ones(place: Place) -> None:
    psets = [{"a": i} for i in range(200)]
    results = place.map(lambda p, s, u: {"x": threading.Lock() if p["a"] % 2 else [p["a"]]}, psets)
    assert results["x"].tolist() == [[i] for i in range(0, 200, 2)]
    assert results.missing["a"].tolist() == list(range(1, 200, 2))
