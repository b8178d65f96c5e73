"""When and where psets ran, written into a part and read again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format import time_columns as module
from paramsurvey.checkpoint.format.time_columns import (
    HOSTS,
    TIME_TYPES,
    failed_time_columns,
    join_times,
    read_times,
    time_columns,
)
from paramsurvey.engine.collecting.pset_times import Times
from paramsurvey.transport.messages import Ran

UNKNOWN = Ran(math.nan, math.nan, 0, "")


@pytest.fixture(autouse=True, params=[3, 1 << 14], ids=["small pieces", "pieces"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module._chunk.cache_clear()
    monkeypatch.setattr(module, "CHUNK", request.param)
    yield
    module._chunk.cache_clear()


def of_one_worker(count: int, worker: int = 4, host: str = "n1", attempts: Any = ()) -> Times:
    """Return times as `times_of` makes them of a reply."""
    return Times(
        np.arange(count, dtype=np.float32) / 4,
        1e9 + np.arange(count) / 8,
        np.broadcast_to(np.int64(worker), count),
        np.broadcast_to(np.int64(0), count),
        (host,),
        dict(attempts),
    )


def rans(times: Times) -> list[Ran]:
    return [times.ran(place) for place in range(len(times))]


def arrays(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {key: pa.concat_arrays(getattr(column, "chunks", [column])) for key, column in columns.items()}


def read_back(*batch: Times) -> Times:
    columns = time_columns(batch)
    assert {key: column.type for key, column in columns.items()} == {**TIME_TYPES, "host": HOSTS}
    return read_times(arrays(columns), sum(map(len, batch)))


def same(some: list[Ran], others: list[Ran]) -> bool:
    return repr(some) == repr(others)  # nan is not nan


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 9])
def test_the_times_of_a_reply_are_read_as_they_were(count: int) -> None:
    wrote = of_one_worker(count, attempts={count - 1: 3})
    read = read_back(wrote)
    assert same(rans(read), rans(wrote))
    assert dict(read.attempts) == {count - 1: 3}


def test_those_of_several_replies_follow_each_other() -> None:
    batch = [of_one_worker(4), of_one_worker(2, 7, "n2", {1: 2}), of_one_worker(5, 0, "")]
    read = read_back(*batch)
    assert same(rans(read), [ran for times in batch for ran in rans(times)])
    assert dict(read.attempts) == {5: 2}
    assert [ran.host for ran in rans(read)] == ["n1"] * 4 + ["n2"] * 2 + [""] * 5
    assert read.worker.tolist() == [4] * 4 + [7] * 2 + [0] * 5


def test_each_pset_may_have_run_elsewhere_and_some_of_it_may_not_be_known() -> None:
    wrote = Times(
        np.array([1, np.nan, 3, 4], dtype=np.float32),
        np.array([1e9, 2e9, np.nan, np.inf]),
        np.array([5, 0, 7, 5]),
        np.array([0, 1, 2, 0]),
        ("n1", "", "n2"),
    )
    read = read_back(wrote)
    nan = math.nan
    expected = [Ran(1.0, 1e9, 5, "n1"), Ran(nan, 2e9, 0, ""), Ran(3.0, nan, 7, "n2"), Ran(4.0, nan, 5, "n1")]
    assert same(rans(read), expected)
    assert read.attempts == {}


def test_the_begin_is_kept_to_the_microsecond() -> None:
    wrote = of_one_worker(4)
    wrote.began[:] = [0.0, 1e-6, 1.6e9 + 0.1234564, 1.6e9 + 0.1234566]
    start = time_columns([wrote])["start"].cast(pa.int64()).to_pylist()
    assert start == [0, 1, 1_600_000_000_123_456, 1_600_000_000_123_457]


def test_what_nobody_knows_is_null() -> None:
    columns = arrays(failed_time_columns([UNKNOWN, Ran(0.5, 1e9, 3, "n1")]))
    assert {key: column.null_count for key, column in columns.items()} == dict.fromkeys(columns, 1)
    assert {key: TIME_TYPES[key] for key in columns} == {key: one.type for key, one in columns.items()}
    assert same(rans(read_times(columns, 2)), [UNKNOWN, Ran(0.5, 1e9, 3, "n1")])


def test_without_the_columns_nothing_is_known() -> None:
    read = read_times({}, 3)
    assert len(read) == 3
    assert same(rans(read), [UNKNOWN] * 3)
    assert read.attempts == {}


def test_the_columns_of_several_parts_follow_each_other_and_what_none_has_is_left_out() -> None:
    written = [time_columns([of_one_worker(2, host="")]), time_columns([of_one_worker(3, 7, "", {0: 2})])]
    batch = [{key: columns[key].cast(kind) for key, kind in TIME_TYPES.items()} for columns in written]
    joined = join_times(batch)
    assert set(joined) == set(TIME_TYPES) - {"host"}
    assert joined["worker"].to_pylist() == [4, 4, 7, 7, 7]
    assert joined["attempts"].to_pylist() == [1, 1, 2, 1, 1]
