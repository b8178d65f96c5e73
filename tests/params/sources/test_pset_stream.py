"""Psets from an iterator are read only as far as they are needed."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from paramsurvey.errors import PsetError
from paramsurvey.params.sources import PsetList, PsetStream, make_psets
from paramsurvey.params.sources.stream_chunks import LEAST_FOR_COLUMNS, MOST_IN_CHUNK


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


@pytest.mark.parametrize("nothing", [None, {}], ids=repr)
@pytest.mark.parametrize("before", [1, LEAST_FOR_COLUMNS])
def test_options_for_the_backend_are_refused_even_if_earlier_psets_have_that_key_without_any(
    before: int, nothing: Any
) -> None:
    options = [{"a": 1, "ray": {"num_cpus": 2}}] * LEAST_FOR_COLUMNS
    source = PsetStream(iter([{"a": 0, "ray": nothing}] * before + options))
    source.backend = "ray"
    assert source.read(2 * LEAST_FOR_COLUMNS) == before
    with pytest.raises(PsetError, match=f"pset number {before} has options for the backend, 'ray'"):
        source.read(1)


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


# many psets, which are kept in columns

COUNT = 2 * MOST_IN_CHUNK + 7
FORMS = {
    "same keys": lambda i: {"a": i, "b": i / 2},
    "another order of keys": lambda i: {"b": 1, "a": i} if i == MOST_IN_CHUNK + 1 else {"a": i, "b": 1},
    "a key more": lambda i: {"a": i, **({"b": "x"} if i == MOST_IN_CHUNK + 1 else {})},
    "another key from somewhere on": lambda i: {"a": i} if i < MOST_IN_CHUNK else {"b": i},
    "no keys at all": lambda i: {},
    "numbers of numpy": lambda i: {"a": np.int64(i), "d": np.datetime64("2020-01-01")},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("at_once", [COUNT, MOST_IN_CHUNK, 50])
def test_workers_get_exactly_the_dicts_however_many_were_read_at_a_time(form: str, at_once: int) -> None:
    dicts = [FORMS[form](i) for i in range(COUNT)]
    source = PsetStream(iter(dicts))
    while source.read(at_once):
        pass
    for rows in (range(MOST_IN_CHUNK - 1, MOST_IN_CHUNK + 3), np.array([COUNT - 1, 5, MOST_IN_CHUNK + 1])):
        decoder = source.decoder()
        psets = list(decoder.psets(rows, decoder.isolated(source.payload(rows))))
        assert psets == [dicts[row] for row in rows]
        assert [list(pset) for pset in psets] == [list(dicts[row]) for row in rows]
        assert not any(isinstance(value, np.generic) for pset in psets for value in pset.values())
    assert_frame_equal(source.frame(), PsetList(dicts).frame())


@pytest.mark.parametrize("at_once", [MOST_IN_CHUNK, MOST_IN_CHUNK // 2 + 1, 50])
def test_what_a_long_stream_forgets_takes_no_memory(at_once: int) -> None:
    source = PsetStream({"a": i} for i in range(COUNT))
    while new := source.read(at_once):
        rows = range(len(source) - new, len(source))
        source.forget(np.array([row for row in rows if row % 1000 != 999]))
    left = list(range(999, COUNT, 1000))
    assert source.frame()["a"].tolist() == left
    assert source.frame(np.array([left[3], left[-1]]))["a"].tolist() == [left[3], left[-1]]
    assert len(pickle.dumps(source.payload(np.array(left)))) < 100 * len(left)
    assert len(source) == COUNT


@pytest.mark.parametrize("wrong", [{"_b": 1}, None], ids=repr)
def test_an_error_in_the_midst_of_many_psets_comes_after_all_before_it(wrong: Any) -> None:
    source = PsetStream(iter([*({"a": i} for i in range(COUNT)), wrong]))
    assert source.read(2 * COUNT) == COUNT
    with pytest.raises(PsetError, match=str(wrong and "_b")):
        source.read(1)


def test_an_iterator_may_yield_one_dict_again_and_again() -> None:
    def psets() -> Any:
        pset = {"a": 0, "b": 0}
        for i in range(COUNT):
            pset["a"] = i
            yield pset

    source = PsetStream(psets())
    source.read(COUNT)
    assert source.frame()["a"].tolist() == list(range(COUNT))


def test_few_psets_that_come_after_many_do_not_have_the_many_copied_again() -> None:
    psets = ({"a": i, "b": str(i)} for i in range(1_010))
    source = PsetStream(psets)
    source.read(1_000)
    for _ in range(10):
        assert source.read(1) == 1
    assert [len(chunk.kept_rows()) for chunk in source._chunks] == [1_000, 10]
    assert make_psets(source, range(998, 1_003)) == [{"a": i, "b": str(i)} for i in range(998, 1_003)]
    assert source.frame()["a"].tolist() == list(range(1_010))


def test_a_stream_that_reads_no_more_lets_go_of_the_iterator_and_does_not_close_it() -> None:
    psets = ({"a": i} for i in range(3))
    source = PsetStream(psets)
    source.read(1)
    source.stop_reading()
    assert source.read(5) == 0
    assert next(psets) == {"a": 1}
