"""How lists and dicts are written into a command."""

from __future__ import annotations

from typing import Any

import pytest

from paramsurvey.cli.psets.hydra_syntax import parse_override
from paramsurvey.cli.value_text import value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["a", "b"], "[a,b]"),
        ([1, 2.5, True, None], "[1,2.5,true,null]"),
        ({"n": 1, "dirs": ["in/x.txt"]}, "{n:1,dirs:[in/x.txt]}"),
        (["a,b", "two words", ""], "['a,b','two words','']"),
        ([], "[]"),
    ],
)
def test_lists_and_dicts_are_written_as_in_hydra(value: Any, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(("value", "text"), [("two words", "two words"), (1, "1"), (True, "True")])
def test_other_values_are_what_they_were(value: Any, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        ["a", "b"],
        [[1, 2], ["x"]],
        {"k": {"l": [1.5, None, False]}},
        ["1", "007", "-1", ".5", "true", "NULL", "nan", "-inf", "1e3"],
        ["it's", 'a "b"', "c:\\d", "[", "}", ",", " x ", ""],
    ],
)
def test_a_sweep_reads_the_same_value_again(value: Any) -> None:
    assert parse_override("a", value_text(value)) == [value]
