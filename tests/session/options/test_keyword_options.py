"""The keyword parameters that people and type checkers see are the options, each where it may be given."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey import Session
from paramsurvey.backends.registry import REGISTRY
from paramsurvey.engine.options import DEFAULTS, OPTION_INFO, Options, OptionScope

OF_INIT = [name for name, info in OPTION_INFO.items() if info.scope is not OptionScope.MAP]
OF_MAP = [name for name, info in OPTION_INFO.items() if info.scope is not OptionScope.INIT]
FUNCTIONS: list[tuple[Callable[..., Any], list[str]]] = [
    (paramsurvey.init, OF_INIT),
    (Session, OF_INIT),
    (Session.update, OF_INIT),
    (paramsurvey.map, OF_MAP),
    (Session.map, OF_MAP),
    (paramsurvey.imap_unordered, OF_MAP),
    (Session.imap_unordered, OF_MAP),
]
IDS = [function.__qualname__ for function, _ in FUNCTIONS]
each = pytest.mark.parametrize(("function", "options"), FUNCTIONS, ids=IDS)


def keywords_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters
    return {name: one for name, one in parameters.items() if name not in ("self", "func", "psets")}


@each
def test_each_option_is_a_parameter_where_it_may_be_given(
    function: Callable[..., Any], options: list[str]
) -> None:
    assert set(keywords_of(function)) == {*options, *REGISTRY}


@each
def test_an_option_can_be_given_by_name_only_but_out_func(
    function: Callable[..., Any], options: list[str]
) -> None:
    kinds = {name: one.kind for name, one in keywords_of(function).items() if name != "out_func"}
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}


@each
def test_the_defaults_are_those_of_the_options(function: Callable[..., Any], options: list[str]) -> None:
    for name, parameter in keywords_of(function).items():
        of_init = name in OPTION_INFO and OPTION_INFO[name].scope is OptionScope.BOTH and options is OF_MAP
        expected = None if of_init or name in REGISTRY else getattr(DEFAULTS, name)
        assert parameter.default == expected, name


@each
def test_help_has_a_line_for_each_option(function: Callable[..., Any], options: list[str]) -> None:
    lines = [line.strip() for line in inspect.getdoc(function).splitlines()]  # type: ignore[union-attr]
    for name in options:
        if name != "out_func":
            assert OPTION_INFO[name].doc in lines
            assert any(line.startswith(f"{name} : {OPTION_INFO[name].kind}, ") for line in lines)


def test_the_page_has_a_row_for_each_option() -> None:
    page = (Path(__file__).parents[3] / "docs/options.md").read_text(encoding="utf-8")
    for item in fields(Options):
        assert f"| `{item.name}` |" in page


@each
def test_what_is_shown_is_what_is_taken(function: Callable[..., Any], options: list[str]) -> None:
    """The signature that is shown does not hide a parameter of the real one."""
    real = inspect.signature(function.__init__ if isinstance(function, type) else function)
    shown = set(inspect.signature(function).parameters)
    assert {name for name in real.parameters if name not in ("self", "options")} <= shown
