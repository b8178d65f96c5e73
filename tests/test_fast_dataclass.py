"""Dataclasses that are made quickly behave as those of the standard library."""

import dataclasses
import pickle
from dataclasses import field
from typing import Any

import pytest

from paramsurvey import fast_dataclass


class Fields:
    """A class with fields of all kinds."""

    first: int
    second: list[int] = field(default_factory=list)
    hidden: str = field(default="h", repr=False)
    ignored: str = field(default="i", compare=False)


OPTIONS = [
    {},
    {"frozen": True},
    {"eq": False},
    {"repr": False},
    {"slots": True},
    {"frozen": True, "slots": True},
]


def both(**options: Any) -> tuple[type[Any], type[Any]]:
    """Return the same class, made by the standard library and quickly."""

    def fresh() -> type:
        return type("Fields", (), {**vars(Fields), "__qualname__": "Fields"})

    return dataclasses.dataclass(**options)(fresh()), fast_dataclass.dataclass(**options)(fresh())


@pytest.mark.parametrize("options", OPTIONS)
def test_fields_and_values_are_the_same(options: dict[str, Any]) -> None:
    standard, fast = both(**options)
    assert [each.name for each in dataclasses.fields(fast)] == [
        each.name for each in dataclasses.fields(standard)
    ]
    assert dataclasses.asdict(fast(1, [2])) == dataclasses.asdict(standard(1, [2]))
    assert dataclasses.replace(fast(1), first=3).first == 3


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"slots": True}, {"frozen": True, "slots": True}])
def test_it_is_shown_in_the_same_way(options: dict[str, Any]) -> None:
    standard, fast = both(**options)
    assert repr(fast(1, [2])) == repr(standard(1, [2])) == "Fields(first=1, second=[2], ignored='i')"


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    ("one", "other"),
    [((1,), (1,)), ((1,), (2,)), ((1, [1]), (1, [2])), ((1, [], "x"), (1, [])), ((1, [], "h", "x"), (1,))],
)
def test_equal_is_what_was_equal(
    options: dict[str, Any], one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    standard, fast = both(**options)
    assert (fast(*one) == fast(*other)) == (standard(*one) == standard(*other))
    assert fast(*one) != standard(*one), "another class"


def test_frozen_ones_can_be_keys_others_cannot() -> None:
    values = (1, (), "h", "i")
    assert hash(both(frozen=True)[1](*values)) == hash(both(frozen=True)[0](*values))
    with pytest.raises(TypeError, match="unhashable"):
        hash(both()[1](*values))
    assert len({both(eq=False)[1](*values)} | {both(eq=False)[1](*values)}) == 2


def test_what_a_class_defines_itself_stays() -> None:
    @fast_dataclass.dataclass
    class Own:
        value: int

        def __repr__(self) -> str:
            return "mine"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

    assert repr(Own(1)) == "mine"
    assert Own(1) == Own(2)
    assert hash(Own(1)) == 5


def test_one_that_contains_itself_can_be_shown() -> None:
    fast = both()[1]
    own = fast(1)
    own.second.append(own)
    assert repr(own) == "Fields(first=1, second=[...], ignored='i')"


@fast_dataclass.dataclass(frozen=True, slots=True)
class Sent:
    """Of this module, so that pickle finds it."""

    number: int
    text: str = "t"


def test_it_travels_by_pickle() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, "x"))) == Sent(1, "x")
