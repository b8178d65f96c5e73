"""`add_seed`: seeds that depend on the psets' values alone."""

from __future__ import annotations

import enum
import pickle
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas import DataFrame as Frame
from pandas.testing import assert_frame_equal

from paramsurvey import params
from paramsurvey.params import Space, add_seed, aligned, grid, integers, product, sample, uniform


def cells(df: Frame) -> list[tuple[Any, ...]]:
    return list(df.itertuples(index=False, name=None))


def seeds(psets: Any, root: int = 7, bits: int = 63) -> list[int]:
    seeded = add_seed(psets, root, bits)
    frame = seeded.to_df() if isinstance(seeded, Space) else seeded
    return frame["seed"].tolist()  # type: ignore[no-any-return]


def test_seeds_never_change_between_machines_and_versions() -> None:
    assert seeds(product({"a": [1, 2]})) == [3381416365218874663, 2922844473294601952]
    pset = {"a": 1, "b": "é", "c": [1, 2.5], "d": pd.Timestamp("2020-01-01")}
    assert seeds([pset], root=0) == [659914898598777094]


def test_seeds_have_32_bits_which_every_library_takes() -> None:
    df = add_seed(product({"a": range(100)}), root=1)
    assert df["seed"].max() < 2**32
    assert df["seed"].max() > 2**31
    for seed in df["seed"]:
        np.random.RandomState(seed)


@pytest.mark.parametrize("bits", [1, 31, 32, 63])
def test_fewer_bits_are_the_first_ones(bits: int) -> None:
    psets = [{"a": 1}, {"a": 2}]
    assert seeds(psets, bits=bits) == [seed >> (63 - bits) for seed in seeds(psets)]


@pytest.mark.parametrize("bits", [0, 64, -1])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="give bits from 1 to 63"):
        add_seed([{"a": 1}], 1, bits)


@pytest.mark.parametrize(
    "space",
    [
        grid(a=range(3), b=["x", "y"]),
        grid(a=[1, 1, 2]),
        aligned(a=[1, 2, 1], b=["x", "y", "x"]),
        grid(a=[1]) + grid(a=[1, 2]),
        grid(a=range(9)).where(lambda pset: pset["a"] % 2).shuffle(3),
        sample(9, k=integers(1, 3)),
        sample(9, x=uniform(0, 1)),
    ],
    ids=repr,
)
def test_a_space_stays_a_space_and_has_the_seeds_of_its_table(space: Space) -> None:
    seeded = add_seed(space, 7)
    assert isinstance(seeded, Space)
    assert seeds(space) == seeds(space.to_df())
    rows = np.arange(len(space))[::-1]
    assert seeded.columns(rows)["seed"].tolist()[::-1] == seeded.to_df()["seed"].tolist()


def test_a_space_of_different_psets_is_not_read_for_its_seeds() -> None:
    seeded = add_seed(grid(a=range(10**9), b=["x", "y"]), 7)
    assert len(seeded) == 2 * 10**9
    assert 0 <= seeded[10**9]["seed"] < 2**32
    assert len(pickle.dumps(seeded)) < 1000


def test_workers_do_not_count_equal_psets_again() -> None:
    seeded = add_seed(grid(a=[1, 1]), 7)
    sent = pickle.loads(pickle.dumps(seeded))
    assert sent.__dict__["_repeated"] == {1: 1}
    assert list(sent) == list(seeded)


def test_a_space_that_has_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="column 'seed' already"):
        add_seed(grid(seed=[1]), 7)


def test_seeds_are_different_and_fit_into_an_int64() -> None:
    df = add_seed(product({"a": range(100), "b": range(10)}), root=1, bits=63)
    assert df["seed"].dtype == np.int64
    assert df["seed"].min() >= 0
    assert df["seed"].is_unique
    assert 0.45 < df["seed"].mean() / 2**63 < 0.55


def test_another_root_makes_other_seeds() -> None:
    assert not set(seeds([{"a": 1}, {"a": 2}], root=1)) & set(seeds([{"a": 1}, {"a": 2}], root=2))


def test_an_extended_survey_keeps_the_seeds_of_the_old_psets() -> None:
    old = product({"a": [1, 2], "b": ["x"]})
    new = product({"b": ["w", "x"], "a": [0, 1, 2, 2.5]})
    known = {(a, b): seed for a, b, seed in cells(add_seed(old, 7))}
    extended = {(a, b): seed for b, a, seed in cells(add_seed(new, 7))}
    assert known.items() <= extended.items()


def test_a_new_column_keeps_the_seeds_of_psets_that_do_not_have_it() -> None:
    assert seeds([{"a": 1}]) == seeds([{"a": 1, "b": None}]) == seeds([{"a": 1}, {"b": 2}])[:1]
    assert seeds(pd.concat([Frame({"a": [1]}), Frame({"b": [2]})])) == seeds([{"a": 1}, {"b": 2}])


@pytest.mark.parametrize(
    "same",
    [
        Frame({"a": [1, 2], "b": ["x", "y"]}),
        Frame({"b": ["x", "y"], "a": [1, 2]}, index=[9, 9]),
        Frame({"a": [1, 2], "b": ["x", "y"]}).astype("category"),
        Frame({"a": np.array([1, 2], dtype=np.int8), "b": ["x", "y"]}),
        Frame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        Frame({"a": [1, 2], "b": ["x", "y"]}, dtype=object),
        Frame({"a": pd.array([1, 2], dtype="Int64"), "b": pd.array(["x", "y"], dtype="string")}),
        [{"a": np.int16(1), "b": "x"}, {"b": np.str_("y"), "a": 2}],
        iter([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        params.aligned(a=[1, 2], b=["x", "y"]),
        pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pa.table({"a": [1, 2], "b": ["x", "y"]}),
        Frame({"a": np.array([1, 2], dtype=">i4"), "b": ["x", "y"]}),
    ],
)
def test_seeds_depend_on_the_content_alone(same: Any) -> None:
    assert seeds(same) == seeds([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])


@pytest.mark.parametrize("table", [pl.DataFrame, pa.table])
def test_whatever_is_a_table_to_map_can_have_seeds(table: Any, in_tmp: Path) -> None:
    columns = {"a": [2**60 + 1, None, 2], "b": ["x", "y", None]}
    expected = [{"a": 2**60 + 1, "b": "x"}, {"b": "y"}, {"a": 2}]
    df = add_seed(table(columns), 7, bits=63)
    assert df["seed"].tolist() == seeds(expected)
    assert df["a"].tolist() == [2**60 + 1, pd.NA, 2]
    pq.write_table(pa.table(columns), "psets.parquet")
    assert_frame_equal(add_seed("psets.parquet", 7), add_seed(pa.table(columns), 7))


def test_the_reasons_of_missing_psets_are_no_content() -> None:
    why = {"_exception": "ValueError()", "_traceback": "", "_attempts": 1}
    for missing in ([{"a": 1, **why}], Frame([{"a": 1, **why}])):
        assert list(add_seed(missing, 7).columns) == ["a", "seed"]
        assert seeds(missing) == seeds([{"a": 1}])


def test_the_order_of_rows_does_not_matter() -> None:
    psets = [{"a": i} for i in range(5)]
    assert seeds(psets[::-1]) == seeds(psets)[::-1]


def test_copies_of_a_pset_have_seeds_of_their_own() -> None:
    once, twice = seeds([{"a": 1}]), seeds([{"a": 1}, {"a": 2}, {"a": 1}])
    assert twice[0] == once[0]
    assert len(set(twice)) == 3


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    "values",
    [
        [1, "1", True, 1.5, b"1", (1,), {1: 1}, 1 + 1j],
        ["a", "b", ""],
        [0.1, 0.2, float("inf"), -float("inf"), 1e300],
        [
            pd.Timestamp("2020-01-01"),
            pd.Timestamp("2020-01-02"),
            pd.Timedelta(1, "ns"),
            pd.Timedelta(2, "ns"),
        ],
        [Colour.RED, Colour.BLUE],
        [PurePosixPath("a"), PurePosixPath("b"), "a"],
        [[1, 2], [12], [[1], 2], []],
        [{"k": 1}, {"k": 2}, {"j": 1}],
        [frozenset("ab"), frozenset("ac")],
        [len, sum],
    ],
)
def test_different_content_makes_different_seeds(values: list[Any]) -> None:
    assert len(set(seeds([{"a": value} for value in values]))) == len(values)


@pytest.mark.parametrize(
    "equal",
    [
        [(1, 2), [1, 2], np.array([1, 2]), [1.0, np.int8(2)]],
        [{"j": 1, "k": 2}, {"k": 2, "j": 1}],
        [{"a", "b", "c"}, frozenset(["c", "b", "a"])],
        [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01").to_pydatetime(), np.datetime64("2020-01-01")],
        [pd.Timedelta("1s"), pd.Timedelta("1s").to_pytimedelta(), np.timedelta64(1, "s")],
        [0.0, -0.0, 0],
    ],
)
def test_equal_content_makes_equal_seeds(equal: list[Any]) -> None:
    assert len({seeds([{"a": value}])[0] for value in equal}) == 1


def test_add_seed_changes_nothing_of_the_callers() -> None:
    frame, psets = Frame({"a": [1]}), [{"a": 1}]
    add_seed(frame, 1)
    add_seed(psets, 1)
    assert list(frame.columns) == ["a"]
    assert psets == [{"a": 1}]


def test_a_sample_can_have_seeds() -> None:
    assert seeds(sample(5, x=uniform(0, 1))) == seeds(sample(9, x=uniform(0, 1)))[:5]


@pytest.mark.parametrize("psets", [Frame({"a": [], "b": []}), []])
def test_no_psets_have_no_seeds(psets: Any) -> None:
    assert seeds(psets) == []


@pytest.mark.parametrize(
    ("psets", "root", "message"),
    [
        ([{"a": 1, "seed": 2}], 1, "column 'seed' already"),
        ([{"a": lambda: 1}], 1, "cannot be pickled"),
        ([{"a": 1}], -1, "seed=0|non-negative"),
        ({"a": 1}, 1, "list of dicts"),
        (3, 1, "list of dicts"),
        ([{"a": 1}, 3], 1, "pset number 1 is an int, 3: make it a dict"),
        (pl.Series([1, 2]), 1, "pset number 0 is an int, 1: make it a dict"),
        ("no/such.parquet", 1, "give that of a Parquet file"),
    ],
)
def test_what_cannot_be_seeded_is_refused(psets: Any, root: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        add_seed(psets, root)
