"""Modules that were loaded again are noticed, once."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from paramsurvey.backends.reloaded_modules import Reloads


class ModuleAgain(ModuleType):
    """A module of a class of its own."""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that others may load again."""
    import colorsys

    importlib.reload(colorsys)
    return colorsys


def test_a_module_that_was_loaded_again_is_noticed_once(module: ModuleType) -> None:
    reloads = Reloads()
    assert not reloads.any_since_last_call()
    importlib.reload(module)
    assert reloads.any_since_last_call()
    assert not reloads.any_since_last_call()


def test_a_module_that_is_new_or_gone_was_not_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reloads = Reloads()
    reloads.any_since_last_call()
    monkeypatch.setitem(sys.modules, "tiny_new_module", ModuleAgain("tiny_new_module"))
    assert not reloads.any_since_last_call()
    monkeypatch.delitem(sys.modules, "tiny_new_module")
    assert not reloads.any_since_last_call()


def test_a_module_that_was_loaded_again_beside_a_new_one_is_noticed(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reloads = Reloads()
    reloads.any_since_last_call()
    importlib.reload(module)
    monkeypatch.setitem(sys.modules, "tiny_new_module", ModuleAgain("tiny_new_module"))
    assert reloads.any_since_last_call()


def test_what_is_no_module_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiny_no_module", object())  # type: ignore[arg-type]
    reloads = Reloads()
    reloads.any_since_last_call()
    assert not reloads.any_since_last_call()
