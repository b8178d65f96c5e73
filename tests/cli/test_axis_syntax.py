"""The syntax of `-p`: lists, ranges, calls, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_syntax import parse_axes, parse_axis
from paramsurvey.cli.psets.unexpanded import operator_warnings, pattern_warnings


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
        ("1..3", [1, 2, 3]),
        ("08..10", ["08", "09", "10"]),
        ("10..08", ["10", "09", "08"]),
        ("linspace(0,1,3)", [0.0, 0.5, 1.0]),
        ("logspace(-1, 1, 3)", [0.1, 1.0, 10.0]),
        ("geomspace(1,100,3)", [1.0, 10.0, 100.0]),
        ("linspace(0,600000000000000000000,3)", [0.0, 3e20, 6e20]),
        ("logspace(0,100000000000000000000,1)", [1.0]),
        ("geomspace(1,100000000000000000000,3)", [1.0, 1e10, 1e20]),
    ],
)
def test_ranges_include_their_ends(text: str, values: list[Any]) -> None:
    read = parse_axis("a", text)
    assert list(read) == values
    assert type(read[0]) is type(values[0])


@pytest.mark.parametrize(
    ("text", "values"),
    [("1..3,7,x", [1, 2, 3, 7, "x"]), ("9,08..10", [9, "08", "09", "10"]), ('"1..3",4', ["1..3", 4])],
)
def test_ranges_in_a_list(text: str, values: list[Any]) -> None:
    assert parse_axis("a", text) == values


def test_values_from_files(in_tmp: Path) -> None:
    Path("kinds.txt").write_text("one\ntwo words, and a comma\n\n3\n")
    Path("list.json").write_text('["new\\nline", 2]')
    assert parse_axis("a", "@kinds.txt") == ["one", "two words, and a comma", 3]
    assert parse_axis("a", "@list.json") == ["new\nline", 2]


@pytest.mark.parametrize(("name", "text"), [("b.txt", "x\n2\n"), ("b.json", '["x", 2]')])
def test_the_byte_order_mark_of_windows_is_no_value(in_tmp: Path, name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8-sig")
    assert parse_axis("a", f"@{name}") == ["x", 2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a", "has no values"),
        ("=1", "has no name"),
        ("a=", "has no values"),
        ("a=[]", "has no values"),
        ("a=0:1:-1", "never reaches the stop"),
        ("a=0:1:0", "never reaches the stop"),
        ("a=0:1:1e-12", "larger step"),
        ("a=linspace(0,1)", "needs 3 numbers"),
        ("a=linspace(0,1,x)", "needs 3 numbers"),
        ("a=linspace(0,1,2.5)", "how many"),
        (f"a=linspace(0,{'9' * 400},3)", "give other limits"),
        (f"a=logspace(0,{'9' * 30},3)", "give other limits"),
        ("a=range(1e400)", "too large for a float"),
        ("a=range(0,1,1e400)", "too large for a float"),
        ("a=linspce(0,1,3)", "did you mean linspace"),
        ("a=linspace(0,1,3),5", r"begins like a call linspace\(\.\.\.\) but is not one"),
        ("a=5,linspace(0,1,3)", "begins like a call"),
        ("a=f(x,y)", "begins like a call"),
        ("a=[1,2", "begins like a JSON list but is not one"),
        ("a={x,y}", "begins like an expansion of a shell, or a JSON object but is not one"),
        ('a={"k": 1, "l": 2}', "begins like an expansion"),
        ("a=[not json]", "begins like a JSON list"),
        ("a=1:3,7", "begins like a range"),
        ("a=7,1:3", "begins like a range"),
        ("a=1:2:3:4", "begins like a range"),
        ("a=00:30", "begins with 0"),
        ("a=shuffle(range(1,5))", "add --shuffle"),
        ("a=sort(3,1,2)", "in the order that you want"),
        ("a=glob(no*.txt)", "no file matches"),
        ("a=@nowhere.txt", "cannot be read"),
        ("a=\udcff", r"not UTF-8 text: give another; if it is the name of a file, rename that file, or"),
        ('a=["\\ud800"]', "not UTF-8 text"),
        ('a=[["\\ud800"]]', "not UTF-8 text"),
        ('a=[{"k": "\\ud800"}]', "not UTF-8 text"),
    ],
)
def test_axes_that_cannot_be_read(text: str, says: str) -> None:
    with pytest.raises(BadUsage, match=says):
        parse_axes([text])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(BadUsage, match="given twice"):
        parse_axes(["a=1", "a=2"])


def test_files_of_patterns(in_tmp: Path) -> None:
    for name in ("a1.txt", "a2.txt", "b1.txt", "c.dat"):
        Path(name).touch()
    assert parse_axis("f", "glob(*.txt)") == ["a1.txt", "a2.txt", "b1.txt"]
    assert parse_axis("f", "glob(*.dat,a*)") == ["a1.txt", "a2.txt", "c.dat"]
    assert parse_axis("f", "glob(*,exclude=a*)") == ["b1.txt", "c.dat"]
    assert parse_axis("f", "glob([a*,b*],exclude=[a1*,*.dat])") == ["a2.txt", "b1.txt"]
    assert parse_axis("f", "glob([ab]1.txt)") == ["a1.txt", "b1.txt"]


def test_a_pattern_that_no_shell_has_expanded_is_told(in_tmp: Path) -> None:
    for name in ("a1.txt", "a2.txt"):
        Path(name).touch()
    (told,) = pattern_warnings(["f=*.txt,no*.txt,x"])
    assert told.startswith("f=*.txt is the text '*.txt': for the files (2), write -p 'f=glob(*.txt)'")
    assert list(pattern_warnings(['f="*.txt"', "f=glob(*.txt)", "f=@*.txt", "f=what?"])) == []


def test_an_operator_of_a_shell_that_is_an_argument_is_told() -> None:
    (told,) = operator_warnings(["echo", "{a}", "|", "wc", ">", "x"])
    assert told == "'|' is an argument of echo here: for what a shell makes of it, add --shell"
    for words in (["awk", "-F", "|"], ["expr", "1", "<", "{a}"], ["echo", "a|b"], ["echo"], []):
        assert list(operator_warnings(words)) == []


@pytest.mark.parametrize("text", ["01..99999999999", "0:1:1e-12", f"{1:04000d}..1000000"])
def test_a_range_that_no_memory_holds_is_refused(text: str) -> None:
    with pytest.raises(BadUsage, match="are allowed: give a larger step"):
        parse_axis("a", text)


@pytest.mark.parametrize("text", ["1..9999999999999999999999", "0:9999999999999999999999"])
def test_a_range_whose_values_cannot_be_numbered_is_refused(text: str) -> None:
    with pytest.raises(BadUsage, match="cannot be numbered: take fewer"):
        parse_axis("a", text)


@pytest.mark.parametrize("text", ["7,1..99999999999", "7,1..9999999999999999999999", "1..6000000,1..6000000"])
def test_ranges_within_a_list_that_no_memory_holds_are_refused(text: str) -> None:
    with pytest.raises(BadUsage, match=r"at most 10,000,000 values: take fewer|cannot be numbered"):
        parse_axis("a", text)
