"""The psets that options ask for: files, standard input, conditions, sweeps."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.run_options import RunOptions
from paramsurvey.cli.plan import make_plan
from paramsurvey.cli.psets.requested import request_psets


def psets(**options: Any) -> list[dict[str, Any]]:
    return list(request_psets(RunOptions(**options), {}).named())


def test_two_are_paired_and_crossed_with_a_third() -> None:
    found = psets(params=("a=1,2", "c=7,8", "b=x,y"), zipped=("a,b",))
    assert [tuple(pset[name] for name in "abc") for pset in found] == [
        (1, "x", 7),
        (1, "x", 8),
        (2, "y", 7),
        (2, "y", 8),
    ]
    with pytest.raises(BadUsage, match="no axis 'd'"):
        psets(params=("a=1,2",), zipped=("a,d",))
    with pytest.raises(BadUsage, match="'a' twice"):
        psets(params=("a=1,2", "b=1,2", "c=1,2"), zipped=("a,b", "a,c"))


def test_names_with_dots() -> None:
    requested = request_psets(RunOptions(params=("model.lr=0.1,0.2",), where=("model.lr > 0.1",)), {})
    assert list(requested.named()) == [{"model.lr": 0.2}]
    assert requested.selection.names == ("model__lr",)


def test_columns_of_a_file_belong_together(in_tmp: Path) -> None:
    Path("t").write_text("1\tx y\n2\tz\n")
    assert psets(params=("a,b=@t",)) == [{"a": 1, "b": "x y"}, {"a": 2, "b": "z"}]
    Path("t").write_text("1; x\n2 ;z\n")
    assert psets(params=("a,b=@t",), colsep=" *; *") == [{"a": 1, "b": "x"}, {"a": 2, "b": "z"}]
    Path("t").write_text("n;k\n1;x\n")
    assert psets(psets="t", colsep=";") == [{"n": 1, "k": "x"}]
    with pytest.raises(BadUsage, match="line 1 has 2 columns, but there are 3 names"):
        psets(params=("a,b,c=@t",), colsep=";")
    with pytest.raises(BadUsage, match=r"give the file .* or pair two axes with --zip a,b"):
        psets(params=("a,b=1,2",))


@pytest.mark.parametrize(
    "text", ["a,b\n1,x\n", "a\tb\n1\tx\n", '[{"a": 1, "b": "x"}]', '{"a": 1, "b": "x"}\n']
)
def test_psets_from_standard_input(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    requested = request_psets(RunOptions(psets="-"), {})
    assert list(requested.named()) == [{"a": 1, "b": "x"}]
    assert requested.stdin == text
    again = request_psets(RunOptions(psets="-"), {}, requested.stdin)  # without a second look at stdin
    assert list(again.named()) == [{"a": 1, "b": "x"}]


def test_items_that_end_with_nul(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a b\0c\nd\x007\0"))
    assert psets(params=("f=@-",), null=True) == [{"f": "a b"}, {"f": "c\nd"}, {"f": "7"}]


def test_lines_that_end_as_on_windows() -> None:
    assert psets_of_stdin("a\r\nb \r\n\r\n", params=("f=@-",)) == [{"f": "a"}, {"f": "b "}]
    assert psets_of_stdin("a\r", params=("f=@-",), null=True) == [{"f": "a\r"}]


def test_items_that_end_with_a_text_of_ones_own() -> None:
    assert list(request_psets(RunOptions(params=("f=@-",), delimiter=", "), {}, "a b, 7, , c\n").named()) == [
        {"f": "a b"},
        {"f": 7},
        {"f": "c"},
    ]
    assert len(psets_of_stdin("a\tb", params=("f=@-",), delimiter="\\t")) == 2
    for options in ({"null": True}, {"params": ("f=1",)}, {"delimiter": ""}):
        with pytest.raises(BadUsage, match="--delimiter"):
            psets_of_stdin("a", **{"params": ("f=@-",), "delimiter": ";"} | options)


def psets_of_stdin(text: str, **options: Any) -> list[dict[str, Any]]:
    return list(request_psets(RunOptions(**options), {}, text).named())


def test_several_values_in_one_set() -> None:
    assert psets(params=("f=1..5",), together=2) == [{"f": [1, 2]}, {"f": [3, 4]}, {"f": [5]}]
    assert psets_of_stdin("a\nb c\nd\n", params=("f=@-",), together=2) == [{"f": ["a", "b c"]}, {"f": ["d"]}]
    assert psets_of_stdin("a\nb c\nd\n8\n", params=("x,y=@-",), together=2) == [
        {"x": "a", "y": "b c"},
        {"x": "d", "y": 8},
    ]
    with pytest.raises(BadUsage, match="but there are 2: give one"):
        psets(params=("a=1,2", "b=1"), together=2)
    with pytest.raises(BadUsage, match="line 2 has 1 columns"):
        psets_of_stdin("a\nb\nc\n", params=("x,y=@-",), together=2)


def test_standard_input_is_read_once() -> None:
    with pytest.raises(BadUsage, match="another option reads standard input"):
        request_psets(RunOptions(params=("a=@-", "b=@-")), {}, "1\n")


@pytest.mark.parametrize(
    ("text", "left"),
    [("a < b", 3), ("a == 1 or b % 2 == 1", 7), ("a in (1, 3)", 6), ("abs(a - b) <= 1 and not a == 2", 4)],
)
def test_where(text: str, left: int) -> None:
    found = psets(params=("a=1..3", "b=1..3"), where=(text,))
    expected = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if eval(text, {"a": a, "b": b})]
    assert [(pset["a"], pset["b"]) for pset in found] == expected
    assert len(found) == left or len(found) == len(expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a <", "not an expression"),
        ("a < c", "'c', which is not a parameter"),
        ("__import__('os')", "calls something other than"),
        ("a.__class__", "something other than comparisons"),
        ("[x for x in a]", "something other than comparisons"),
        ("a < 0", "leaves no parameter set"),
        ("a / 0 > 1", "cannot be computed for a=1"),
    ],
)
def test_conditions_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(BadUsage, match=why):
        psets(params=("a=1..3",), where=(text,))


def test_a_shuffle_depends_on_the_seed_alone() -> None:
    first, again, other = (psets(params=("a=1..20",), shuffle=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(pset["a"] for pset in first) == list(range(1, 21))


def test_sweeps_in_the_syntax_of_hydra() -> None:
    found = psets(sweep=("+model.lr=0.1,0.01", "n=range(1,3)", "db=choice(x,y)"))
    assert len(found) == 8
    assert found[0] == {"model.lr": 0.1, "n": 1, "db": "x"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[a,b],[c,d]", [["a", "b"], ["c", "d"]]),
        ("[1,2]", [[1, 2]]),
        ("{n: 1, m: [true, null]},{}", [{"n": 1, "m": [True, None]}, {}]),
        ("'a,b',c", ["a,b", "c"]),
        ('"a,b","1"', ["a,b", "1"]),
        ("'it\\'s',x", ["it's", "x"]),
        ("a\\,b,c", ["a,b", "c"]),
        ("choice([a,b],c)", [["a", "b"], "c"]),
        ("true,null", ["true", "null"]),
        ("range(start=1,stop=4)", [1, 2, 3]),
        ("range(stop=3)", [0, 1, 2]),
        ("range(1,10,step=4)", [1, 5, 9]),
        ("sort(3,1,2)", [1, 2, 3]),
        ("sort(range(1,4),reverse=true)", [3, 2, 1]),
        ("sort([b,a])", [["a", "b"]]),
        ("float(range(2))", [0.0, 1.0]),
        ("int(1.5,'2')", [1, 2]),
        ("str(1,[2,x])", ["1", "[2,x]"]),
        ("bool(0,true)", [False, True]),
        ("json_str({n: 1})", ['{"n": 1}']),
        ("tag(a,b,choice(x,y))", ["x", "y"]),
        ("tag(t,sort(2,1))", [1, 2]),
    ],
)
def test_values_in_the_syntax_of_hydra(text: str, values: list[Any]) -> None:
    assert [pset["a"] for pset in psets(sweep=(f"a={text}",))] == values


def test_a_shuffle_of_hydra_is_the_same_in_every_run() -> None:
    first, again = (psets(sweep=("a=shuffle(range(1,6))",)) for _ in range(2))
    assert first == again
    assert sorted(pset["a"] for pset in first) == [1, 2, 3, 4, 5]


def test_the_sweep_of_a_configuration_of_hydra(in_tmp: Path) -> None:
    Path("config.yaml").write_text(
        "hydra: {sweeper: {params: {+db.kind: 'a,b', n: 'range(1,3)', k: 7, l: [1, x]}}}"
    )
    found = psets(sweep=("config.yaml",))
    assert len(found) == 4
    assert found[0] == {"db.kind": "a", "n": 1, "k": 7, "l": [1, "x"]}
    Path("config.yaml").write_text("hydra: {sweeper: {params: {x: 'interval(0,1)'}}}")
    with pytest.raises(BadUsage, match="'x' is a distribution"):
        psets(sweep=("config.yaml",))


def test_distributions_in_the_syntax_of_hydra() -> None:
    texts = ("a=int(interval(1,3))", "b=tag(x,interval(start=0,end=1))", "c=str(choice(1,2))")
    drawn = psets(sweep=texts, sample=20)
    assert {pset["a"] for pset in drawn} == {1, 2, 3}
    assert all(0 < pset["b"] < 1 and pset["c"] in ("1", "2") for pset in drawn)
    with pytest.raises(BadUsage, match="cannot be applied to a distribution"):
        psets(sweep=("a=sort(interval(0,1))",), sample=2)


def test_the_tag_log_of_hydra_draws_small_values_as_often_as_large_ones() -> None:
    drawn = psets(sweep=("a=tag(x, log,interval(1e-6,1))",), sample=200)
    assert 60 < sum(pset["a"] < 1e-3 for pset in drawn) < 140, (
        "half of them, by the seed that is always the same"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("int(tag(log,interval(1,512)))", r"leave int\(...\) out, and write {NAME:.0f} into the command"),
        ("tag(log,int(interval(1,512)))", r"leave int\(...\) out, and write {NAME:.0f} into the command"),
        ("tag(log,choice(1,2))", r"the tag log is only for what interval\(...\) draws: leave log out"),
        ("tag(log,1,2)", r"the tag log is only for what interval\(...\) draws: leave log out"),
    ],
)
def test_the_tag_log_is_never_ignored(text: str, says: str) -> None:
    with pytest.raises(BadUsage, match=says):
        psets(sweep=(f"a={text}",), sample=2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a=[1,2", r"\[ is not closed: close it"),
        ("a=it's", "' is not closed"),
        ("a={n}", "is not a dict: write it as key: value"),
        ("a=str(1),int(2.5)", "a cast cannot be inside a list"),
        ("a=int(1,x)", r"int\(...\) cannot take one of the values"),
        ("a=sort(1,x)", r"sort\(...\) cannot take one of the values"),
        ("a=range(start=1,end=4)", "its arguments are start, stop, step"),
        ("a=range(1,start=1)", "or has one twice"),
        ("a=extend_list(1)", "a cast cannot be inside a list"),
        ("hydra.sweep.dir=x", "a setting of Hydra itself: write it into the command"),
        (f"a={'sort(' * 3000}{')' * 3000}", "nested too deeply"),
        (f"a={'[' * 3000}{']' * 3000}", "nested too deeply"),
        ("a", "--sweep 'a' has no values"),
    ],
)
def test_sweeps_that_cannot_be_read(text: str, why: str) -> None:
    with pytest.raises(BadUsage, match=why):
        psets(sweep=(text,))


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(BadUsage, match="both -p and --sweep"):
        psets(params=("a=1",), sweep=("a=2",))
    requested = request_psets(RunOptions(sweep=("a=2",)), {"a": "1,2,3"})  # a configuration is a default
    assert list(requested.named()) == [{"a": 2}]


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"colsep": "_"}, "write for example -p a,b=@FILE"),
        ({"null": True}, "write for example -p a=@-"),
        ({"method": "sobol"}, "add --sample N"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(BadUsage, match=remedy):
        psets(params=("a=1,2",), **options)


SWEEP = """\
program: train.py
method: METHOD
run_cap: 50
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}
  units: {distribution: q_uniform, min: 16, max: 64, q: 16}
  layers: {min: 1, max: 3}
  model:
    parameters:
      kind: {values: [a, b], probabilities: [0.9, 0.1]}
  epochs: {value: 5}
"""


def test_what_only_wandb_can_write_into_a_command_is_not_filled_in(in_tmp: Path) -> None:
    parameters = {"on": {"values": [True, False]}}
    for macro, is_known in (("${args}", True), ("${args_no_boolean_flags}", False), ("${args_json}", False)):
        Path("s.json").write_text(json.dumps({"parameters": parameters, "command": ["run", macro]}))
        command = request_psets(RunOptions(sweep=("s.json",)), {}).command
        assert (command == ["run", "--on={on}"]) is is_known
        if not is_known:
            with pytest.raises(BadUsage, match="write the command after --"):
                make_plan(RunOptions(sweep=("s.json",)), (), None, {})
            make_plan(RunOptions(sweep=("s.json",)), (), ("run", "{on}"), {})


def test_a_sweep_file_at_random(in_tmp: Path) -> None:
    pytest.importorskip("yaml")
    Path("s.yaml").write_text(SWEEP.replace("METHOD", "random"))
    requested = request_psets(RunOptions(sweep=("s.yaml",), seed=3), {})
    found = list(requested.named())
    assert len(found) == 50
    assert all(0.001 <= pset["lr"] <= 0.1 for pset in found)
    assert {pset["units"] for pset in found} <= {16, 32, 48, 64}
    assert {pset["layers"] for pset in found} == {1, 2, 3}
    assert sum(pset["model.kind"] == "a" for pset in found) > 35
    assert {pset["epochs"] for pset in found} == {5}
    assert requested.command[2:4] == ["train.py", "--lr={lr}"]
    assert found == psets(sweep=("s.yaml",), seed=3)


def test_a_sweep_file_as_a_grid(in_tmp: Path) -> None:
    Path("s.json").write_text('{"parameters": {"a": {"values": [1, 2]}, "b": {"min": 1, "max": 3}}}')
    assert len(psets(sweep=("s.json",))) == 6
    Path("s.json").write_text('{"method": "bayes", "parameters": {"a": {"value": 1}}}')
    with pytest.raises(BadUsage, match="use grid or random"):
        psets(sweep=("s.json",))
    Path("s.json").write_text('{"parameters": {"a": {"min": 0.5, "max": 3}}}')
    with pytest.raises(BadUsage, match="a grid needs values"):
        psets(sweep=("s.json",))
