"""Two programs that write one checkpoint at the same time: whatever both store, each pset counts once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey.checkpoint.duplicates import last_of_each, overlapping, rows_that_count
from paramsurvey.checkpoint.format.codecs import encode
from paramsurvey.checkpoint.format.part_files import Part, live_parts
from paramsurvey.checkpoint.format.schema import StoredColumn, to_table
from paramsurvey.checkpoint.part_set import NotOurs, PartSet

COUNT = 150

PROGRAM = """
import sys, time
import paramsurvey

def work(pset, system_kwargs, user_kwargs):
    time.sleep(0.01)
    if pset["i"] % 10 == 7:
        raise ValueError(pset["i"])
    return {"twice": 2 * pset["i"]}

paramsurvey.init(backend="serial", verbose=1)
psets = [{"i": i} for i in range(150)]
if "reversed" in sys.argv:
    psets = psets[::-1]
if "stream" in sys.argv:
    psets = iter(psets)
results = paramsurvey.map(work, psets, checkpoint="dir", on_change="ignore")
print(len(results), len(results.missing))
"""


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


@pytest.fixture
def programs(in_tmp: Path) -> Iterator[list[subprocess.Popen[str]]]:
    (in_tmp / "program.py").write_text(PROGRAM)
    started: list[subprocess.Popen[str]] = []
    yield started
    for program in started:
        with suppress(ProcessLookupError):
            program.kill()
        program.communicate()


def start(programs: list[subprocess.Popen[str]], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "program.py", *words]
    programs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return programs[-1]


def work(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["i"] % 10 == 7:
        raise ValueError(pset["i"])
    return {"twice": 2 * pset["i"]}


@pytest.mark.parametrize("how", ["", "reversed", "stream"])
def test_a_lock_removed_by_hand_costs_no_result_and_doubles_none(
    programs: list[subprocess.Popen[str]], how: str
) -> None:
    first = start(programs, how)
    wait_until(lambda: len(list(Path("dir/results").glob("*.parquet"))) > 0, "nothing is stored", 60)
    first.send_signal(signal.SIGSTOP)  # just before it writes a part
    Path("dir/lock.json").unlink()
    second = start(programs, how)
    out, _ = second.communicate(timeout=100)
    assert out.split() == ["135", "15"]
    first.send_signal(signal.SIGCONT)
    out, _ = first.communicate(timeout=100)
    assert out.split() == ["135", "15"], "the first one goes on, in memory if need be"
    loaded = paramsurvey.load("dir")
    assert sorted(loaded.i) == [i for i in range(COUNT) if i % 10 != 7]
    assert (loaded.twice == 2 * loaded.i).all()
    assert sorted(loaded.missing.i) == [i for i in range(COUNT) if i % 10 == 7]


# ---- what is in the directory


class Writer:
    """A program that believes that it is alone."""

    def __init__(self, token: str, kind: str = "results") -> None:
        Path("dir").mkdir(exist_ok=True)
        self.parts = PartSet(Path("dir") / kind, token)
        self.token = token

    def store(self, *psets: tuple[int, int]) -> None:
        """Store the psets, each with its position."""
        positions, numbers = zip(*psets, strict=True)
        count = len(numbers)
        column = encode([(slice(0, count), np.array(numbers))], count)
        value = encode([(slice(0, count), [self.token] * count)], count)
        columns = [StoredColumn("pset", "i", column), StoredColumn("result", "by", value)]
        self.parts.add(to_table(pa.array(positions, pa.int64()), columns, ["i"]))


A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"


def run_json() -> None:
    """Let the directory be a checkpoint."""
    kept = sorted(Path("dir").rglob("*.parquet"))
    contents = {path: path.read_bytes() for path in kept}
    for path in kept:
        path.unlink()
    paramsurvey.map(work, [], checkpoint="dir")
    for path, content in contents.items():
        path.write_bytes(content)


def loaded() -> list[int]:
    results = paramsurvey.load("dir")
    return sorted(results.i.tolist()) if len(results) else []


def scanned() -> list[int]:
    return sorted(paramsurvey.scan("dir").to_table()["i"].to_pylist())


@pytest.fixture
def both(in_tmp: Path) -> tuple[Writer, Writer]:
    return Writer(A), Writer(B)


@pytest.mark.parametrize(
    ("of_a", "of_b", "expected"),
    [
        ([(0, 10), (1, 11)], [(0, 10), (1, 11)], [10, 11]),
        ([(0, 10)], [(1, 11)], [10, 11]),
        ([(0, 10), (1, 11)], [(0, 11), (1, 10)], [10, 11]),
        ([(0, 10), (1, 11)], [(5, 10), (6, 11), (7, 12)], [10, 11, 12]),
        ([(0, 10), (1, 10)], [(0, 10)], [10, 10]),
        ([(0, 10)], [(0, 10), (1, 10)], [10, 10]),
        ([(0, 10)], [(0, 20)], [10, 20]),
    ],
    ids=[
        "the same",
        "each half",
        "another order",
        "other places",
        "twice in the survey",
        "twice in the survey, not yet by the first",
        "another survey",
    ],
)
def test_each_pset_counts_once_and_that_is_told(
    both: tuple[Writer, Writer], of_a: Any, of_b: Any, expected: list[int]
) -> None:
    first, second = both
    first.store(*of_a)
    second.store(*of_b)
    run_json()
    with pytest.warns(UserWarning, match="two programs have written the checkpoint 'dir' at the same time"):
        assert loaded() == expected
    with pytest.warns(UserWarning, match="at the same time"):
        assert scanned() == expected
    with pytest.warns(UserWarning, match="at the same time"):
        table = paramsurvey.scan("dir").to_table(columns=["by"])
    assert len(table) == len(expected)


def test_the_next_run_tells_it_and_puts_it_in_order(
    both: tuple[Writer, Writer], capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = both
    first.store((0, 10), (1, 11))
    second.store((0, 10), (1, 11))
    second.store((2, 12))
    run_json()
    psets = [{"i": i} for i in (10, 11, 12, 13)]
    results = paramsurvey.map(work, psets, checkpoint="dir", on_change="ignore", verbose=1)
    assert "2 rows of its results are there twice, and each counts once" in capfd.readouterr().err
    assert results.progress.resumed == 3
    assert results.by.tolist()[:3] == [B, B, B]
    assert loaded() == scanned() == [10, 11, 12, 13]
    assert not overlapping(live_parts(Path("dir/results"))[0])


def test_merging_by_one_takes_nothing_of_the_other(both: tuple[Writer, Writer]) -> None:
    first, second = both
    for i in range(16):
        first.store((i, i))
        second.store((i + 100, i + 100))
    assert first.parts.merge(lambda: True)
    third = Writer(C)
    assert len(list(Path("dir/results").glob("*.parquet"))) == 17
    third.parts.drop_duplicates()
    run_json()
    assert loaded() == [*range(16), *range(100, 116)]


def test_a_pset_that_one_could_not_do_and_the_other_could_is_no_failure(in_tmp: Path) -> None:
    for name in ("one", "other"):
        Path(name).mkdir()
    paramsurvey.map(work, [{"i": 7}, {"i": 8}], checkpoint="one")
    paramsurvey.map(lambda pset, *_: {"twice": 14}, [{"i": 9}, {"i": 7}], checkpoint="other")
    for part in [*Path("other").glob("*/*.parquet")]:
        part.rename(Path("one") / part.parent.name / part.name)
    with pytest.warns(UserWarning, match="at the same time"):
        results = paramsurvey.load("one")
    assert sorted(results.i) == [7, 8, 9]
    assert len(results.missing) == 0


def test_a_result_of_another_pset_with_its_number_makes_no_failure_good(in_tmp: Path) -> None:
    for name, psets in (("one", [{"i": 7}, {"i": 8}]), ("other", [{"i": 9}, {"i": 10}])):
        paramsurvey.map(work, psets, checkpoint=name)
    for part in [*Path("other/results").glob("*.parquet")]:
        part.rename(Path("one/results") / part.name)
    ran = []

    def noted(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        ran.append(pset["i"])
        return {"twice": 2 * pset["i"]}

    options: Any = {"checkpoint": "one", "retry_failed": False, "on_change": "ignore"}
    results = paramsurvey.map(noted, [{"i": i} for i in (7, 8, 9, 10)], **options)
    assert results.missing.i.tolist() == [7], "its failure stays, as retry_failed=False says"
    assert sorted(results.i) == [8, 9, 10]
    assert ran == []


def test_of_rows_that_a_third_program_has_not_seen_each_counts_once_too(both: tuple[Writer, Writer]) -> None:
    first, _ = both
    first.store((0, 10), (1, 11))
    Writer(C).store((0, 10), (1, 11))  # after it, and nevertheless the same: its numbers do not overlap
    run_json()
    assert loaded() == [10, 11]
    results = paramsurvey.map(work, [{"i": 10}, {"i": 11}, {"i": 12}], checkpoint="dir", on_change="ignore")
    assert len(results) == results.progress.finished == 3
    assert loaded() == [10, 11, 12]


def test_who_has_lost_the_directory_writes_nothing(in_tmp: Path) -> None:
    parts = PartSet(in_tmp / "results", A, may_write=lambda: False)
    with pytest.raises(NotOurs):
        parts.add(None)
    assert list((in_tmp / "results").iterdir()) == []


def test_names_of_two_writers_never_collide(both: tuple[Writer, Writer]) -> None:
    for writer in both:
        writer.store((0, 10))
    parts, stale = live_parts(Path("dir/results"))
    assert [part.first for part in parts] == [1, 1]
    assert {part.writer for part in parts} == {A, B}
    assert stale == []


def test_parts_of_format_1_with_the_same_number_are_both_read(both: tuple[Writer, Writer]) -> None:
    for writer, pset in zip(both, (10, 20), strict=True):
        writer.store((0, pset))
    for part in live_parts(Path("dir/results"))[0]:
        part.path.rename(part.path.with_name(part.path.name.replace(f"-{part.writer}", "")))
    assert [part.writer for part in live_parts(Path("dir/results"))[0]] == ["", ""]
    run_json()
    with pytest.warns(UserWarning, match="at the same time"):
        assert loaded() == [10, 20]


def test_a_damaged_part_among_them_costs_itself(both: tuple[Writer, Writer]) -> None:
    first, second = both
    first.store((0, 10))
    second.store((0, 10), (1, 11))
    path = next(path for path in Path("dir/results").iterdir() if B in path.name)
    path.write_bytes(path.read_bytes()[:-9])
    run_json()
    with pytest.warns(UserWarning, match="is damaged"):
        assert loaded() == [10]


def test_what_one_of_two_stored_alone_before_is_not_looked_at() -> None:
    names = [(1, A), (2, A), (2, B), (3, A), (4, C)]
    parts = [Part(Path(f"{first}-{writer}"), first, first, 1, 0, writer) for first, writer in names]
    assert [(part.first, part.writer) for part in overlapping(parts)] == [(2, A), (2, B), (3, A)]


def test_last_of_each() -> None:
    columns = np.array([1, 2, 1, 1]), np.array([5, 5, 5, 6])
    assert last_of_each(*columns).tolist() == [False, True, True, True]
    assert last_of_each(np.array([], dtype=np.int64)).tolist() == []


def test_a_run_after_the_other_is_no_reason_to_look(in_tmp: Path) -> None:
    for token in (A, B, C):
        Writer(token).store((0, 10))
    parts = live_parts(Path("dir/results"))[0]
    assert len(parts) == 3
    assert rows_that_count(parts) == {}
    assert Part.of(parts[0].path) == parts[0]
    assert json.dumps(os.listdir("dir")) == '["results"]'
