"""What `--parse` finds in stdout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paramsurvey.cli.command.output_parsers import NothingParsed, make_parser, number_of
from paramsurvey.cli.errors import BadUsage


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
    assert make_parser(pattern)(text) == found


@pytest.mark.parametrize("pattern", ["loss=.*", "(1)(2)", "x=(", "a=(1) a=(2)"])
def test_regular_expressions_without_names(pattern: str) -> None:
    with pytest.raises(BadUsage, match="--parse"):
        make_parser(pattern)


def test_the_last_json_object_counts() -> None:
    text = 'log {not} [1]\n{"a": 1}\nx {"a": {"b": [1, {"c": 2}]}, "d": NaN}\n{"cut": '
    found = make_parser("json")(text)
    assert found["a"] == {"b": [1, {"c": 2}]}
    assert np.isnan(found["d"])
    with pytest.raises(NothingParsed, match="no JSON object"):
        make_parser("json")("[1, 2] {x}")


def test_half_a_character_in_json_is_escaped() -> None:
    assert make_parser("json")('{"a": "\\ud800 \\ud83d\\ude00"}') == {"a": "\\ud800 😀"}


def test_deeply_nested_rubbish_is_no_json() -> None:
    with pytest.raises(NothingParsed):
        make_parser("json")('{"a":' * 5000)


def test_numbers_become_numbers() -> None:
    assert [number_of(text) for text in ("12", "-1.5", "1e3", "inf", "0x1")] == [
        12,
        -1.5,
        1000.0,
        np.inf,
        "0x1",
    ]
