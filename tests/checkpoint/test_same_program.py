"""What a checkpoint knows of the program that made it: what counts as another one, and what is said then."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.checkpoint.same_program import Program

Function = Callable[..., Any]


def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
    return {"y": pset["x"]}


def typed_at_a_prompt(body: str) -> Function:
    """Return a function that has no source."""
    names: dict[str, Any] = {}
    exec(f"def work(pset, *_):\n    return {body}", names)
    return names["work"]  # type: ignore[no-any-return]


def with_default(value: object) -> Function:
    def work(pset: dict[str, Any], *_: object, unit: object = value) -> dict[str, Any]:
        return {"y": unit}

    def positional(pset: dict[str, Any], unit: object = value) -> dict[str, Any]:
        return {"y": work(pset), "unit": unit}

    return positional


def with_closure(value: object) -> Function:
    def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        return {"y": value}

    return work


def with_partial(value: object) -> Function:
    return functools.partial(work, unit=value)


SAME: list[Callable[[], Function]] = [
    lambda: work,
    lambda: len,
    lambda: with_closure(3),
    lambda: with_default([1, {"a": 2}]),
    lambda: with_partial("m"),
    lambda: typed_at_a_prompt("{'y': 1}"),
]


@pytest.mark.parametrize("made", SAME)
def test_what_is_made_again_in_the_same_way_is_the_same_program(made: Callable[[], Function]) -> None:
    assert Program.of(made(), {"n": 1}).difference(Program.of(made(), {"n": 1})) == ""


OTHER: list[tuple[Function, Function]] = [
    (len, max),
    (with_closure(3), with_closure(4)),
    (with_default(3), with_default(4)),
    (with_partial("m"), with_partial("mm")),
    (typed_at_a_prompt("{'y': 1}"), typed_at_a_prompt("{'y': 2}")),
    (typed_at_a_prompt("{'y': pset['x']}"), typed_at_a_prompt("{'y': -pset['x']}")),
]


@pytest.mark.parametrize(("before", "now"), OTHER)
def test_what_a_function_does_or_carries_with_it_makes_it_another_program(
    before: Function, now: Function
) -> None:
    said = Program.of(before, None).difference(Program.of(now, None))
    assert said.startswith("the worker function has changed:\n")


def test_where_the_text_is_the_same_it_is_said_where_the_difference_is() -> None:
    said = Program.of(with_closure(3), None).difference(Program.of(with_closure(4), None))
    assert said.endswith("  (the difference is in the values that it carries with it)")


def test_a_change_is_shown_with_the_lines_around_it_and_which_is_which() -> None:
    lines = [f"line {number}" for number in range(9)]
    before = replace(Program.of(work, None), source="\n".join(lines))
    lines[4] = "changed"
    now = replace(before, source="\n".join(lines), source_hash="other")
    shown = before.difference(now).splitlines()[1:]
    assert shown[:2] == ["  --- before", "  +++ now"]
    assert shown[3:] == [
        "   line 2",
        "   line 3",
        "  -line 4",
        "  +changed",
        "   line 5",
        "   line 6",
    ]


@pytest.mark.parametrize(("changed", "is_cut"), [(57, False), (58, True)])
def test_of_a_long_change_the_first_sixty_lines_are_shown(changed: int, is_cut: bool) -> None:
    before = replace(Program.of(work, None), source="")
    now = replace(before, source="\n".join(f"line {n}" for n in range(changed)), source_hash="other")
    shown = before.difference(now).splitlines()[1:]
    assert [line for line in shown if line.startswith("  +line")] == [f"  +line {n}" for n in range(57)]
    assert shown[60:] == (["  ... (61 lines)"] if is_cut else [])


def test_what_is_stored_is_read_back(tmp_path: Path) -> None:
    for keeps_text in (True, False):
        program = Program.of(work, {"n": 1}, store_user_kwargs=keeps_text)
        assert Program.from_json(json.loads(json.dumps(program.to_json()))) == program


def test_what_is_stored_is_bounded() -> None:
    source = "\n".join(f"    x = {number:>20}" for number in range(20_000))
    names: dict[str, Any] = {}
    path = Path("long.py")
    path.write_text(f"def work(pset, *_):\n{source}\n    return {{}}\n")
    exec(compile(path.read_text(), str(path.absolute()), "exec"), names)
    arguments = [[str(number) * 100 for number in range(150)]] * 9
    program = Program.of(names["work"], arguments, store_user_kwargs=True)
    assert program.source == path.read_text()[:100_000]
    assert program.kwargs == repr(arguments)[:10_000]


def test_the_text_of_a_lambda_leaves_out_what_stands_around_it() -> None:
    alone, password = lambda pset, *_: {"y": pset["x"]}, "secret"
    assert Program.of(alone, password).source == 'lambda pset, *_: {"y": pset["x"]}'
    pair = (lambda pset, *_: {"y": 1}), (lambda pset, *_: {"y": 2}), "secret"
    assert "lambda" in Program.of(pair[0], None).source
    assert "secret" not in Program.of(pair[0], None).source, "of two, it is not known which one it is"


def test_a_function_of_no_file_has_none() -> None:
    assert os.path.samefile(Program.of(work, None).file, __file__)
    assert Program.of(len, None).file == ""
    assert Program.of(typed_at_a_prompt("{}"), None).file == ""
