"""The parts of the program: axes, templates, what is parsed, tables in files, configurations."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.cli.command.functions import as_worker, call_by_name
from paramsurvey.cli.command.parsing import NothingParsed, number_of, parser_of
from paramsurvey.cli.command.template import Template
from paramsurvey.cli.config import load_config
from paramsurvey.cli.problems import BadUsage, RunFailed
from paramsurvey.cli.run import run
from paramsurvey.cli.tables.axes_text import Drawn, Sampling, make_space, parse_axes, parse_axis
from paramsurvey.cli.tables.export import check_target, deliver
from paramsurvey.cli.tables.formats import WRITERS
from paramsurvey.cli.tables.pset_files import read_table
from paramsurvey.engine.progress import MapProgress
from paramsurvey.results.map_results import MapResults

# ---- axes


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2,3", [1, 2, 3]),
        ("1", [1]),
        ("-1.5,2e3,.5,x", [-1.5, 2000.0, 0.5, "x"]),
        ("007,+1,1_000,nan,inf,true", ["007", "+1", "1_000", "nan", "inf", "true"]),
        ('"1","a,b","say ""hi""",x', ["1", "a,b", 'say "hi"', "x"]),
        ("a b, c", ["a b", " c"]),
        ("line\nbreak,{}", ["line\nbreak", "{}"]),
        ('it"s', ['it"s']),
        ('""', [""]),
        ("a,,b", ["a", "", "b"]),
        ('["a, b", 1, 2.5, "{}"]', ["a, b", 1, 2.5, "{}"]),
        ('"[not json]"', ["[not json]"]),
        ('"linspace(0,1,3)","1:3"', ["linspace(0,1,3)", "1:3"]),
        ("f(x)", ["f(x)"]),
        ("http://x:80,00:1a", ["http://x:80", "00:1a"]),
    ],
)
def test_lists(text: str, values: list[Any]) -> None:
    read = parse_axis("a", text)
    assert read == values
    assert [type(value) for value in read] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0:1:0.25", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0:0.3:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("1:3", [1, 2, 3]),
        ("10:1:-4", [10, 6, 2]),
        ("1e-3:3e-3:1e-3", [0.001, 0.002, 0.003]),
        ("5:5:1", [5]),
        ("linspace(0,1,3)", [0.0, 0.5, 1.0]),
        ("logspace(-1, 1, 3)", [0.1, 1.0, 10.0]),
        ("geomspace(1,100,3)", [1.0, 10.0, 100.0]),
    ],
)
def test_ranges_include_their_ends(text: str, values: list[Any]) -> None:
    read = parse_axis("a", text)
    assert list(read) == values
    assert type(read[0]) is type(values[0])


def test_a_billion_integers_cost_nothing() -> None:
    space = make_space(parse_axes(["a=1:1000000000", "b=0:9"]))
    assert len(space) == 10_000_000_000
    assert space[-1] == {"a": 1_000_000_000, "b": 9}


def test_values_from_files(in_tmp: Path) -> None:
    Path("kinds.txt").write_text("one\ntwo words, and a comma\n\n3\n")
    Path("list.json").write_text('["new\\nline", 2]')
    assert parse_axis("a", "@kinds.txt") == ["one", "two words, and a comma", 3]
    assert parse_axis("a", "@list.json") == ["new\nline", 2]


@pytest.mark.parametrize(
    ("name", "text"), [("b.txt", "x\n2\n"), ("b.json", '["x", 2]'), ("b.csv", "a\nx\n2\n")]
)
def test_a_mark_of_windows_at_the_beginning_of_a_file_is_no_value(in_tmp: Path, name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8-sig")
    if name == "b.csv":
        assert list(read_table(name)) == [{"a": "x"}, {"a": 2}]
    else:
        assert parse_axis("a", f"@{name}") == ["x", 2]


@pytest.mark.parametrize(("name", "text"), [("t.json", '[{"a": 1}]'), ("t.jsonl", '{"a": 1}\n')])
def test_a_mark_of_windows_in_tables(in_tmp: Path, name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8-sig")
    assert list(read_table(name)) == [{"a": 1}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a", "has no values"),
        ("=1", "has no name"),
        ("a=", "has no values"),
        ("a=[]", "has no values"),
        ("a=0:1:-1", "never gets there"),
        ("a=0:1:0", "never gets there"),
        ("a=0:1:1e-12", "larger step"),
        ("a=linspace(0,1)", "needs 3 numbers"),
        ("a=linspace(0,1,x)", "needs 3 numbers"),
        ("a=linspace(0,1,2.5)", "how many"),
        ("a=linspce(0,1,3)", "did you mean linspace"),
        ("a=linspace(0,1,3),5", r"begins like the call linspace\(\.\.\.\) and is none"),
        ("a=5,linspace(0,1,3)", "begins like the call"),
        ("a=f(x,y)", "begins like the call"),
        ("a=[1,2", "begins like a JSON list and is none"),
        ("a=[not json]", "begins like a JSON list"),
        ("a=1:3,7", "begins like a range"),
        ("a=7,1:3", "begins like a range"),
        ("a=1:2:3:4", "begins like a range"),
        ("a=@nowhere.txt", "cannot be read"),
        ("a=\udcff", "no UTF-8 text"),
        ('a=["\\ud800"]', "no UTF-8 text"),
    ],
)
def test_axes_that_cannot_be_read(text: str, says: str) -> None:
    with pytest.raises(BadUsage, match=says):
        parse_axes([text])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(BadUsage, match="given twice"):
        parse_axes(["a=1", "a=2"])


def test_axes_are_crossed_or_side_by_side() -> None:
    axes = parse_axes(["a=1,2", "b=x,y"])
    assert len(make_space(axes)) == 4
    assert list(make_space(axes, zipped=True)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    constant = parse_axes(["a=1,2", "b=x"])
    assert list(make_space(constant, zipped=True))[1] == {"a": 2, "b": "x"}
    with pytest.raises(BadUsage, match="a has 2, b has 3"):
        make_space(parse_axes(["a=1,2", "b=1,2,3"]), zipped=True)


def test_zip_without_values_to_put_side_by_side_is_refused(in_tmp: Path) -> None:
    Path("t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadUsage, match=r"--zip .* leave it out"):
        make_space({}, read_table("t.csv"), zipped=True)


def test_samples_are_drawn_from_distributions_and_lists() -> None:
    axes = parse_axes(["x=uniform(0,1)", "k=integers(1,3)", "r=loguniform(1e-3,1)", "c=choice(p,q)", "d=7,8"])
    assert axes["x"] == Drawn("uniform", (0, 1))
    psets = list(make_space(axes, sampling=Sampling(64, "sobol", 1)))
    assert len(psets) == 64
    assert all(0 <= pset["x"] <= 1 and 1e-3 <= pset["r"] <= 1 for pset in psets)
    assert {pset["k"] for pset in psets} == {1, 2, 3}
    assert {pset["c"] for pset in psets} == {"p", "q"}
    assert {pset["d"] for pset in psets} == {7, 8}


def test_parameters_may_be_called_like_arguments_of_sample() -> None:
    axes = parse_axes(["n=1,2", "method=uniform(0,1)", "seed=5"])
    assert [pset["seed"] for pset in make_space(axes, sampling=Sampling(3))] == [5, 5, 5]


def test_a_distribution_needs_a_sample() -> None:
    with pytest.raises(BadUsage, match="--sample"):
        make_space(parse_axes(["x=uniform(0,1)"]))
    with pytest.raises(BadUsage, match="lower one first"):
        make_space(parse_axes(["x=uniform(1,0)"]), sampling=Sampling(3))


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
    assert list(read_table(path)) == frame.to_dict("records")


def test_a_table_is_crossed_with_the_axes(in_tmp: Path) -> None:
    Path("t.csv").write_text("a,code\n1,007\n2,NA\n")
    psets = list(make_space(parse_axes(["b=5,6"]), read_table("t.csv")))
    assert psets[1:3] == [{"a": 1, "code": "007", "b": 6}, {"a": 2, "code": "NA", "b": 5}]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "", "no rows"),
        ("t.csv", "a,b\n1\n", "row 2 has 1 cells"),
        ("t.xls", "x", "no such kind"),
        ("t.parquet", "x", "cannot be read"),
        ("t.json", "{", "cannot be read"),
        ("t.json", '{"a": 1}', "no list of objects"),
        ("t.jsonl", '{"a": 1}\n\n{"a":}\n', "line 3 is no JSON"),
        ("t.jsonl", "[1]\n", "line 1 is no object"),
        ("t.csv", "a,b,a\n1,2,3\n", "column 'a' is there twice"),
        ("t.csv", 'a,b\n1,"x\n', "t.csv cannot be read .line 2: .* quotes"),
        ("t.csv", "a;b\n1;2\n", "seems to be separated by semicolons"),
        ("t.tsv", "a,b\n1,2\n", "seems to be separated by commas"),
    ],
)
def test_tables_that_are_none(in_tmp: Path, name: str, text: str, says: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(BadUsage, match=says):
        read_table(name)


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
    assert [command.fill(pset) for pset in read_table(name)] == [["1", "5"], ["2.5", "nan"], ["3", "None"]]


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
@pytest.mark.parametrize("dtype", ["Int64", object])
def test_integers_stay_integers_next_to_missing_ones(in_tmp: Path, name: str, dtype: Any) -> None:
    numbers = pd.Series([2**60 + 1, None], dtype=dtype)
    frame = pd.DataFrame({"n": numbers, "x": [0.5, np.nan], "s": ["a", None], "i": [1, 2]})
    (frame.to_parquet if name == "t.parquet" else frame.to_feather)(name)
    command = Template(("{n}", "{x}", "{s}", "{i}"))
    filled = [command.fill(pset) for pset in read_table(name)]
    assert filled == [[str(2**60 + 1), "0.5", "a", "1"], ["nan", "nan", "nan", "2"]]


# ---- templates


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{a}", "1"),
        ("--x={a}:{b}", "--x=1:{a} 'q' \n"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ('{"k": {a}}', '{"k": 1}'),
        ("{print $1}", "{print $1}"),
        ("{}", "{}"),
        ("{ a }", "{ a }"),
    ],
)
def test_templates(text: str, filled: str) -> None:
    assert Template((text,)).fill({"a": 1, "b": "{a} 'q' \n"}) == [filled]


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(BadUsage, match=r"\{kin\}.*did you mean 'kind'"):
        Template(("x", "{kin}")).check(["kind", "a"])


SECRET = "'$(touch pwned)' `touch pwned` \"; touch pwned #\n touch pwned"

SAFE = [
    "printf %s {a}",
    "echo 'it' \"is\" >/dev/null; printf %s {a} | cat",
    'printf %s "$(printf %s ok)" >/dev/null; printf %s $(true {a}) {a}',
    'x={a}; printf %s "$x"',
    "# don't\nprintf %s {a}",
    "echo a#b \\' >/dev/null; printf %s {a}",
    'x="5$ ${HOME%/*} $(date +%s)"; printf %s {a}',
    "true\\\n; printf %s {a}",
    "cat <<E >/dev/null; #'\nx\nE\nprintf %s x",
]

SAFE += [
    'printf %s "{a}"',
    "printf %s '{a}'",
    'printf %s "{a}" >/dev/null; printf %s\'\' "{a}"',
]

BARE = [  # only for values that need no quotes
    "echo `echo {a}`",
    "cat <<E\n{a}\nE",
    'echo "$(echo "{a}")"',
    'echo "`echo "{a}"`"',
    'echo "$(case x in x) echo "{a}";; esac)"',
    'echo "${x:-"{a}"}"',
    "echo $(( {a} ))",
    "echo {a} # {a}",
    'cat <<E\n"{a}" and {a}\nE',
]

NOWHERE = ["echo \\{a}", "echo ${a}", 'echo "x \\{a}"', 'echo "${a}"', "echo `echo \\{a}`"]


@pytest.mark.parametrize("text", SAFE)
def test_no_value_is_executed_by_a_shell(in_tmp: Path, text: str) -> None:
    template = Template((text,), shell=True)
    template.check(["a"])
    done = subprocess.run(template.fill({"a": SECRET}), capture_output=True, text=True)
    assert done.stdout == (SECRET if "{a}" in text else "x")
    assert done.stderr == ""
    assert os.listdir() == []


@pytest.mark.parametrize("text", BARE)
def test_where_nothing_can_be_quoted_only_values_stand_that_need_no_quotes(text: str) -> None:
    template = Template((text,), shell=True)
    template.check(["a"])
    template.check_values([{"a": 2}, {"a": "2.5e-3"}])
    printed = subprocess.run(template.fill({"a": 2}), capture_output=True, text=True).stdout
    assert "2" in printed
    with pytest.raises(
        BadUsage, match=r"--shell: \{a\} stands .* and its value '\$HOME' needs quotes: .*x=\{a\}"
    ):
        template.check_values([{"a": 2}, {"a": "$HOME"}])


@pytest.mark.parametrize("text", NOWHERE)
def test_a_placeholder_that_changes_its_meaning_there_is_refused(text: str) -> None:
    with pytest.raises(BadUsage, match=r"--shell: \{a\} stands after .*: put it into a variable"):
        Template((text,), shell=True).check(["a"])


@pytest.mark.parametrize(
    ("text", "value", "printed"),
    [
        ("echo {a}>&1", 2, "2\n"),
        ('echo "{a}+1" | cat', 2, "2+1\n"),
        ("awk 'BEGIN{{print {a}*2}}'", 2, "4\n"),
        ("{a} env | grep -c ^x=", "x=1", "0\n"),
    ],
)
def test_a_value_is_a_word_and_no_syntax(text: str, value: Any, printed: str) -> None:
    command = Template((text,), shell=True).fill({"a": value})
    assert subprocess.run(command, capture_output=True, text=True).stdout == printed


# ---- parsing


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("loss=([0-9.]+)", "loss=3\nloss=0.5 end", {"loss": 0.5}),
        (r"loss:\s*(\S+)", "loss:   nan?", {"loss": "nan?"}),
        (r"(?P<n>\d+) steps, acc = (\S+)", "10 steps, acc = 1e-3", {"n": 10, "acc": 0.001}),
        (r"^x=(\d+)$", "x=1\ny\nx=2\n", {"x": 2}),
        (r"a=(?:b|c)?(\d)", "a=c4", {"a": 4}),
    ],
)
def test_regular_expressions(pattern: str, text: str, found: dict[str, Any]) -> None:
    assert parser_of(pattern)(text) == found


@pytest.mark.parametrize("pattern", ["loss=.*", "(1)(2)", "x=(", "a=(1) a=(2)"])
def test_regular_expressions_without_names(pattern: str) -> None:
    with pytest.raises(BadUsage, match="--parse"):
        parser_of(pattern)


def test_the_last_json_object_counts() -> None:
    text = 'log {not} [1]\n{"a": 1}\nx {"a": {"b": [1, {"c": 2}]}, "d": NaN}\n{"cut": '
    found = parser_of("json")(text)
    assert found["a"] == {"b": [1, {"c": 2}]}
    assert np.isnan(found["d"])
    with pytest.raises(NothingParsed, match="no JSON object"):
        parser_of("json")("[1, 2] {x}")


def test_half_a_character_in_json_is_escaped() -> None:
    assert parser_of("json")('{"a": "\\ud800 \\ud83d\\ude00"}') == {"a": "\\ud800 😀"}


def test_deeply_nested_rubbish_is_no_json() -> None:
    with pytest.raises(NothingParsed):
        parser_of("json")('{"a":' * 5000)


def test_numbers_become_numbers() -> None:
    assert [number_of(text) for text in ("12", "-1.5", "1e3", "inf", "0x1")] == [
        12,
        -1.5,
        1000.0,
        np.inf,
        "0x1",
    ]


# ---- tables in files

TABLE = pd.DataFrame({"n": [1, 2], "s": ["a,b", "q\n"], "o": [{"k": [1]}, [2]], "x": [0.5, np.nan]})


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "sqlite"])
def test_a_table_can_be_read_back(in_tmp: Path, suffix: str) -> None:
    path = f"out.{suffix}"
    deliver(TABLE, path)
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
    deliver(pd.DataFrame({"a": [1, "x"], "b": [[1.0], [2.0]]}, dtype=object), "out.parquet")
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
    deliver(odd_results(), f"out.{suffix}")
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


def test_an_array_is_json_in_csv(in_tmp: Path) -> None:
    deliver(pd.DataFrame({"v": [np.array([1, 2])]}), "out.csv")
    assert Path("out.csv").read_text() == 'v\n"[1, 2]"\n'


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "sqlite", "nc"])
def test_names_that_a_format_does_not_know_are_changed_and_told(
    in_tmp: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["p", "a", "A", "", 1, "1", "x/y", "int"]
    frame = pd.DataFrame([range(len(names))], columns=pd.Index(names, dtype=object))
    deliver(MapResults(frame, progress=MapProgress("names", total=1, finished=1)), f"out.{suffix}")
    back = read_back(f"out.{suffix}")
    assert sorted(int(values[0]) for name, values in back.items() if name != "pset") == list(range(8))
    said = capfd.readouterr().err
    assert "the column '' is called 'unnamed'" in said
    if suffix == "sqlite":
        assert "the column 'A' is called 'A_2' in SQLite" in said


def test_a_table_without_rows(in_tmp: Path) -> None:
    for suffix in ("csv", "parquet", "feather", "sqlite"):
        deliver(TABLE.head(0), f"out.{suffix}")


def test_whatever_a_writer_raises_the_results_are_kept(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: pd.DataFrame, path: str) -> None:
        raise AttributeError("a bug in a library")

    monkeypatch.setitem(WRITERS, ".nc", fail)
    monkeypatch.setattr("tempfile.tempdir", str(in_tmp))
    with pytest.raises(RunFailed, match=r"a bug in a library.*the results are in"):
        deliver(TABLE, "out.nc")
    (kept,) = in_tmp.glob("paramsurvey-*-out.csv")
    assert len(pd.read_csv(kept)) == 2


def test_a_symbolic_link_stays_one(in_tmp: Path) -> None:
    Path("data").mkdir()
    Path("link.csv").symlink_to("data/real.csv")
    check_target("link.csv")
    deliver(TABLE, "link.csv")
    assert Path("link.csv").is_symlink()
    assert len(pd.read_csv("data/real.csv")) == 2
    assert os.listdir("data") == ["real.csv"]


# ---- configurations


def test_survey_toml_sets_defaults(in_tmp: Path) -> None:
    Path("survey.toml").write_text(
        'timeout = 5\nok-codes = [0, 3]\nmax_failures = 7\nparse = "json"\n'
        'command = "./sim \'a b\' {a}"\n[params]\na = [1, "x"]\nb = "0:1:0.5"\nc = 3\n'
    )
    assert load_config(run, None) == {
        "timeout": 5.0,
        "ok_codes": "0,3",
        "max_failures": 7,
        "parse": ["json"],
        "params_config": {"a": '[1, "x"]', "b": "0:1:0.5", "c": "[3]"},
        "command_config": ["./sim", "a b", "{a}"],
    }


def test_pyproject_is_found_above(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text("[tool.paramsurvey]\nretries = 2\n[tool.other]\nx = 1\n")
    (in_tmp / "below").mkdir()
    monkeypatch.chdir("below")
    assert load_config(run, None)["retries"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("retires = 2", "no option 'retires'; did you mean 'retries'"),
        ("retries = 'x'", "retries: 'x' is not a valid"),
        ("retries = [1, 2]", "wrong type"),
        ("shell = 1", "wrong type"),
        ("retries", "is no TOML"),
        ("command = 1", "command is neither"),
        ("params = 1", "params is no table"),
        ("psets = 5", "psets: 5 is no path"),
        ("parse = [[1]]", "wrong type"),
        ("command = 'echo \"{a}'", "my.toml: command = .* cannot be cut into words"),
    ],
)
def test_wrong_configurations_are_refused(in_tmp: Path, text: str, says: str) -> None:
    Path("my.toml").write_text(text)
    with pytest.raises(BadUsage, match=says):
        load_config(run, "my.toml")


def test_a_pyproject_without_tables(in_tmp: Path) -> None:
    Path("pyproject.toml").write_text("tool = 3\n")
    with pytest.raises(BadUsage, match=r"pyproject.toml: tool.paramsurvey is no table"):
        load_config(run, None)


# ---- functions


def test_a_function_is_called_by_name() -> None:
    def area(width: float, height: float = 2) -> float:
        return width * height

    assert as_worker(area, ["width"]) == (call_by_name, area)
    assert call_by_name({"width": 3}, {}, area) == {"result": 6}
    with pytest.raises(BadUsage, match="does not fit"):
        as_worker(area, ["length"])


def test_a_worker_function_is_taken_as_it_is() -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None: ...

    assert as_worker(worker, ["a", "b", "c"]) == (worker, None)
