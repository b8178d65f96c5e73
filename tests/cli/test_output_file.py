"""Tables in files of every format."""

from __future__ import annotations

import json
import os
import sqlite3
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.cli.errors import RunFailed
from paramsurvey.cli.tables import output_file
from paramsurvey.cli.tables.formats import WRITERS
from paramsurvey.cli.tables.output_file import check_output
from paramsurvey.cli.tables.table import Table
from paramsurvey.engine.progress import MapProgress
from paramsurvey.results.map_results import MapResults

TABLE = pd.DataFrame({"n": [1, 2], "s": ["a,b", "q\n"], "o": [{"k": [1]}, [2]], "x": [0.5, np.nan]})


def write_table(frame: pd.DataFrame, path: str) -> None:
    output_file.write_table(Table.of_frame(frame), path)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "sqlite"])
def test_a_table_can_be_read_back(in_tmp: Path, suffix: str) -> None:
    path = f"out.{suffix}"
    write_table(TABLE, path)
    back = {
        "csv": pd.read_csv,
        "parquet": pd.read_parquet,
        "feather": pd.read_feather,
        "sqlite": lambda path: pd.read_sql("select * from results", sqlite3.connect(path)),
    }[suffix](path)
    assert back[["n", "s", "x"]].equals(TABLE[["n", "s", "x"]])
    assert [json.loads(text) for text in back["o"]] == TABLE["o"].tolist()
    assert os.listdir() == [path]


def test_an_object_that_changes_its_type_is_json(in_tmp: Path) -> None:
    write_table(pd.DataFrame({"a": [1, "x"], "b": [[1.0], [2.0]]}, dtype=object), "out.parquet")
    back = pd.read_parquet("out.parquet")
    assert back["a"].tolist() == ["1", "x"]
    assert back["b"].map(list).tolist() == [[1.0], [2.0]]


ODD: dict[str, list[Any]] = {
    "arrays": [np.arange(3), np.arange(3) + 0.5],
    "matrices": [np.zeros((2, 2)), np.ones((2, 2))],
    "empty": [{}, {}],
    "deep": [[{}], [{}]],
    "complex": [1 + 2j, 3j],
    "none": [None, None],
    "na": [pd.NA, "x"],
    "mixed": [1, "x"],
    "tuples": [(1, "x"), ()],
    "decimals": [Decimal("0.1"), Decimal("0.2")],
    "huge": [2**63, 2**70],
    "unsigned": [2**63, 1],
    "short_or_not": [2**40, 2**62],
    "broken": [object(), {1: {2, 3}}],
    "dates": [pd.Timestamp("2020-01-01"), pd.NaT],
    "days": [pd.Timestamp("2020-01-01").date(), None],
    "spans": [pd.Timedelta("1h"), pd.NaT],
    "intervals": [pd.Interval(0, 1), pd.Interval(1, 2)],
    "flags": [True, None],
    "bytes": [b"ab", b"c"],
}


def odd_results(count: int = 2) -> MapResults:
    frame = pd.DataFrame({"p": range(count)})
    for name, values in ODD.items():
        frame[name] = pd.Series(values, dtype=None if name in ("complex", "dates") else object)
    frame["nullable"] = pd.array([1, None], dtype="Int64")
    frame["category"] = pd.Categorical(["x", "y"])
    frame["u"] = np.array([2**63, 1], dtype=np.uint64)
    return MapResults(frame, progress=MapProgress("odd", total=count, finished=count))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "sqlite", "nc"])
def test_every_object_finds_a_place_in_every_format(
    in_tmp: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_table(odd_results(), f"out.{suffix}")
    assert os.listdir() == [f"out.{suffix}"]
    assert "2 rows" in capfd.readouterr().err
    back = read_back(f"out.{suffix}")
    assert list(map(str, back["p"])) == ["0", "1"]
    assert list(map(str, back["mixed"])) == ["1", "x"]
    assert list(map(str, back["huge"])) == [str(2**63), str(2**70)]
    assert list(map(str, back["u"])) == [str(2**63), "1"]
    assert list(map(str, back["complex"])) == ["(1+2j)", "3j"]
    assert [float(value) for value in back["decimals"]] == [0.1, 0.2]
    assert json.loads(back["matrices"][1]) == [[1.0, 1.0], [1.0, 1.0]]
    assert json.loads(back["empty"][0]) == {}
    assert [int(value) for value in back["short_or_not"]] == [2**40, 2**62]


def read_back(path: str) -> dict[str, list[Any]]:
    if path.endswith(".nc"):
        dataset = pytest.importorskip("xarray").load_dataset(path)
        return {str(name): values.values.tolist() for name, values in dataset.variables.items()}
    readers: dict[str, Any] = {
        "csv": pd.read_csv,
        "parquet": pd.read_parquet,
        "feather": pd.read_feather,
        "sqlite": lambda path: pd.read_sql("select * from results", sqlite3.connect(path)),
    }
    frame = readers[path.rpartition(".")[2]](path)
    return {str(name): frame[name].tolist() for name in frame.columns}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet", "feather", "sqlite", "nc"])
def test_texts_that_are_not_unicode_are_written_with_backslashes(
    in_tmp: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As the name of a file may be, of which Python makes halves of surrogate pairs."""
    name = "caf\udce9.txt"
    frame = pd.DataFrame({"p": [0, 1]})
    for column, values in {
        "text": ["a", name],
        "list": [["a"], [name]],
        "dict": [{"k": 1}, {name: name}],
        "mixed": [1, name],
        "category": pd.Categorical.from_codes([0, 1], pd.Index(["a", name], dtype=object)),
        "number": [1, 2],
    }.items():
        frame[column] = values if column == "category" else pd.Series(values, dtype=object)
    frame.columns = pd.Index([*frame.columns[:-1], name], dtype=object)
    write_table(MapResults(frame, progress=MapProgress("names", total=2, finished=2)), f"out.{suffix}")
    assert os.listdir() == [f"out.{suffix}"]
    said = capfd.readouterr().err
    assert "2 rows" in said
    assert "is called 'caf\\\\udce9.txt' in " in said
    if suffix in ("json", "jsonl"):
        text = Path(f"out.{suffix}").read_text("utf-8")
        rows = json.loads(text) if suffix == "json" else [json.loads(line) for line in text.splitlines()]
        back = {name: [row[name] for row in rows] for name in rows[0]}
        assert back["dict"][1] == {"caf\\udce9.txt": "caf\\udce9.txt"}
    elif suffix == "tsv":
        back = pd.read_csv("out.tsv", sep="\t").to_dict("list")
    else:
        back = read_back(f"out.{suffix}")
    assert back["text"] == back["category"] == ["a", "caf\\udce9.txt"]
    assert back["mixed"][1] == "caf\\udce9.txt"
    assert list(map(int, back["caf\\udce9.txt"])) == [1, 2]


class Colour(str, Enum):  # noqa: UP042  (for `str()`, a StrEnum is its text anyway)
    RED = "red"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "sqlite", "nc"])
def test_a_member_of_an_enumeration_of_texts_is_its_text(in_tmp: Path, suffix: str) -> None:
    write_table(pd.DataFrame({"n": [1, 2], "c": pd.Series([Colour.RED, "x"], dtype=object)}), f"out.{suffix}")
    assert read_back(f"out.{suffix}")["c"] == ["red", "x"]


def test_an_array_is_json_in_csv(in_tmp: Path) -> None:
    write_table(pd.DataFrame({"v": [np.array([1, 2])]}), "out.csv")
    assert Path("out.csv").read_text() == 'v\n"[1, 2]"\n'


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "sqlite", "nc"])
def test_names_that_a_format_does_not_know_are_changed_and_told(
    in_tmp: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["p", "a", "A", "", 1, "1", "x/y", "int"]
    frame = pd.DataFrame([range(len(names))], columns=pd.Index(names, dtype=object))
    write_table(MapResults(frame, progress=MapProgress("names", total=1, finished=1)), f"out.{suffix}")
    back = read_back(f"out.{suffix}")
    assert sorted(int(values[0]) for name, values in back.items() if name != "pset") == list(range(8))
    said = capfd.readouterr().err
    assert "the column '' is called 'unnamed'" in said
    if suffix == "sqlite":
        assert "the column 'A' is called 'A_2' in SQLite" in said


def test_a_table_without_rows(in_tmp: Path) -> None:
    for suffix in ("csv", "parquet", "feather", "sqlite"):
        write_table(TABLE.head(0), f"out.{suffix}")


def test_whatever_a_writer_raises_the_results_are_kept(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: pd.DataFrame, path: str) -> None:
        raise AttributeError("a bug in a library")

    monkeypatch.setitem(WRITERS, ".nc", fail)
    monkeypatch.setattr("tempfile.tempdir", str(in_tmp))
    with pytest.raises(RunFailed, match=r"a bug in a library.*the results are in"):
        write_table(TABLE, "out.nc")
    (kept,) = in_tmp.glob("paramsurvey-*-out.csv")
    assert len(pd.read_csv(kept)) == 2


def test_a_symbolic_link_stays_one(in_tmp: Path) -> None:
    Path("data").mkdir()
    Path("link.csv").symlink_to("data/real.csv")
    check_output("link.csv")
    write_table(TABLE, "link.csv")
    assert Path("link.csv").is_symlink()
    assert len(pd.read_csv("data/real.csv")) == 2
    assert os.listdir("data") == ["real.csv"]
