"""The files of a checkpoint, and how they are merged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from paramsurvey.checkpoint import atomic_files
from paramsurvey.checkpoint.duplicates import overlapping
from paramsurvey.checkpoint.format import part_files
from paramsurvey.checkpoint.format.codecs import decode, encode
from paramsurvey.checkpoint.format.part_files import (
    LARGEST_BYTES,
    Part,
    PartDamaged,
    holds_parts,
    is_empty_checkpoint,
    live_parts,
    read_columns,
    read_part,
    read_schema,
    strange_parts,
    worth_merging,
    write_part,
)
from paramsurvey.checkpoint.format.schema import StoredColumn, printed_column, to_table
from paramsurvey.checkpoint.part_set import PartSet


def table(start: int, values: list[Any], printed: Mapping[int, str] | None = None) -> Any:
    positions = np.arange(start, start + len(values), dtype=np.int64)
    column = StoredColumn("result", "x", encode([(slice(0, len(values)), values)], len(values)))
    return to_table(pa.array(positions), [column, *printed_column(printed or {}, len(values))], [])


def values_of(directory: Path) -> list[Any]:
    cells: list[Any] = []
    for part in live_parts(directory)[0]:
        content = read_part(part, unpickle=True)
        found: dict[int, Any] = {}
        for stored in content.columns("result"):
            for at, values in content.pieces(stored):
                natives = values.tolist() if isinstance(values, np.ndarray) else values
                found.update(zip(content.positions[at].tolist(), natives, strict=True))
        cells += [found[position] for position in content.positions.tolist()]
    return cells


def always() -> bool:
    return True


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        [1, 2.5, 3],
        [1, None, 2.5, "text", float("inf")],
        [2**80, 1],
        [True, False],
        ["a", None, "b"],
        [b"a", b""],
        [[1, 2], [], [3]],
        [["a"], ["b", "c"]],
        [{"a": 1}, (1, 2), {3}],
        [None, None],
        [2**53 + 1, 0.5],
        ["\ud800", "a"],
        [np.longdouble(1) / 3, 1, 0.5],
        [pd.Timestamp("2020-01-01").as_unit("s"), None],
        [pd.Timestamp("2020-01-01").as_unit("s"), pd.Timestamp("2020-01-01").as_unit("ms")],
        [10**5000, 1],
    ],
)
def test_values_come_back_as_they_were(values: list[Any]) -> None:
    encoded = encode([(slice(0, len(values)), values)], len(values))
    found: dict[int, Any] = {}
    for at, some in decode(encoded.array, encoded.codec, encoded.kinds, unpickle=True):
        natives = some.tolist() if isinstance(some, np.ndarray) else some
        found.update(zip(np.arange(len(values))[at].tolist(), natives, strict=True))
    back = [found[i] for i in range(len(values))]
    assert back == values
    assert [type(value) for value in back] == [type(value) for value in values]


def test_a_key_that_is_not_there_is_not_none() -> None:
    encoded = encode([(np.array([0, 2]), ["a", None])], 4)
    pieces = decode(encoded.array, encoded.codec, encoded.kinds, unpickle=True)
    assert sorted((int(i), v) for at, values in pieces for i, v in zip(at, values, strict=True)) == [
        (0, "a"),
        (2, None),
    ]


def test_a_long_run_leaves_tens_of_files(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path / "results")
    most = 0
    for i in range(600):
        part_set.add(table(i, [i]))
        while part_set.merge(always):
            pass
        most = max(most, len(list((tmp_path / "results").iterdir())))
    assert most <= 33
    assert values_of(tmp_path / "results") == list(range(600))
    assert part_set.rows() == 600


def test_merging_unites_columns_of_different_types(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    values = [1, 2.5, "text", None, {"a": 1}, 2**70, [1, 2], True] * 2
    for i, value in enumerate(values):
        part_set.add(table(i, [value]))
    assert part_set.merge(always)
    assert len(list(tmp_path.iterdir())) == 1
    back = values_of(tmp_path)
    assert back == values
    assert [type(value) for value in back] == [type(value) for value in values]


def test_merging_keeps_seconds_seconds(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    values = [pd.Timestamp(2000 + i, 1, 1).as_unit("s") for i in range(16)]
    for i, value in enumerate(values):
        part_set.add(table(i, [value]))
    assert part_set.merge(always)
    back = values_of(tmp_path)
    assert back == values
    assert {value.unit for value in back} == {"s"}


def test_merging_keeps_the_order_of_the_columns_that_the_first_psets_have(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    for start in reversed(range(16)):  # the first pset is the last that ends
        keys = ["y", "x"] if start == 0 else ["x", "y", "z"]
        ones = [StoredColumn("result", key, encode([(slice(0, 1), [1])], 1)) for key in keys]
        part_set.add(to_table(pa.array([start]), ones, []))
    assert part_set.merge(always)
    (part,) = live_parts(tmp_path)[0]
    content = read_part(part)
    assert [stored.key for stored in content.columns("result")] == ["y", "x", "z"]
    assert content.positions.tolist() == list(range(16))


def test_merging_keeps_what_psets_printed(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    for i in range(16):
        part_set.add(table(2 * i, [i, i], {1: f"I am {i}"} if i % 3 == 0 else {}))
    assert part_set.merge(always)
    (part,) = live_parts(tmp_path)[0]
    content = read_part(part)
    expected = {2 * i + 1: f"I am {i}" for i in range(0, 16, 3)}
    assert content.printed(content.positions) == expected
    assert content.take(np.array([1, 0, 7])).printed(range(3)) == {0: "I am 0", 2: "I am 3"}
    assert read_part(part).printed(range(100, 132)) == {100 + at: text for at, text in expected.items()}
    assert list(values_of(tmp_path)) == [i for i in range(16) for _ in range(2)]


def test_merging_goes_on_without_a_part_that_was_set_aside(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    for i in range(17):
        part_set.add(table(i, [i]))
    part = live_parts(tmp_path)[0][3].path
    part.rename(part.with_name(part.name + ".bad"))
    part_set.drop_missing()
    assert part_set.rows() == 16
    assert part_set.merge(always)
    assert values_of(tmp_path) == [i for i in range(17) if i != 3]


def test_a_crash_in_the_middle_of_a_merge_doubles_nothing(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    for i in range(16):
        part_set.add(table(i, [i]))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert part_set.merge(always)
    for path, content in before.items():  # killed before they were removed
        path.write_bytes(content)
    (tmp_path / ".half.tmp").touch()
    assert values_of(tmp_path) == list(range(16))
    again = PartSet(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "the next run clears them away"
    again.add(table(16, [16]))
    assert values_of(tmp_path) == list(range(17))


def test_a_merge_that_is_called_off_changes_nothing(tmp_path: Path) -> None:
    part_set = PartSet(tmp_path)
    for i in range(16):
        part_set.add(table(i, [i]))
    assert not part_set.merge(lambda: False)
    assert len(list(tmp_path.iterdir())) == 16


def test_a_part_that_is_damaged_is_noticed(tmp_path: Path) -> None:
    part = write_part(tmp_path, table(0, list(range(1000))), 1, 1, "aaaaaaaa")
    content = part.path.read_bytes()
    for i in range(0, len(content), 997):
        part.path.write_bytes(content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :])
        with pytest.raises(PartDamaged):
            read_part(part)
    part.path.write_bytes(content)
    assert len(read_part(part)) == 1000


def test_other_files_are_no_parts() -> None:
    assert Part.of(Path("00000001-00000001-000000010-0123abcd.parquet.bad")) is None
    assert Part.of(Path("results.parquet")) is None


def test_a_checkpoint_has_two_directories_of_parts(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert not is_empty_checkpoint(tmp_path)
    (tmp_path / "failures").mkdir()
    assert is_empty_checkpoint(tmp_path)
    assert not holds_parts(tmp_path)
    for kind in ("results", "failures"):
        part = write_part(tmp_path / kind, table(0, [1]), 1, 1, "aaaaaaaa")
        assert holds_parts(tmp_path)
        assert not is_empty_checkpoint(tmp_path)
        part.path.unlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a pipe")
def test_what_has_the_name_of_a_part_and_is_no_file_is_told_and_not_read(tmp_path: Path) -> None:
    assert strange_parts(tmp_path / "results") == []
    part = write_part(tmp_path, table(0, [1]), 1, 1, "aaaaaaaa")
    (tmp_path / "other").touch()
    assert strange_parts(tmp_path) == []
    pipe = tmp_path / part.path.name.replace("aaaaaaaa", "bbbbbbbb")
    os.mkfifo(pipe)
    assert [one.path for one in strange_parts(tmp_path)] == [pipe]
    assert live_parts(tmp_path) == ([part], [])


def test_columns_are_read_by_name_and_one_that_is_not_there_is_damage(tmp_path: Path) -> None:
    part = write_part(tmp_path, table(0, [1, 2]), 1, 1, "aaaaaaaa")
    assert read_columns(part, ["x"]).to_pydict() == {"x": [1, 2]}
    assert set(read_columns(part).column_names) == {"_position", "x"}
    with pytest.raises(PartDamaged, match="it has no column 'y'"):
        read_columns(part, ["x", "y"])


def test_what_is_a_dictionary_in_memory_is_text_in_the_file(tmp_path: Path) -> None:
    plain = table(0, [1, 2, 3]).append_column("host", pa.array(["n1", None, "n2"]))
    encoded = plain.set_column(2, "host", plain.column("host").dictionary_encode())
    part = write_part(tmp_path, encoded, 1, 1, "aaaaaaaa")
    assert read_columns(part).equals(plain)
    assert read_schema(part).equals(plain.schema, check_metadata=True)


def test_damage_of_a_small_part_is_noticed_where_only_its_columns_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write_part(tmp_path, table(0, [1, 2]), 1, 1, "aaaaaaaa")
    assert read_schema(part).names == ["_position", "x"]
    content = part.path.read_bytes()
    part.path.write_bytes(content[:5] + bytes([content[5] ^ 4]) + content[6:])
    with pytest.raises(PartDamaged, match="checksum"):
        read_schema(part)
    monkeypatch.setattr(part_files, "SMALL_BYTES", 10)  # of a large one, all is not read for that
    assert read_schema(part).names == ["_position", "x"]


@pytest.mark.parametrize(
    ("spans", "sizes", "merged"),
    [
        (15 * [1], 15 * [500], None),
        (16 * [1], 16 * [500], slice(0, 16)),
        ([16, *16 * [1]], 17 * [500], slice(1, 17)),
        (16 * [16], 16 * [500], slice(0, 16)),
        ([*16 * [16], 1, 1], 18 * [500], slice(0, 16)),
        (16 * [1], 16 * [LARGEST_BYTES // 2], None),
        (16 * [1], 16 * [LARGEST_BYTES // 2 - 1], slice(0, 2)),
        ([1, *16 * [1]], [LARGEST_BYTES // 2, *16 * [500]], slice(1, 17)),
        (16 * [1], 16 * [LARGEST_BYTES // 16], slice(0, 16)),
    ],
)
def test_sixteen_parts_of_about_the_same_size_become_one_that_is_not_too_large(
    spans: list[int], sizes: list[int], merged: slice | None
) -> None:
    assert worth_merging(spans, sizes) == merged


def test_a_part_counts_as_large_as_it_is_in_memory_for_merging_happens_there(tmp_path: Path) -> None:
    PartSet(tmp_path).add(table(0, np.ones(100_000, dtype=np.int64)))
    (part,), _ = live_parts(tmp_path)
    assert part.path.stat().st_size < 100_000 < 8 * 100_000 <= part.size


def test_a_part_that_is_perhaps_not_there_for_good_is_written_again_and_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(directory: Path) -> None:
        raise OSError(24, "Too many open files")

    part_set = PartSet(tmp_path)
    with monkeypatch.context() as without_descriptors:
        without_descriptors.setattr(atomic_files, "sync_directory", refuse)
        with pytest.raises(OSError, match="Too many open files"):
            part_set.add(table(0, [0]))
    part_set.add(table(0, [0, 1]))  # with what has finished since
    assert values_of(tmp_path) == [0, 1]
    assert overlapping(live_parts(tmp_path)[0]) == []
