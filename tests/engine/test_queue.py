"""The rows that are still to be run: none is lost, none is there twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.engine.dispatch.queue import PsetQueue


def rest(queue: PsetQueue, most: int = 1000) -> list[list[int]]:
    """Take everything."""
    taken = []
    while queue:
        taken.append([int(row) for row in queue.take(most)])
    return taken


def test_rows_are_handed_out_in_order_in_pieces_of_any_size() -> None:
    queue = PsetQueue(range(10))
    assert list(queue.take(3)) == [0, 1, 2]
    assert list(queue.take(4)) == [3, 4, 5, 6]
    assert len(queue) == 3
    assert rest(queue) == [[7, 8, 9]]


def test_rows_may_be_any() -> None:
    assert rest(PsetQueue(np.array([3, 5, 8])), 2) == [[3, 5], [8]]


def test_nothing_to_do() -> None:
    queue = PsetQueue(range(0))
    assert not queue
    assert queue.clear() == []


def test_what_is_put_back_is_next() -> None:
    queue = PsetQueue(range(6))
    queue.put_first(queue.take(3)[1:])
    assert rest(queue) == [[1, 2], [3, 4, 5]]


def test_what_is_put_alone_comes_last_each_by_itself() -> None:
    queue = PsetQueue(range(6))
    queue.put_alone(queue.take(3))
    assert rest(queue) == [[3, 4, 5], [0], [1], [2]]


def test_a_lost_batch_comes_back_as_halves_that_are_taken_next_and_with_no_others() -> None:
    queue = PsetQueue(range(10))
    queue.put_halves(queue.take(5), 0)
    assert rest(queue) == [[0, 1], [2, 3, 4], [5, 6, 7, 8, 9]]


def test_what_came_before_the_lost_batch_is_not_to_blame() -> None:
    queue = PsetQueue(range(10))
    queue.put_halves(queue.take(8), 2)
    assert list(queue.take_unordered()) == [0, 1, 8, 9], "these may be in a group with any others"
    assert rest(queue) == [[2, 3, 4], [5, 6, 7]]


def test_the_halves_of_two_psets_are_one_each_and_one_pset_stays_alone() -> None:
    queue = PsetQueue(range(4))
    queue.put_halves(queue.take(2), 0)
    queue.put_halves(queue.take(1), 0)
    assert rest(queue) == [[0], [1], [2, 3]]


def test_what_waits_can_be_looked_at_some_of_it_evenly_spread() -> None:
    queue = PsetQueue(range(12))
    queue.put_alone(queue.take(5))
    assert queue.waiting(100).tolist() == [5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4]
    assert queue.waiting(4).tolist() == [5, 8, 11, 2]
    assert queue.waiting(5).tolist() == [5, 8, 11, 2], "not more than so many"
    assert len(queue) == 12
    assert PsetQueue(range(0)).waiting(4).tolist() == []


def test_what_may_run_in_any_order_is_taken_without_what_runs_alone() -> None:
    queue = PsetQueue(range(6))
    queue.put_alone(queue.take(2))
    assert queue.take_unordered().tolist() == [2, 3, 4, 5]
    assert len(queue) == 2
    assert rest(queue) == [[0], [1]]


def test_putting_back_nothing_changes_nothing() -> None:
    queue = PsetQueue(range(2))
    queue.put_first(range(0))
    queue.put_alone(range(5, 5))
    assert rest(queue) == [[0, 1]]


def test_clear_returns_all_that_is_left() -> None:
    queue = PsetQueue(range(5))
    queue.put_alone(queue.take(2))
    assert sorted(queue.clear()) == [0, 1, 2, 3, 4]
    assert len(queue) == 0
    assert queue.waiting(5).tolist() == []


def test_rows_with_different_options_are_never_taken_together() -> None:
    options = [{"num_cpus": 1}, {"num_cpus": 1}, None, None, {"num_cpus": 2}]
    assert rest(PsetQueue(range(5), options)) == [[0, 1], [2, 3], [4]]
    assert rest(PsetQueue(range(4), [1, 2, 2, 1])) == [[0], [1, 2], [3]]


@given(
    count=st.integers(0, 30),
    steps=st.lists(st.tuples(st.sampled_from(["keep", "back", "alone"]), st.integers(1, 8)), max_size=40),
)
def test_whatever_is_put_back_every_row_is_there_once(count: int, steps: list[tuple[str, int]]) -> None:
    queue, settled = PsetQueue(range(count)), []
    for step, most in steps:
        assert len(queue) + len(settled) == count
        if not queue:
            break
        rows = queue.take(most)
        assert 1 <= len(rows) <= most
        if step == "keep":
            settled.extend(int(row) for row in rows)
        elif step == "back":
            queue.put_first(rows[1:])
            settled.append(int(rows[0]))
        else:
            queue.put_alone(rows)
    settled.extend(queue.clear())
    assert sorted(settled) == list(range(count))
