"""Every fault costs its own pset and nothing else, on every backend that can have it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs

COUNT, FAULTY = 20, 7
PSETS = [{"i": i} for i in range(COUNT)]
OTHERS = [i for i in range(COUNT) if i != FAULTY]


def faulty_at_one_pset(fault: Callable[[], Any]) -> Callable[..., Any]:
    """Return a worker function that squares, but for one pset."""

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> Any:
        if pset["i"] == FAULTY:
            return fault()
        return {"square": pset["i"] ** 2}

    return worker


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def leave() -> None:
    os._exit(3)


def block_the_interpreter() -> None:
    """Sleep in C code that never gives the interpreter's lock back."""
    ctypes.PyDLL(None).sleep(1000)


def only_the_faulty_pset_is_missing(results: Any) -> dict[str, Any]:
    """Check that, and return the row of the pset with the fault."""
    assert results["i"].tolist() == OTHERS
    assert results["square"].tolist() == [i**2 for i in OTHERS]
    assert results.missing["i"].tolist() == [FAULTY]
    row: dict[str, Any] = next(results.missing.iterdicts())
    return row


# a worker dies


@needs("replaces_workers")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (kill_me, "SIGKILL (possibly out of memory)"),
        (crash, "SIGSEGV"),
        (abort, "SIGABRT"),
        (leave, "exit code 3"),
    ],
)
def test_a_worker_that_dies_costs_its_pset(place: Place, fault: Callable[[], None], reason: str) -> None:
    row = only_the_faulty_pset_is_missing(place.map(faulty_at_one_pset(fault), PSETS))
    assert reason in row["_exception"]
    assert row["_attempts"] == 2, "it was tried once more, alone"


@needs("replaces_workers")
def test_a_crash_is_explained_by_the_stack_where_it_happened(place: Place) -> None:
    row = only_the_faulty_pset_is_missing(place.map(faulty_at_one_pset(crash), PSETS))
    assert "Segmentation fault" in row["_traceback"]
    assert "in crash" in row["_traceback"]


@needs("replaces_workers")
def test_the_last_words_of_a_worker_are_kept(place: Place) -> None:
    def say_and_leave() -> None:
        print("the disk of node 7 is on fire", file=sys.stderr, flush=True)
        os._exit(4)

    row = only_the_faulty_pset_is_missing(place.map(faulty_at_one_pset(say_and_leave), PSETS))
    assert "the disk of node 7 is on fire" in row["_traceback"]


@needs("replaces_workers")
def test_a_pset_whose_worker_dies_by_accident_finishes_at_its_second_attempt(
    place: Place, in_tmp: Path
) -> None:
    marker = in_tmp / "was here"

    def die_once() -> dict[str, int]:
        if not marker.exists():
            marker.touch()
            kill_me()
        return {"square": FAULTY**2}

    results = place.map(faulty_at_one_pset(die_once), PSETS)
    assert results["square"].tolist() == [i**2 for i in range(COUNT)]
    assert results.progress.retried == 1


@needs("replaces_workers")
@pytest.mark.parametrize("group_size", [1, 5, 100, None])
def test_a_dead_worker_costs_nothing_else_whatever_the_groups(place: Place, group_size: int | None) -> None:
    results = place.map(faulty_at_one_pset(kill_me), PSETS, group_size=group_size)
    only_the_faulty_pset_is_missing(results)


@needs("replaces_workers")
def test_many_dead_workers_cost_their_psets_alone(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["i"] % 10 == 3:
            kill_me()
        return {"square": pset["i"] ** 2}

    results = place.map(worker, [{"i": i} for i in range(60)])
    assert results.missing["i"].tolist() == list(range(3, 60, 10))
    assert results["i"].tolist() == [i for i in range(60) if i % 10 != 3]


# faults that no worker dies of


def test_sys_exit_costs_its_pset_and_names_the_code(place: Place) -> None:
    row = only_the_faulty_pset_is_missing(place.map(faulty_at_one_pset(lambda: sys.exit(3)), PSETS))
    assert "SystemExit(3)" in row["_exception"]


def test_an_exception_costs_its_pset(place: Place) -> None:
    row = only_the_faulty_pset_is_missing(place.map(faulty_at_one_pset(lambda: 1 / 0), PSETS))
    assert "ZeroDivisionError" in row["_exception"]
    assert row["_attempts"] == 1


# time


@needs("replaces_workers")
@pytest.mark.parametrize(
    "stuck", [lambda: time.sleep(1000), block_the_interpreter], ids=["in Python", "in C code"]
)
def test_a_pset_that_takes_too_long_is_stopped(place: Place, stuck: Callable[[], None]) -> None:
    row = only_the_faulty_pset_is_missing(place.map(faulty_at_one_pset(stuck), PSETS, timeout=2.0))
    assert "timeout=2" in row["_exception"]


@needs("replaces_workers")
def test_the_clock_of_a_pset_starts_when_the_pset_does(place: Place) -> None:
    def slow(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        time.sleep(0.5)

    results = place.map(slow, PSETS[:10], group_size=5, timeout=2.0)
    assert results.progress.finished == 10, "none of them was alone above the limit; the group was"


# trying again


class Counted:
    """Counts the calls for each pset in files: they survive the worker, and are seen by all."""

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)

    def call(self, pset: dict[str, Any]) -> int:
        with open(f"{self.directory}/{pset['i']}", "ab") as file:
            file.write(b".")
            return file.tell()


def failing_before(counted: Counted, attempt: int, error: type[Exception] = ValueError) -> Callable[..., Any]:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["i"] == FAULTY and counted.call(pset) < attempt:
            raise error("not yet")
        return {"square": pset["i"] ** 2}

    return worker


def test_retries_run_a_pset_again_until_it_finishes(place: Place, in_tmp: Path) -> None:
    results = place.map(failing_before(Counted(in_tmp), attempt=3), PSETS, retries=2)
    assert results["i"].tolist() == list(range(COUNT))
    assert results.progress.retried == 2


def test_retries_end(place: Place, in_tmp: Path) -> None:
    row = only_the_faulty_pset_is_missing(
        place.map(failing_before(Counted(in_tmp), attempt=10), PSETS, retries=2)
    )
    assert row["_attempts"] == 3


def test_only_what_retry_on_names_is_tried_again(place: Place, in_tmp: Path) -> None:
    worker = failing_before(Counted(in_tmp), attempt=2, error=KeyError)
    row = only_the_faulty_pset_is_missing(place.map(worker, PSETS, retries=3, retry_on=(OSError,)))
    assert row["_attempts"] == 1
    results = place.map(worker, PSETS, retries=3, retry_on=(OSError, LookupError))
    assert results["i"].tolist() == list(range(COUNT))


# failing fast


def test_max_failures_ends_the_map_early(place: Place) -> None:
    def typo(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> Any:
        return pset["no such key"]

    results = place.map(typo, [{"i": i} for i in range(2000)], max_failures=3, group_size=1)
    reasons = results.missing["_exception"]
    assert len(results.missing) == 2000
    assert 3 <= reasons.str.contains("KeyError").sum() < 500
    assert reasons.str.contains("not run").sum() > 1500
    assert (results.missing.loc[reasons.str.contains("not run"), "_attempts"] == 0).all()
