"""The rows of several parts as one table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format.codecs import Piece, encode
from paramsurvey.checkpoint.format.part_table import PartTable, join_tables
from paramsurvey.checkpoint.format.schema import StoredColumn, printed_column, pset_column, to_table
from paramsurvey.checkpoint.typed_hash import HashPairs, hash_values


def column(role: str, key: Any, values: list[Any]) -> StoredColumn:
    pieces: list[Piece] = [(slice(0, len(values)), values)]
    return pset_column(key, encode(pieces, len(values)), pieces, role=role)


def part(start: int, psets: list[Any], results: dict[Any, list[Any]], printed: str = "") -> PartTable:
    columns = [column("pset", "a", psets), *(column("result", key, cells) for key, cells in results.items())]
    columns += printed_column({0: printed} if printed else {}, len(psets))
    positions = pa.array(range(start, start + len(psets)), pa.int64())
    return PartTable(to_table(positions, columns, ["a"]), unpickle=True)


def cells(table: PartTable, role: str, key: Any) -> dict[int, Any]:
    """Return the values of a column by their positions."""
    (stored,) = [one for one in table.columns(role) if one.key == key]
    found: dict[int, Any] = {}
    for at, values in table.pieces(stored):
        natives = values.tolist() if isinstance(values, np.ndarray) else values
        found.update(zip(table.positions[at].tolist(), natives, strict=True))
    return found


def test_columns_keep_their_names() -> None:
    parts = [part(0, [1, 2], {"b": [5, 6], "a": [7, 8]}), part(2, [3], {"b": [9], "a": [0]})]
    names = parts[0].arrow.column_names
    assert {"a", "b", "_result a"} <= set(names)
    assert join_tables(parts).column_names == names


@pytest.mark.parametrize("helper", ["_kinds of a", "_identity of a"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_psets_key_may_be_what_a_helper_column_is_called(helper: str, is_first: bool) -> None:
    values = {"a": [{1}, None], helper: [5, 6]}
    keys = sorted(values, reverse=is_first)
    columns = [column("pset", key, values[key]) for key in keys]
    whole = PartTable(to_table(pa.array([0, 1], pa.int64()), columns, keys), unpickle=True)
    assert {key: list(cells(whole, "pset", key).values()) for key in keys} == values
    assert list(whole.pset_columns()) == keys


@pytest.mark.parametrize(
    ("first", "second"),
    [([1, 2], [3]), ([1, 2], [0.5]), ([1, 2], ["x"]), ([{1}, None], [{2}]), ([None, 0.5], [float("inf")])],
)
def test_values_stay_where_they_belong_whatever_they_are(first: list[Any], second: list[Any]) -> None:
    parts = [part(0, first, {"b": first}), part(5, second, {"b": second})]
    whole = PartTable(join_tables(parts), unpickle=True)
    expected = {**dict(enumerate(first)), 5: second[0]}
    for role, key in (("pset", "a"), ("result", "b")):
        found = cells(whole, role, key)
        assert found == expected
        assert [type(found[at]) for at in found] == [type(expected[at]) for at in found]
    assert whole.positions.tolist() == [0, 1, 5]


def test_what_one_part_does_not_have_is_missing() -> None:
    whole = PartTable(join_tables([part(0, [1], {"b": [5]}), part(1, [2], {"c": [6]}, printed="hello")]))
    assert cells(whole, "result", "b") == {0: 5}
    assert cells(whole, "result", "c") == {1: 6}
    assert whole.printed(range(10, 12)) == {11: "hello"}


@pytest.mark.parametrize("psets", [[1, 2, 3], [{1}, {2}, {3}], [1, "x", None]])
def test_psets_of_some_rows_are_the_same_psets(psets: list[Any]) -> None:
    whole = part(0, psets, {"b": [5, 6, 7]})
    some = whole.take(np.array([2, 0]))
    assert len(some) == 2
    assert cells(some, "result", "b") == {2: 7, 0: 5}
    slices = list(whole.slices(2))
    assert [len(one) for one in slices] == [2, 1]
    assert [one.positions.tolist() for one in slices] == [[0, 1], [2]]
    assert cells(slices[1], "pset", "a") == {2: psets[2]}


def test_objects_are_compared_by_what_is_stored_of_them_in_every_slice() -> None:
    whole = part(0, [{1}, {2}, {3}], {})
    (kept,) = whole.pset_columns().values()
    expected = hash_values([{1}, {2}, {3}])
    assert isinstance(kept, HashPairs)
    assert kept.equal(expected).all()
    (first, last) = (next(iter(some.pset_columns().values())) for some in whole.slices(2))
    assert isinstance(first, HashPairs)
    assert isinstance(last, HashPairs)
    assert first.equal(expected[np.array([0, 1])]).all()
    assert len(last) == 1
    assert last.equal(expected[np.array([2])]).all()


@pytest.mark.parametrize(("other", "together"), [("category", "category"), ("object", "")])
def test_a_type_of_pandas_is_kept_where_all_parts_have_it(other: str, together: str) -> None:
    parts = []
    for start, dtype, cells_of_part in ((0, "category", [1]), (1, other, [0.5])):
        stored = replace(column("pset", "a", cells_of_part), dtype=dtype)
        parts.append(PartTable(to_table(pa.array([start], pa.int64()), [stored], ["a"])))
    (found,) = PartTable(join_tables(parts)).columns("pset")
    assert found.dtype == together


def test_columns_that_are_not_ours_are_refused() -> None:
    with pytest.raises(ValueError, match="does not say where its rows belong"):
        PartTable(pa.table({"a": [1]}))
