"""Values for which Arrow has no type."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType
from typing import Any

import pytest

from paramsurvey.checkpoint.format.pickles import dumps, pickle_values, placeholder, unpickle_values
from paramsurvey.errors import CheckpointError


class Ends:
    """Ends the program that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (3,)


def test_values_come_back_and_none_is_null() -> None:
    array = pickle_values([{1}, None, (2,)])
    assert array.to_pylist()[1] is None
    assert unpickle_values(array.drop_null()) == [{1}, (2,)]


def test_what_others_can_import_is_pickled_plainly() -> None:
    assert dumps({1, 2}) == pickle.dumps({1, 2}, protocol=5)


@pytest.mark.parametrize("value", [lambda: 5, pytest.param("a class of __main__", id="class")])
def test_what_others_cannot_import_is_pickled_by_value(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    if not callable(value):
        exec("class Value:\n    def __call__(self): return 5\n", main.__dict__)
        value = main.Value()
    content = dumps(value)
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    assert pickle.loads(content)() == 5


def test_what_cannot_be_unpickled_here_is_an_error_with_the_remedy() -> None:
    with pytest.raises(CheckpointError, match=r"SystemExit\(3\).*make the module .* importable"):
        unpickle_values(pickle_values([Ends()]))


def test_the_text_for_a_pickle_says_how_long_it_is_and_which() -> None:
    assert placeholder(b"abc") == "<a pickled object of 3 bytes, 352441c2>"
    assert placeholder(b"abd") != placeholder(b"abc")
    assert "of 5 bytes" in placeholder("abc"), "a part that lies may hold a text where a pickle should be"
    assert "pickled object" in placeholder("\ud800")
