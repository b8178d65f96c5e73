"""What earlier runs have stored: all that can be read is, and what cannot be read is told."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import paramsurvey
from paramsurvey.checkpoint import stored
from paramsurvey.checkpoint.duplicates import FinishedRows
from paramsurvey.checkpoint.format.codecs import encode
from paramsurvey.checkpoint.format.part_files import live_parts
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.format.schema import StoredColumn, to_table
from paramsurvey.checkpoint.part_set import PartSet
from paramsurvey.checkpoint.staging import Positions, StagedFailure, StagingTables
from paramsurvey.checkpoint.stored import (
    BAD_RUN,
    failure_cells,
    latest_failures,
    read_all,
    read_run_tolerantly,
)
from paramsurvey.errors import CheckpointError, NotACheckpoint
from paramsurvey.params.sources.pset_table import PsetTable
from paramsurvey.transport.messages import Failure, FailureKind, Ran


def failures(rows: Sequence[int], attempts: int = 1, kind: Any = FailureKind.RAISED) -> PartTable:
    """Return a table of failures of the psets ``{"a": row}``."""
    source = PsetTable(pd.DataFrame({"a": range(10)}))
    tables = StagingTables(source, Positions())
    failed = Failure(kind, "ValueError('no')", "a traceback", "last words", ran=Ran(2.0, 1e9))
    return PartTable(tables.of_failures([StagedFailure(row, failed, attempts) for row in rows]))


def positions(tables: Sequence[PartTable]) -> list[list[int]]:
    return [table.positions.tolist() for table in tables]


# ---- parts


@pytest.fixture
def three_parts(tmp_path: Path) -> Path:
    """Make parts with 1, 2 and 3 rows."""
    directory = tmp_path / "out" / "failures"
    directory.parent.mkdir()
    parts = PartSet(directory, "aaaaaaaa")
    for rows in ([0], [1, 2], [3, 4, 5]):
        parts.add(failures(rows).arrow)
    return directory


def test_all_parts_are_read_in_order(three_parts: Path) -> None:
    told: list[str] = []
    assert positions(list(read_all(three_parts, told.append, set_aside=True))) == [[0], [1, 2], [3, 4, 5]]
    assert told == []
    assert list(read_all(three_parts / "nowhere", told.append, set_aside=True)) == []


def test_objects_are_unpickled_only_where_that_is_asked_for(tmp_path: Path) -> None:
    column = StoredColumn("result", "x", encode([(slice(0, 1), [Fraction(1, 3)])], 1))
    PartSet(tmp_path, "aaaaaaaa").add(to_table(pa.array([0]), [column], []))

    def value(**options: bool) -> Any:
        (table,) = read_all(tmp_path, pytest.fail, set_aside=False, **options)
        (found,) = table.columns("result")
        ((_, (value,)),) = table.pieces(found)
        return value

    assert str(value()).startswith("<a pickled object of")
    assert value(unpickle=True) == Fraction(1, 3)


@pytest.mark.parametrize(
    ("number", "psets"), [(0, "its 1 pset is run again"), (1, "its 2 psets are run again")]
)
@pytest.mark.parametrize("set_aside", [False, True])
def test_a_damaged_part_costs_its_own_psets(
    three_parts: Path, number: int, psets: str, set_aside: bool
) -> None:
    path = live_parts(three_parts)[0][number].path
    content = path.read_bytes()
    path.write_bytes(content[:50] + b"?" + content[51:])
    told: list[str] = []
    read = positions(list(read_all(three_parts, told.append, set_aside)))
    assert read == [rows for at, rows in enumerate([[0], [1, 2], [3, 4, 5]]) if at != number]
    (said,) = told
    assert f": {path}; {f'it is now {path.name}.bad' if set_aside else 'it is left out'}, and {psets}" in said
    assert path.exists() != set_aside
    assert path.with_name(path.name + ".bad").exists() == set_aside


@pytest.mark.parametrize("set_aside", [False, True])
def test_what_has_the_name_of_a_part_and_is_no_file_is_told(three_parts: Path, set_aside: bool) -> None:
    path = live_parts(three_parts)[0][1].path
    path.unlink()
    path.mkdir()
    told: list[str] = []
    assert positions(list(read_all(three_parts, told.append, set_aside))) == [[0], [3, 4, 5]]
    (said,) = told
    assert f"(it is not a plain file): {path}; {'it is now' if set_aside else 'it is left out'}" in said
    assert path.exists() != set_aside


def test_what_cannot_be_renamed_is_left_out_and_nothing_else_is_promised(
    three_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = live_parts(three_parts)[0][1].path
    path.write_bytes(b"")
    told: list[str] = []
    monkeypatch.setattr(Path, "rename", refuse)
    assert positions(list(read_all(three_parts, told.append, set_aside=True))) == [[0], [3, 4, 5]]
    assert "it is left out" in told[0]


def refuse(path: Path, target: Path) -> None:
    raise OSError(30, "Read-only file system")


def test_of_what_two_programs_have_written_each_pset_is_read_once(tmp_path: Path) -> None:
    directory = tmp_path / "out" / "results"
    directory.parent.mkdir()
    one, other = PartSet(directory, "aaaaaaaa"), PartSet(directory, "bbbbbbbb")
    for rows in ([0, 1], [2]):
        one.add(failures(rows).arrow)
    for rows in ([1], [2, 3], [4]):
        other.add(failures(rows).arrow)
    told: list[str] = []
    read = positions(list(read_all(directory, told.append, set_aside=False)))
    assert sorted(row for rows in read for row in rows) == [0, 1, 2, 3, 4]
    assert len(told) == 1
    assert (
        f"have written the checkpoint {str(tmp_path / 'out')!r} at the same time: 2 rows of its results"
        in told[0]
    )


# ---- run.json


def work(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": pset["a"]}


@pytest.fixture
def checkpoint(in_tmp: Path) -> Path:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(work, [{"a": 1}], checkpoint="out")
    return Path("out")


def test_a_run_json_that_is_whole_is_read(checkpoint: Path) -> None:
    told: list[str] = []
    run = read_run_tolerantly(checkpoint, told.append, set_aside=True)
    assert run is not None
    assert run["status"] == "finished"
    assert told == []


def test_a_damaged_run_json_is_set_aside_by_who_writes_a_new_one(checkpoint: Path) -> None:
    (checkpoint / "run.json").write_text("{")
    told: list[str] = []
    assert read_run_tolerantly(checkpoint, told.append, set_aside=True) is None
    assert f"is damaged or gone; it is now {BAD_RUN}: the results are used, but" in told[0]
    assert (checkpoint / BAD_RUN).read_text() == "{"
    assert not (checkpoint / "run.json").exists()
    assert read_run_tolerantly(checkpoint, told.append, set_aside=True) is None
    assert "is damaged or gone: the results are used, but" in told[1], "there was nothing to be renamed"


def test_a_damaged_run_json_stays_where_one_only_looks(checkpoint: Path) -> None:
    (checkpoint / "run.json").write_text("{")
    told: list[str] = []
    assert read_run_tolerantly(checkpoint, told.append, set_aside=False) is None
    assert told[0].endswith("the next map with this checkpoint writes a new one")
    assert (checkpoint / "run.json").read_text() == "{"


def test_a_run_json_of_another_user_may_be_looked_past_but_not_replaced(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(directory: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(stored, "read_run", forbidden)
    told: list[str] = []
    assert read_run_tolerantly(checkpoint, told.append, set_aside=False) is None
    assert "only the owner of the checkpoint" in told[0]
    with pytest.raises(PermissionError):
        read_run_tolerantly(checkpoint, told.append, set_aside=True)
    assert len(told) == 1


def test_where_nothing_is_stored_there_is_no_checkpoint(in_tmp: Path) -> None:
    with pytest.raises(NotACheckpoint):
        read_run_tolerantly(in_tmp, pytest.fail, set_aside=True)


# ---- failures


def finished(*rows: int, by_content: bool = False) -> FinishedRows:
    found = FinishedRows(by_content)
    if rows:
        found.add(found.keys_of(failures(rows)))
    return found


@pytest.mark.parametrize("by_content", [False, True])
def test_of_each_pset_the_last_failure_counts_unless_it_has_finished(by_content: bool) -> None:
    tables = [failures([1, 2, 3, 4]), failures([2, 5], attempts=2), failures([1], attempts=3)]
    kept = latest_failures(tables, finished(3, 5, 9, by_content=by_content))
    assert positions(kept) == [[4], [2], [1]]
    assert [failure_cells(table)[1] for table in kept] == [[1], [2], [3]]
    assert positions(latest_failures(tables, finished())) == [[3, 4], [2, 5], [1]]
    assert latest_failures([], finished(1)) == []


def test_a_failure_is_read_as_it_was() -> None:
    (first, _), attempts = failure_cells(failures([3, 4], attempts=2))
    assert attempts == [2, 2]
    assert first == Failure(
        FailureKind.RAISED, "ValueError('no')", "a traceback", "last words", ran=Ran(2.0, 1e9)
    )
    assert failure_cells(failures([])) == ([], [])


def test_failures_of_a_later_version_are_told_with_the_remedy() -> None:
    with pytest.raises(CheckpointError, match="read them with the version that wrote them"):
        failure_cells(failures([1], kind="melted"))


def test_failures_that_cannot_be_opened_say_why_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(table: PartTable, column: Any) -> None:
        raise CheckpointError("a column holds something else")

    monkeypatch.setattr(PartTable, "pieces", strange)
    with pytest.raises(CheckpointError, match=r"^a column holds something else$"):
        failure_cells(failures([1]))
