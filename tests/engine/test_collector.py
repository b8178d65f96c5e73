"""Replies in any order, results in the psets' own."""

from __future__ import annotations

import pickle
from array import array
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from paramsurvey.engine.collecting.collector import Collector, FailedPset, results_by_offset, unpickled_reply
from paramsurvey.transport.messages import Failure, FailureKind, Group, Reply
from paramsurvey.worker.result_packer import ResultPacker

NO = Failure(FailureKind.RAISED, "ValueError()")


def reply_of(results: dict[int, dict[Any, Any]], stop: int, start: int = 0, **options: Any) -> Reply:
    """Return a reply as a worker makes it, having been through a pipe."""
    packer = ResultPacker()
    for offset, result in results.items():
        packer.add(offset, result)
    return pickle.loads(pickle.dumps(Reply(1, start, stop, columns=packer.take(), **options)))  # type: ignore[no-any-return]


def test_results_are_dicts_again_for_out_func() -> None:
    results: dict[int, dict[Any, Any]] = {0: {"a": 1, "b": "x"}, 1: {}, 3: {"b": [1]}}
    reply = unpickled_reply(reply_of(results, 4, failures={2: NO}))
    assert results_by_offset(reply) == results


def test_numbers_for_out_func_are_pythons_own() -> None:
    reply = unpickled_reply(reply_of({i: {"n": i, "x": i / 2} for i in range(100)}, 100))
    assert {tuple(map(type, result.values())) for result in results_by_offset(reply).values()} == {
        (int, float)
    }


def test_values_land_at_their_rows_in_any_order() -> None:
    collector = Collector()
    for rows in (np.array([7, 9]), range(2, 4), range(2)):
        results = {i: {"r": int(row)} for i, row in enumerate(rows)}
        collector.add_reply(Group(1, rows, None), reply_of(results, len(rows)), total=10)
    values, there = collector.columns["r"].get(range(10))
    assert np.flatnonzero(there).tolist() == [0, 1, 2, 3, 7, 9]
    assert values[there].tolist() == [0, 1, 2, 3, 7, 9]


def test_columns_stand_in_the_order_of_the_first_psets_that_have_them() -> None:
    collector = Collector()
    late: dict[int, dict[Any, Any]] = {0: {"d": 1, "b": 1}, 1: {"c": 1}}
    collector.add_reply(Group(2, range(2, 4), None), reply_of(late, 2), total=4)
    assert list(collector.columns) == ["d", "b", "c"]
    early: dict[int, dict[Any, Any]] = {0: {"a": 1}, 1: {"b": 1, "a": 1, "d": "x"}}
    collector.add_reply(Group(1, range(2), None), reply_of(early, 2), total=4)
    assert list(collector.columns) == ["a", "b", "d", "c"]


def test_what_an_earlier_run_has_stored_may_come_back_in_any_order_of_rows() -> None:
    collector = Collector()
    collector.add_values("square", np.array([1, 0, 2]), np.array([1, 0, 4]), total=3)
    collector.add_values("mixed", np.array([1]), np.array([1]), total=3)
    collector.add_values("mixed", np.array([0, 2]), np.array([0.0, 0.5]), total=3)
    assert list(collector.columns) == ["square", "mixed"]


def test_without_keep_results_only_failures_are_kept() -> None:
    collector = Collector(keep_results=False)
    collector.add_reply(Group(1, range(2), None), reply_of({0: {"r": 1}}, 2, failures={1: NO}), total=2)
    collector.add_failure(1, NO, 1)
    assert collector.columns == {}
    assert list(collector.failed) == [1]


def test_only_rows_that_a_reply_has_covered_have_finished() -> None:
    collector = Collector()
    assert list(collector.finished_rows(6)) == []
    collector.add_reply(Group(1, range(4), None), reply_of({}, 4, failures={1: NO}), total=6)
    collector.add_failure(1, NO, 1)
    assert list(collector.finished_rows(6)) == [0, 2, 3]
    assert collector.failed_rows().tolist() == [1]
    assert collector.unsettled_rows(6) == [4, 5]
    collector.finished.add(range(4, 6))
    assert collector.unsettled_rows(6) == []


def test_a_row_that_alone_is_left_is_open() -> None:
    collector = Collector()
    collector.finished.add(range(3))
    assert collector.unsettled_rows(4) == [3]
    collector.add_failure(3, NO, 1)
    assert collector.unsettled_rows(4) == []


def test_rows_that_failed_are_told_in_their_order() -> None:
    collector = Collector()
    for row in (5, 3, 9, 0):
        collector.add_failure(row, NO, 1)
    assert collector.failed_rows().tolist() == [0, 3, 5, 9]


def test_a_reply_is_about_the_rows_from_its_start_on() -> None:
    collector = Collector()
    reply = reply_of({3: {"r": 1}}, 4, start=2, failures={2: NO}, walls=array("d", [1, 2]), began=9.0)
    collector.add_reply(Group(1, range(10, 16), None), reply, total=16)
    assert list(collector.finished_rows(16)) == [13]
    assert collector.times.seconds(range(10, 16)).tolist()[3] == 2


def test_a_key_without_values_is_no_column() -> None:
    collector = Collector()
    collector.add_values("r", range(0), [], total=3)
    assert collector.columns == {}


def test_when_all_have_finished_the_rows_are_a_range() -> None:
    collector = Collector()
    collector.finished.add(range(3))
    assert collector.finished_rows(3) == range(3)


def test_nan_as_a_key_is_one_column_as_in_pandas() -> None:
    collector = Collector()
    for row in range(2):
        collector.add_values(float("nan"), range(row, row + 1), [row], total=2)
    assert len(collector.columns) == 1


@dataclass
class Explodes:
    error: str

    def __reduce__(self) -> Any:
        return exec, (f"raise {self.error}('no way')",)


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit"])
def test_a_value_that_cannot_be_opened_fails_its_pset_and_takes_its_other_values_along(error: str) -> None:
    results: dict[int, dict[Any, Any]] = {
        0: {"a": 1, "b": [1]},
        1: {"a": 2, "b": Explodes(error)},
        2: {"a": 3, "b": None},
    }
    reply = unpickled_reply(reply_of(results, 3))
    assert results_by_offset(reply) == {0: {"a": 1, "b": [1]}, 2: {"a": 3, "b": None}}
    assert reply.failures[1].kind == FailureKind.UNSENDABLE
    assert f"the result 'b' cannot be loaded here ({error}('no way'))" in reply.failures[1].exception


def test_ctrl_c_while_a_value_is_opened_is_no_failure_of_its_pset() -> None:
    reply = reply_of({0: {"b": Explodes("KeyboardInterrupt")}}, 1)
    with pytest.raises(KeyboardInterrupt):
        unpickled_reply(reply)


def test_a_reply_brings_times_and_what_was_printed_too() -> None:
    collector = Collector()
    reply = reply_of(
        {0: {"a": 1}},
        3,
        failures={1: NO},
        output={0: "fine", 1: "no"},
        walls=array("d", [1, 2, 4]),
        began=9.0,
    )
    collector.add_reply(Group(1, range(5, 8), None), reply, total=8)
    assert collector.output == {5: "fine"}, "what a failure printed comes with the failure"
    assert collector.times.seconds(range(5, 8)).tolist()[::2] == [1, 4]


def test_a_failure_brings_what_it_printed() -> None:
    collector = Collector()
    collector.add_failure(3, replace(NO, output="last words"), 2)
    collector.add_failure(4, NO, 1)
    assert collector.output == {3: "last words"}
    assert collector.failed[3] == FailedPset(replace(NO, output="last words"), 2)


def test_keys_may_be_numbers() -> None:
    collector = Collector()
    collector.add_reply(Group(1, range(1), None), reply_of({0: {1.5: "a", 2.5: "b", 3: "c"}}, 1), total=1)
    assert list(collector.columns) == [1.5, 2.5, 3]


class Unreadable:
    """An object that nobody can unpickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def test_an_object_that_cannot_be_unpickled_fails_its_pset_and_shifts_no_other_value() -> None:
    sent = reply_of({0: {"o": [0], "n": 0}, 1: {"o": Unreadable(), "n": 1}, 2: {"o": [2], "n": 2}}, 3)
    reply = unpickled_reply(sent)
    assert list(reply.failures) == [1]
    assert reply.failures[1].kind is FailureKind.UNSENDABLE
    assert results_by_offset(reply) == {0: {"o": [0], "n": 0}, 2: {"o": [2], "n": 2}}
