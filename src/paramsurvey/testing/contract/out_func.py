"""`out_func`: it runs in the driver, sees every pset, and cannot break the map; the same on every backend."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

import paramsurvey
from paramsurvey.testing.place import Place


class Recorder:
    """An out_func that remembers how it was called."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.system_kwargs: list[dict[str, Any]] = []
        self.user_kwargs: list[Any] = []
        self.where: set[tuple[int, int]] = set()

    def __call__(self, user_ret: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
        self.calls.append(user_ret)
        self.system_kwargs.append(system_kwargs)
        self.user_kwargs.append(user_kwargs)
        self.where.add((os.getpid(), threading.get_ident()))


def fail_on_3(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any] | None:
    if pset["a"] == 3:
        raise ValueError("three")
    return None if pset["a"] == 4 else {"b": pset["a"] * 2}


def by_number(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(calls, key=lambda call: call["pset"]["a"])


def test_it_sees_every_pset_with_its_result_or_its_failure(place: Place, out: Recorder) -> None:
    by_value = fail_on_3
    place.map(lambda p, s, u: by_value(p, s, u), [{"a": i, "x": "x"} for i in range(6)], out_func=out)
    calls = by_number(out.calls)
    assert [call["pset"] for call in calls] == [{"a": i, "x": "x"} for i in range(6)]
    assert [call.get("result") for call in calls] == [{"b": 0}, {"b": 2}, {"b": 4}, None, {}, {"b": 10}]
    assert set(calls[0]) == {"pset", "result"}
    assert set(calls[3]) == {"pset", "exception", "traceback"}
    assert calls[3]["exception"] == "ValueError('three')"
    assert "ValueError: three" in calls[3]["traceback"]


def test_its_values_are_native(place: Place, out: Recorder) -> None:
    place.map(lambda p, s, u: {"i": 1, "f": 0.5, "b": True, "s": "x"}, [{"a": 1}], out_func=out)
    (call,) = out.calls
    assert [type(value) for value in call["result"].values()] == [int, float, bool, str]
    assert type(call["pset"]["a"]) is int
    assert type(call["pset"]) is type(call["result"]) is dict


def test_it_runs_in_the_thread_that_called_map(place: Place, out: Recorder) -> None:
    place.map(lambda p, s, u: None, [{"a": i} for i in range(20)], out_func=out)
    assert out.where == {(os.getpid(), threading.get_ident())}


def test_it_sees_the_callers_own_user_kwargs(place: Place, out: Recorder) -> None:
    mine: dict[str, list[Any]] = {"list": []}
    place.map(lambda p, s, u: u["list"].append(1), [{"a": 1}, {"a": 2}], out_func=out, user_kwargs=mine)
    assert all(given is mine for given in out.user_kwargs)
    assert mine == {"list": []}


def test_what_it_writes_into_user_kwargs_stays(place: Place) -> None:
    mine: dict[str, Any] = {"seen": []}

    def remember(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: dict[str, Any]) -> None:
        user_kwargs["seen"].append(user_ret["pset"]["a"])

    place.map(lambda p, s, u: None, [{"a": i} for i in range(20)], out_func=remember, user_kwargs=mine)
    assert sorted(mine["seen"]) == list(range(20))


def test_it_may_hold_what_cannot_be_pickled(place: Place) -> None:
    lock, seen = threading.Lock(), []

    def locked(*args: Any) -> None:
        with lock:
            seen.append(1)

    place.map(lambda p, s, u: None, [{"a": i} for i in range(5)], out_func=locked)
    assert len(seen) == 5


def test_its_system_kwargs_have_the_name_and_what_the_caller_added(place: Place, out: Recorder) -> None:
    place.map(lambda p, s, u: None, [{"a": 1}], out_func=out, name="fit", system_kwargs={"site": "Oslo"})
    assert out.system_kwargs[0]["name"] == "fit"
    assert out.system_kwargs[0]["site"] == "Oslo"
    assert out.system_kwargs[0]["progress"].total == 1


def test_it_may_look_at_the_progress(place: Place) -> None:
    seen = []

    def look(user_ret: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
        progress = system_kwargs["progress"]
        seen.append((progress.finished + progress.failures, progress.total))

    place.map(lambda p, s, u: None, [{"a": i} for i in range(10)], out_func=look, group_size=1)
    assert all(1 <= done <= total == 10 for done, total in seen)


def test_it_sees_everything_without_keep_results(place: Place, out: Recorder) -> None:
    by_value = fail_on_3
    psets = [{"a": i} for i in range(50)]
    place.map(lambda p, s, u: by_value(p, s, u), psets, out_func=out, keep_results=False)
    assert [call["pset"]["a"] for call in by_number(out.calls)] == list(range(50))


def test_an_exception_in_it_is_counted_and_logged_and_the_map_goes_on(place: Place) -> None:
    def fail(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        if user_ret["pset"]["a"] % 2:
            raise LookupError("out of paper")

    results = place.map(lambda p, s, u: {"b": 1}, [{"a": i} for i in range(10)], out_func=fail)
    assert str(results.progress) == "total: 10, active: 0, finished: 10, failures: 0, exceptions: 5"
    assert results.missing.empty
    log = place.new_log()
    assert log.count("LookupError('out of paper')") == 5
    assert "Traceback" in log
    assert results["b"].tolist() == [1] * 10


def test_it_may_be_the_third_argument(place: Place, out: Recorder) -> None:
    place.session.map(lambda p, s, u: None, [{"a": i} for i in range(4)], out)
    assert [call["pset"]["a"] for call in by_number(out.calls)] == list(range(4))


def test_an_exception_in_it_that_cannot_be_shown_is_an_exception_like_others(place: Place) -> None:
    class Shy(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    def raise_it(*arguments: Any) -> None:
        raise Shy

    results = place.map(lambda p, s, u: {"b": 1}, [{"a": 1}, {"a": 2}], out_func=raise_it)
    assert results.progress.exceptions == 2
    assert "out_func raised <Shy, whose repr raised RuntimeError>" in place.new_log()


def test_an_exception_in_it_for_a_failed_pset_counts_no_second_failure(place: Place) -> None:
    def fail(*args: Any) -> None:
        raise LookupError

    results = place.map(lambda p, s, u: 1 / 0, [{"a": 1}, {"a": 2}], out_func=fail)
    assert str(results.progress) == "total: 2, active: 0, finished: 0, failures: 2, exceptions: 4"


def test_what_it_does_to_its_arguments_changes_no_result(place: Place) -> None:
    def vandal(user_ret: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        user_ret["pset"]["a"] = "changed"
        user_ret["result"]["b"] = "changed"
        user_ret.clear()

    results = place.map(lambda p, s, u: {"b": 1}, [{"a": i} for i in range(5)], out_func=vandal)
    assert results["a"].tolist() == list(range(5))
    assert results["b"].tolist() == [1] * 5


def test_a_key_that_both_have_is_in_both(place: Place, out: Recorder) -> None:
    place.map(lambda p, s, u: {"a": "new"}, [{"a": 1}], out_func=out)
    assert out.calls == [{"pset": {"a": 1}, "result": {"a": "new"}}]
    with pytest.raises(ValueError, match="'a'"):
        paramsurvey.flatten_results(out.calls)


def test_flatten_results_makes_rows_of_what_it_saw(place: Place, out: Recorder) -> None:
    place.map(lambda p, s, u: {"b": p["a"] * 2}, [{"a": 1}, {"a": 2}], out_func=out)
    assert paramsurvey.flatten_results(by_number(out.calls)) == [{"a": 1, "b": 2}, {"a": 2, "b": 4}]


def test_it_must_be_callable(place: Place) -> None:
    with pytest.raises(ValueError, match="out_func"):
        place.map(lambda p, s, u: None, [{"a": 1}], out_func=3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_it_ends_the_map(place: Place, error: type[BaseException]) -> None:
    def leave(*args: Any) -> None:
        raise error

    with pytest.raises(error):
        place.map(lambda p, s, u: {"b": 1}, [{"a": i} for i in range(50)], out_func=leave, group_size=1)
    last = place.session.last_results()
    assert last is not None
    assert last.progress.finished + last.progress.failures == 50
    assert place.map(lambda p, s, u: {"b": p["a"]}, [{"a": 7}])["b"].tolist() == [7]
