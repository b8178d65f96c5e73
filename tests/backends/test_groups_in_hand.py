"""Which worker gets the next group."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

from paramsurvey.backends.multiprocessing.pool.groups_in_hand import GroupsInHand


def worker(has_place: bool = True) -> Any:
    return SimpleNamespace(groups=deque(), has_place_in_reserve=lambda: has_place)


def in_hand(*workers: Any) -> GroupsInHand:
    """Give each worker a group, in this order."""
    groups = GroupsInHand()
    for group_id, one in enumerate(workers):
        groups.note_given(group_id, one)
    return groups


def test_a_worker_that_waits_comes_first() -> None:
    waits = worker()
    groups = in_hand(worker())
    groups.waiting.append(waits)
    assert groups.next_worker() is waits
    assert groups.waiting == []


def test_then_the_one_whose_group_was_given_first_of_those_with_a_place_in_reserve() -> None:
    full, first, second = worker(has_place=False), worker(), worker()
    assert in_hand(full, first, second).next_worker() is first


def test_a_place_that_is_gone_since_it_was_counted_costs_nothing() -> None:
    first, second = worker(has_place=False), worker(has_place=False)
    assert in_hand(first, second).next_worker() is first
