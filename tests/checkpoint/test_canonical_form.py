"""Bytes that are the same for equal things: however deep these are, and where they contain themselves."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID
from xml.dom import minidom
from zoneinfo import ZoneInfo

import pytest

from paramsurvey.checkpoint import canonical_form
from paramsurvey.checkpoint.canonical_form import canonical


@dataclass(eq=False)
class Node:
    """A node of a tree that knows its parent, or of a net."""

    value: object = None
    parent: Node | None = None
    others: list[Node] = field(default_factory=list)

    def add(self, value: object) -> Node:
        self.others.append(Node(value, self))
        return self.others[-1]


def chain(length: int, end: object) -> Node:
    node = Node(end)
    for _ in range(length):
        node = Node(others=[node])
    return node


def nested(depth: int, innermost: object) -> list[Any]:
    return [innermost] if depth == 0 else [nested(depth - 1, innermost)]


def tree(value: object) -> Node:
    root = Node()
    for child in range(12):
        root.add(child).add(value)
    return root


def net(value: object) -> Node:
    nodes = [Node(number) for number in range(12)]
    for node in nodes:
        node.others = nodes
    nodes[-1].value = value
    return nodes[0]


def list_in_itself(value: object) -> list[Any]:
    outer: list[Any] = [value]
    outer += [outer, {"outer": outer}]
    return outer


def document(value: object) -> Any:
    return minidom.parseString("<a>" + 12 * "<b c='1'/>" + f"<b>{value}</b></a>")


def diamonds(value: object) -> Node:
    node = Node(value)
    for _ in range(60):
        node = Node(others=[node, node])
    return node


def lists_of_the_same_lists(value: object) -> list[Any]:
    inner = [value]
    for _ in range(60):
        inner = [inner, inner]
    return inner


MADE: list[Callable[[object], Any]] = [
    lambda value: chain(15, value), lambda value: chain(60, value), lambda value: nested(49, value),
    lambda value: nested(52, value), lambda value: nested(200, value), tree, net, list_in_itself, document,
]  # fmt: skip


@pytest.mark.parametrize("made", MADE, ids=[str(i) for i in range(len(MADE))])
def test_things_are_the_same_if_they_are_equal_and_only_then(made: Callable[[object], Any]) -> None:
    assert canonical(made(1)) == canonical(made(1))
    assert canonical(made(1)) != canonical(made(2))


@pytest.mark.parametrize("made", [diamonds, lists_of_the_same_lists])
def test_things_with_very_many_ways_through_them_are_told_apart(
    made: Callable[[object], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical_form, "MOST_STEPS", 500)
    assert canonical(made(1)) == canonical(made(1))
    assert canonical(made(1)) != canonical(made(2))


@pytest.mark.parametrize("depth", range(46, 53))
def test_deep_values_belong_to_their_keys_whatever_the_order_of_these(depth: int) -> None:
    one, same, other = (
        canonical(nested(depth, pairs))
        for pairs in ({"a": [1], "b": [2]}, {"b": [2], "a": [1]}, {"b": [1], "a": [2]})
    )
    assert one == same
    assert one != other


def test_it_does_not_matter_which_parts_are_the_same_object() -> None:
    one = Node(1)
    assert canonical([one, one, {"a": one}]) == canonical([Node(1), Node(1), {"a": Node(1)}])


def test_functions_that_do_different_things_are_different() -> None:
    assert canonical(lambda: 1) == canonical(lambda: 1)
    assert canonical(lambda: 1) != canonical(lambda: 2)


@pytest.mark.parametrize(
    ("thing", "digest"),
    [
        (Path("a/b"), "391df724e786"),
        (Path("a", "b"), "391df724e786"),
        (Path("/x"), "3dd3ed126697"),
        (PureWindowsPath("c:/x"), "dd1ba6caaa25"),
        (Fraction(1, 3), "82eeb5403a99"),
        (timezone(timedelta(0)), "117e9ae9ae00"),
        (timezone(timedelta(hours=1)), "1d02fa38b1c9"),
        (ZoneInfo("Europe/Berlin"), "478a514f5ba2"),
        (UUID(int=5), "4104be2dc9e9"),
        (range(3), "e5a246df1928"),
        (1 + 2j, "05ab4ee8ed73"),
    ],
)
def test_the_bytes_are_the_same_in_all_versions_of_python(thing: object, digest: str) -> None:
    assert hashlib.blake2b(canonical(thing), digest_size=6).hexdigest() == digest


def test_the_bytes_are_the_same_in_every_process() -> None:
    program = (
        "import hashlib; from pathlib import Path;"
        "from paramsurvey.checkpoint.canonical_form import canonical;"
        "print(hashlib.md5(canonical([{'b', 'a', 'c'}, Path('x'), {'k': 1.5}])).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
