"""Results become columns as they come, whatever keys they have."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from paramsurvey.errors import NotPicklable
from paramsurvey.worker.result_packer import Columns, ResultPacker


def values_of(columns: Columns) -> dict[Any, dict[int, Any]]:
    """Return the values by key and offset."""
    return {
        key: {
            offset: value
            for segment in segments
            for offset, value in zip(segment.offsets, list(segment.values), strict=True)
        }
        for key, segments in columns.items()
    }


def packed(results: dict[int, dict[Any, Any]]) -> ResultPacker:
    packer = ResultPacker()
    for offset, result in results.items():
        packer.add(offset, result)
    return packer


def test_results_with_the_same_keys_are_columns_in_the_order_of_the_first() -> None:
    columns = packed({0: {"a": 1, "b": 2.5}, 1: {"b": 3.5, "a": 2}}).take()
    assert list(columns) == ["a", "b"]
    assert values_of(columns) == {"a": {0: 1, 1: 2}, "b": {0: 2.5, 1: 3.5}}


def test_psets_without_a_result_and_results_with_other_keys_have_no_values() -> None:
    results = {0: {"a": 1}, 2: {"a": 2, "b": "x"}, 3: {}, 5: {"b": "y"}, 6: {"a": 3}}
    assert values_of(packed(results).take()) == {"a": {0: 1, 2: 2, 6: 3}, "b": {2: "x", 5: "y"}}


@pytest.mark.parametrize("key", [1, None, ("a", 2), "a b", "'", float("nan")], ids=repr)
def test_any_key_that_can_be_pickled_is_allowed(key: Any) -> None:
    assert values_of(packed({0: {key: 1}, 1: {key: 2}}).take()) == {key: {0: 1, 1: 2}}


def test_a_mutable_value_is_pickled_at_once() -> None:
    again: list[int] = []
    packer = ResultPacker()
    for offset in range(3):
        again.append(offset)
        packer.add(offset, {"a": again})
    assert packer.pickled_bytes > 0
    values = values_of(packer.take())["a"]
    assert [values[offset].load() for offset in range(3)] == [[0], [0, 1], [0, 1, 2]]
    assert packer.pickled_bytes == 0


def test_of_a_result_that_cannot_be_pickled_nothing_is_added() -> None:
    packer = packed({0: {"a": 1, "b": 2}})
    with pytest.raises(NotPicklable, match="'b'"):
        packer.add(1, {"a": 1, "b": threading.Lock()})
    packer.add(2, {"a": 3, "b": 4})
    assert values_of(packer.take()) == {"a": {0: 1, 2: 3}, "b": {0: 2, 2: 4}}


def test_some_results_can_be_read_while_more_are_added() -> None:
    packer = packed({offset: {"a": offset} for offset in range(10)})
    assert values_of(packer.columns(2, 5)) == {"a": {2: 2, 3: 3, 4: 4}}
    packer.add(10, {"a": 10})
    assert values_of(packer.take(5, 11)) == {"a": {offset: offset for offset in range(5, 11)}}
    assert packer.take() == {}


def test_the_function_that_adds_results_stays_valid_after_results_were_taken() -> None:
    packer = packed({0: {"a": 1}})
    add = packer.add
    packer.take()
    add(1, {"a": 2})
    assert values_of(packer.take()) == {"a": {1: 2}}
