"""The rows that are still to be run: none is lost, none is there twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.engine.queue import Todo


def rest(todo: Todo, most: int = 1000) -> list[list[int]]:
    """Take everything."""
    taken = []
    while todo:
        taken.append([int(row) for row in todo.take(most)])
    return taken


def test_rows_are_handed_out_in_order_in_pieces_of_any_size() -> None:
    todo = Todo(range(10))
    assert list(todo.take(3)) == [0, 1, 2]
    assert list(todo.take(4)) == [3, 4, 5, 6]
    assert len(todo) == 3
    assert rest(todo) == [[7, 8, 9]]


def test_rows_may_be_any() -> None:
    assert rest(Todo(np.array([3, 5, 8])), 2) == [[3, 5], [8]]


def test_nothing_to_do() -> None:
    todo = Todo(range(0))
    assert not todo
    assert todo.clear() == []


def test_what_is_put_back_is_next() -> None:
    todo = Todo(range(6))
    todo.put_back(todo.take(3)[1:])
    assert rest(todo) == [[1, 2], [3, 4, 5]]


def test_what_is_put_alone_comes_last_each_by_itself() -> None:
    todo = Todo(range(6))
    todo.put_alone(todo.take(3))
    assert rest(todo) == [[3, 4, 5], [0], [1], [2]]


def test_putting_back_nothing_changes_nothing() -> None:
    todo = Todo(range(2))
    todo.put_back(range(0))
    todo.put_alone(range(5, 5))
    assert rest(todo) == [[0, 1]]


def test_clear_returns_all_that_is_left() -> None:
    todo = Todo(range(5))
    todo.put_alone(todo.take(2))
    assert sorted(todo.clear()) == [0, 1, 2, 3, 4]
    assert len(todo) == 0


def test_rows_with_different_options_are_never_taken_together() -> None:
    options = [{"num_cpus": 1}, {"num_cpus": 1}, None, None, {"num_cpus": 2}]
    assert rest(Todo(range(5), options)) == [[0, 1], [2, 3], [4]]


@given(
    count=st.integers(0, 30),
    steps=st.lists(st.tuples(st.sampled_from(["keep", "back", "alone"]), st.integers(1, 8)), max_size=40),
)
def test_whatever_is_put_back_every_row_is_there_once(count: int, steps: list[tuple[str, int]]) -> None:
    todo, settled = Todo(range(count)), []
    for step, most in steps:
        assert len(todo) + len(settled) == count
        if not todo:
            break
        rows = todo.take(most)
        assert 1 <= len(rows) <= most
        if step == "keep":
            settled.extend(int(row) for row in rows)
        elif step == "back":
            todo.put_back(rows[1:])
            settled.append(int(rows[0]))
        else:
            todo.put_alone(rows)
    settled.extend(todo.clear())
    assert sorted(settled) == list(range(count))
