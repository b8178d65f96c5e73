"""Two surveys compared, pset by pset, in whatever order they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from survey_tables import grid, run, survey

import paramsurvey
from paramsurvey.results.report_subjects import checkpoint_subject, write_report
from paramsurvey.results.stored_survey import stored_survey
from paramsurvey.views import SECONDS, Comparison, SurveyData, compare, data_of, distribution_of
from paramsurvey.views.columns.arrow import stored_data
from paramsurvey.views.columns.survey_data import KIND

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
PSETS = grid(x=range(10), k=["a", "b", "c"])


def results_of(psets: pd.DataFrame, failing: Any = (), **columns: Any) -> SurveyData:
    """Return a survey whose psets at `failing` have no result."""
    frame = psets.assign(y=psets["x"] * 2.0, **{name: make(psets) for name, make in columns.items()})
    lost = frame.index.isin(list(failing))
    return survey(frame[~lost], ["x", "k"], frame.loc[lost, ["x", "k"]])


def counts(found: Comparison) -> dict[str, int]:
    frame = found.to_frame()
    return {what: count for what, count in zip(frame["what"], frame["psets"], strict=True) if count}


def test_the_same_survey_differs_in_nothing() -> None:
    found = compare(results_of(PSETS, [3, 4]), results_of(PSETS, [3, 4]))
    assert found.both == 30
    assert counts(found) == {"still failing": 2}


def test_the_order_of_the_psets_and_of_their_keys_does_not_matter() -> None:
    shuffled = PSETS.sample(frac=1, random_state=0)[["k", "x"]]
    found = compare(results_of(PSETS), results_of(shuffled))
    assert found.both == 30
    assert counts(found) == {}


def test_new_and_gone_psets_are_counted_and_shown() -> None:
    found = compare(results_of(PSETS[3:]), results_of(PSETS[:28]))
    assert found.both == 25
    assert (found.new.count, found.gone.count) == (3, 2)
    assert found.new.examples == ((0, {"x": 0, "k": "a"}), (1, {"x": 0, "k": "b"}), (2, {"x": 0, "k": "c"}))
    assert [label for label, _ in found.gone.examples] == [28, 29]


def test_what_fails_newly_still_or_no_more() -> None:
    found = compare(results_of(PSETS, [0, 1, 2]), results_of(PSETS, [2, 3]))
    assert [pset for _, pset in found.newly_failing.examples] == [{"x": 1, "k": "a"}]
    assert found.mended.count == 2
    assert found.still_failing.count == 1


def test_what_did_not_run_has_neither_failed_nor_been_mended() -> None:
    frame = PSETS.assign(y=1.0)
    kinds = pd.DataFrame({**PSETS[:2], KIND: ["not run", "raised"]})
    found = compare(survey(frame[2:], ["x", "k"], kinds), survey(frame, ["x", "k"]))
    assert counts(found) == {"mended": 1}


def test_of_integers_and_floats_only_integers_failed() -> None:
    psets = pd.DataFrame({"x": [1.0, 2.0, 2.5], "y": [0.0, 0.0, 0.0]})
    before = survey(psets[["x", "y"]].drop(1), ["x"], pd.DataFrame({"x": [2]}))
    assert counts(compare(before, survey(psets, ["x"]))) == {"mended": 1}
    assert counts(compare(survey(psets, ["x"]), before)) == {"newly failing": 1}


def test_numbers_are_the_same_when_they_are_equal_and_texts_and_bools_are_none() -> None:
    alike = [[1], [1.0], [np.int8(1)], [np.float32(1)]]
    tables = [pd.DataFrame({"x": cells, "y": 1.0}) for cells in [*alike, [True], ["1"], ["1.0"]]]
    tables.append(pd.DataFrame({"x": pd.Categorical([1.0]), "y": 1.0}))
    tables.append(pd.DataFrame({"x": pd.array([1], dtype="Int64"), "y": 1.0}))
    tables.append(pd.DataFrame({"x": np.array([np.float64(1)], dtype=object), "y": 1.0}))
    kinds = [1, 1, 1, 1, True, "1", "1.0", 1, 1, 1]
    for one, kind in zip(tables, kinds, strict=True):
        for other, its in zip(tables, kinds, strict=True):
            found = compare(survey(one, ["x"]), survey(other, ["x"]))
            assert found.both == (type(kind) is type(its) and kind == its)


def test_an_axis_of_integers_is_compared_with_one_that_got_a_fraction() -> None:
    def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": 2 * pset["x"]}

    before = data_of(run(double, pd.DataFrame({"x": [1, 2, 3]})))
    after = data_of(run(double, pd.DataFrame({"x": [1, 2, 3, 7.5]})))
    assert counts(compare(before, after)) == {"new": 1}
    assert counts(compare(after, before)) == {"gone": 1}


@pytest.mark.parametrize("number", [0, -7, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**70, 10**400])
def test_large_integers_equal_floats_only_when_python_says_so(number: int) -> None:
    near = float(number) if number < 10**300 else np.inf
    before, after = (
        survey(pd.DataFrame({"x": pd.Series([x], dtype=kind), "y": 1.0}), ["x"])
        for x, kind in ((number, object), (near, "float64"))
    )
    assert compare(before, after).both == (number == near)
    assert compare(before, before).both == 1


def test_equal_psets_are_matched_one_to_one_in_their_order() -> None:
    before = survey(pd.DataFrame({"x": [1, 1, 2], "y": [1.0, 2.0, 3.0]}), ["x"])
    after = survey(pd.DataFrame({"x": [2, 1, 1, 1], "y": [3.0, 1.0, 2.0, 9.0]}), ["x"])
    found = compare(before, after)
    assert counts(found) == {"new": 1}
    assert found.columns[0].changed == 0


def test_numbers_differ_beyond_the_tolerance_and_the_largest_changes_come_first() -> None:
    moved = {3: 1e-12, 5: 0.5, 7: -2.0, 11: np.nan}
    before, frame = results_of(PSETS), PSETS.assign(y=PSETS["x"] * 2.0)
    frame["y"] += [moved.get(at, 0.0) for at in range(30)]
    (column,) = compare(before, survey(frame, ["x", "k"])).columns
    assert (column.name, column.compared, column.changed) == ("y", 30, 3)
    assert [change.label for change in column.largest] == [11, 7, 5]
    assert (column.largest[1].before, column.largest[1].after) == (4.0, 2.0)
    (column,) = compare(before, survey(frame, ["x", "k"]), atol=1.0).columns
    assert [change.label for change in column.largest] == [11, 7]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (np.nan, np.nan, 0),
        (np.nan, 1.0, 1),
        (np.inf, np.inf, 0),
        (np.inf, -np.inf, 1),
        (1.0, np.inf, 1),
        (0.0, -0.0, 0),
        (1e300, -1e300, 1),
    ],
)
def test_nan_and_infinity_are_values_that_can_change(old: float, new: float, changed: int) -> None:
    before, after = (survey(pd.DataFrame({"x": [1, 2], "y": [5.0, y]}), ["x"]) for y in (old, new))
    (column,) = compare(before, after).columns
    assert column.changed == changed
    assert len(column.largest) == changed


def test_texts_change_too_and_keys_that_only_one_has_are_named() -> None:
    before = results_of(PSETS, [1], t=lambda psets: "old", gone=lambda psets: 1)
    after = results_of(
        PSETS, [1], t=lambda psets: np.where(psets["x"] > 7, "new", "old"), fresh=lambda psets: 1
    )
    found = compare(before, after)
    assert counts(found) == {"still failing": 1, "t changed": 6}
    change = found.columns[0].largest[0]
    assert (change.pset, change.before, change.after) == ({"x": 8, "k": "a"}, "old", "new")
    assert (found.only_before, found.only_after) == (("gone",), ("fresh",))


def test_texts_beside_numbers_change_as_well_and_values_are_shown_as_they_are() -> None:
    before = survey(pd.DataFrame({"x": range(5), "y": ["a", 1, True, "c", [1]]}), ["x"])
    after = survey(pd.DataFrame({"x": range(5), "y": ["b", 1.0, False, 3, [2]]}), ["x"])
    (column,) = compare(before, after).columns
    shown = {change.pset["x"]: (change.before, change.after) for change in column.largest}
    assert shown == {0: ("a", "b"), 2: (True, False), 3: ("c", 3), 4: ([1], [2])}
    assert column.changed == 4


def test_what_became_slower_and_faster() -> None:
    before = results_of(PSETS, **{SECONDS: lambda psets: 1.0})
    seconds = np.where(PSETS["k"] == "a", 2.0 + PSETS["x"], 1.005)
    after = results_of(PSETS, **{SECONDS: lambda psets: seconds})
    found = compare(before, after).speed
    assert found is not None
    assert (found.slower, found.faster) == (10, 0)
    assert found.before == 30
    assert found.slowest[0].pset == {"x": 9, "k": "a"}
    again = compare(after, before).speed
    assert again is not None
    assert (again.slower, again.faster) == (0, 10)
    assert compare(before, results_of(PSETS)).speed is None


def test_results_of_two_maps_are_compared_though_their_rows_are_elsewhere() -> None:
    def results(failing: int, offset: float) -> SurveyData:
        def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
            assert pset["x"] != failing
            return {"y": pset["x"] + offset * (pset["k"] == "c")}

        return data_of(run(worker, PSETS))

    found = compare(results(2, 0.0), results(8, 1.0))
    told = {what: count for what, count in counts(found).items() if what not in ("slower", "faster")}
    assert told == {"newly failing": 3, "mended": 3, "y changed": 8}  # whatever the machine had to do
    assert found.both == 30


def test_an_empty_survey_has_everything_gone() -> None:
    nothing = results_of(PSETS[:0])
    assert compare(results_of(PSETS), nothing).gone.count == 30
    assert compare(nothing, results_of(PSETS)).new.count == 30
    assert compare(nothing, nothing).both == 0


ABSENT = [None, pd.NaT, pd.NA, np.nan, np.datetime64("NaT"), np.timedelta64("NaT")]


@pytest.mark.parametrize("absent", ABSENT, ids=["None", "NaT", "NA", "nan", "datetime64", "timedelta64"])
@pytest.mark.parametrize("value", [1, True, "a"])
def test_what_is_not_there_is_the_same_in_memory_and_in_a_file(value: Any, absent: Any) -> None:
    table = pd.DataFrame({"x": [1, 2], "y": pd.Series([value, absent], dtype=object)})
    before = survey(table, ["x"])
    after = survey(
        pd.DataFrame({"x": [1, 2], "y": pd.Series([value, None], dtype=object)}), ["x"], form="arrow"
    )
    (column,) = compare(before, after).columns
    assert (column.compared, column.changed) == (2, 0)


def test_numbers_in_lists_dicts_and_arrays_are_compared_by_value_too() -> None:
    old = [[1, 2], {"a": 1, "b": None}, (1, [2]), np.array([1, 2]), [1], [True]]
    new = [[1.0, 2.0], {"a": 1.0, "b": np.nan}, (1.0, [2.0]), np.array([1.0, 2.0]), [2], [1]]
    before, after = (survey(pd.DataFrame({"x": range(6), "y": cells}), ["x"]) for cells in (old, new))
    (column,) = compare(before, after).columns
    assert [change.pset["x"] for change in column.largest] == [4, 5]


@pytest.mark.parametrize("cells", [[[1, 2], [3]], [{"a": 1}, {"a": 2}], [b"1", b"2"]])
@pytest.mark.parametrize("forms", [("frame", "arrow"), ("arrow", "frame"), ("arrow", "arrow")])
def test_values_that_are_not_read_from_a_file_are_named_as_not_compared(forms: Any, cells: Any) -> None:
    table = pd.DataFrame({"x": [1, 2], "y": cells})
    before, after = (survey(table, ["x"], form=form) for form in forms)
    found = compare(before, after)
    assert (found.columns, found.not_compared) == ((), ("y",))
    assert counts(found) == {"y not compared": 2}
    assert "y changed" not in list(found.to_frame()["what"])


@pytest.mark.parametrize("form", ["frame", "arrow"])
@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (True, 1, True),
        (1, True, True),
        (False, 0.0, True),
        ("1", 1, True),
        (1, "1", True),
        (True, "True", True),
        (timedelta(seconds=1), 1.0, True),
        (1, 1.0, False),
        (True, True, False),
        (timedelta(seconds=1), timedelta(seconds=1), False),
    ],
)
def test_a_value_that_becomes_one_of_another_kind_has_changed(
    old: Any, new: Any, changed: bool, form: str
) -> None:
    before, after = (survey(pd.DataFrame({"x": [1, 2], "y": [y, y]}), ["x"], form=form) for y in (old, new))
    (column,) = compare(before, after).columns
    assert column.changed == 2 * changed


def test_of_values_of_several_kinds_those_that_have_changed_their_kind_are_found() -> None:
    cells = ([True, 1, "a", True, None, 2.5], [1, True, "a", True, None, 2.5])
    before, after = (
        survey(pd.DataFrame({"x": range(6), "y": pd.Series(ys, dtype=object)}), ["x"]) for ys in cells
    )
    (column,) = compare(before, after).columns
    assert [change.pset["x"] for change in column.largest] == [0, 1]


KEYS = {
    "dicts": [{"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, {"a": 1.5, "b": []}],
    "lists of integers": [[1, 2], [1, 3], []],
    "lists of floats": [[1.0, 2.5], [1.0, 3.5], [0.0]],
    "lists of texts": [["a", "b"], ["a", "c"], []],
    "lists of lists": [[[1], [2]], [[1], [3]], [[]]],
    "tuples": [(1, 2), (1, 3), ()],
    "arrays": [np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([1.0])],
    "bytes": [b"a", b"b", b""],
    "sets": [frozenset({1, 2}), frozenset({1, 3}), frozenset()],
    "large integers": [2**70, 2**70 + 1, 3],
    "decimals": [Decimal("0.1"), Decimal("0.2"), Decimal("0.3")],
    "paths": [PurePosixPath("a"), PurePosixPath("b"), PurePosixPath("c")],
    "dates": [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)],
    "times": [datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 1, 3)],
    "times of a zone": [datetime(2026, 10, 25, hour, tzinfo=ZoneInfo("Europe/Berlin")) for hour in (1, 2, 3)],
    "Timestamps of a zone": list(pd.date_range("2026-11-30", periods=3, tz="UTC")),
    "durations": [timedelta(1), timedelta(microseconds=1), timedelta(-1)],
    "pandas' durations": [pd.Timedelta(1, "D"), pd.Timedelta(1, "ns"), pd.Timedelta(2, "D")],
    "numpy's durations": [np.timedelta64(1, "h"), np.timedelta64(2, "h"), np.timedelta64(3, "h")],
    "durations or none": [timedelta(1), None, timedelta(2)],
    "complex numbers": [1j, 2j, 3j],
    "dicts or none": [{"a": 1}, None, {"a": 2}],
    "lists or none": [[1], None, [2]],
    "texts or none": ["a", None, "b"],
}


@pytest.mark.parametrize("kind", KEYS)
def test_psets_of_any_values_are_matched_by_their_content_in_memory_and_in_checkpoints(kind: str) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["n"] == 2:
            raise ValueError("the last one fails")
        return {"y": 1.0}

    psets = [{"x": x, "n": n} for n, x in enumerate(KEYS[kind])]
    in_memory = run(worker, psets, checkpoint="survey")
    run(worker, psets[::-1], checkpoint="backwards")
    surveys = {
        "memory": data_of(in_memory),
        "loaded": data_of(paramsurvey.load("survey")),
        "stored": stored_survey("survey", with_positions=True).data,
        "backwards": stored_survey("backwards", with_positions=True).data,
        "fewer": data_of(run(worker, psets[1:])),
    }
    shared = {
        (one, other): compare(surveys[one], surveys[other]).both for one in surveys for other in surveys
    }
    assert shared == {pair: 2 if "fewer" in pair else 3 for pair in shared}


MIXED: dict[str, list[Any]] = {
    "numbers and texts": [1, "1", 2],
    "numbers and lists": [1, [1], [2]],
    "numbers and bools": [1, True, 0],
    "texts and bytes": ["a", b"a", b"b"],
    "objects and numbers": [{"a": 1}, 1, None],
    "objects and no time": [pd.NaT, 1j, {"a": 1}],
    "zones": [NOON, NOON.replace(hour=11).astimezone(ZoneInfo("Asia/Tokyo")), NOON.replace(hour=10)],
    "durations": [timedelta(1), pd.Timedelta(1, "ns"), timedelta(2)],
    "lists and arrays": [[1], np.array([2]), [3]],
    "lists and empty ones": [[0.5], [1], []],
}


@pytest.mark.parametrize("kind", MIXED)
def test_psets_of_mixed_values_are_matched_whatever_file_they_are_in(kind: str) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["n"] == 2:
            raise ValueError("the last one fails")
        return {"y": 1.0}

    psets = [{"x": x, "n": n} for n, x in enumerate(MIXED[kind])]
    for pset in psets:
        run(worker, [pset], checkpoint="each")
    in_memory = run(worker, psets, group_size=3, checkpoint="one")
    run(worker, psets[::-1], checkpoint="backwards")
    surveys = {
        "memory": data_of(in_memory),
        "loaded": data_of(paramsurvey.load("each")),
        **{name: stored_survey(name, with_positions=True).data for name in ("each", "one", "backwards")},
    }
    shared = {
        (one, other): compare(surveys[one], surveys[other]).both for one in surveys for other in surveys
    }
    assert shared == dict.fromkeys(shared, 3)


@pytest.mark.parametrize("kind", MIXED)
def test_psets_that_differ_only_in_mixed_values_are_never_taken_for_the_same(kind: str) -> None:
    first, second, third = MIXED[kind]
    for name, values in (("before", [first, second]), ("after", [second, third])):
        for x in values:
            run(lambda *_: {"y": 1.0}, [{"x": x}], checkpoint=name)
    before, after = (stored_survey(name).data for name in ("before", "after"))
    found = compare(before, after)
    assert (found.both, found.new.count, found.gone.count) == (1, 1, 1)
    assert not found.unknown_keys


def test_failed_psets_of_mixed_values_are_matched_though_nothing_is_unpickled() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        raise ValueError("all fail")

    files: list[list[Any]] = [[1, "1"], [{"a": 1}, None], [{"a": 2}], [2, 3], [timedelta(1), {"a": 3}]]
    psets = [{"x": x, "n": n} for n, x in enumerate(x for values in files for x in values)]
    for values in files:
        run(worker, [pset for pset in psets if any(pset["x"] is x for x in values)], checkpoint="files")
    in_memory = data_of(run(worker, psets, checkpoint="one"))
    surveys = (in_memory, stored_survey("files").data, stored_survey("one").data)
    for one in surveys:
        assert [compare(one, other).both for other in surveys] == [len(psets)] * 3
    examples = [
        pset["x"] for _, pset in compare(surveys[1], survey(pd.DataFrame({"x": [0]}), ["x"])).gone.examples
    ]
    assert sum(str(x).startswith("<a pickled object") for x in examples) == len(psets) - 1


def test_no_psets_are_matched_if_a_key_cannot_be_compared() -> None:
    for name, values in (("before", [1, 2]), ("after", [2, 3])):
        run(lambda *_: {"y": 1.0}, [{"n": 1, "x": {"a": a}} for a in values], checkpoint=name)
    before, after = (stored_data(paramsurvey.scan(name)) for name in ("before", "after"))
    found = compare(before, after)
    assert (found.both, found.new.count, found.gone.count, found.finished_both) == (0, 0, 0, 0)
    assert found.unknown_keys["x"].endswith("compare what paramsurvey.load() returns")


def test_results_of_several_types_are_said_to_be_not_compared() -> None:
    for y in (1, "1"):
        run(lambda *_: {"y": y}, [{"x": repr(y)}], checkpoint="mixed")  # noqa: B023
    run(lambda *_: {"y": 1}, [{"x": "1"}], checkpoint="numbers")
    found = compare(stored_survey("mixed").data, stored_survey("numbers").data)
    assert (found.not_compared, found.only_before, found.only_after) == (("y",), (), ())


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([2**53, 2**60, -(2**62)], [2**53 + 1, 2**60, -(2**62) + 1], 2),
        ([2**63 - 1, 0, 5], [-(2**63), 0, 5], 1),
        ([2**64, 2**70, 1], [2**64 + 1, 2**70, 1], 1),
        ([2**60, 1, 1], [2**60 + 1, 2**70, 1], 2),
        ([2**60, 1, 1], [float(2**60), 1.0, 1.5], 1),
    ],
)
def test_without_a_tolerance_large_integers_are_compared_exactly(
    before: list[Any], after: list[Any], changed: int
) -> None:
    def survey_of(values: list[Any], name: str) -> list[SurveyData]:
        psets = [{"n": n} for n in range(len(values))]
        found = run(lambda pset, *_: {"y": values[pset["n"]]}, psets, checkpoint=name)
        return [data_of(found), stored_survey(name).data]

    for was in survey_of(before, "before"):
        for now in survey_of(after, "after"):
            (column,) = compare(was, now, rtol=0, atol=0).columns
            assert (column.compared, column.changed) == (3, changed)


def test_a_tolerance_for_large_integers_is_kept_exactly() -> None:
    before, after = (
        survey(pd.DataFrame({"x": [1, 2], "y": y}), ["x"]) for y in ([2**60] * 2, [2**60 + 101, 2**60 + 100])
    )
    assert compare(before, after, rtol=0, atol=100).columns[0].changed == 1


def test_a_result_that_is_always_none_is_absent_in_memory_as_in_a_checkpoint() -> None:
    found = run(lambda *_: {"y": None}, [{"x": 1}, {"x": 2}], checkpoint="survey")
    for data in (data_of(found), data_of(paramsurvey.load("survey")), stored_survey("survey").data):
        view = distribution_of(data, "y")
        assert (view.known, view.absent, view.labels) == (0, 2, ())
        assert data.axis("y").labels() == ["(no value)"]


def test_a_survey_whose_only_key_cannot_be_read_as_one_column_has_a_report_without_axes() -> None:
    for x in (1, [1]):
        run(lambda *_: {"y": 1.0}, [{"x": x}], checkpoint="survey")
    found = stored_survey("survey")
    assert any(
        "'x' has values for which Arrow has no common type" in complaint for complaint in found.complaints
    )
    assert found.data.keys == found.data.unread == ("x",)
    assert [axis.name for axis in found.data.varying()] == []
    write_report(checkpoint_subject("survey"), "survey.html", against="survey")
    page = Path("survey.html").read_text()
    assert "These keys are left out, because a report on a checkpoint does not read values that are" in page
    assert "2 psets are in both, matched by their values" in page


def test_where_one_file_has_a_key_of_other_types_failures_have_no_places_of_their_own() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": 1 / (pset["x"] != 7)}

    for x in (1, "1", 7):
        run(worker, [{"x": x}], checkpoint="survey")
    data = stored_survey("survey").data
    assert data.missing_count == 1
    assert data.axis("x").values == ("(not read)",)


def test_dicts_are_matched_though_one_of_the_files_has_none_of_them() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"y": 1.0}

    psets: list[dict[str, Any]] = [{"x": {"a": 1}}, {"x": None}]
    run(worker, psets[:1], checkpoint="survey")
    in_memory = data_of(run(worker, psets, checkpoint="survey"))
    stored = stored_survey("survey", with_positions=True).data
    assert compare(in_memory, stored).both == compare(stored, in_memory).both == 2
    shown = sorted(str(pset["x"]) for pset in stored.psets([0, 1]))
    assert shown[0].startswith("<a pickled object")
    assert shown[1] == "nan"


def test_lists_and_dicts_of_other_files_are_matched_by_their_content_too() -> None:
    frame = pd.DataFrame({"x": [[1], [2], [3]], "z": [{"a": 1}, {"a": 2}, {"a": 3}], "y": 1.0})
    before = stored_data(pa.Table.from_pandas(frame), keys=["x", "z"])
    after = survey(frame[::-1], ["x", "z"])
    assert compare(before, after).both == compare(after, before).both == 3
