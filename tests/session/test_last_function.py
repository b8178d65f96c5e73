"""The second map of a function begins as the first one went on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import paramsurvey
from paramsurvey.session.session import Session
from paramsurvey.transport.messages import Group

PSETS = [{"i": i} for i in range(20)]


def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["i"] == user_kwargs:
        raise ValueError("this one")
    return {"twice": 2 * pset["i"]}


def triple(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"thrice": 3 * pset["i"]}


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(ncores=1, verbose=0) as session:
        yield session


@pytest.fixture
def sizes(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all groups, in their order."""
    found: list[int] = []
    submit = session.backend.submit

    def noting(group: Group) -> None:
        found.append(len(group))
        submit(group)

    monkeypatch.setattr(session.backend, "submit", noting)
    return found


def test_the_first_map_of_a_function_begins_with_one_pset(session: Session, sizes: list[int]) -> None:
    session.map(double, PSETS)
    assert sizes[0] == 1


def test_the_next_map_of_the_same_function_does_not(session: Session, sizes: list[int]) -> None:
    session.map(double, PSETS)
    sizes.clear()
    assert session.map(double, PSETS)["twice"].tolist() == [2 * i for i in range(20)]
    assert sizes[0] > 1


def test_a_function_for_keywords_is_known_again(session: Session, sizes: list[int]) -> None:
    def half(i: int) -> float:
        return i / 2

    session.map(paramsurvey.keywords(half), PSETS)
    sizes.clear()
    session.map(paramsurvey.keywords(half), PSETS)
    assert sizes[0] > 1


def test_a_map_of_another_function_begins_with_one_pset(session: Session, sizes: list[int]) -> None:
    session.map(double, PSETS)
    sizes.clear()
    session.map(triple, PSETS)
    assert sizes[0] == 1


def test_a_map_after_one_in_which_a_pset_failed_begins_with_one_pset(
    session: Session, sizes: list[int]
) -> None:
    session.map(double, PSETS, user_kwargs=7)
    sizes.clear()
    session.map(double, PSETS)
    assert sizes[0] == 1
