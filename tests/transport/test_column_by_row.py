"""One column of values: packed in a worker, landing in the driver in any order."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from paramsurvey.results.table_building import series_of
from paramsurvey.transport.column_by_row import (
    Column,
    as_array,
    distinct_rows,
    numpy_index,
    rows_at,
    unpack_values,
    value_array,
)
from paramsurvey.transport.packed_columns import pack_column, to_python


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], np.int64),
        ([], np.int64),
        ([np.int8(1), 2], np.int64),
        ([np.uint64(1), np.int32(2)], np.int64),
        ([2**63 - 1, -(2**63)], np.int64),
        ([0.5, 1.0], np.float64),
        ([np.float32(0.5), 1.0], np.float64),
        ([True, False], np.bool_),
        ([np.bool_(True), False], np.bool_),
    ],
)
def test_values_of_one_kind_become_an_array(values: list[Any], dtype: Any) -> None:
    packed = value_array(values)
    assert isinstance(packed, np.ndarray)
    assert packed.dtype == dtype
    assert packed.tolist() == values


@pytest.mark.parametrize(
    "values",
    [
        [1, 0.5],
        [1, True],
        [True, 0.5],
        [1, None],
        ["x", "y"],
        [None, None],
        [2**63, 1],
        [-(2**63) - 1],
        [np.uint64(2**63), 1],
        [[1], [2]],
        [1j],
    ],
    ids=repr,
)
def test_all_others_stay_a_list_of_the_same_values_and_types(values: list[Any]) -> None:
    packed = value_array(values)
    assert isinstance(packed, list)
    assert packed == values
    assert not any(isinstance(value, np.generic) for value in packed)
    assert [type(value) for value in packed] == [
        type(value.item() if isinstance(value, np.generic) else value) for value in values
    ]


def test_a_large_unsigned_number_of_numpy_does_not_wrap_around() -> None:
    assert list(value_array([np.uint64(2**64 - 1), np.uint64(1)])) == [2**64 - 1, 1]


def test_numpys_dates_stay_or_become_those_of_pandas() -> None:
    dates = [np.datetime64("2020-01-01T00:00:00.123456789"), np.timedelta64(1, "ns"), None]
    assert to_python(dates) == dates
    assert [type(value) for value in to_python(dates)] == [np.datetime64, np.timedelta64, type(None)]
    assert to_python(dates, dates=True) == [pd.Timestamp(dates[0]), pd.Timedelta(1, "ns"), None]
    assert isinstance(to_python(dates, dates=True)[0], datetime.datetime)


@pytest.mark.parametrize(
    "values",
    [
        [1, np.int8(2), np.float32(0.5), np.bool_(True), np.str_("x"), None],
        np.array([1, 2]),
        np.array([1, np.int8(2), "x"], dtype=object),
        pd.Series([0.5, 1.5]),
        pd.Index(["x", "y"]),
        (1, 2),
    ],
    ids=lambda values: type(values).__name__,
)
def test_values_of_any_column_become_pythons_own(values: Any) -> None:
    found = to_python(values)
    assert found == list(values)
    assert not any(isinstance(value, np.generic) for value in found)


def test_a_packed_column_keeps_numbers_of_each_kind_together() -> None:
    columns = pack_column(range(6), [1, 0.5, 2, None, "x", 1.5])
    found = {getattr(unpack_values(part.values), "dtype", list): part for part in columns}
    assert list(found[np.dtype("int64")].offsets) == [0, 2]
    assert list(found[np.dtype("float64")].offsets) == [1, 5]
    assert list(found[list].offsets) == [3, 4]
    assert found[list].values == [None, "x"]


@pytest.mark.parametrize(
    ("rows", "offsets", "expected"),
    [
        (range(10, 20), [0, 3], [10, 13]),
        (range(10, 20, 3), [0, 1, 3], [10, 13, 19]),
        (np.array([5, 7, 9]), [1, 2], [7, 9]),
    ],
)
def test_pick(rows: Any, offsets: list[int], expected: list[int]) -> None:
    assert list(rows_at(rows, np.array(offsets))) == expected
    assert rows_at(rows, np.arange(len(rows))) is rows


def test_where_is_a_slice_where_it_can_be() -> None:
    assert numpy_index(range(3, 9, 2)) == slice(3, 9, 2)
    assert numpy_index(np.array([1, 5])).tolist() == [1, 5]  # type: ignore[union-attr]


def test_a_column_grows_as_more_psets_become_known() -> None:
    column = Column()
    for row in range(50):
        column.make_room(row + 1)
        column.put(range(row, row + 1), [row, 0.5, "x"][row % 3 : row % 3 + 1])
    values, there = column.get(range(50))
    assert there.all()
    assert values.tolist() == [[row, 0.5, "x"][row % 3] for row in range(50)]


def test_rows_beyond_the_last_that_landed_are_not_there() -> None:
    column = Column()
    column.make_room(2)
    column.put(range(1, 2), np.array([7]))
    _, there = column.get(range(5))
    assert there.tolist() == [False, True, False, False, False]


VALUES = st.one_of(
    st.integers(-5, 5),
    st.integers(2**53 - 1, 2**53 + 3),
    st.integers(2**63 - 2, 2**64 + 1),
    st.integers(-(2**65), -(2**53)),
    st.floats(-5, 5, width=16),
    st.sampled_from([float("nan"), float("inf"), 2.0**60]),
    st.booleans(),
    st.none(),
    st.sampled_from(["x", "y"]),
    st.sampled_from([(1, 2), (3,)]),
)
KINDS = st.one_of(
    st.integers(-5, 5).map(lambda value: st.just(value)),
    st.just(st.integers(-(2**40), 2**40)),
    st.just(st.one_of(st.integers(-5, 5), st.floats(-5, 5, width=16))),
    st.just(st.one_of(st.integers(2**53 - 1, 2**53 + 3), st.floats(-5, 5, width=16))),
    st.just(VALUES),
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_column_depends_on_its_values_alone_not_on_how_they_arrive(data: st.DataObject) -> None:
    values = data.draw(st.lists(data.draw(KINDS), min_size=1, max_size=12))
    missing = data.draw(st.sets(st.integers(0, len(values) - 1), max_size=len(values) - 1))
    rows = [row for row in range(len(values)) if row not in missing]
    column = Column()
    column.make_room(len(values))
    for chosen in cut(data, data.draw(st.permutations(rows))):
        at = np.array(sorted(chosen))
        for part in pack_column(range(len(at)), [values[row] for row in at]):
            column.put(rows_at(at, part.offsets), unpack_values(part.values))
    expected = pd.Series([value if row in rows else float("nan") for row, value in enumerate(values)])
    assert_series_equal(series_of(column, range(len(values))), expected)
    assert_series_equal(series_of(column, np.array(rows)), pd.Series([values[row] for row in rows]))


def cut(data: st.DataObject, rows: list[int]) -> list[list[int]]:
    """Cut rows into random pieces."""
    pieces = []
    while rows:
        size = data.draw(st.integers(1, len(rows)))
        pieces.append(rows[:size])
        rows = rows[size:]
    return pieces


def test_row_numbers_become_arrays_whatever_the_step_of_their_range() -> None:
    assert as_array(range(3, 12, 4)).tolist() == as_array(np.array([3, 7, 11])).tolist() == [3, 7, 11]


def test_rows_of_several_pieces_are_put_in_order_and_occur_once() -> None:
    assert distinct_rows([np.array([5, 7]), np.array([0, 2, 5]), np.array([7])]).tolist() == [0, 2, 5, 7]
    assert distinct_rows([np.array([4, 3])]).tolist() == [3, 4]
    assert distinct_rows([]).tolist() == []
