"""A directory of parts, as the one process sees it that adds to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format.codecs import Piece, encode
from paramsurvey.checkpoint.format.part_files import FAN_IN, live_parts, read_part, write_part
from paramsurvey.checkpoint.format.schema import pset_column, to_table
from paramsurvey.checkpoint.part_set import NotOurs, PartSet

A, B = "aaaaaaaa", "bbbbbbbb"


def table(positions: Sequence[int]) -> Any:
    """Return rows of the psets ``{"a": position}``."""
    pieces: list[Piece] = [(slice(0, len(positions)), np.array(positions, dtype=np.int64))]
    column = pset_column("a", encode(pieces, len(positions)), pieces)
    return to_table(pa.array(positions, type=pa.int64()), [column], ["a"])


def stored(directory: Path) -> list[int]:
    """Return the positions in all parts, in order."""
    return [at for part in live_parts(directory)[0] for at in read_part(part).positions.tolist()]


def numbers(directory: Path) -> list[tuple[int, int]]:
    return [(part.first, part.last) for part in live_parts(directory)[0]]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def yes() -> bool:
    return True


def no() -> bool:
    return False


def test_parts_are_numbered_on_from_what_an_earlier_run_has_left(tmp_path: Path) -> None:
    first = PartSet(tmp_path / "new", A)
    for at in range(2):
        first.add(table([at]))
    PartSet(tmp_path / "new", B).add(table([2, 3]))
    assert numbers(tmp_path / "new") == [(1, 1), (2, 2), (3, 3)]
    assert stored(tmp_path / "new") == [0, 1, 2, 3]
    write_part(tmp_path / "new", table([4]), 4, 9, A)
    later = PartSet(tmp_path / "new", A)
    later.add(table([5]))
    assert numbers(tmp_path / "new")[-1] == (10, 10)
    assert later.rows() == 6


def test_names_have_the_beginning_of_their_writer_whoever_that_is(tmp_path: Path) -> None:
    for writer, at in ((2 * A + "f", 0), ("", 1), ("", 2)):
        PartSet(tmp_path, writer).add(table([at]))
    writers = [part.writer for part in live_parts(tmp_path)[0]]
    assert writers[0] == A
    assert len(set(writers)) == 3
    assert all(len(writer) == len(A) for writer in writers)


def test_what_a_killed_process_has_left_behind_is_cleared_away(tmp_path: Path) -> None:
    parts = PartSet(tmp_path, A)
    for at in (0, 1):
        parts.add(table([at]))
    merged = write_part(tmp_path, table([0, 1]), 1, 2, A)  # and it was killed before it removed the others
    (tmp_path / ".half.tmp").touch()
    (tmp_path / "other").touch()
    assert PartSet(tmp_path, B).rows() == 2
    assert names(tmp_path) == sorted([merged.path.name, "other"])


def test_a_part_that_was_set_aside_is_forgotten(tmp_path: Path) -> None:
    parts = PartSet(tmp_path, A)
    for at in range(3):
        parts.add(table([at]))
    live_parts(tmp_path)[0][1].path.unlink()
    assert parts.rows() == 3
    parts.drop_missing()
    assert parts.rows() == 2


def test_when_the_directory_is_another_programs_nothing_is_written(tmp_path: Path) -> None:
    parts = PartSet(tmp_path, A, may_write=no)
    with pytest.raises(NotOurs):
        parts.add(table([0]))
    assert names(tmp_path) == []
    assert parts.rows() == 0


# ---- merging


def many(directory: Path, may_write: Callable[[], bool] = yes, count: int = FAN_IN) -> PartSet:
    ours = PartSet(directory, A)
    for at in range(count):
        ours.add(table([at]))
    return PartSet(directory, A, may_write)


def test_a_few_parts_are_not_merged(tmp_path: Path) -> None:
    assert not many(tmp_path, count=FAN_IN - 1).merge(yes)
    assert len(names(tmp_path)) == FAN_IN - 1


def test_many_parts_become_one_in_their_place_and_it_goes_on(tmp_path: Path) -> None:
    parts = many(tmp_path)
    assert parts.merge(yes) is True
    assert numbers(tmp_path) == [(1, FAN_IN)]
    assert parts.merge(yes) is False
    for at in range(FAN_IN, 2 * FAN_IN):
        parts.add(table([at]))
    assert parts.merge(yes) is True
    parts.add(table([2 * FAN_IN]))
    assert numbers(tmp_path) == [(1, FAN_IN), (FAN_IN + 1, 2 * FAN_IN), (2 * FAN_IN + 1, 2 * FAN_IN + 1)]
    assert stored(tmp_path) == list(range(2 * FAN_IN + 1))
    assert parts.rows() == 2 * FAN_IN + 1


@pytest.mark.parametrize(("may_write", "go_on"), [(no, yes), (yes, no)], ids=["not ours", "called off"])
def test_a_merge_that_may_not_be_changes_nothing(
    tmp_path: Path, may_write: Callable[[], bool], go_on: Callable[[], bool]
) -> None:
    parts = many(tmp_path, may_write)
    before = names(tmp_path)
    assert parts.merge(go_on) is False
    assert names(tmp_path) == before
    assert parts.rows() == FAN_IN


# ---- two programs at the same time


def test_what_two_programs_have_written_is_written_again_once(tmp_path: Path) -> None:
    one, other = PartSet(tmp_path, A), PartSet(tmp_path, B)
    for positions in ([0, 1], [2]):
        one.add(table(positions))
    for positions in ([1], [2], [3, 4]):
        other.add(table(positions))
    later = PartSet(tmp_path, "cccccccc")
    assert later.drop_duplicates() == 2
    assert Counter(stored(tmp_path)) == Counter(range(5))
    assert later.rows() == 5
    assert {part.writer for part in live_parts(tmp_path)[0]} == {"cccccccc"}
    assert later.drop_duplicates() is None
    later.add(table([5]))
    assert stored(tmp_path)[-1] == 5


def test_what_one_program_alone_has_written_stays_as_it_is(tmp_path: Path) -> None:
    for writer, at in ((A, 0), (B, 1)):
        PartSet(tmp_path, writer).add(table([at]))
    before = names(tmp_path)
    assert PartSet(tmp_path, A).drop_duplicates() is None
    assert names(tmp_path) == before
