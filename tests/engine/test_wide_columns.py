"""Results with very many keys: the same columns as others have, from fewer and larger pieces."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.engine.collecting import collector as collector_module
from paramsurvey.engine.collecting.collector import Collector, results_by_offset, unpickled_reply
from paramsurvey.transport.messages import Group, Reply
from paramsurvey.transport.wide_results import FEW_PSETS, WideResults
from paramsurvey.worker.result_packer import MOST_COMPILED, ResultPacker

KEYS = MOST_COMPILED + 2
VALUES = st.one_of(
    st.integers(-3, 3),
    st.just(2**60),
    st.just(2**70),
    st.floats(-1, 1),
    st.booleans(),
    st.none(),
    st.text("ab"),
)


def reply_of(*results: dict[Any, Any], start: int = 0) -> Reply:
    """Return a reply as a worker makes it, having been through a pipe."""
    packer = ResultPacker()
    for offset, result in enumerate(results, start):
        packer.add(offset, result)
    made = Reply(1, start, start + len(results), columns=packer.take())
    return unpickled_reply(pickle.loads(pickle.dumps(made)))


def wide(*values: Any) -> dict[Any, Any]:
    """Return a result with these values, again and again."""
    return {f"k{place}": values[place % len(values)] for place in range(KEYS)}


def as_columns(reply: Reply) -> Reply:
    """Return the reply as if it had few keys."""
    return replace(reply, columns=dict(reply.columns.items()))


def collected(collector: Collector, total: int) -> dict[Any, list[Any]]:
    """Return all values, with their types."""
    found = {}
    for key, column in collector.columns.items():
        data, there = column.get(range(total))
        found[key] = [data.dtype, there.tolist(), [(type(one), one) for one in data[there].tolist()]]
    return found


def test_few_psets_are_sent_as_they_are_and_many_as_columns() -> None:
    assert isinstance(reply_of(wide(0.5)).columns, WideResults)
    assert isinstance(reply_of(*[wide(0.5)] * (FEW_PSETS + 1)).columns, dict)
    assert isinstance(reply_of({f"k{i}": 0.5 for i in range(MOST_COMPILED)}).columns, dict)


@pytest.mark.parametrize("value", [[1], np.zeros(2)])
def test_objects_are_pickled_one_by_one_as_ever(value: Any) -> None:
    reply = reply_of(wide(value, 1))
    assert isinstance(reply.columns, dict)
    assert type(reply.columns["k0"][0].values[0]) is type(value)


def test_numpys_numbers_become_pythons() -> None:
    reply = reply_of(wide(np.float64(0.5), np.int64(3), np.True_))
    (result,) = results_by_offset(reply).values()
    assert [type(value) for value in result.values()][:3] == [float, int, bool]


def test_out_func_gets_them_as_dicts() -> None:
    results = [wide(1, "x", 0.5), wide(2, "y", None)]
    assert results_by_offset(reply_of(*results, start=3)) == dict(enumerate(results, 3))


def test_to_others_they_are_columns() -> None:
    columns = reply_of(wide(0.5), wide(1.5)).columns
    assert len(columns) == KEYS
    assert list(columns)[:2] == ["k0", "k1"]
    assert list(columns["k1"][0].values) == [0.5, 1.5]
    assert [list(one.values) for (one,) in columns.values()] == [[0.5, 1.5]] * KEYS
    with pytest.raises(KeyError):
        columns["other"]


def test_a_result_with_other_keys_is_sent_beside_them() -> None:
    reply = reply_of(wide(0.5), {"z": 1}, {**wide(1.5), "z": 2}, wide(2.5))
    assert list(reply.columns["k0"][0].values) == [0.5, 2.5]
    assert [list(one.values) for one in reply.columns["z"]] == [[1], [2]]


@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=6), st.booleans(), st.data())
def test_the_columns_are_those_of_results_with_few_keys(
    values: list[list[Any]], together: bool, data: st.DataObject
) -> None:
    results = [wide(*some) for some in values]
    total = len(results)
    replies = (
        [(reply_of(*results), range(total))]
        if together
        else [(reply_of(result), range(row, row + 1)) for row, result in enumerate(results)]
    )
    mine, others = Collector(), Collector()
    for reply, rows in data.draw(st.permutations(replies)):
        mine.add_reply(Group(1, rows, None), reply, total)
        others.add_reply(Group(1, rows, None), as_columns(reply), total)
        if data.draw(st.booleans()):
            assert mine.columns.keys() == others.columns.keys()
    assert collected(mine, total) == collected(others, total)
    assert list(mine.columns) == list(others.columns)


@pytest.mark.parametrize("most", [3 * KEYS, 4 * KEYS - 1], ids=["three psets", "nearly four"])
def test_they_become_columns_when_they_are_too_many(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(collector_module, "MOST_WIDE_VALUES", most)
    collector = Collector()
    waiting = []
    for row in range(10):
        collector.add_reply(Group(1, range(row, row + 1), None), reply_of(wide(row / 2)), 10)
        waiting.append(len(collector._wide))
    assert waiting == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    data, there = collector.columns["k7"].get(range(10))
    assert there.all()
    assert data.tolist() == [row / 2 for row in range(10)]


def test_nan_is_one_key() -> None:
    collector = Collector()
    for row in range(2):
        result = {**wide(0.5), math.nan: row}
        collector.add_reply(Group(1, range(row, row + 1), None), reply_of(result), 2)
    assert len(collector.columns) == KEYS + 1


def test_an_interruption_while_they_become_columns_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    collector.add_reply(Group(1, range(2), None), reply_of(wide(0.5, 3), wide(1.5, 4)), 2)
    with monkeypatch.context() as patch:
        calls = iter(range(20))
        put = Collector._put

        def interrupted(*arguments: Any) -> None:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            put(*arguments)

        patch.setattr(Collector, "_put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _ = collector.columns
    found = collected(collector, 2)
    assert len(found) == KEYS
    assert list(found) == [f"k{place}" for place in range(KEYS)]
    assert found["k101"][2] == [(int, 3), (int, 4)]
