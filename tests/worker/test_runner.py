"""What runs beside the user's function: when it replies, and what it gives back."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from paramsurvey.engine.collecting.collector import results_by_offset, unpickled_reply
from paramsurvey.transport.decoders import TableDecoder
from paramsurvey.transport.job_code import JobCode
from paramsurvey.transport.messages import Group, Job, Reply
from paramsurvey.transport.pickling import dump_code
from paramsurvey.transport.private_arguments import PickledArguments, SimpleArguments, pack_arguments
from paramsurvey.transport.safe_repr import describe, traceback_of
from paramsurvey.worker.reply_buffer import LONG_SECONDS
from paramsurvey.worker.runner import LARGEST_REPLY, Runner, subdir_name
from paramsurvey.worker.running_mark import RunningMark


def runner_of(function: Callable[..., Any], reply_seconds: float = 1e9, **options: Any) -> Runner:
    """Return a runner of a job whose psets are ``{'a': row}``; it replies when a group is over."""
    code = JobCode(function, pack_arguments(None, {}), TableDecoder(("a",), (None,)))
    job = Job("key", "fit", dump_code(code), os.getcwd(), **options)
    return Runner(job, reply_seconds=reply_seconds)


def runner_with(user_kwargs: Any, function: Callable[..., Any] = lambda p, s, u: None) -> Runner:
    code = JobCode(function, pack_arguments(user_kwargs, {}), TableDecoder(("a",), (None,)))
    return Runner(Job("key", "fit", dump_code(code), os.getcwd()), reply_seconds=1e9)


def group_of(count: int) -> Group:
    return Group(1, range(count), (np.arange(count),))


def spans(replies: list[Reply]) -> list[tuple[int, int, bool]]:
    return [(reply.start, reply.stop, reply.done) for reply in replies]


def test_a_group_that_is_over_soon_is_one_reply() -> None:
    (reply,) = runner_of(lambda p, s, u: {"b": p["a"] * 2}).run(group_of(100))
    assert (reply.start, reply.stop, reply.done) == (0, 100, True)
    assert results_by_offset(unpickled_reply(reply)) == {i: {"b": 2 * i} for i in range(100)}
    assert len(reply.walls) == 100
    assert [stop for stop, _ in reply.idle][-1] == 100
    assert reply.timings == {}


def test_who_has_worked_long_enough_gives_the_rest_back() -> None:
    (reply,) = runner_of(lambda p, s, u: None, reply_seconds=0.0).run(group_of(100))
    assert reply.done
    assert reply.stop < 100


def test_with_groups_of_a_given_size_the_worker_keeps_the_rest_and_goes_on() -> None:
    replies = list(runner_of(lambda p, s, u: None, reply_seconds=0.0, keep_groups=True).run(group_of(100)))
    assert len(replies) > 1
    assert [reply.done for reply in replies] == [False] * (len(replies) - 1) + [True]
    assert [reply.start for reply in replies] == [0, *(reply.stop for reply in replies[:-1])]
    assert replies[-1].stop == 100


@pytest.mark.parametrize("keep", [False, True])
def test_a_group_that_is_recalled_gives_back_its_rest_while_a_pset_runs(keep: bool) -> None:
    ran: list[int] = []
    sent: list[Reply] = []
    mark, runner = RunningMark.private(), runner_of(lambda p, s, u: None, keep_groups=keep)

    def recalled_at_2(pset: dict[str, int], system_kwargs: Any, user_kwargs: Any) -> None:
        ran.append(pset["a"])
        if pset["a"] == 2:
            time.sleep(2 * LONG_SECONDS)
            runner.recalled = 1
            assert runner.buffer is not None
            runner.buffer.give_back_rest(mark, sent.append)  # another thread's work

    runner.function = recalled_at_2
    replies = list(runner.run(group_of(10), mark))
    if keep:
        assert (ran, sent, spans(replies)) == (list(range(10)), [], [(0, 10, True)])
        return
    assert ran == [0, 1, 2]
    assert [(reply.start, reply.stop, reply.done, reply.given_back) for reply in sent] == [(0, 2, False, 3)]
    assert spans(replies) == [(2, 3, True)]


@pytest.mark.parametrize("keep", [False, True])
def test_large_results_do_not_pile_up(keep: bool) -> None:
    size = int(LARGEST_REPLY / 5)
    runner = runner_of(lambda p, s, u: {"b": np.zeros(size, dtype=np.uint8)}, keep_groups=keep)
    replies = list(runner.run(group_of(20)))
    assert max(reply.stop - reply.start for reply in replies) < 10
    assert replies[-1].stop == (20 if keep else replies[0].stop)


def test_an_exception_that_is_let_through_ends_the_run() -> None:
    code = JobCode(
        lambda p, s, u: exec("raise KeyboardInterrupt"),
        pack_arguments(None, {}),
        TableDecoder(("a",), (None,)),
    )
    runner = Runner(Job("key", "fit", dump_code(code), os.getcwd()), let_through=(KeyboardInterrupt,))
    with pytest.raises(KeyboardInterrupt):
        list(runner.run(group_of(3)))


@pytest.mark.parametrize(("count", "row", "name"), [(1, 5, "ps0"), (10, 13, "ps3"), (100, 7, "ps07")])
def test_subdir_names(count: int, row: int, name: str) -> None:
    assert subdir_name(count, row) == name


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError


def test_everything_can_be_described() -> None:
    assert describe([1, "x"]) == "[1, 'x']"
    assert describe("x" * 100, limit=10) == "'xxxxxxxxx... (102 characters)"
    assert describe(Unspeakable()) == "<Unspeakable, whose repr raised RuntimeError>"
    text = "<Unspeakable, whose repr raised RuntimeError>"
    assert describe({"a": 1, "b": Unspeakable()}) == f"{{'a': 1, 'b': {text}}}", "the others are shown"


def test_a_traceback_begins_in_the_users_function() -> None:
    def inner() -> None:
        raise ValueError("deep")

    try:
        inner()
    except ValueError as error:
        text = traceback_of(error)
    assert "in inner" in text
    assert "in test_a_traceback" not in text


def test_a_function_may_return_the_same_dict_again_and_again() -> None:
    kept: dict[str, Any] = {}

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        kept["b"] = pset["a"]
        return kept

    (reply,) = runner_of(worker).run(group_of(5))
    assert results_by_offset(unpickled_reply(reply)) == {i: {"b": i} for i in range(5)}


@pytest.mark.parametrize(
    "kinds",
    [[{"b": 1}, {"b": 1, "c": 2}], [{"b": 1, "c": 2}, {"c": 2, "b": 1}, {"c": 3}, {}]],
    ids=["more keys", "others"],
)
def test_results_with_different_keys_in_one_group_stay_apart(kinds: list[dict[str, Any]]) -> None:
    (reply,) = runner_of(lambda p, s, u: kinds[p["a"] % len(kinds)]).run(group_of(12))
    assert results_by_offset(unpickled_reply(reply)) == {i: kinds[i % len(kinds)] for i in range(12)}


@pytest.mark.parametrize(
    ("user_kwargs", "timed"),
    [
        (None, False),
        ({"a": [1, {"b": 2}]}, False),
        ({"a": {"b": list(range(2000))}}, True),
        ({"a": np.arange(3)}, True),
        ({"f": subdir_name}, True),
    ],
    ids=["nothing", "plain containers", "a large list", "an array", "a function"],
)
def test_the_time_for_copying_arguments_is_told_where_it_can_be_much(user_kwargs: Any, timed: bool) -> None:
    (reply,) = runner_with(user_kwargs).run(group_of(10))
    assert (reply.copying > 0) is timed


def test_plain_containers_are_copied_without_pickling() -> None:
    """It is several times faster, and that for each pset."""
    shared = [1]
    given = {"list": [1, [2]], "set": {1}, "tuple": ((1, "x"), frozenset({2})), "none": None}
    pickled = {"twice": (shared, shared), "deque": deque([1]), "dict of objects": {"x": np.arange(2)}}
    assert type(pack_arguments(given, {"more": [given["none"]]})) is SimpleArguments
    assert all(type(pack_arguments(value, {})) is PickledArguments for value in pickled.values())


def test_deeply_nested_arguments_are_copied() -> None:
    nested: list[Any] = []
    for _ in range(100):
        nested = [nested]
    (reply,) = runner_with(nested, lambda p, s, u: {"b": str(u)}).run(group_of(1))
    assert results_by_offset(unpickled_reply(reply)) == {0: {"b": str(nested)}}


class Moody:
    """Cannot be unpickled at the third time."""

    times = 0

    def __reduce__(self) -> Any:
        return Moody.load, ()

    @staticmethod
    def load() -> Moody:
        Moody.times += 1
        if Moody.times == 3:
            raise OSError("not now")
        return Moody()


def test_arguments_that_cannot_be_copied_for_one_pset_cost_that_pset_only() -> None:
    (reply,) = runner_with(Moody()).run(group_of(5))
    assert list(reply.failures) == [1]
    assert "not now" in reply.failures[1].exception
