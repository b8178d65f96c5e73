"""What a worker function may return, and what becomes of that or of what it raises, on every backend."""

from __future__ import annotations

import linecache
import sys
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs

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
        of_threads: dict[int, dict[str, Any]] = {}  # a buffer that threads share is a mistake of the user's

        def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
            buffers = of_threads.setdefault(threading.get_ident(), {})
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


CELL = """
def worker(pset, system_kwargs, user_kwargs):
    def inner():
        raise ValueError("no")  # of a cell
    inner()
"""


def test_a_traceback_shows_file_line_and_source_of_code_that_is_in_no_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = "/tmp/ipykernel_7/cell.py"
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(CELL, cell, "exec"), names)
    monkeypatch.setitem(linecache.cache, cell, (len(CELL), None, CELL.splitlines(keepends=True), cell))
    results = place.map(names["worker"], [{"a": 1}])
    (traceback,) = results.missing["_traceback"]
    assert f'File "{cell}", line 5, in worker\n    inner()\n' in traceback
    assert f'File "{cell}", line 4, in inner\n    raise ValueError("no")  # of a cell\n' in traceback
    assert f"{cell}:4 in inner" in results.missing.summary().to_string()


def test_a_function_in_a_pset_and_one_in_a_result_keep_their_file(place: Place) -> None:
    psets = [{"f": lambda: 1}]
    results = place.map(lambda p, s, u: {"r": p["f"].__code__.co_filename, "g": lambda: 1}, psets)
    assert results["r"].tolist() == [__file__]
    assert results["g"][0].__code__.co_filename == __file__


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


@needs("concurrent")
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


def hostile_exceptions() -> dict[str, Any]:
    """Return exceptions whose classes do harm when one looks at them."""

    class NoTraceback(Exception):
        def with_traceback(self, traceback: Any) -> Any:
            raise SystemExit(3)

    class NoName(type):
        armed = False

        def __getattribute__(cls, name: str) -> Any:
            if name in ("__name__", "__qualname__", "__module__") and NoName.armed:
                raise SystemExit(3)
            return super().__getattribute__(name)

    class Nameless(Exception, metaclass=NoName):
        def __init__(self) -> None:
            NoName.armed = True

        def __repr__(self) -> str:
            raise SystemExit(3)

    class NoArguments(Exception):
        @property
        def args(self) -> Any:  # type: ignore[override]
            raise SystemExit(3)

    class Text(str):
        def __len__(self) -> int:
            raise SystemExit(3)

        def __reduce_ex__(self, protocol: Any) -> Any:
            raise SystemExit(3)

    class OddRepr(Exception):
        def __repr__(self) -> str:
            return Text("OddRepr")

    class OddNotes(Exception):
        __notes__ = 3  # type: ignore[assignment]

    kinds = (NoTraceback, Nameless, NoArguments, OddRepr, OddNotes)
    return {kind.__name__: kind for kind in kinds}


@pytest.mark.parametrize("name", ["NoTraceback", "Nameless", "NoArguments", "OddRepr", "OddNotes"])
def test_an_exception_that_does_harm_when_one_looks_at_it_is_a_failure_like_others(
    place: Place, name: str
) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        if pset["a"] == 2:
            raise hostile_exceptions()[name]()
        return {"b": 1}

    results = place.map(worker, [{"a": i} for i in range(4)])
    assert results["a"].tolist() == [0, 1, 3]
    assert name in results.missing["_exception"][0]
    assert results.progress.exceptions == 1


def test_a_retry_on_that_does_harm_when_it_is_compared_costs_the_pset_that_failed(place: Place) -> None:
    class Harmful(type):
        def __instancecheck__(cls, thing: object) -> bool:
            raise SystemExit(3)

    class Harm(Exception, metaclass=Harmful):
        pass

    psets = [{"a": i} for i in range(4)]
    results = place.map(lambda pset, *rest: {"b": 1 / (pset["a"] - 2)}, psets, retries=1, retry_on=Harm)
    assert results["a"].tolist() == [0, 1, 3]
    assert "ZeroDivisionError" in results.missing["_exception"][0]


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


@pytest.mark.parametrize(
    "junk", [3.0, ["x"], "abc", [None], {"a": 1}, [[1.0]], [10**400]], ids=lambda one: repr(one)[:20]
)
def test_raw_stats_that_hold_no_seconds_cost_their_pset_only(place: Place, junk: Any) -> None:
    def worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, int]:
        if pset["a"] == 1:
            system_kwargs["raw_stats"]["timer"] = junk
        return {"b": 1}

    results = place.map(worker, [{"a": i} for i in range(4)])
    assert results["a"].tolist() == [0, 2, 3]
    assert "raw_stats" in results.missing["_exception"][0]
