"""The report in a browser: nothing is refused by its policy, and it can be used at any width."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

import paramsurvey
from browsers import Browser, shown
from paramsurvey.report.markup import table
from paramsurvey.report.page import stylesheet

LONG = "a_key_with_a_long_name_that_goes_on"

DRIVE = """
const said = [];
addEventListener("securitypolicyviolation", event => said.push("refused " + event.violatedDirective));
addEventListener("error", event => said.push("error " + event.message));
addEventListener("load", () => {
  const cell = () => document.querySelector("#slicer tbody td").textContent.trim();
  const choose = (title, value) => {
    const labels = [...document.querySelectorAll("#slicer label")];
    const box = labels.find(one => one.textContent.startsWith(title)).querySelector("select");
    box.value = [...box.options].find(one => one.text === value).value;
    box.dispatchEvent(new Event("change"));
  };
  choose("x ", "a"); choose("y ", "b"); choose("value", "y"); choose("reduction", "mean");
  said.push("mean " + cell());
  choose("reduction", "max"); said.push("max " + cell());
  choose("t ", "y"); said.push("held " + cell());
  choose("reduction", "count"); said.push("count " + cell());
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  said.push("too wide by " + wide);
  document.title = "SAID " + said.join("; ");
});
"""


def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"y": pset["a"] + 10 * pset["b"] + 100 * (pset["t"] == "y"), "long_name_of_a_result": "z" * 60}


@pytest.fixture
def page() -> str:
    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"a": a, "b": b, "t": t} for a in (1, 2, 3) for b in range(12) for t in ("x", "y")]
    paramsurvey.map(worker, psets).report("survey.html")
    return Path("survey.html").read_text()


@pytest.fixture
def opened(chromium: str) -> Callable[..., str]:
    """Return a page as it is after its scripts have run."""

    def open_page(page: str, *options: str) -> str:
        Path("opened.html").write_text(page)
        address = Path("opened.html").absolute().as_uri()
        return shown(
            chromium,
            address,
            Path("profile"),
            "--virtual-time-budget=10000",
            "--enable-logging=stderr",
            *options,
        )

    return open_page


@pytest.mark.parametrize("width", [1280, 400])
def test_the_slicer_shows_what_pandas_computes(page: str, width: int, opened: Callable[..., str]) -> None:
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(DRIVE.encode()).digest()).decode()
    driven = page.replace("script-src '", f"script-src 'sha256-{digest}' '").replace(
        "</head>", f"<script>{DRIVE}</script></head>"
    )
    found = re.search(r"<title>SAID ([^<]*)</title>", opened(driven, f"--window-size={width},900"))
    assert found is not None
    assert found.group(1) == "mean 51; max 101; held 101; count 1; too wide by 0"


# ---- for everybody


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of some reports."""
    folder = tmp_path_factory.mktemp("reports")

    def fit(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] == 3 and pset["t"] != "x":
            raise ValueError("Q" * 300)
        y = float("nan") if pset["a"] == 2 and pset["t"] == "x" else pset["a"] * 1.5
        return {"y": y, "z" * 60: "w" * 200, "good": y > 2}

    path = "/data/projects/somewhere/deep/in/a/tree/model-{}/run/result.csv"
    axes = {"a": [1, 2, 3], LONG: [path.format(i) for i in range(3)], "t": ["x", "Q" * 120]}
    surveys = {
        "long": paramsurvey.params.product(axes),
        "line": [{"a": 1, "t": "x"}, {"a": 2, "t": "x"}],
        "one": [{"a": 1, "t": "x"}],
        "none": [],
    }
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        for name, psets in surveys.items():
            results = session.map(fit, psets, name=name)
            results.report(folder / f"{name}.html", against=results)
    return {name: (folder / f"{name}.html").as_uri() for name in surveys}


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", ["long", "line", "one", "none"])
def test_a_report_has_no_serious_barrier(
    reports: dict[str, str], browser: Browser, name: str, colours: str, width: int
) -> None:
    browser.prefer(colours)
    browser.open(reports[name], width)
    browser.script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.barriers() == []
    assert browser.overflow() <= 0


FOCUSED = """
const focused = document.activeElement;
if (focused === document.body) return null;
const box = focused.getBoundingClientRect(), outline = getComputedStyle(focused);
const all = [...document.querySelectorAll("a, select, summary, input, button, [tabindex]")];
const isSeen = box.top < innerHeight && box.bottom > 0 && box.left < innerWidth && box.right > 0;
const isMarked = outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2;
return [all.filter(one => one.checkVisibility()).indexOf(focused), isSeen && isMarked];
"""


@pytest.mark.parametrize("width", [1280, 400])
def test_the_tab_key_leads_through_the_whole_report_and_back_and_the_focus_is_visible(
    reports: dict[str, str], browser: Browser, width: int
) -> None:
    def places(*keys: str) -> list[tuple[int, bool]]:
        browser.open(reports["long"], width)
        found: list[tuple[int, bool]] = []
        while True:
            browser.press(*keys)
            place = browser.script(FOCUSED)
            if place is None or tuple(place) in found:  # the browser's own controls come next, or nothing
                return found
            assert browser.driver.switch_to.active_element.accessible_name
            found.append(tuple(place))

    there = places(Keys.TAB)
    assert there == [(at, True) for at in range(len(there))]
    assert places(Keys.SHIFT, Keys.TAB) == there[::-1]
    assert len(there) > 20


def test_what_is_folded_is_opened_by_the_enter_key(reports: dict[str, str], browser: Browser) -> None:
    browser.open(reports["long"])
    browser.script("document.querySelector('summary').focus()")
    browser.press(Keys.ENTER)
    assert browser.script("return document.querySelector('details').open")


PRINTED = """
const style = selector => getComputedStyle(document.querySelector(selector));
return [style("html").color, style("html").colorScheme, style(".heat td").printColorAdjust,
        style("h3").breakAfter, style("figure").breakInside];
"""


def test_on_paper_a_report_is_black_on_white_and_colours_that_mean_something_are_printed(
    reports: dict[str, str], browser: Browser
) -> None:
    browser.prefer("dark")
    browser.open(reports["long"])
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    assert browser.script(PRINTED) == ["rgb(26, 26, 26)", "light", "exact", "avoid", "avoid"]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


OVERLAPS = """
const cells = [...document.querySelectorAll("tbody td, tbody th")].filter(cell => cell.innerText);
const boxes = cells.map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return [cell, range.getBoundingClientRect()];
});
return boxes.filter(([cell, inner]) => inner.right > cell.getBoundingClientRect().right + 1)
  .map(([cell]) => cell.innerText);
"""


@pytest.mark.parametrize("width", [1280, 400])
def test_no_text_of_a_table_runs_into_the_next_cell(
    reports: dict[str, str], browser: Browser, width: int
) -> None:
    browser.open(reports["long"], width)
    browser.script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.script(OVERLAPS) == []


SCROLLS = "return [...document.querySelectorAll(arguments[0])].map(one => one.scrollWidth - one.clientWidth)"
LINES = """
return [...document.querySelectorAll("td")].map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getClientRects().length;
});
"""


def test_the_command_that_runs_an_example_again_is_in_sight_however_long_the_exception_is(
    reports: dict[str, str], browser: Browser
) -> None:
    browser.open(reports["long"])
    assert browser.script(SCROLLS, ".scroll[aria-label^=Examples]") == [0]
    assert "Q" * 300 not in browser.text(".scroll[aria-label^=Examples]")


def test_in_a_narrow_table_long_texts_are_broken_and_short_ones_are_not(browser: Browser) -> None:
    shown = table("narrow", ("k" * 60, "for"), [("_".join(["key"] * 15), "58 s"), ("n" * 60, "9047 on vm")])
    Path("narrow.html").write_text(f"<!doctype html><style>{stylesheet()}</style><body>{shown}")
    browser.open(Path("narrow.html").absolute().as_uri(), width=400)
    assert browser.script(SCROLLS, ".scroll") == [0]
    assert browser.script(LINES) == [1, 1]


LABELS = """
const touch = (one, other) => one.left < other.right - 1 && other.left < one.right - 1
  && one.top < other.bottom - 1 && other.top < one.bottom - 1;
return [...document.querySelectorAll("figure svg")].flatMap(picture => {
  const texts = [...picture.querySelectorAll("text")]
    .map(text => [text.textContent, text.getBoundingClientRect()]);
  return texts.flatMap(([said, box], at) =>
    texts.slice(at + 1).filter(([, other]) => touch(box, other)).map(([other]) => said + " / " + other));
});
"""


@pytest.mark.parametrize("name", ["long", "line", "one"])
def test_no_two_texts_of_a_picture_touch(reports: dict[str, str], browser: Browser, name: str) -> None:
    browser.open(reports[name])
    assert browser.script(LABELS) == []


def test_a_cross_says_that_psets_that_failed_are_left_out_and_they_are_not_of_the_seconds(
    reports: dict[str, str], browser: Browser
) -> None:
    browser.open(reports["long"])
    value, marks = (
        "#slicer label:nth-child(3) select",
        "return document.querySelectorAll(arguments[0]).length",
    )
    tables = "#static table:nth-of-type(1)"
    assert browser.script(marks, f"{tables} .some")
    browser.choose("#slicer label:nth-child(1) select", "t")
    assert browser.script(marks, "#slicer td .some")
    browser.choose(value, "seconds per pset")
    browser.wait("#slicer caption", "mean of seconds per pset")
    assert browser.script(marks, "#slicer td .some") == 0
    seconds = (
        "return [...document.querySelectorAll('#static table')].filter(one => one.innerText.includes('sec')"
    )
    assert browser.script(seconds + " && one.querySelector('.some')).length") == 0


def test_a_name_of_thousands_of_letters_leaves_the_slices_in_sight(browser: Browser) -> None:
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        psets = [{"n" * 3000: n, "b": b} for n in (1, 2) for b in (1, 2)]
        session.map(lambda pset, system_kwargs, user_kwargs: {"y": pset["b"]}, psets).report("long.html")
    browser.open(Path("long.html").absolute().as_uri())
    browser.wait("#slicer caption", "mean of y")
    assert browser.script("return document.querySelector('#slicer thead td').offsetWidth") < 700


CORNERS = """
const page = document.documentElement.clientWidth;
return [...document.querySelectorAll("table.heat")].map(table => {
  const value = table.tBodies[0].rows[0].cells[1], corner = table.querySelector("thead td div");
  return [corner?.scrollHeight <= corner?.clientHeight, value.getBoundingClientRect().right <= page];
});
"""


@pytest.mark.parametrize("width", [1280, 400])
def test_beside_long_names_of_axes_and_values_the_first_value_is_in_sight_and_the_names_are_readable(
    reports: dict[str, str], browser: Browser, width: int
) -> None:
    browser.open(reports["long"], width)
    browser.script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for x, y in [(LONG, "a"), ("a", LONG), (LONG, "t"), ("t", LONG)]:
        browser.choose("#slicer label:nth-child(1) select", x)
        browser.choose("#slicer label:nth-child(2) select", y)
        found = browser.script(CORNERS)
        assert len(found) > 1
        assert found == [[True, True]] * len(found)
