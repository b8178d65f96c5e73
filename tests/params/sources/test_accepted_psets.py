"""Psets as a survey sees them: by row, in columns, cut into what groups carry."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

import paramsurvey
from paramsurvey.errors import NotPicklable, ParamsurveyWarning, PsetError, PsetTypeError
from paramsurvey.params import grid
from paramsurvey.params.dataframes import frame_of
from paramsurvey.params.sources import PsetSource, as_source, make_psets, name_if_exhausted
from paramsurvey.transport.isolation import IsolatedPset

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
    psets = decoder.psets(rows, decoder.isolated(source.payload(rows)))
    return [pset if isinstance(pset, dict) else pset.load() for pset in psets]


@pytest.mark.parametrize("form", SOURCES)
@pytest.mark.parametrize("rows", [range(10), range(3, 5), range(0), np.array([1, 4, 9])], ids=str)
def test_a_worker_sees_the_psets_of_the_rows_that_its_group_has(form: str, rows: Any) -> None:
    source = source_of(form)
    assert seen(source, rows) == [DICTS[row] for row in rows]
    assert make_psets(source, rows) == [DICTS[row] for row in rows]


@pytest.mark.parametrize("form", SOURCES)
def test_objects_are_copies_there_and_the_given_ones_here(form: str) -> None:
    source = source_of(form)
    seen(source, range(1))[0]["o"].append("more")
    assert seen(source, range(1))[0]["o"] == [0]
    assert make_psets(source, range(1))[0]["o"] is DICTS[0]["o"]


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
    numbers, floats, codes = source.payload(range(1, 4))
    assert all(isinstance(column, np.ndarray) for column in (numbers, floats, codes))
    assert numbers.base is not None, "a view, not a copy"
    assert codes.dtype == np.int8


def test_a_categorical_of_objects_travels_as_objects() -> None:
    class Point:
        pass

    source = as_source(pd.DataFrame({"p": pd.Categorical([Point(), Point()])}))
    decoder = source.decoder()
    psets = list(decoder.psets(range(2), decoder.isolated(source.payload(range(2)))))
    assert all(isinstance(pset, IsolatedPset) for pset in psets)


def test_a_space_travels_with_the_decoder_and_groups_carry_nothing() -> None:
    source = as_source(grid(x=range(1000), y=range(1000)), limit=2000)
    assert len(source) == 2000
    assert source.payload(range(5)) is None
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


# the other byte order


def test_numbers_of_the_other_byte_order_are_those_of_this_machine() -> None:
    native = pd.DataFrame({"x": [1.0, 2.5, 3.0], "i": [1, 2, 3], "s": ["a", "b", "c"]})
    foreign = native.astype({"x": np.dtype("f8").newbyteorder("S"), "i": np.dtype("i8").newbyteorder("S")})
    kept = foreign.dtypes
    source, expected = as_source(foreign), as_source(native)
    for rows in (None, range(1, 3), np.array([0, 2]), np.array([], dtype=np.int64)):
        assert_frame_equal(source.frame(rows), expected.frame(rows))
    assert seen(source, range(3)) == seen(expected, range(3))
    assert source.dtypes() == expected.dtypes()
    assert foreign.dtypes.equals(kept)


def test_a_frame_of_this_byte_order_is_not_copied() -> None:
    native = pd.DataFrame({"x": [1.0, 2.0]})
    assert frame_of(native) is native


# integers beside nulls

EXACT = 2**60 + 1  # no float64 holds it
WITH_NULLS = {"i": [EXACT, None, 3], "n": [1, 2, 3], "f": [0.5, None, 1.0], "t": ["x", None, "z"]}


def write_file(table: pa.Table) -> str:
    pq.write_table(table, "psets.parquet")
    return "psets.parquet"


def write_directory(table: pa.Table) -> Path:
    Path("psets").mkdir()
    pq.write_table(table[:1], "psets/1.parquet")
    pq.write_table(table[1:], "psets/2.parquet")
    return Path("psets")


TABLES: dict[str, Any] = {
    "polars": lambda columns: pl.DataFrame(columns),
    "Arrow": lambda columns: pa.table(columns),
    "chunks": lambda columns: pa.concat_tables([pa.table(columns)[:1], pa.table(columns)[1:]]),
    "record batch": lambda columns: pa.RecordBatch.from_pydict(columns),
    "Parquet": lambda columns: write_file(pa.table(columns)),
    "Parquet directory": lambda columns: write_directory(pa.table(columns)),
    "Parquet of polars": lambda columns: pl.DataFrame(columns).write_parquet("p.parquet") or "p.parquet",
}
in_any_table = pytest.mark.parametrize("form", TABLES)


@in_any_table
def test_integers_beside_nulls_stay_integers(form: str, in_tmp: Path) -> None:
    source = as_source(TABLES[form](WITH_NULLS))
    assert [pset["i"] for pset in seen(source, range(3))] == [EXACT, pd.NA, 3]
    assert source.frame()["i"].dtype == "Int64"
    assert list(source.names) == list(WITH_NULLS)


@in_any_table
def test_the_other_columns_are_what_they_were(form: str, in_tmp: Path) -> None:
    found = as_source(TABLES[form](WITH_NULLS)).frame()
    assert_frame_equal(found.drop(columns="i"), pd.DataFrame(WITH_NULLS).drop(columns="i"))


@in_any_table
def test_integers_beside_nulls_stay_integers_inside_of_lists_and_structs(form: str, in_tmp: Path) -> None:
    columns = {
        "i": [None, EXACT],
        "l": [[EXACT, None], None],
        "s": [{"k": EXACT}, {"k": None}],
        "d": [[1], []],
    }
    first, second = seen(as_source(TABLES[form](columns)), range(2))
    assert (list(first["l"]), first["s"], list(first["d"])) == ([EXACT, None], {"k": EXACT}, [1])
    assert (second["i"], second["l"], second["s"], list(second["d"])) == (EXACT, None, {"k": None}, [])


def test_every_kind_of_integer_beside_a_null_is_that_of_pandas() -> None:
    kinds = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    table = pa.table({f"k{i}": pa.array([None, 1], kind) for i, kind in enumerate(kinds)})
    dtypes = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"]
    for psets in (table, pl.from_arrow(table)):
        assert as_source(psets).frame().dtypes.astype(str).tolist() == dtypes
    largest = as_source(pl.DataFrame({"a": pl.Series([2**64 - 1, None], dtype=pl.UInt64)}))
    assert seen(largest, range(1)) == [{"a": 2**64 - 1}]


def test_what_pandas_noted_in_a_parquet_file_counts(in_tmp: Path) -> None:
    frame = pd.DataFrame(
        {"i": pd.array([EXACT, None], "Int64"), "c": pd.Categorical(["x", "y"])}, index=[5, 6]
    )
    frame.to_parquet("psets.parquet")
    assert_frame_equal(as_source("psets.parquet").frame(), frame.reset_index(drop=True))


# what `missing` gives

WHY = {"_exception": "ValueError()", "_traceback": "", "_attempts": 1}


@pytest.mark.parametrize("form", [list, iter, pd.DataFrame, pl.DataFrame])
def test_psets_with_all_the_reasons_of_missing_are_taken_without_them(form: Any) -> None:
    source = as_source(form([{"a": 1, **WHY}, {"a": 2, **WHY}]))
    source.read(10)
    assert seen(source, range(2)) == [{"a": 1}, {"a": 2}]
    assert list(source.frame()) == ["a"]


def test_missing_psets_can_be_taken_together_with_others() -> None:
    psets = [{"a": 1, **WHY}, {"a": 2}]
    for source in (as_source(psets), as_source(iter(psets))):
        source.read(10)
        assert source.frame()["a"].tolist() == [1, 2]


@pytest.mark.parametrize("form", [list, iter, pd.DataFrame])
def test_the_two_reasons_that_0_4_had_may_have_been_dropped(form: Any) -> None:
    source = as_source(form([{"a": 1, "_attempts": 1}, {"a": 2, "_attempts": 0}]))
    source.read(10)
    assert seen(source, range(2)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "pset",
    [
        {"_attempts": 1},
        {"_attempts": 1, "a": 1},
        {"a": 1, "_attempts": "x"},
        {"a": 1, "_attempts": True},
        {"a": 1, "_attempts": 0.5},
        {"_exception": "x"},
        {"a": 1, "_exception": "x", "_traceback": "x"},
        {"a": 1, "_exception": "x", "_attempts": 1},
        {"a": 1, "_traceback": "x", "_attempts": 1},
    ],
    ids=lambda pset: " ".join(map(str, pset)),
)
@pytest.mark.parametrize("form", [list, iter, pd.DataFrame])
def test_a_column_that_is_only_called_like_a_reason_is_refused(form: Any, pset: dict[str, Any]) -> None:
    with pytest.raises(PsetError, match=r"begins with '_'.* rename it, .*, or give missing\.to_psets\(\)"):
        as_source(form([pset])).read(1)


# the types of columns, and dicts of columns


def test_an_iterator_has_the_types_of_its_columns_up_to_the_limit() -> None:
    source = as_source(iter([{"a": 1}, {"a": 2}, {"a": 0.5}]), 2, "column")
    assert make_psets(source, range(2)) == [{"a": 1}, {"a": 2}]
    assert repr(make_psets(as_source(iter([{"a": 1}, {"a": 0.5}]), None, "column"), range(2))) == (
        "[{'a': 1.0}, {'a': 0.5}]"
    )


def test_the_types_of_columns_are_those_of_all_psets_also_of_those_beyond_the_limit() -> None:
    source = as_source([{"a": 1}, {"a": 2}, {"a": 0.5}], 2, "column")
    assert repr(make_psets(source, range(2))) == "[{'a': 1.0}, {'a': 2.0}]"


def test_missing_psets_with_their_reasons_have_the_types_of_columns_too() -> None:
    reasons = {"_exception": "ValueError()", "_traceback": "", "_attempts": 1}
    source = as_source([{"a": 1, **reasons}, {"a": 0.5, **reasons}], None, "column")
    assert repr(make_psets(source, range(2))) == "[{'a': 1.0}, {'a': 0.5}]"


@pytest.mark.parametrize("pset_types", ["given", "column"])
def test_no_psets_at_all_are_none_whatever_their_types(pset_types: str) -> None:
    for nothing in ([], {}, iter([])):
        assert len(as_source(nothing, None, pset_types)) == 0
    assert len(as_source([{}, {}], None, pset_types)) == 2


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [0, 1], "b": [1.5, 1.5]},
        {"a": np.arange(2), "b": 1.5},
        {"a": range(2), "b": pd.Series([1.5, 1.5])},
        {"a": (i for i in range(2)), "b": (1.5, 1.5)},
    ],
    ids=lambda columns: type(columns["a"]).__name__,
)
def test_a_dict_of_columns_is_a_table(columns: Any) -> None:
    assert make_psets(as_source(columns), range(2)) == [{"a": 0, "b": 1.5}, {"a": 1, "b": 1.5}]


@pytest.mark.parametrize(
    "columns", [{"a": [1, 2], "b": [1]}, {"a": np.ones((2, 2))}, {"a": [1, 2], "b": {"k": 1}}], ids=repr
)
def test_a_dict_of_columns_that_make_no_table_is_refused(columns: Any) -> None:
    with pytest.raises(PsetError, match="give lists of equal length"):
        as_source(columns)


@pytest.mark.parametrize(
    "pset", [{"a": 1}, {"a": "x", "b": None}, {"a": 1, "ray": {"num_cpus": 1}}], ids=repr
)
def test_one_pset_alone_is_refused(pset: Any) -> None:
    with pytest.raises(PsetTypeError, match=r"psets is one dict.*give a list of dicts, \[pset\]"):
        as_source(pset)


# structured arrays, and datasets

RECORDS = np.array([(1, 0.5, b"x"), (2, 1.5, b"y")], dtype=[("a", ">i8"), ("f", "f4"), ("s", "S3")])


@pytest.mark.parametrize("form", [np.asarray, lambda array: array.view(np.recarray), np.ma.array])
def test_a_structured_array_has_a_pset_per_record(form: Any) -> None:
    source = as_source(form(RECORDS))
    assert seen(source, range(2)) == [{"a": 1, "f": 0.5, "s": b"x"}, {"a": 2, "f": 1.5, "s": b"y"}]
    assert set(map(type, seen(source, range(1))[0].values())) == {int, float, bytes}
    assert [str(dtype) for dtype in source.frame().dtypes[:2]] == ["int64", "float32"]
    assert len(as_source(form(RECORDS), limit=1)) == 1


def test_a_structured_array_of_missing_psets_is_taken_without_the_reasons() -> None:
    reasons = np.array([(1, "x", "y", 1)], dtype=[("a", int), *((name, "O") for name in WHY)])
    assert as_source(reasons).names == ("a",)


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (RECORDS.reshape(1, 2), r"2 dimensions: give one with 1, psets.reshape\(-1\)"),
        (np.array(RECORDS[0]), r"0 dimensions: give one with 1"),
        (RECORDS[0], "give the structured array that it comes from"),
        (list(RECORDS), "or give the structured array itself"),
        (np.zeros(2, dtype=[("v", "f8", 3)]), r"field 'v' .* the shape \(3,\): give each number a field"),
        (np.zeros(2, dtype=[("n", [("x", "f8")])]), "field 'n' .* has fields of its own: give"),
        (np.ma.array(RECORDS, mask=[(0, 1, 0), (0, 0, 0)]), "masked values: fill them"),
        (np.zeros(2, dtype=[("a b", "i8")]), "rename it, for example to 'a_b'"),
    ],
    ids=str,
)
def test_a_structured_array_that_is_no_table_is_refused_with_the_remedy(wrong: Any, remedy: str) -> None:
    with pytest.raises(PsetError, match=remedy):
        as_source(wrong)


def test_a_dataset_has_a_pset_per_cell_with_its_coordinates() -> None:
    xarray = pytest.importorskip("xarray")
    dataset = xarray.Dataset({"v": (("x", "y"), [[1, 2]])}, coords={"x": [10], "y": [0.5, 1.5]})
    psets = [{"x": 10, "y": 0.5, "v": 1}, {"x": 10, "y": 1.5, "v": 2}]
    assert seen(as_source(dataset), range(2)) == psets
    assert seen(as_source(dataset["v"]), range(2)) == psets
    with pytest.raises(PsetError, match="at least one dimension"):
        as_source(xarray.Dataset({"v": 1}))


class Point(NamedTuple):
    a: int


@dataclass
class Data:
    a: int


@pytest.mark.parametrize("row", [Point(1), Data(1), pd.Series({"a": 1})], ids=lambda row: type(row).__name__)
@pytest.mark.parametrize("form", [list, iter])
def test_rows_with_names_are_dicts(row: Any, form: Any) -> None:
    source = as_source(form([row, {"a": 2}]))
    source.read(2)
    assert seen(source, range(2)) == [{"a": 1}, {"a": 2}]


@dataclass
class Holder:
    held: Any


def test_dataclasses_in_a_dataclass_are_dicts_too() -> None:
    source = as_source([Holder(Data(1)), Holder([Data(2)])])
    assert seen(source, range(2)) == [{"held": {"a": 1}}, {"held": [{"a": 2}]}]


def test_a_dataclass_with_a_value_that_cannot_be_sent_costs_no_other_pset() -> None:
    source = as_source([Holder(threading.Lock()), Holder(1)])
    assert seen(source, range(1, 2)) == [{"held": 1}]
    with pytest.raises(NotPicklable, match=r"pset\['held'\]"):
        seen(source, range(1))


# what is refused


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (np.ones((2, 2)), r"give pd.DataFrame\(psets, columns="),
        (pl.DataFrame({"a": [1]}).lazy(), r"not LazyFrame: give psets.collect\(\)"),
        (lambda: iter([{"a": 1}]), r"not function: .* call it: give psets\(\)"),
    ],
    ids=lambda wrong: type(wrong).__name__,
)
def test_what_is_nearly_a_table_is_refused_with_what_makes_it_one(wrong: Any, remedy: str) -> None:
    with pytest.raises(PsetTypeError, match=remedy):
        as_source(wrong).read(1)


@pytest.mark.parametrize(
    "wrong", [None, 3, b"x", {"a": 1}, [3], [{"a": 1}, None], "no/such/file.parquet"], ids=repr
)
def test_what_is_no_table_is_refused_with_the_remedy(wrong: Any) -> None:
    with pytest.raises(PsetTypeError, match=r"give|make|name"):
        as_source(wrong)


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("psets.csv", "pd.read_csv('psets.csv')"),
        ("psets.json", "pd.read_json('psets.json')"),
        ("psets.feather", "pd.read_feather('psets.feather')"),
        ("psets.parquet", "pd.read_csv('psets.parquet')"),
        ("directory/psets.csv", "pd.read_csv"),
    ],
)
@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_a_file_that_is_no_parquet_is_refused_with_what_reads_it(
    file: str, reader: str, text: str, in_tmp: Path
) -> None:
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(text)
    for path in (file, Path(file)):
        with pytest.raises(PsetTypeError, match="cannot be read as Parquet") as refusal:
            as_source(path if "/" not in file else "directory")
        assert reader in str(refusal.value)


def test_parquet_without_pyarrow_is_refused_with_the_remedy(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("psets.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'paramsurvey\[parquet\]'"):
        as_source("psets.parquet")


@pytest.mark.parametrize(
    "psets", [pl.Series([1, 2]), pa.chunked_array([[1, 2]]), pd.Series([1, 2])], ids=lambda psets: type(psets)
)
def test_a_single_column_is_no_table(psets: Any) -> None:
    with pytest.raises(PsetTypeError, match="pset number 0 is an int, 1: make it a dict"):
        as_source(psets)


def test_two_columns_of_an_arrow_table_with_one_name_are_refused() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([None], pa.int64())], names=["a", "a"])
    with pytest.raises(PsetError, match="column 'a' occurs 2 times"):
        as_source(table)


@pytest.mark.parametrize("name", ["a b", "class", "_a", 1])
def test_a_wrong_name_is_refused_with_a_better_one(name: Any) -> None:
    for psets in ([{name: 1}], pd.DataFrame({name: [1]})):
        with pytest.raises(PsetError, match="rename it, for example to"):
            as_source(psets)


def test_what_is_used_up_is_named() -> None:
    def stars() -> Iterator[dict[str, int]]:
        yield {"a": 1}

    generator, iterator = stars(), iter([{"a": 1}])
    assert name_if_exhausted(generator) == name_if_exhausted(iterator) == ""
    assert list(generator) == list(iterator) == [{"a": 1}]
    assert name_if_exhausted(generator).endswith("stars")
    assert name_if_exhausted(iterator) == "a list_iterator"
    assert name_if_exhausted([]) == name_if_exhausted(map(str, [])) == ""


def test_a_generator_that_is_used_up_is_warned_of() -> None:
    psets = ({"a": a} for a in range(2))
    with paramsurvey.Session(backend="serial", pslogger_prefix=None) as session:
        assert len(session.map(lambda p, s, u: None, psets)) == 2
        with pytest.warns(ParamsurveyWarning, match="generator .*<genexpr>, which is used up") as warned:
            session.map(lambda p, s, u: None, psets)
        assert [one.filename for one in warned] == [__file__]  # the line of the program that gave it
