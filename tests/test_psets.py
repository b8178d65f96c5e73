"""Psets as a survey sees them: by row, in columns, cut into what groups carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from paramsurvey.errors import PsetError, PsetTypeError
from paramsurvey.params import grid
from paramsurvey.psets import PsetSource, PsetStream, PsetTable, as_source, psets_of
from paramsurvey.sealing import SealedPset

DICTS = [{"i": i, "f": i / 2, "s": f"s{i}", "o": [i], "m": [i, 0.5, "x"][i % 3]} for i in range(10)]

SOURCES: dict[str, Any] = {
    "dicts": lambda: DICTS,
    "iterator": lambda: iter(DICTS),
    "DataFrame": lambda: pd.DataFrame(DICTS),
    "categoricals": lambda: pd.DataFrame(DICTS).assign(s=lambda frame: frame["s"].astype("category")),
}


def source_of(form: str, limit: int | None = None) -> PsetSource:
    source = as_source(SOURCES[form](), limit)
    while source.read(3):
        pass
    return source


def seen(source: PsetSource, rows: Any) -> list[dict[str, Any]]:
    """Return what a worker sees of these rows."""
    decoder = source.decoder()
    psets = decoder.psets(rows, decoder.sealed(source.load(rows)))
    return [pset if isinstance(pset, dict) else pset.open() for pset in psets]


@pytest.mark.parametrize("form", SOURCES)
@pytest.mark.parametrize("rows", [range(10), range(3, 5), range(0), np.array([1, 4, 9])], ids=str)
def test_a_worker_sees_the_psets_of_the_rows_that_its_group_has(form: str, rows: Any) -> None:
    source = source_of(form)
    assert seen(source, rows) == [DICTS[row] for row in rows]
    assert psets_of(source, rows) == [DICTS[row] for row in rows]


@pytest.mark.parametrize("form", SOURCES)
def test_objects_are_copies_there_and_the_given_ones_here(form: str) -> None:
    source = source_of(form)
    seen(source, range(1))[0]["o"].append("more")
    assert seen(source, range(1))[0]["o"] == [0]
    assert psets_of(source, range(1))[0]["o"] is DICTS[0]["o"]


@pytest.mark.parametrize("form", SOURCES)
@pytest.mark.parametrize("rows", [None, range(2, 7), np.array([0, 8])], ids=str)
def test_a_frame_of_rows_has_a_new_index_and_belongs_to_the_caller(form: str, rows: Any) -> None:
    source = source_of(form)
    chosen = range(10) if rows is None else rows
    frame = source.frame(rows)
    assert frame["i"].tolist() == list(chosen)
    assert frame.index.equals(pd.RangeIndex(len(chosen)))
    frame["i"] = -1
    frame.loc[0, "f"] = 100.0
    assert source.frame(rows)["i"].tolist() == list(chosen)
    assert source.frame(rows)["f"].max() < 10


@pytest.mark.parametrize("form", SOURCES)
@pytest.mark.parametrize(("limit", "count"), [(None, 10), (1, 1), (9, 9), (100, 10)])
def test_only_the_first_psets_count_with_a_limit(form: str, limit: int | None, count: int) -> None:
    source = source_of(form, limit)
    assert len(source) == count
    assert source.frame()["i"].tolist() == list(range(count))


def test_plain_columns_travel_as_arrays_and_slices() -> None:
    source = as_source(pd.DataFrame({"i": range(5), "f": [0.5] * 5, "c": pd.Categorical(list("xyxyx"))}))
    numbers, floats, codes = source.load(range(1, 4))
    assert all(isinstance(column, np.ndarray) for column in (numbers, floats, codes))
    assert numbers.base is not None, "a view, not a copy"
    assert codes.dtype == np.int8


def test_a_categorical_of_objects_travels_as_objects() -> None:
    class Point:
        pass

    source = as_source(pd.DataFrame({"p": pd.Categorical([Point(), Point()])}))
    decoder = source.decoder()
    psets = list(decoder.psets(range(2), decoder.sealed(source.load(range(2)))))
    assert all(isinstance(pset, SealedPset) for pset in psets)


def test_a_space_travels_with_the_decoder_and_groups_carry_nothing() -> None:
    source = as_source(grid(x=range(1000), y=range(1000)), limit=2000)
    assert len(source) == 2000
    assert source.load(range(5)) is None
    assert seen(source, range(999, 1001)) == [{"x": 0, "y": 999}, {"x": 1, "y": 0}]


def test_the_callers_table_and_the_sources_share_no_change() -> None:
    mine = pd.DataFrame({"a": [1, 2]})
    source = as_source(mine)
    mine.loc[0, "a"] = 100
    mine["b"] = 3
    assert source.frame()["a"].tolist() == [1, 2]
    assert source.names == ("a",)
    taken = source.frame()
    taken.loc[1, "a"] = 200
    assert source.frame()["a"].tolist() == [1, 2]


# an iterator


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
    assert seen(source, range(2)) == [{"a": 0}, {"a": 1}]
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
    assert psets_of(source, range(4, 5)) == [{"a": 4}]


def test_rows_of_an_iterator_have_the_columns_of_all() -> None:
    dicts = [{"a": 0}, {"b": "x"}, {"a": 2, "c": 1.5}]
    source = PsetStream(iter(dicts))
    source.read(10)
    table = PsetTable.from_dicts(dicts)
    for rows in (None, range(1), range(1, 3), np.array([], dtype=np.int64)):
        assert_frame_equal(source.frame(rows), table.frame(rows))


# what is refused


@pytest.mark.parametrize(
    "wrong", [None, 3, b"x", {"a": 1}, [3], [{"a": 1}, None], "no/such/file.parquet"], ids=repr
)
def test_what_is_no_table_is_refused_with_the_remedy(wrong: Any) -> None:
    with pytest.raises(PsetTypeError, match=r"give|make|name"):
        as_source(wrong)


@pytest.mark.parametrize("name", ["a b", "class", "_a", 1])
def test_a_wrong_name_is_refused_with_a_better_one(name: Any) -> None:
    for psets in ([{name: 1}], pd.DataFrame({name: [1]})):
        with pytest.raises(PsetError, match="rename it, for example to"):
            as_source(psets)
