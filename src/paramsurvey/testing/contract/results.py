"""What a map gives back: rows, columns, dtypes, what is missing, the counters; the same on every backend."""

from __future__ import annotations

import copy
import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from paramsurvey import MapProgress, MapResults, PerfStats
from paramsurvey.testing.place import Place


def fail_odd(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] % 2:
        raise ValueError("odd")
    return {"half": pset["a"] // 2}


def some_failed(place: Place) -> MapResults:
    """Ten psets, of which the odd ones failed."""
    by_value = fail_odd
    return place.map(
        lambda p, s, u: by_value(p, s, u), [{"a": i, "b": "x"} for i in range(10)], name="halves"
    )


# a DataFrame


def test_it_is_a_dataframe_of_the_finished_psets(some_failed: MapResults) -> None:
    assert isinstance(some_failed, pd.DataFrame)
    assert list(some_failed.columns) == ["a", "b", "half"]
    assert some_failed["a"].tolist() == [0, 2, 4, 6, 8]
    assert some_failed["half"].sum() == 10
    assert some_failed.index.equals(pd.RangeIndex(5))


def test_what_is_derived_from_it_is_plain(some_failed: MapResults) -> None:
    for derived in (
        some_failed[some_failed.a > 2],
        some_failed.head(2),
        some_failed[["a"]],
        some_failed.copy(),
    ):
        assert type(derived) is pd.DataFrame
    assert type(some_failed.groupby("b").sum()) is pd.DataFrame
    assert type(pd.concat([some_failed, some_failed])) is pd.DataFrame


def test_to_df_and_results_are_plain_and_the_same(some_failed: MapResults) -> None:
    expected = pd.DataFrame({"a": [0, 2, 4, 6, 8], "b": ["x"] * 5, "half": range(5)})
    for plain in (some_failed.to_df(), some_failed.results):
        assert type(plain) is pd.DataFrame
        assert_frame_equal(plain, expected)


def test_itertuples(some_failed: MapResults) -> None:
    assert [(row.Index, row.a, row.half) for row in some_failed.itertuples()] == [
        (i, 2 * i, i) for i in range(5)
    ]
    assert next(some_failed.itertuples(index=False)) == (0, "x", 0)


def test_iterdicts_is_an_iterator_of_native_values(some_failed: MapResults) -> None:
    iterator = some_failed.iterdicts()
    assert next(iterator) == {"a": 0, "b": "x", "half": 0}
    assert [type(value) for value in next(iterator).values()] == [int, str, int]
    assert len(list(iterator)) == 3
    assert list(iterator) == []


def test_to_dict_knows_records_only(some_failed: MapResults) -> None:
    assert some_failed.to_dict("records") == list(some_failed.iterdicts())
    assert some_failed.to_dict(orient="records")[1] == {"a": 2, "b": "x", "half": 1}
    for wrong in ((), ("dict",), ("list",)):
        with pytest.raises(ValueError, match="records"):
            some_failed.to_dict(*wrong)


def test_columns_may_be_added_and_changed(some_failed: MapResults) -> None:
    some_failed["double"] = some_failed["a"] * 2
    some_failed.loc[0, "a"] = 100
    assert some_failed["double"].tolist() == [0, 4, 8, 12, 16]


def test_changing_the_results_changes_nothing_of_the_caller(place: Place) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    results = place.map(lambda p, s, u: {"b": 1}, frame)
    results.loc[0, "a"] = 100
    frame.loc[1, "a"] = 200
    assert frame["a"].tolist() == [1, 200]
    assert results["a"].tolist() == [100, 2]


# what is missing


def test_missing_has_the_psets_with_a_reason_in_every_row(some_failed: MapResults) -> None:
    missing = some_failed.missing
    assert isinstance(missing, pd.DataFrame)
    assert list(missing.columns)[:4] == ["a", "b", "_exception", "_traceback"]
    assert missing["a"].tolist() == [1, 3, 5, 7, 9]
    assert missing["a"].dtype == np.int64
    assert set(missing["_exception"]) == {"ValueError('odd')"}
    assert missing["_traceback"].str.contains("ValueError: odd").all()


def test_missing_iterdicts_and_to_df(some_failed: MapResults) -> None:
    first = next(some_failed.missing.iterdicts())
    assert (first["a"], first["_exception"]) == (1, "ValueError('odd')")
    assert type(some_failed.missing.to_df()) is pd.DataFrame
    assert len(some_failed.missing.to_df()) == 5


def test_missing_has_both_columns_when_nothing_is_missing(place: Place) -> None:
    missing = place.map(lambda p, s, u: None, [{"a": 1}]).missing
    assert len(missing) == 0
    assert missing.empty
    assert {"a", "_exception", "_traceback"} <= set(missing.columns)
    assert list(missing.iterdicts()) == []
    assert list(missing.to_psets().columns) == ["a"]


def test_missing_to_psets_given_to_map_again_gives_exactly_the_remaining_rows(place: Place) -> None:
    psets = pd.DataFrame(
        {
            "i": range(12),
            "f": np.linspace(0, 1, 12),
            "s": list("abcdefghijkl"),
            "c": pd.Categorical(list("xyz") * 4),
            "t": pd.date_range("2020-01-01", periods=12),
            "o": [[i] for i in range(12)],
        }
    )

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if user_kwargs and pset["i"] in (3, 4, 11):
            raise ValueError
        return {"r": f"{pset['i']} {pset['s']} {pset['c']} {pset['t']} {pset['o']}"}

    everything = place.map(worker, psets)
    first = place.map(worker, psets, user_kwargs={"fail": True})
    again = first.missing.to_psets()
    assert type(again) is pd.DataFrame
    assert again.dtypes.to_dict() == psets.dtypes.to_dict()
    second = place.map(worker, again)
    assert len(second.missing) == 0
    assert_frame_equal(second.to_df(), everything.to_df().iloc[[3, 4, 11]].reset_index(drop=True))
    both = pd.concat([first, second]).sort_values("i", ignore_index=True)
    assert_frame_equal(both, everything.to_df())


@pytest.mark.parametrize("form", ["DataFrame", "list", "iterator"])
def test_missing_may_be_given_to_map_again_in_the_way_that_0_4_had_at_first(
    some_failed: MapResults, place: Place, form: str
) -> None:
    extra = ["_exception", "_traceback"]
    dicts = [{key: row[key] for key in row if key not in extra} for row in some_failed.missing.iterdicts()]
    psets = {
        "DataFrame": some_failed.missing.drop(columns=extra),
        "list": dicts,
        "iterator": iter(dicts),
    }[form]
    results = place.map(lambda p, s, u: {"keys": list(p)}, psets)
    assert results["a"].tolist() == [1, 3, 5, 7, 9]
    assert results["keys"].tolist() == [["a", "b"]] * 5


def test_running_the_missing_until_nothing_is_missing(place: Place, in_tmp: Path) -> None:
    def sometimes(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        attempts = Path(f"{pset['a']}")
        count = len(attempts.read_text()) if attempts.exists() else 0
        attempts.write_text("x" * (count + 1))
        if count < pset["a"] % 3:
            raise NotImplementedError
        return {"attempts": count + 1}

    psets: Any = [{"a": i} for i in range(9)]
    found = []
    while len(psets):
        results = place.map(sometimes, psets)
        found.append(results.to_df())
        psets = results.missing.to_psets()
    assert [len(part) for part in found] == [3, 3, 3]
    assert sorted(pd.concat(found)["a"]) == list(range(9))


def test_when_all_psets_fail_the_results_are_empty_with_the_psets_columns(place: Place) -> None:
    results = place.map(lambda p, s, u: 1 / 0, pd.DataFrame({"a": [1, 2], "c": pd.Categorical(["x", "y"])}))
    assert len(results) == 0
    assert list(results.columns) == ["a", "c"]
    assert results["a"].dtype == np.int64
    assert list(results.iterdicts()) == []
    assert results.missing["_exception"].str.startswith("ZeroDivisionError").all()


# progress, stats, verbose


def test_progress(some_failed: MapResults) -> None:
    progress = some_failed.progress
    assert isinstance(progress, MapProgress)
    assert str(progress) == "total: 10, active: 0, finished: 5, failures: 5, exceptions: 5"
    assert (progress.total, progress.active, progress.finished) == (10, 0, 5)
    assert (progress.failures, progress.exceptions) == (5, 5)


def test_stats_have_one_value_per_pset(some_failed: MapResults) -> None:
    stats = some_failed.stats
    assert isinstance(stats, PerfStats)
    for name in ("halves_wallclock", "halves_iowait"):
        count, mean, histogram = stats.read_stats(name)  # type: ignore[misc]
        assert count == 10
        assert mean >= 0
        assert histogram.get_total_count() == 10
    assert set(stats.all_stat_names()) == {"halves_wallclock", "halves_iowait"}


def test_what_a_worker_times_is_in_the_stats(place: Place) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
        from paramsurvey.stats import record_iowait, record_wallclock

        with (
            record_wallclock("part", system_kwargs["raw_stats"]),
            record_iowait("wait", system_kwargs["raw_stats"]),
        ):
            if pset["a"] == 3:
                raise ValueError("timed all the same")

    stats = place.map(worker, [{"a": i} for i in range(10)], name="n").stats
    assert set(stats.all_stat_names()) == {"part", "wait", "n_wallclock", "n_iowait"}
    assert stats.read_stats("part")[0] == 10  # type: ignore[index]
    assert stats.read_stats("unknown") is None


def test_verbose_is_that_of_the_map(place: Place) -> None:
    assert place.map(lambda p, s, u: None, [{"a": 1}]).verbose == 0
    assert place.map(lambda p, s, u: None, [{"a": 1}], verbose=2).verbose == 2


# copies


def test_results_can_be_pickled(some_failed: MapResults) -> None:
    for dumps in (pickle.dumps, cloudpickle.dumps):
        copied = pickle.loads(dumps(some_failed))
        assert isinstance(copied, MapResults)
        assert_frame_equal(copied.to_df(), some_failed.to_df())
        assert_frame_equal(copied.missing.to_df(), some_failed.missing.to_df())
        assert copied.missing.to_psets().equals(some_failed.missing.to_psets())
        assert str(copied.progress) == str(some_failed.progress)
        assert copied.stats.read_stats("halves_wallclock")[0] == 10  # type: ignore[index]
        assert copied.verbose == 0


def test_results_can_be_copied(some_failed: MapResults) -> None:
    for copied in (copy.copy(some_failed), copy.deepcopy(some_failed)):
        assert_frame_equal(pd.DataFrame(copied), some_failed.to_df())


def test_results_may_be_the_arguments_of_the_next_map(place: Place, some_failed: MapResults) -> None:
    results = place.map(
        lambda p, s, u: {"total": int(u["before"]["half"].sum()), "failed": len(u["before"].missing)},
        [{"a": 1}],
        user_kwargs={"before": some_failed},
    )
    assert results.to_dict("records") == [{"a": 1, "total": 10, "failed": 5}]


def test_results_may_be_the_psets_of_the_next_map(place: Place, some_failed: MapResults) -> None:
    results = place.map(lambda p, s, u: {"quarter": p["half"] / 2}, some_failed)
    assert list(results.columns) == ["a", "b", "half", "quarter"]
    assert results["quarter"].tolist() == [0, 0.5, 1, 1.5, 2]


# keys


def test_a_result_key_that_equals_a_pset_key_wins_and_the_log_says_so_once(place: Place) -> None:
    results = place.map(lambda p, s, u: {"a": p["a"] * 10, "c": 1}, [{"a": i, "b": 0} for i in range(20)])
    assert list(results.columns) == ["a", "b", "c"]
    assert results["a"].tolist() == [i * 10 for i in range(20)]
    log = place.new_log()
    assert log.count("'a'") == 1
    assert "the result's value wins" in log


def test_where_the_result_does_not_have_the_key_the_psets_own_value_stays(place: Place) -> None:
    results = place.map(lambda p, s, u: {"a": "new"} if p["a"] % 2 else {}, [{"a": i} for i in range(4)])
    assert results["a"].tolist() == [0, "new", 2, "new"]


def test_missing_shows_the_psets_own_value_not_the_results(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] == 1:
            raise ValueError
        return {"a": "new"}

    results = place.map(worker, [{"a": 0}, {"a": 1}])
    assert results.missing["a"].tolist() == [1]
    assert results.missing.to_psets()["a"].tolist() == [1]


def test_keys_that_only_some_results_have_are_nan_elsewhere(place: Place) -> None:
    results = place.map(lambda p, s, u: {"xyz"[p["a"] % 3]: p["a"]}, [{"a": i} for i in range(6)])
    assert list(results.columns) == ["a", "x", "y", "z"]
    assert results["x"].fillna(-1).tolist() == [0, -1, -1, 3, -1, -1]
    assert results["y"].fillna(-1).tolist() == [-1, 1, -1, -1, 4, -1]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_columns_does_not_depend_on_who_is_first(place: Place, seed: int) -> None:
    random = np.random.default_rng(seed)
    keys = [random.permutation(list("uvwxyz"))[: random.integers(1, 6)].tolist() for _ in range(40)]

    def worker(pset: dict[str, Any], system_kwargs: Any, keys: Any) -> dict[str, int]:
        import time

        time.sleep(0.002 * (1 - pset["a"] / 40))
        return dict.fromkeys(keys[pset["a"]], 1)

    results = place.map(worker, [{"a": i} for i in range(40)], user_kwargs=keys, group_size=1 + 2 * seed)
    assert list(results.columns) == ["a", *dict.fromkeys(key for some in keys for key in some)]


@pytest.mark.parametrize(
    "key", ["with space", "class", "_under", "1", "", 1, 2.5, ("a", 1), True, "größe"], ids=repr
)
def test_result_keys_may_be_anything(place: Place, key: Any) -> None:
    results = place.map(lambda p, s, u: {key: p["a"] + 1, "b": 0}, [{"a": i} for i in range(3)])
    assert len(results.columns) == 3
    assert [row[key] for row in results.iterdicts()] == [1, 2, 3]
    assert results.iloc[:, 1].tolist() == [1, 2, 3]


def test_a_result_key_may_be_an_object_of_the_program(place: Place) -> None:
    class Colour(Enum):
        RED = 1

    results = place.map(lambda p, s, u: {Colour.RED: p["a"]}, [{"a": 1}, {"a": 2}])
    assert [row[Colour.RED] for row in results.iterdicts()] == [1, 2]


# keep_results


def test_without_keep_results_the_results_are_empty_and_the_rest_is_there(place: Place) -> None:
    by_value = fail_odd
    results = place.map(lambda p, s, u: by_value(p, s, u), [{"a": i} for i in range(4)], keep_results=False)
    assert len(results) == 0
    assert results.progress.finished == 2
    assert results.missing["a"].tolist() == [1, 3]
    assert list(results.iterdicts()) == []


# empty


@pytest.mark.parametrize(
    "empty",
    [[], (), pd.DataFrame(), pd.DataFrame({"a": []}), iter([]), ({} for _ in range(0))],
    ids=["list", "tuple", "DataFrame", "columns only", "iterator", "generator"],
)
def test_no_psets_are_no_results(place: Place, empty: Any) -> None:
    called = []
    results = place.map(lambda p, s, u: {"b": 1}, empty, out_func=lambda *args: called.append(args))
    assert isinstance(results, MapResults)
    assert len(results) == 0
    assert str(results.progress) == "total: 0, active: 0, finished: 0, failures: 0, exceptions: 0"
    assert results.missing.empty
    assert results.stats.all_stat_names() == []
    assert list(results.iterdicts()) == list(results.missing.iterdicts()) == called == []
