"""Which psets are missing when a function that takes many psets fails: only those that make it fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramsurvey.testing.contract.batches import (
    BAD,
    COUNT,
    faulty,
    only_the_bad_are_missing,
    psets,
    raise_error,
)
from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs


def test_psets_that_raise_stand_alone(place: Place, in_tmp: Path) -> None:
    calls = str(in_tmp / "calls")

    def square(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        with open(calls, "ab") as file:
            file.write(b".")
        if np.isin(psets["i"], BAD).any():
            raise ValueError("a bad pset is among them")
        return {"square": psets["i"] ** 2}

    results = place.map(square, psets(), batch=COUNT)
    missing = only_the_bad_are_missing(results)
    assert missing["_exception"].str.contains("a bad pset is among them").all()
    assert missing["_attempts"].tolist() == [1, 1, 1]
    assert os.path.getsize(calls) <= 16 + 3 * 2 * 9, "about two calls for each halving of each bad pset"


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "left out": (lambda psets: {"square": psets["i"][~np.isin(psets["i"], BAD)] ** 2}, "0 values"),
    "twice": (
        lambda psets: {"square": np.repeat(psets["i"], 1 + np.isin(psets["i"], BAD)) ** 2},
        "2 values",
    ),
    "a scalar": (lambda psets: {"square": 1.0}, "one value for each pset"),
    "no dict": (lambda psets: 1.0, "must return a dict of columns"),
    "nothing for all": (lambda psets: {"square": []}, "0 values"),
    "columns of different lengths": (
        lambda psets: {"square": psets["i"] ** 2, "more": [*psets["i"], 1]},
        "'more' has 2 values",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_psets_with_a_wrong_number_of_values_stand_alone(place: Place, kind: str) -> None:
    fault, text = WRONG[kind]
    missing = only_the_bad_are_missing(place.map(faulty(fault), psets(), batch=True, retries=2))
    assert missing["_exception"].str.contains(text).all()
    assert missing["_attempts"].tolist() == [1, 1, 1], "what is wrong with a function stays wrong"


def test_a_value_that_cannot_be_pickled_fails_its_pset(place: Place) -> None:
    def a_file() -> Any:
        with open(os.devnull) as file:
            return file  # closed, for nobody would close it later; it cannot be pickled either

    def worker(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"square": [a_file() if i in BAD else int(i**2) for i in psets["i"]]}

    missing = only_the_bad_are_missing(place.map(worker, psets(), batch=True))
    assert missing["_exception"].str.contains("cannot be pickled").all()


def test_a_pset_that_cannot_be_loaded_fails_alone(place: Place, not_loadable: Any) -> None:
    def worker(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return {"square": psets["i"] ** 2}

    given = [{"i": i, "thing": not_loadable if i in BAD else [i]} for i in range(COUNT)]
    only_the_bad_are_missing(place.map(worker, given, batch=True))


SYSTEMATIC: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an array": (lambda psets: psets["i"], "must return a dict of columns"),
    "a scalar": (lambda psets: {"mean": 1.5}, "return an array or a list"),
    "a numpy scalar": (lambda psets: {"mean": psets["i"].mean()}, "return one value for each pset"),
    "a string": (lambda psets: {"text": "some"}, "return an array or a list"),
    "a structured array": (
        lambda psets: {"both": np.zeros(len(psets["i"]), dtype=[("x", float)])},
        "return its fields as columns",
    ),
    "the psets": (lambda psets: {**psets, "square": psets["i"] ** 2}, "return new columns only"),
    "one value for all": (lambda psets: {"mean": [psets["i"].mean()]}, "1 value, and the batch has"),
    "differences": (lambda psets: {"step": np.diff(psets["i"])}, "return one value for each pset"),
    "two for each": (lambda psets: {"both": np.repeat(psets["i"], 2)}, "return one value for each pset"),
    "none for each": (lambda psets: {"none": []}, "return one value for each pset"),
}


@pytest.mark.parametrize("kind", SYSTEMATIC)
def test_a_function_that_is_wrong_for_all_psets_is_not_called_for_each(
    place: Place, in_tmp: Path, kind: str
) -> None:
    fault, text = SYSTEMATIC[kind]
    calls = str(in_tmp / "calls")

    def worker(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        with open(calls, "ab") as file:
            file.write(b".")
        return fault(psets)

    results = place.map(worker, psets(), batch=COUNT, retries=2)
    assert len(results.missing) == COUNT
    assert results.missing["_exception"].str.contains(text, regex=False).all()
    assert os.path.getsize(calls) < COUNT / 2


def test_retries_run_a_bad_pset_alone(place: Place, in_tmp: Path) -> None:
    marker = str(in_tmp / "failed")

    def worker(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        if 7 in psets["i"] and (len(psets["i"]) > 1 or not os.path.exists(marker)):
            if len(psets["i"]) == 1:
                open(marker, "w").close()
            raise ValueError("not yet")
        return {"square": psets["i"] ** 2}

    results = place.map(worker, psets(), batch=True, retries=1)
    assert results["square"].tolist() == [i**2 for i in range(COUNT)]
    assert results.progress.retried == 1


@needs("replaces_workers")
@pytest.mark.parametrize("kind", ["SIGKILL", "exit"])
def test_psets_whose_worker_dies_stand_alone(place: Place, kind: str) -> None:
    def die(psets: Any) -> None:
        if kind == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)

    bad = [150]
    missing = only_the_bad_are_missing(place.map(faulty(die, bad), psets(), batch=True), bad)
    assert ("SIGKILL" if kind == "SIGKILL" else "exit code 3") in missing["_exception"].iloc[0]
    assert missing["_attempts"].tolist() == [2], "the batches that it died with were no attempts"


@needs("replaces_workers")
def test_psets_that_take_too_long_stand_alone(place: Place) -> None:
    bad = [40]

    def stuck(psets: Any) -> None:
        time.sleep(1000)

    results = place.map(faulty(stuck, bad), psets(), batch=8, timeout=1.0)
    missing = only_the_bad_are_missing(results, bad)
    assert "timeout=1" in missing["_exception"].iloc[0]
    assert missing["_attempts"].tolist() == [1]


@needs("replaces_workers")
def test_a_pset_that_dies_and_one_that_raises_are_both_found(place: Place) -> None:
    def worker(psets: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        if 11 in psets["i"]:
            os._exit(3)
        if 12 in psets["i"]:
            raise ValueError("a bad pset is among them")
        return {"square": psets["i"] ** 2}

    missing = only_the_bad_are_missing(place.map(worker, psets(), batch=32), [11, 12])
    assert "exit code 3" in missing["_exception"].iloc[0]
    assert "a bad pset" in missing["_exception"].iloc[1]


@needs("replaces_workers")
def test_a_pset_that_needs_too_much_memory_stands_alone(place: Place) -> None:
    bad = [5]

    def need_memory(psets: Any) -> None:
        held = np.ones(60_000_000)  # 480 MB
        time.sleep(1000)
        del held

    results = place.map(faulty(need_memory, bad), psets(), batch=4, max_worker_memory="400MB")
    missing = only_the_bad_are_missing(results, bad)
    assert "max_worker_memory" in missing["_exception"].iloc[0]


def test_max_failures_ends_the_map(place: Place) -> None:
    results = place.map(faulty(raise_error, list(range(0, COUNT, 2))), psets(), batch=4, max_failures=3)
    reasons = results.missing["_exception"]
    assert reasons.str.contains("not run").any()


def test_a_missing_pset_can_be_reproduced(place: Place) -> None:
    results = place.map(faulty(raise_error), psets(), batch=True)
    with pytest.raises(ValueError, match="a bad pset"):
        results.missing.reproduce(0)
