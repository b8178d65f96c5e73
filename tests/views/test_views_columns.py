"""Columns as views read them: any dtype, from pandas and from Arrow, in pieces of any size."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from survey_tables import grid, random_table, run, source_of, survey

import paramsurvey
from paramsurvey.results.stored_survey import stored_survey
from paramsurvey.views import FAILING, SurveyData, data_of
from paramsurvey.views.columns.arrow import ArrowColumns, stored_data
from paramsurvey.views.columns.axes import ABSENT, OTHERS, Axis, Range
from paramsurvey.views.columns.coding import FINE, MANY
from paramsurvey.views.columns.frame import FrameColumns, in_seconds
from paramsurvey.views.columns.source import number, numbers
from paramsurvey.views.columns.survey_data import KIND

FORMS = ("frame", "arrow")
DAY = datetime(2026, 1, 2)


def axis_values(column: Any, form: str = "frame") -> tuple[Any, ...]:
    frame = pd.DataFrame({"x": column})
    return survey(frame, ["x"], form=form, pieces=2).axis("x").values


# ---- values


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([3, 1, 3], (1, 3)),
        (np.array([3, 1, 3], dtype=np.int8), (1, 3)),
        (np.array([3, 1, 2**64 - 1], dtype=np.uint64), (1, 3, 2**64 - 1)),
        ([2.5, -1.0, 2.5], (-1.0, 2.5)),
        (np.array([2.5, -1.0], dtype=np.float32), (-1.0, 2.5)),
        ([True, False, True], (False, True)),
        (["large", "small", "large"], ("large", "small")),
        (pd.Categorical(["large", "small", "large"]), ("large", "small")),
        ([DAY, DAY - timedelta(1)], (DAY - timedelta(1), DAY)),
        ([timedelta(2), timedelta(1)], (timedelta(1), timedelta(2))),
        (pd.array([3, None, 1], dtype="Int64"), (1, 3, ABSENT)),
        (pd.array([True, None], dtype="boolean"), (True, ABSENT)),
        ([1.5, np.nan, 0.5], (0.5, 1.5, ABSENT)),
        (["a", None, "b"], ("a", "b", ABSENT)),
        ([np.nan, np.nan], (ABSENT,)),
    ],
)
def test_numbers_dates_and_bools_ascend_and_texts_keep_the_order_of_their_appearance(
    column: Any, values: tuple[Any, ...], form: str
) -> None:
    assert axis_values(column, form) == values


def test_one_and_true_are_two_values_in_a_column_of_objects() -> None:
    assert axis_values(pd.Series([1, True, 1.0], dtype=object)) == (1, True, 1.0)
    assert [type(value) for value in axis_values(pd.Series([1, True], dtype=object))] == [int, bool]


@pytest.mark.parametrize("form", FORMS)
def test_integers_that_failed_are_the_floats_that_finished(form: str) -> None:
    finished, lost = [1.0, 2.5, 1.0, 2.0], [2, 3, 2]
    for one, other in ((finished, lost), (lost, finished)):
        data = survey(pd.DataFrame({"x": one}), ["x"], pd.DataFrame({"x": other}), form)
        assert data.axis("x").values == (1.0, 2.0, 2.5, 3.0)
        assert data.axis("x").counts.tolist() == [2, 3, 1, 1]
        assert data.places("x").tolist() == [[1.0, 2.0, 2.5, 3.0].index(value) for value in (*one, *other)]


def test_integers_that_no_float_is_equal_to_stay_apart() -> None:
    large = 2**53 + 1
    data = survey(pd.DataFrame({"x": [1.5, 2.0**53]}), ["x"], pd.DataFrame({"x": [large, 1]}))
    assert data.axis("x").values == (1.0, 1.5, 2.0**53, large)


def test_none_and_nan_are_no_value_as_in_a_checkpoint_which_cannot_tell_them_apart() -> None:
    assert axis_values(pd.Series([None, 1, np.nan, None], dtype=object)) == (1, ABSENT)


def test_what_cannot_be_hashed_is_one_value_for_each_type() -> None:
    column = pd.Series([[1], {"a": 1}, [2], np.zeros(2)], dtype=object)
    assert axis_values(column) == (list, dict, np.ndarray)


def test_binary_and_nested_arrow_columns_are_one_constant() -> None:
    table = pa.table({"p": [b"x", b"y"], "l": [[1], [2]]})
    data = SurveyData(ArrowColumns(table), keys=("p", "l"))
    assert data.varying() == []


@pytest.mark.parametrize("form", FORMS)
def test_each_row_is_at_its_place_whatever_the_size_of_the_pieces(form: str) -> None:
    frame = random_table(50)
    for pieces in (1, 7, 100):
        data = survey(frame, list(frame.columns), form=form, pieces=pieces)
        for name in ("n", "x", "t", "b"):
            values = data.axis(name).values
            assert [values[place] for place in data.places(name).tolist()] == frame[name].tolist()
            assert data.axis(name).counts.sum() == 50


def test_a_column_with_many_different_numbers_becomes_ranges_with_about_as_many_rows_each() -> None:
    for values in (np.random.default_rng(0).lognormal(size=MANY * 3), np.arange(MANY * 3)[::-1] * 7):
        data = SurveyData(FrameColumns(pd.DataFrame({"x": values})), keys=("x",))
        axis, places = data.axis("x"), data.places("x")
        lows = np.array([each.low for each in axis.values])
        highs = np.array([each.high for each in axis.values])
        assert len(axis) < FINE
        assert axis.ordered
        assert bool(((lows[places] <= values) & (values <= highs[places])).all())
        assert bool((lows[1:] > highs[:-1]).all())
        assert axis.counts.max() < 2 * axis.counts.mean()
        assert axis.counts.tolist() == np.bincount(places).tolist()


def test_ranges_of_numbers_that_are_mostly_the_same_or_extreme_or_absent() -> None:
    random = np.random.default_rng(0)
    values = np.where(random.uniform(size=MANY * 4) < 0.7, 0.0, random.standard_cauchy(MANY * 4))
    values[:3] = np.nan, np.inf, -np.inf
    data = SurveyData(FrameColumns(pd.DataFrame({"x": values})), keys=("x",))
    axis, places = data.axis("x"), data.places("x")
    assert axis.values[-1] is ABSENT
    assert axis.counts.min() > 0
    for place, value in zip(places[:2000].tolist(), values[:2000].tolist(), strict=True):
        known = axis.values[place]
        assert known is ABSENT if np.isnan(value) else known.low <= value <= known.high


def test_of_very_many_texts_the_first_are_counted_each_and_the_rest_together() -> None:
    texts = [f"t{i}" for i in range(MANY + 500)]
    data = SurveyData(FrameColumns(pd.DataFrame({"x": [*texts, "t0"]})), keys=("x",))
    axis = data.axis("x")
    assert axis.values[-1] is OTHERS
    assert axis.counts[0] == 2
    assert axis.counts[-1] == 500
    assert data.places("x")[-2] == len(axis) - 1


def test_places_are_found_anew_for_each_view_where_there_are_too_many_rows_to_keep_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = random_table(50)
    kept = survey(frame, list(frame.columns))
    monkeypatch.setattr("paramsurvey.views.columns.survey_data.KEPT_BYTES", 0)
    anew = survey(frame, list(frame.columns))
    for name in frame.columns:
        assert anew.places(name).tolist() == kept.places(name).tolist()
    assert anew._kept == {}


# ---- coarser axes


def test_a_coarse_axis_joins_neighbours_and_keeps_their_limits() -> None:
    data = survey(pd.DataFrame({"x": list(range(10)) * 2}), ["x"])
    coarse = data.axis("x").coarse(5)
    assert coarse.axis.values == (Range(0, 1), Range(2, 3), Range(4, 5), Range(6, 7), Range(8, 9))
    assert coarse.axis.counts.tolist() == [4] * 5
    assert coarse.table.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert coarse.axis.labels()[0] == "0 – 1"


def test_a_coarse_axis_of_texts_keeps_the_most_frequent_and_what_is_absent() -> None:
    texts = ["a"] * 5 + ["b"] + ["c"] * 4 + ["d"] + [None] * 2
    coarse = survey(pd.DataFrame({"x": texts}), ["x"]).axis("x").coarse(4)
    assert coarse.axis.values == ("a", "c", OTHERS, ABSENT)
    assert coarse.axis.counts.tolist() == [5, 4, 2, 2]


def test_what_is_absent_stays_apart_from_ranges() -> None:
    coarse = survey(pd.DataFrame({"x": [*range(8), np.nan]}), ["x"]).axis("x").coarse(3)
    assert coarse.axis.values == (Range(0.0, 3.0), Range(4.0, 7.0), ABSENT)


def test_a_value_is_found_alone_in_its_range_and_absent() -> None:
    axis = survey(pd.DataFrame({"x": [*range(8), np.nan]}), ["x"]).axis("x")
    assert axis.place_of(3) == 3
    assert axis.place_of(np.nan) == 8
    assert axis.coarse(3).axis.place_of(5.5) == 1
    with pytest.raises(ValueError, match="'x' has no value 'red': it has 0, 1, 2"):
        axis.place_of("red")


def test_labels_are_short_and_have_no_control_characters() -> None:
    names = ["a\n\x1b[31mb", "x" * 100, "\u202eabc"]
    labels = survey(pd.DataFrame({"x": names}), ["x"]).axis("x").labels()
    assert labels == ["a��[31mb", "x" * 39 + "…", "�abc"]
    dates = survey(pd.DataFrame({"x": [DAY, datetime(2026, 1, 2, 3)]}), ["x"]).axis("x").labels()
    assert dates == ["2026-01-02", "2026-01-02 03:00:00"]


@pytest.mark.parametrize(
    "values",
    [
        [f"/data/projects/somewhere/deep/in/a/tree/model-{i}/run/result.csv" for i in range(3)],
        [1.0000001, 1.0000002, 1.0000003],
        ["a" * 100 + "b" + "c" * 100 + end for end in "xy"] + ["a" * 50 + "b" * 300],
        [1, "1", "1 (2)"],
        ["\n", "\r", "\t"],
        ["x" * 39 + "…", "x" * 50, "x" * 60],
    ],
    ids=["paths", "digits", "ends", "types", "control characters", "cut"],
)
def test_values_that_differ_have_labels_that_differ(values: list[Any]) -> None:
    labels = survey(pd.DataFrame({"x": pd.Series(values, dtype=object)}), ["x"]).axis("x").labels()
    assert len(set(labels)) == len(values)
    assert max(map(len, labels)) <= 40


def test_only_numbers_that_look_alike_have_more_digits() -> None:
    values = [1 / 3, 0.9999999958776927, 1.0]
    assert survey(pd.DataFrame({"x": values}), ["x"]).axis("x").labels() == ["0.333333", "0.999999996", "1"]


def test_ranges_that_look_alike_have_labels_that_differ() -> None:
    ranges = (Range(1.0, 1.0000001), Range(1.0000002, 1.0000003))
    assert Axis("x", ranges, np.ones(2, dtype=np.int64), True).labels() == [
        "1 – 1.0000001",
        "1.0000002 – 1.0000003",
    ]


# ---- numbers


def test_what_is_no_number_is_nan() -> None:
    values = [1, 2.5, True, "3", b"4", None, [5], timedelta(seconds=1.5), 10**400, date(2026, 1, 1)]
    found = [number(value) for value in values]
    np.testing.assert_array_equal(found, [1, 2.5, 1, *[np.nan] * 4, 1.5, np.inf, np.nan])


@pytest.mark.parametrize("form", FORMS)
def test_numbers_of_columns_with_gaps(form: str) -> None:
    frame = pd.DataFrame({"i": pd.array([1, None, 3], dtype="Int64"), "f": [0.5, np.nan, 2]})
    (cells,) = source_of(frame, form).chunks(["i", "f", "nowhere"])
    np.testing.assert_array_equal(numbers(cells["i"]), [1, np.nan, 3])
    np.testing.assert_array_equal(numbers(cells["f"]), [0.5, np.nan, 2])
    np.testing.assert_array_equal(numbers(cells["nowhere"]), [np.nan] * 3)


# ---- surveys


def test_the_missing_psets_come_after_the_finished_ones_and_what_did_not_run_has_not_failed() -> None:
    finished = pd.DataFrame({"x": [1, 2], "y": [0.5, 0.25]})
    data = survey(finished, ["x"], pd.DataFrame({"x": [3, 4], KIND: ["raised", "not run"]}))
    (chunk, lost) = data.chunks(["x"], ["y", FAILING])
    assert chunk.status.tolist() == [0, 0]
    assert lost.status.tolist() == [1, 2]
    assert lost.rows.tolist() == [2, 3]
    np.testing.assert_array_equal(lost.values["y"], [np.nan, np.nan])
    np.testing.assert_array_equal(lost.values[FAILING], [1, np.nan])
    assert data.psets([3, 0]) == [{"x": 4}, {"x": 1}]


def test_an_unknown_column_is_named_with_those_that_there_are() -> None:
    data = survey(pd.DataFrame({"x": [1], "y": [2]}), ["x"])
    with pytest.raises(KeyError, match="no column 'z': the columns are 'x', 'y'"):
        data.axis("z")


def test_a_sample_of_rows_is_about_as_large_as_asked_and_always_the_same() -> None:
    frame = random_table(5000)
    data = survey(frame, ["n"], pieces=999)
    some = data.sample(["n"], ["y"], 1000)
    assert 850 < len(some.rows) < 1150
    assert some.values["y"].tolist() == frame["y"][some.rows].tolist()
    assert survey(frame, ["n"], pieces=500).sample([], [], 1000).rows.tolist() == some.rows.tolist()
    assert len(data.sample([], ["y"], 5000).rows) == 5000


def test_results_of_a_map_know_their_numbers_and_labels() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": 1 / (pset["x"] - 1)}

    results = run(worker, [{"x": x} for x in range(4)])
    data = data_of(results)
    assert data.keys == ("x",)
    assert data.results == ("y",)
    assert data.positions().tolist() == [0, 2, 3, 1]
    assert data.labels([3, 0]) == [results.missing.index[0], results.index[0]]
    assert data.psets([3]) == [{"x": 1}]


def test_a_checkpoint_is_read_as_it_lies_on_the_disk(in_tmp: Path) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": pset["x"] / (pset["k"] != "b"), "o": {"deep": 1}}

    psets = grid(x=[0.5, 1.0], k=["a", "b", "c"])
    run(worker, psets, checkpoint="run")
    failures = sorted((in_tmp / "run" / "failures").glob("*.parquet"))
    data = stored_data(paramsurvey.scan("run"), failures)
    assert data.keys == ("x", "k")
    assert len(data) == 6
    assert data.missing_count == 2
    assert data.axis("k").values == ("a", "c", "b")
    assert data.psets([5], ["k", "_exception"])[0]["k"] == "b"


def test_files_that_are_not_parquet_are_read_alone_and_beside_some_that_are(in_tmp: Path) -> None:
    feather.write_feather(pa.table({"a": [1, 2]}), "some.feather")
    pq.write_table(pa.table({"a": [3]}), "more.parquet")
    some, more = ds.dataset("some.feather", format="feather"), ds.dataset("more.parquet")
    for dataset, expected in ((some, [1, 2]), (ds.dataset([some, more]), [1, 2, 3])):
        source = ArrowColumns(dataset)
        assert [value for chunk in source.chunks(["a"]) for value in chunk["a"].tolist()] == expected
        assert source.take(np.array([1, 0]), ["a"]) == {"a": [2, 1]}


def test_tables_of_nobody_need_their_keys_named(in_tmp: Path) -> None:
    pq.write_table(pa.table({"x": [1, 2], "y": [3, 4]}), "a.parquet")
    with pytest.raises(ValueError, match="name them: keys="):
        stored_data("a.parquet")
    assert stored_data(in_tmp / "a.parquet", keys=["x"]).axis("x").values == (1, 2)


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_survey_has_nothing_to_see_and_that_is_no_error(form: str) -> None:
    frame = pd.DataFrame({"x": np.zeros(0), "y": np.zeros(0)})
    data = survey(frame, ["x"], form=form)
    assert len(data) == 0
    assert data.varying() == []
    assert data.sample(["x"], ["y"], 10).values["y"].tolist() == []


def test_psets_have_texts_that_no_file_could_have_and_what_is_beside_them() -> None:
    values = ["\ud83d", "plain", None]
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object), "b": [True, False, True]})
    assert survey(frame, ["a", "b"]).psets(np.array([0, 2])) == [
        {"a": "\ud83d", "b": True},
        {"a": None, "b": True},
    ]


def test_categories_have_the_same_order_in_memory_and_in_a_checkpoint() -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        assert pset["n"]
        return {"y": 1.0}

    kind = pd.CategoricalDtype(["low", "middle", "high", "never"], ordered=True)
    texts = pd.Series(["high", "low", None, "middle", "high"], dtype=kind)
    results = run(worker, pd.DataFrame({"x": texts, "n": range(5)}), checkpoint="survey")
    forms = [data_of(results), data_of(paramsurvey.load("survey")), stored_survey("survey").data]
    assert [data.axis("x").labels() for data in forms] == 3 * [forms[0].axis("x").labels()]
    assert [data.axis("x").counts.tolist() for data in forms] == 3 * [forms[0].axis("x").counts.tolist()]
    assert forms[0].axis("x").labels()[:3] == ["low", "middle", "high"]


ZONE = ZoneInfo("Europe/Berlin")
AXES = {
    "durations": [timedelta(days=2), timedelta(hours=1), timedelta(seconds=1.5)],
    "durations or none": [timedelta(days=2), None, timedelta(hours=1)],
    "pandas' durations": [pd.Timedelta(1, "D"), pd.Timedelta(5, "ns"), pd.Timedelta(2, "D")],
    "numpy's durations": [np.timedelta64(1, "h"), np.timedelta64(3, "h"), np.timedelta64(2, "h")],
    "times of a zone": [datetime(2026, 10, 25, 2, 30, tzinfo=ZONE, fold=fold) for fold in (1, 0, 0)],
    "Timestamps at an offset": [pd.Timestamp(f"2026-11-{day} 00:00+02:00") for day in (30, 29, 28)],
    "Timestamps or NaT": [pd.Timestamp("2026-11-30", tz="UTC"), pd.NaT, pd.Timestamp("2026-11-29", tz="UTC")],
    "large integers": [2**70, 2**64, -(2**70)],
    "large integers of numpy": np.array([2**64 - 1, 2**63, 5], dtype=np.uint64).tolist(),
}


@pytest.mark.parametrize("kind", AXES)
def test_axes_and_results_are_the_same_in_memory_and_in_a_checkpoint(kind: str, in_tmp: Path) -> None:
    psets = [{"x": x, "n": n} for n, x in enumerate(AXES[kind])]
    results = run(lambda pset, system_kwargs, user_kwargs: {"y": pset["x"]}, psets, checkpoint="survey")
    surveys = (data_of(results), data_of(paramsurvey.load("survey")), stored_survey("survey").data)
    for column in ("x", "y"):
        in_memory, loaded, stored = (
            (axis.labels(), axis.counts.tolist(), axis.ordered)
            for axis in (one.axis(column) for one in surveys)
        )
        assert stored == in_memory == loaded
        assert "binary" not in repr(stored)
        in_memory, loaded, stored = (
            np.concatenate([numbers(cells[column]) for cells in one.finished.chunks([column])]).tolist()
            for one in surveys
        )
        assert repr(stored) == repr(in_memory) == repr(loaded)


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("of_arrow", [False, True])
def test_times_of_every_kind_are_seconds_since_1970(unit: Any, zone: str | None, of_arrow: bool) -> None:
    times = pd.Series(pd.to_datetime([2, None], unit="s", utc=True).tz_convert(zone).as_unit(unit))
    if of_arrow:
        times = times.astype(pd.ArrowDtype(pa.timestamp(unit, zone)))
    assert repr(in_seconds(times).tolist()) == "[2.0, nan]"


def test_times_far_from_1970_are_seconds_too() -> None:
    times = pd.Series(np.array(["1970-01-02", "3024-01-01"], dtype="datetime64[s]"))
    assert in_seconds(times).tolist() == [86_400.0, 33_260_976_000.0]
