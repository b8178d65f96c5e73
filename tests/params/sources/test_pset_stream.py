"""Psets from an iterator are read only as far as they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from paramsurvey.errors import PsetError
from paramsurvey.params.sources import PsetList, PsetStream, make_psets


def test_an_iterator_is_read_as_it_is_asked_for() -> None:
    read: list[int] = []
    source = PsetStream(read.append(i) or {"a": i} for i in range(10))  # type: ignore[func-returns-value]
    assert (len(source), read) == (0, [])
    assert source.read(3) == 3
    assert (len(source), read) == (3, [0, 1, 2])
    assert source.read(100) == 7
    assert source.read(100) == 0


def test_an_iterator_that_raises_does_so_after_what_came_before_was_taken_up() -> None:
    def psets() -> Any:
        yield {"a": 0}
        yield {"a": 1}
        raise LookupError("broken")

    source = PsetStream(psets())
    assert source.read(10) == 2
    assert make_psets(source, range(2)) == [{"a": 0}, {"a": 1}]
    with pytest.raises(LookupError, match="broken"):
        source.read(10)


@pytest.mark.parametrize("wrong", [{"a b": 1}, 3, {"_a": 1}], ids=repr)
def test_a_wrong_pset_is_told_after_what_came_before_was_taken_up(wrong: Any) -> None:
    source = PsetStream(iter([{"a": 0}, wrong]))
    assert source.read(10) == 1
    with pytest.raises(PsetError):
        source.read(10)


def test_what_is_forgotten_is_gone_and_the_rest_can_be_asked_for() -> None:
    source = PsetStream({"a": i} for i in range(5))
    source.read(10)
    source.forget(np.array([0, 2, 3]))
    assert source.frame(np.array([1, 4]))["a"].tolist() == [1, 4]
    assert make_psets(source, range(4, 5)) == [{"a": 4}]


def test_rows_of_an_iterator_have_the_columns_of_all() -> None:
    dicts = [{"a": 0}, {"b": "x"}, {"a": 2, "c": 1.5}]
    source = PsetStream(iter(dicts))
    source.read(10)
    table = PsetList(dicts)
    for rows in (None, range(1), range(1, 3), np.array([], dtype=np.int64)):
        assert_frame_equal(source.frame(rows), table.frame(rows))
