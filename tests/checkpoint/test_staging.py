"""Results that wait to be written: each value goes to the pset that it is of, whatever else the reply has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.staging import Positions, StagedFailure, StagedReply, StagingTables
from paramsurvey.checkpoint.typed_hash import HashPairs
from paramsurvey.params.sources import PsetStream
from paramsurvey.params.sources.accepted_psets import as_source
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.transport.messages import Failure, FailureKind, Group, Reply
from paramsurvey.transport.packed_columns import pack_column

COUNT = 30
SOURCE = PsetTable(
    pd.DataFrame(
        {
            "a": np.arange(COUNT),
            "label": pd.Categorical([["low", "high"][i % 2] for i in range(COUNT)]),
            "object": [(i, "x") for i in range(COUNT)],
            "kind": pd.Categorical([[1, "b"][i % 2] for i in range(COUNT)]),
        }
    )
)
FAILED = Failure(FailureKind.RAISED, "ValueError('no')", "a traceback", "last words")


@dataclass
class Outcome:
    """What became of one pset."""

    values: dict[str, Any] | None  # None: it failed
    printed: str = ""


def reply_of(outcomes: Sequence[Outcome], start: int) -> Reply:
    """Return a reply of the psets from the offset `start` on."""
    numbered = list(enumerate(outcomes, start))
    finished = {offset: one.values for offset, one in numbered if one.values is not None}
    keys = dict.fromkeys(key for values in finished.values() for key in values)
    columns: dict[Any, Any] = {}
    for key in keys:
        there = {offset: values[key] for offset, values in finished.items() if key in values}
        columns[key] = pack_column(list(there), list(there.values()))
    return Reply(
        1,
        start,
        start + len(outcomes),
        columns,
        {offset: FAILED for offset, one in numbered if one.values is None},
        output={offset: one.printed for offset, one in numbered if one.printed},
    )


def read_back(table: Any, unpickle: bool = False) -> PartTable:
    """Return the table as it is read from a file, where the names of machines are texts."""
    hosts = table.schema.get_field_index("_host")
    schema = table.schema.set(hosts, table.schema.field(hosts).with_type(pa.string()))
    return PartTable(table.cast(schema), unpickle)


def cells(table: PartTable, role: str) -> dict[tuple[str, int], Any]:
    """Return what a table has, by key and position."""
    found: dict[tuple[str, int], Any] = {}
    for stored in table.columns(role):
        for at, values in table.pieces(stored):
            natives = values.tolist() if isinstance(values, np.ndarray) else values
            places = table.positions[at].tolist()
            found.update(((str(stored.key), at), v) for at, v in zip(places, natives, strict=True))
    return found


def check(staged: Sequence[StagedReply], rows: Sequence[int], outcomes: Sequence[Outcome]) -> None:
    """What is written of some replies are the values, psets and printed texts of those that finished."""
    table = read_back(StagingTables(SOURCE, Positions()).of_results(staged), unpickle=True)
    finished = {row: one for row, one in zip(rows, outcomes, strict=True) if one.values is not None}
    assert table.positions.tolist() == sorted(finished)
    results = {(key, row): v for row, one in finished.items() for key, v in (one.values or {}).items()}
    found = cells(table, "result")
    assert found == results
    assert {at: type(v) for at, v in found.items()} == {at: type(v) for at, v in results.items()}
    psets = SOURCE.frame()
    assert cells(table, "pset") == {(key, row): psets[key][row] for key in psets for row in finished}
    texts = [finished[row].printed for row in sorted(finished)]
    assert table.printed(range(len(table))) == {at: text for at, text in enumerate(texts) if text}


VALUES = st.dictionaries(
    st.sampled_from("xyz"), st.one_of(st.integers(-9, 9), st.floats(0, 1), st.just("text"), st.none())
)
OUTCOMES = st.lists(
    st.builds(Outcome, st.one_of(st.none(), VALUES), st.sampled_from(["", "hello", "é\n"])),
    min_size=1,
    max_size=6,
)
GROUPS = st.one_of(
    st.builds(lambda first: range(first, first + 20), st.integers(0, 10)),
    st.sets(st.integers(0, COUNT - 1), min_size=16, max_size=16).map(lambda rows: np.array(sorted(rows))),
)


@settings(max_examples=50)
@given(GROUPS, st.integers(0, 4), OUTCOMES)
def test_each_value_and_text_is_stored_with_its_pset_and_failures_are_left_out(
    rows: Any, start: int, outcomes: list[Outcome]
) -> None:
    staged = StagedReply.of(Group(1, rows, None), reply_of(outcomes, start), SOURCE)
    if all(one.values is None for one in outcomes):
        assert staged is None
        return
    assert staged is not None
    own = [int(row) for row in rows[start : start + len(outcomes)]]
    check([staged], own, outcomes)


@settings(max_examples=50)
@given(GROUPS, st.integers(0, 4), OUTCOMES, OUTCOMES)
def test_replies_that_are_written_together_lie_in_the_order_of_their_psets(
    rows: Any, start: int, first: list[Outcome], second: list[Outcome]
) -> None:
    group = Group(1, rows, None)
    replies = [reply_of(first, start), reply_of(second, start + len(first))]
    staged = [StagedReply.of(group, reply, SOURCE) for reply in replies]
    both = [one for one in reversed(staged) if one is not None]
    own = [int(row) for row in rows[start : start + len(first) + len(second)]]
    if both:
        check(both, own, [*first, *second])


def check_halves(staged: StagedReply, rows: Sequence[int], outcomes: Sequence[Outcome]) -> None:
    """Each half, and each half of these, has what is of its psets, also where it is stored alone."""
    here = set(staged.rows.tolist() if isinstance(staged.rows, np.ndarray) else staged.rows)
    own = [(row, one) for row, one in zip(rows, outcomes, strict=True) if row in here]
    check([staged], [row for row, _ in own], [one for _, one in own])
    halves = staged.halves()
    count = len(staged.rows)
    assert [len(half.rows) for half in halves] == ([count // 2, count - count // 2] if count > 1 else [])
    for half in halves:
        check_halves(half, rows, outcomes)


@settings(max_examples=50)
@given(GROUPS, st.integers(0, 4), OUTCOMES)
def test_halves_have_what_is_of_their_psets(rows: Any, start: int, outcomes: list[Outcome]) -> None:
    staged = StagedReply.of(Group(1, rows, None), reply_of(outcomes, start), SOURCE)
    if staged is not None:
        check_halves(staged, [int(row) for row in rows[start : start + len(outcomes)]], outcomes)


def test_halves_of_psets_that_all_have_the_same_keys() -> None:
    outcomes = [Outcome({"x": i / 2, "y": i, "z": f"text {i}"}, f"printed {i}") for i in range(7)]
    check_halves(staged(*outcomes), range(7), outcomes)


def staged(*outcomes: Outcome) -> StagedReply:
    one = StagedReply.of(Group(1, range(len(outcomes)), None), reply_of(outcomes, 0), SOURCE)
    assert one is not None
    return one


def test_what_waits_is_as_large_as_what_it_holds() -> None:
    number, text = staged(Outcome({"x": 1})), staged(Outcome({"x": "a"}))
    assert text.size > number.size
    assert staged(Outcome({"x": 1, "y": 2})).size == number.size + 8
    assert staged(Outcome({"x": 1}, "hello")).size == number.size + len("hello")
    assert staged(Outcome({"x": 1}), Outcome({"x": 1})).size == 2 * number.size
    silent = Failure(FailureKind.RAISED, "no")
    assert StagedFailure(3, FAILED, 1).size == StagedFailure(3, silent, 1).size + len("last words")
    assert StagedFailure(3, FAILED, 1).halves() == []


LARGE = 1_000_000


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(LARGE),
        "x" * 8 * LARGE,
        b"x" * 8 * LARGE,
        [0.5] * LARGE,
        [np.zeros(LARGE // 2), "x" * 4 * LARGE],
        {"a": {"b": [np.zeros(LARGE)]}},
    ],
    ids=["array", "text", "bytes", "list", "list of arrays", "dicts"],
)
def test_large_objects_count_with_their_content(value: Any) -> None:
    assert 8 * LARGE <= staged(Outcome({"x": value})).size <= 9 * LARGE
    half = staged(Outcome({"x": value}), Outcome({"x": None}))
    assert 8 * LARGE <= half.size <= 9 * LARGE


class FromOne(list[Any]):
    """A list that counts from one, as in mathematics, and knows no slices."""

    def __getitem__(self, at: Any) -> Any:
        return super().__getitem__(at - 1)


def test_the_size_of_a_list_that_knows_no_slices_is_no_error() -> None:
    assert staged(Outcome({"x": FromOne([1, 2])})).size < 1000


def test_numbers_take_no_more_memory_in_a_table_than_is_said() -> None:
    source = PsetTable(pd.DataFrame({"a": np.arange(COUNT)}))
    reply = reply_of([Outcome({"x": 0.5, "y": i}) for i in range(COUNT)], 0)
    one = StagedReply.of(Group(1, range(COUNT), None), reply, source)
    assert one is not None
    table = StagingTables(source, Positions()).of_results([one])
    assert table.nbytes <= one.size <= 2 * table.nbytes


def test_failures_are_stored_with_their_psets_reasons_and_what_they_printed() -> None:
    failures = [StagedFailure(7, FAILED, 2), StagedFailure(3, Failure(FailureKind.CRASHED, "died"), 1)]
    table = PartTable(StagingTables(SOURCE, Positions()).of_failures(failures), unpickle=True)
    assert table.positions.tolist() == [7, 3]
    found = cells(table, "failure")
    assert {key: value for (key, at), value in found.items() if at == 7} == {
        "kind": "raised",
        "exception": "ValueError('no')",
        "traceback": "a traceback",
        "attempts": 2,
    }
    assert found["kind", 3] == "crashed"
    assert table.printed(np.array([70, 30])) == {70: "last words"}
    psets = SOURCE.frame()
    assert cells(table, "pset") == {(key, row): psets[key][row] for key in psets for row in (3, 7)}


def test_a_table_says_of_which_dtype_the_psets_are_and_objects_are_compared_without_unpickling() -> None:
    written = StagingTables(SOURCE, Positions()).of_results([staged(Outcome({"x": 1}), Outcome({"x": 2}))])
    table = read_back(written)
    dtypes = {stored.key: stored.dtype for stored in table.columns("pset")}
    assert dtypes.pop("label") == 'category {"categories": ["high", "low"], "ordered": false}'
    assert dtypes.pop("kind") == 'category {"categories": [1, "b"], "ordered": false}'
    assert dtypes == {"a": "int64", "object": "object"}
    kept = table.pset_columns()
    assert {key for key, values in kept.items() if isinstance(values, HashPairs)} == {"object", "kind"}


def test_of_psets_that_have_not_come_yet_no_dtype_is_said() -> None:
    source = as_source(iter([{"a": 1}, {"a": 2}]))
    tables = StagingTables(source, Positions())
    assert isinstance(source, PsetStream)
    assert source.read(2) == 2
    one = StagedReply.of(Group(1, range(2), None), reply_of([Outcome({}), Outcome({})], 0), source)
    assert one is not None
    assert [stored.dtype for stored in read_back(tables.of_results([one])).columns("pset")] == [""]


# ---- where rows are stored


@pytest.mark.parametrize("rows", [range(2, 7), np.array([2, 4, 5]), np.array([9])])
def test_rows_are_stored_one_after_the_other_but_for_those_that_were_kept_elsewhere(rows: Any) -> None:
    positions = Positions()
    positions.first = 100
    positions.keep(np.array([4, 2, 9, 6]), np.array([51, 102, 50, 7]))
    assert positions.of(rows).tolist() == [row + 100 for row in rows], "not before it is noted"
    positions.note_moved()
    assert positions.of(rows).tolist() == [{4: 51, 9: 50, 6: 7}.get(int(row), int(row) + 100) for row in rows]
