"""The second map of a function begins with groups, where that costs little if the psets are not as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import paramsurvey
from paramsurvey.session.session import Session
from paramsurvey.transport.messages import Answers, Group

PSETS = [{"i": i} for i in range(20)]
ONE = [1]
ALL = [20]  # the share of the one worker


class Model:
    def run(self, pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": pset["i"]}


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


def sent_at_once(session: Session, func: Any, psets: Any = PSETS, **options: Any) -> list[int]:
    """Run a map; return the sizes of the groups that are sent before its worker has answered."""
    sizes: list[int] = []
    answered: list[Any] = []
    submit, poll = session.backend.submit, session.backend.poll

    def noting(group: Group) -> None:
        if not answered:
            sizes.append(len(group))
        submit(group)

    def noting_answers(timeout: float) -> Answers:
        answers = poll(timeout)
        answered.extend(answers)
        return answers

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session.backend, "submit", noting)
        patched.setattr(session.backend, "poll", noting_answers)
        session.map(func, psets, **options)
    return sizes


def test_the_first_map_of_a_function_begins_with_one_pset(session: Session) -> None:
    assert sent_at_once(session, double) == ONE


def test_the_next_map_of_the_same_function_sends_each_worker_its_share_at_once(session: Session) -> None:
    session.map(double, PSETS)
    assert sent_at_once(session, double) == ALL
    assert session.map(double, PSETS)["twice"].tolist() == [2 * i for i in range(20)]


def test_a_function_for_keywords_is_known_again(session: Session) -> None:
    def half(i: int) -> float:
        return i / 2

    session.map(paramsurvey.keywords(half), PSETS)
    assert sent_at_once(session, paramsurvey.keywords(half)) == ALL


def test_a_method_is_known_again(session: Session) -> None:
    model = Model()
    session.map(model.run, PSETS)
    assert sent_at_once(session, model.run) == ALL
    assert sent_at_once(session, Model().run) == ONE, "another model may take another time"


def test_large_psets_begin_alone_whatever_time_they_take(session: Session) -> None:
    session.map(double, PSETS)
    large = [{"i": i, "data": bytearray(10**7)} for i in range(20)]
    assert sent_at_once(session, double, large) == [1, 1], "one begins, and one is in reserve"


def test_a_map_of_another_function_begins_with_one_pset(session: Session) -> None:
    session.map(double, PSETS)
    assert sent_at_once(session, triple) == ONE


def test_a_map_after_one_in_which_a_pset_failed_begins_with_one_pset(session: Session) -> None:
    session.map(double, PSETS, user_kwargs=7)
    assert sent_at_once(session, double) == ONE


def test_a_map_after_one_that_was_ended_begins_with_one_pset(session: Session) -> None:
    def stop(row: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        raise KeyboardInterrupt

    session.map(double, PSETS)
    with suppress(KeyboardInterrupt):
        session.map(double, PSETS, out_func=stop)
    assert sent_at_once(session, double) == ONE


def test_with_a_limit_to_failures_no_pset_begins_because_others_were_short(session: Session) -> None:
    session.map(double, PSETS)
    assert sent_at_once(session, double, max_failures=3) == ONE


def test_an_iterator_is_read_no_further_ahead(session: Session) -> None:
    session.map(double, PSETS)
    assert sent_at_once(session, double, iter(PSETS)) == ONE


def test_where_workers_give_nothing_back_a_map_begins_with_one_pset() -> None:
    with Session(backend="serial", verbose=0) as session:
        session.map(double, PSETS)
        assert sent_at_once(session, double) == ONE
