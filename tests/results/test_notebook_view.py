"""Results in a notebook: counts, sparklines and table; nothing of a user's becomes HTML."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey import MapResults
from paramsurvey.results import missing_count
from paramsurvey.results.notebook_view import MOST_COLUMNS, ROWS, sparkline

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
VOID = ("br", "rect")


class Reader(HTMLParser):
    """Collects the tags and the texts; fails where tags are not closed in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def html_of(worker: Any, psets: Any) -> str:
    paramsurvey.init(backend="serial", verbose=0)
    html = paramsurvey.map(worker, psets)._repr_html_()
    assert html is not None
    return html


def fit(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"score": 1 / (pset["x"] - 3), "kind": "even" if pset["x"] % 2 else "odd"}


def test_it_has_the_counts_a_sparkline_of_each_column_and_the_table() -> None:
    page = Reader(html_of(fit, [{"x": x} for x in range(20)]))
    assert page.texts[0] == "1 of 20 psets are missing: 1 × ZeroDivisionError; see results.missing"
    assert page.tags.count("svg") == 3
    assert page.tags.count("table") == 1
    assert "0 – 19" in page.texts
    assert "2 values" in page.texts


@pytest.mark.parametrize(
    ("rows", "different", "said"),
    [
        (100, 3, "3 values"),
        (100, 40, "40 values"),
        (100, 100, "all different"),
        (3000, 3, "at least 3 values"),  # a rare one may not be among those that are looked at
        (3000, 40, "at least 40 values"),
    ],
)
def test_different_texts_are_counted(rows: int, different: int, said: str) -> None:
    page = Reader(
        html_of(lambda pset, *_: {"word": f"w{pset['x'] % different}"}, [{"x": x} for x in range(rows)])
    )
    assert said in page.texts


def test_one_value_is_not_several() -> None:
    assert "1 value" in Reader(html_of(lambda *args: {"kind": "odd"}, [{"x": 1}, {"x": 2}])).texts


def test_where_nothing_is_missing_there_is_nothing_to_tell() -> None:
    assert Reader(html_of(fit, [{"x": 1}, {"x": 2}])).texts[0] == "2 psets"


def test_one_is_not_many() -> None:
    page = Reader(html_of(lambda pset, system_kwargs, user_kwargs: {"word": "w"}, [{"x": 1}, {"x": 1}]))
    assert page.texts[0] == "2 psets"
    assert {"x: 1", "1", "word: 1 value", "1 value"} <= set(page.texts)
    assert Reader(html_of(fit, [{"x": 1}])).texts[0] == "1 pset"


def test_causes_are_told_where_failures_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        raise [ValueError, KeyError, OSError, TypeError][pset["x"] % 4]("no")

    said = Reader(html_of(worker, [{"x": x} for x in range(7)])).texts[0]
    assert said == (
        "7 of 7 psets are missing: 2 × ValueError, 2 × KeyError, 2 × OSError, 1 other cause; "
        "see results.missing"
    )
    monkeypatch.setattr(missing_count, "READ_FAILURES", 6)
    said = Reader(html_of(worker, [{"x": x} for x in range(7)])).texts[0]
    assert said == "7 of 7 psets are missing; see results.missing"


def test_nothing_that_a_user_wrote_becomes_html() -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["x"] == 2:
            raise type(HOSTILE, (Exception,), {})("boom")
        return {HOSTILE: HOSTILE, "y": 1}

    html = html_of(worker, [{"x": 1, "text": HOSTILE}, {"x": 2, "text": HOSTILE}])
    page = Reader(html)
    assert "script" not in page.tags
    assert "<script" not in html.lower()
    assert "http" not in html.replace("https://www.w3.org", "")
    cards = html.partition("<table")[0]
    assert "\x1b" not in cards
    assert "\u202e" not in cards


class Awkward:
    """An object that does not want to be looked at."""

    looks = 0

    def __hash__(self) -> int:
        type(self).looks += 1
        raise ValueError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __str__(self) -> str:
        return "awkward"


def test_of_many_rows_some_are_looked_at() -> None:
    frame = pd.DataFrame({"o": [Awkward() for _ in range(20 * ROWS)], "i": np.arange(20 * ROWS)})
    Awkward.looks = 0
    html = MapResults(frame)._repr_html_()
    assert html is not None
    assert 0 < Awkward.looks <= 5 * ROWS
    assert f"0 – {20 * ROWS - 1:.4g}" in Reader(html).texts  # the limits are those of all


def test_below_a_sparkline_are_the_values_of_its_first_and_last_bars() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, 2.0, np.nan],
            "absent": pd.array([3, None, 4], dtype="Int64"),
            "bool": [True, False, True],
            "always": [True, True, True],
            "decimal": [Decimal("0.5"), Decimal(7), None],
            "span": pd.to_timedelta([1, 2, 3], unit="s"),
        }
    )
    texts = Reader(str(MapResults(frame)._repr_html_())).texts
    below = [texts[texts.index(name) + 2] for name in frame]  # after the name, and the text of the picture
    assert below == [
        "1.5 – 2",
        "3 – 4",
        "False, True",
        "True",
        "0.5 – 7",
        "0 days 00:00:01 – 0 days 00:00:03",
    ]


def test_what_is_rare_is_told_though_the_sparkline_does_not_show_it() -> None:
    rows, rare = 200 * ROWS, 12_345
    columns = {
        "bool": np.ones(rows, dtype=bool),
        "absent": pd.array([True] * rows, dtype="boolean"),
        "number": np.full(rows, np.nan),
        "time": np.full(rows, np.datetime64("NaT"), dtype="datetime64[us]"),
        "nothing": np.full(rows, np.nan),
        "kind": np.full(rows, "even", dtype=object),
    }
    for name, value in {
        "bool": False,
        "absent": False,
        "number": 2.5,
        "time": np.datetime64("2026-01-01"),
        "kind": "odd",
    }.items():
        columns[name][rare] = value
    texts = Reader(str(MapResults(pd.DataFrame(columns))._repr_html_())).texts
    below = [texts[texts.index(name) + 2] for name in columns]
    assert below == ["False, True", "False, True", "2.5", "2026-01-01", "no value", "at least 1 value"]


def test_of_very_many_columns_some_are_drawn() -> None:
    frame = pd.DataFrame({f"c{i}": [i, i + 1.5] for i in range(MOST_COLUMNS + 10)})
    page = Reader(str(MapResults(frame)._repr_html_()))
    assert page.tags.count("svg") == MOST_COLUMNS
    assert "and 10 more columns" in page.texts


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [np.nan, np.nan]}),
        pd.DataFrame({"a": [np.inf, -np.inf, 1e308]}),
        pd.DataFrame({"a": [1, 2]}).rename(columns={"a": 5}),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
        pd.DataFrame({"a": [[1], {"b": 2}, None]}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01", None])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": [1 + 2j, 3]}),
    ],
)
def test_whatever_the_table_holds_it_is_shown(frame: pd.DataFrame) -> None:
    assert Reader(str(MapResults(frame)._repr_html_())).texts[0].endswith("psets")


def test_it_is_left_to_pandas_whether_html_is_wanted() -> None:
    with pd.option_context("display.notebook_repr_html", False):
        assert MapResults(pd.DataFrame({"a": [1]}))._repr_html_() is None


def test_a_sparkline_is_as_tall_as_its_counts_and_what_is_rare_is_seen() -> None:
    svg = sparkline([0, 1, 1000], "a < b")
    assert svg.count("<rect") == 2
    assert 'height="1.0"' in svg
    assert 'height="24.0"' in svg
    assert "a &lt; b" in svg
    assert sparkline([], "").count("<rect") == 0
