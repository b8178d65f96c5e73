"""What the driver knows of a group that a worker has, and which groups it shares."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paramsurvey.engine.dispatch import recall
from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.recall import groups_held_up, groups_to_share
from paramsurvey.engine.dispatch.sent_group import SentGroup
from paramsurvey.transport.messages import Group, Reply


def sent(count: int = 10, number: int = 1, **known: Any) -> SentGroup:
    """Return a group of rows from 100 on."""
    one = SentGroup(Group(number, range(100, 100 + count), None))
    for name, value in known.items():
        setattr(one, name, value)
    return one


def reply(start: int, stop: int) -> Reply:
    return cast(Reply, SimpleNamespace(start=start, stop=stop))


@pytest.mark.parametrize(
    ("start", "stop", "goes_on"),
    [
        (4, 5, True),
        (4, 8, True),
        (4, 9, False),
        (3, 6, False),
        (5, 6, False),
        (4, 4, True),
        (7, 7, True),
        (5, 4, False),
        (4, 3, False),
    ],
)
def test_a_reply_goes_on_where_the_last_one_ended_with_psets_that_the_worker_has(
    start: int, stop: int, goes_on: bool
) -> None:
    assert sent(answered=4, stop=8).is_continued_by(reply(start, stop)) == goes_on


def test_a_new_group_has_no_answers_and_was_not_recalled() -> None:
    new = sent(3)
    assert (new.answered, new.stop, new.recalled) == (0, 3, False)
    assert new.unanswered() == range(100, 103)


@pytest.mark.parametrize(("offset", "place"), [(None, None), (3, None), (4, 0), (7, 3), (8, None)])
def test_a_pset_has_a_place_among_those_that_are_unanswered(offset: int | None, place: int | None) -> None:
    assert sent(answered=4, stop=8).place_of(offset) == place


def test_what_is_given_back_is_no_more_the_workers() -> None:
    one = sent(answered=2)
    assert one.give_back(7) == range(107, 110)
    assert one.unanswered() == range(102, 107)
    assert one.give_back(9) == range(0), "it was given back before"
    assert one.unanswered() == range(102, 107)


@pytest.mark.parametrize(
    ("running", "count"),
    [(None, 4), ((4, 0.1), 3), ((6, 0.1), 1), ((7, 0.1), 0), ((2, 0.1), 4), ((9, 0.1), 0)],
)
def test_the_pset_that_runs_has_begun_and_those_behind_it_have_not(
    running: tuple[int, float] | None, count: int
) -> None:
    assert sent(answered=4, stop=8).count_not_begun(running) == count


# ---- which are shared


def sizer(worth: float = 0.0, held_up: float = 1.0) -> GroupSizer:
    """Return one for which psets are worth moving when one has run for `worth` seconds."""
    return cast(
        GroupSizer,
        SimpleNamespace(
            is_worth_moving=lambda count, seconds: seconds >= worth, held_up_seconds=lambda: held_up
        ),
    )


def nothing(number: int) -> None:
    return None


def test_the_groups_with_the_most_psets_left_are_shared_one_for_each_idle_worker() -> None:
    groups = [sent(3, 1), sent(9, 2), sent(6, 3), sent(20, 4, recalled=True), sent(2, 5, answered=2)]
    assert [one.group.id for one in groups_to_share(groups, 2, nothing, sizer())] == [2, 3]
    assert [one.group.id for one in groups_to_share(groups, 9, nothing, sizer())] == [2, 3, 1]
    assert groups_to_share(groups, 0, nothing, sizer()) == []


def test_what_is_done_sooner_than_moved_is_not_shared() -> None:
    running = {1: (0, 5.0), 2: (0, 1.0)}
    groups = [sent(5, 1), sent(5, 2), sent(5, 3)]
    shared = groups_to_share(groups, 3, running.get, sizer(worth=0.5))
    assert [one.group.id for one in shared] == [1, 2], "of the third, nothing is known"


@pytest.mark.parametrize(
    ("seconds", "held_up", "look_again"),
    [
        (0.3, [], 0.1),
        (0.5, [], 0.1),
        (0.96, [], 0.04),
        (1.0, [], 0.0),
        (1.01, [1], 0.1),
    ],
)
def test_psets_behind_a_long_one_are_held_up_and_it_is_looked_exactly_when_they_begin_to_be(
    monkeypatch: pytest.MonkeyPatch, seconds: float, held_up: list[int], look_again: float
) -> None:
    monkeypatch.setattr(recall, "SCAN_COST", 0.0)
    assert recall.SCAN_SECONDS == 0.1
    found, again = groups_held_up([sent(5, 1)], {1: (0, seconds)}.get, sizer())
    assert [one.group.id for one in found] == held_up
    assert again == pytest.approx(look_again)


def test_a_pset_that_has_just_begun_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    groups, running = [sent(5, 1), sent(5, 2)], {1: (0, 0.03), 2: (0, 0.05)}
    assert groups_held_up(groups, running.get, sizer(held_up=0.06))[1] == pytest.approx(0.01)
    assert groups_held_up(groups[:1], running.get, sizer(held_up=0.06))[1] == 0.1, "half of it is no while"


def test_many_groups_are_looked_at_less_often() -> None:
    groups = [sent(5, number) for number in range(10_000)]
    found, again = groups_held_up(groups, lambda number: (0, 0.01), sizer())
    assert (found, again) == ([], pytest.approx(0.2))


def test_where_nobody_tells_what_runs_it_is_not_looked_again() -> None:
    assert groups_held_up([sent(5, 1)], nothing, sizer()) == ([], inf)
    recalled = sent(5, 1, recalled=True)
    assert groups_held_up([recalled], {1: (0, 9.0)}.get, sizer()) == ([], inf)
