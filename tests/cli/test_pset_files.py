"""Tables of psets: `--psets`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.cli.command.template import Template
from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.inputs import Inputs
from paramsurvey.cli.psets.pset_files import read_psets


@pytest.mark.parametrize(
    ("name", "text"), [("t.csv", "a\n1\n"), ("t.json", '[{"a": 1}]'), ("t.jsonl", '{"a": 1}\n')]
)
def test_the_byte_order_mark_of_windows_is_no_part_of_a_table(in_tmp: Path, name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8-sig")
    assert list(read_psets(name)) == [{"a": 1}]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "feather", "jsonl", "json"])
def test_tables_of_psets(in_tmp: Path, suffix: str) -> None:
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, 1.5], "s": ["a b", 'q"\n']})
    path = f"table.{suffix}"
    {
        "csv": lambda: frame.to_csv(path, index=False),
        "tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        "parquet": lambda: frame.to_parquet(path),
        "feather": lambda: frame.to_feather(path),
        "json": lambda: frame.to_json(path, orient="records"),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
    }[suffix]()
    assert list(read_psets(path)) == frame.to_dict("records")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "", "no rows"),
        ("t.csv", "a,b\n1\n", "row 2 has 1 cells"),
        ("t.xls", "x", "this format cannot be read"),
        ("t.parquet", "x", "cannot be read"),
        ("t.json", "{", "cannot be read"),
        ("t.json", '{"a": 1}', "not a list of objects"),
        ("t.jsonl", '{"a": 1}\n\n{"a":}\n', "line 3 is not JSON"),
        ("t.jsonl", "[1]\n", "line 1 is not an object"),
        ("t.json", '[{"a": "\\ud800"}]', "'a' has the value .* not UTF-8 text: give another"),
        ("t.jsonl", '{"a": ["\\ud800"]}', "'a' has the value .* not UTF-8 text: give another"),
        ("t.csv", "a,b,a\n1,2,3\n", "two columns 'a'"),
        ("t.csv", 'a,b\n1,"x\n', "t.csv cannot be read .line 2: .* quotes"),
        ("t.csv", "a;b\n1;2\n", "seems to be separated by semicolons; commas are needed, or --colsep ';'"),
        ("t.csv", "1,2.5\n3,4\n", "has numbers: if it has no names, write -p a,b=@t.csv instead"),
        ("t.csv", "2019,2020\n3,4\n", "if they are names, write a letter before each"),
        ("t.csv", ",".join(map(str, range(27))), "write -p x1,x2,.*,x26,x27=@t.csv instead"),
        ("t.tsv", "a,b\n1,2\n", "seems to be separated by commas"),
    ],
)
def test_tables_that_are_none(in_tmp: Path, name: str, text: str, says: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(BadUsage, match=says):
        read_psets(name)


@pytest.mark.parametrize("null", [False, True])
def test_names_of_files_on_stdin_that_are_not_utf_8_are_refused(null: bool) -> None:
    end = "\0" if null else "\n"
    inputs = Inputs(null=null, stdin=end.join(["f", "ok.txt", "caf\udce9.txt", ""]))
    with pytest.raises(BadUsage, match=r"'f' has the value 'caf.udce9.txt', which is not UTF-8 text: give"):
        read_psets("-", inputs)
    inputs = Inputs(null=null, stdin=end.join(["ok.txt,1", "caf\udce9.txt,2", ""]))
    with pytest.raises(BadUsage, match=r"'f' has the value 'caf.udce9.txt', which is not UTF-8 text: give"):
        inputs.columns(("f", "n"), "-")


def test_a_list_of_files_whose_names_are_not_utf_8_is_refused(in_tmp: Path) -> None:
    Path("list").write_bytes(b"ok.txt\ncaf\xe9.txt\n")
    with pytest.raises(BadUsage, match="save it as UTF-8; if it lists a file whose name is not"):
        Inputs().values("f", "list")


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.csv"])
def test_a_value_keeps_its_type_whatever_other_rows_have(in_tmp: Path, name: str) -> None:
    rows = [{"a": 1, "n": 5}, {"a": 2.5}, {"a": 3, "n": None}]
    text = {
        "t.json": json.dumps(rows),
        "t.jsonl": "\n".join(map(json.dumps, rows)),
        "t.csv": "a,n\n1,5\n2.5,nan\n3,None\n",
    }[name]
    Path(name).write_text(text)
    command = Template(("{a}", "{n}"))
    assert [command.fill(pset) for pset in read_psets(name)] == [["1", "5"], ["2.5", "nan"], ["3", "None"]]


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
@pytest.mark.parametrize("dtype", ["Int64", object])
def test_integers_stay_integers_next_to_missing_ones(in_tmp: Path, name: str, dtype: Any) -> None:
    numbers = pd.Series([2**60 + 1, None], dtype=dtype)
    frame = pd.DataFrame({"n": numbers, "x": [0.5, np.nan], "s": ["a", None], "i": [1, 2]})
    (frame.to_parquet if name == "t.parquet" else frame.to_feather)(name)
    command = Template(("{n}", "{x}", "{s}", "{i}"))
    filled = [command.fill(pset) for pset in read_psets(name)]
    assert filled == [[str(2**60 + 1), "0.5", "a", "1"], ["nan", "nan", "nan", "2"]]
