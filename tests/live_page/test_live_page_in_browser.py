"""The live page as a person sees it: in a real browser, while a survey runs and after it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from page_surveys import NASTY, PSETS, worker
from selenium.webdriver.common.keys import Keys

import paramsurvey
from browsers import SECONDS, Browser
from conftest import wait_until

pytestmark = pytest.mark.limit(300)  # a browser, a survey, and all pictures of the page at once

SURVEY = """
import paramsurvey, sys, time
from pathlib import Path


def step(pset, system_kwargs, user_kwargs):
    while not Path(f"go{pset['step']}").exists():
        time.sleep(0.01)
    if pset["step"] == 2 and pset["kind"] == "b":
        raise ValueError("does not converge")
    return {"y": pset["step"] * 10}


if __name__ == "__main__":
    paramsurvey.init(ncores=2)
    psets = [{"step": step, "kind": kind} for step in range(4) for kind in "ab"]
    results = paramsurvey.map(step, psets, checkpoint="out", view=True, group_size=1, name="steps")
    print("finished:", len(results), flush=True)
    sys.stdin.read()
"""


def address_in(lines: Iterator[str]) -> str:
    """Return the address that a program prints among other lines."""
    for line in lines:
        if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line):
            return found.group()
    raise AssertionError("no address was printed")


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program, which is killed if it has not ended."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def viewed(directory: Path) -> Iterator[str]:
    """The page of a checkpoint, as the command line shows it."""
    program = "from paramsurvey.cli import main; main()"
    with started([sys.executable, "-c", program, "view", str(directory), "--no-browser"]) as process:
        assert process.stdout is not None
        yield address_in(process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a survey's page."""
    directory = tmp_path_factory.mktemp("survey") / "out"
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        session.map(worker, PSETS, checkpoint=directory, name=NASTY)
    with viewed(directory) as address:
        yield address


@pytest.fixture
def seen(page: str, browser: Browser) -> Browser:
    """The page, with everything on it, in a browser."""
    browser.complaints()
    browser.open(page)
    browser.wait("#part-provenance", "Source of the worker function")
    browser.wait("#slicer caption", "mean of")
    return browser


def test_the_token_is_not_in_the_address_any_more(seen: Browser) -> None:
    assert "token" not in seen.script("return location.href")
    assert seen.script("return document.cookie") == ""


def test_nothing_that_users_have_written_is_code_and_nothing_is_refused(seen: Browser) -> None:
    assert seen.complaints() == []
    assert seen.script("return document.querySelectorAll('img').length") == 0
    assert "<script>alert(1)" in seen.text("h1")


def test_axes_are_changed_and_a_cell_leads_to_its_psets(seen: Browser) -> None:
    form = "#slicer form label:nth-of-type({}) select"
    seen.choose(form.format(1), "b")
    seen.choose(form.format(2), "a")
    seen.choose(form.format(3), "y")
    assert seen.text("#slicer thead td").split() == ["a", "↓", "b", "→"]
    assert seen.text("#slicer tbody td") == "0"
    assert seen.text("#slicer tbody tr:last-child td").startswith("4.5 ×")
    seen.click("#slicer tbody tr:last-child td a")
    seen.wait("h1", "Psets with")
    assert "failed" in seen.text("tbody")
    seen.click("tbody a[href='pset/18']")
    seen.wait("h1", "Pset 18")


FOCUSED = "return document.activeElement.closest('#slicer tbody') ? document.activeElement.href : ''"


def test_arrow_keys_lead_from_cell_to_cell_and_the_tab_key_past_them(seen: Browser) -> None:
    seen.choose("#slicer form label:nth-of-type(1) select", "b")
    seen.choose("#slicer form label:nth-of-type(2) select", "a")
    addresses = "return [...document.querySelectorAll('#slicer tbody a')].map(one => one.href)"
    cells = seen.script(addresses)
    seen.script("document.querySelector('#slicer .scroll').focus()")
    seen.press(Keys.TAB)
    assert seen.script(FOCUSED) == cells[0]
    for key, cell in {
        Keys.ARROW_RIGHT: 1,
        Keys.ARROW_DOWN: 4,
        Keys.END: 5,
        Keys.ARROW_UP: 2,
        Keys.HOME: 0,
        Keys.ARROW_LEFT: 0,
    }.items():
        seen.press(key)
        assert seen.script(FOCUSED) == cells[cell]
    seen.press(Keys.TAB)
    assert seen.script("return document.activeElement.tagName") == "SUMMARY"
    seen.press(Keys.SHIFT, Keys.TAB)
    assert seen.script(FOCUSED) == cells[0]
    seen.press(Keys.ENTER)
    seen.wait("h1", "Psets with")


def test_a_failure_is_opened(seen: Browser) -> None:
    seen.click("#part-failures tbody a[href='pset/18']")
    seen.wait("h1", "Pset 18")
    assert "raise ValueError(NASTY)" in seen.text("section pre")
    seen.click("nav a")
    seen.wait("#now-part", "Finished.")


def test_a_pset_is_found_by_its_number(seen: Browser) -> None:
    seen.script("document.querySelector('input[name=number]').value = 5")
    seen.click("form button")
    seen.wait("h1", "Pset 5")
    assert seen.complaints() == []


@pytest.mark.parametrize("path", ["", "pset/18", "psets?at=a&is=3"])
def test_400_pixels_are_enough(seen: Browser, page: str, path: str) -> None:
    seen.open(page.partition("?")[0] + path, width=400)
    seen.wait("h1", "")
    assert seen.overflow() <= 0


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "pset/18", "pset/5", "psets?at=a&is=3"])
def test_there_is_no_serious_barrier(seen: Browser, page: str, path: str, colours: str, width: int) -> None:
    seen.prefer(colours)
    seen.open(page.partition("?")[0] + path, width)
    if not path:
        seen.wait("#part-provenance", "Source of the worker function")
        seen.wait("#slicer caption", "mean of")
    assert seen.barriers() == []


def test_a_wrong_token_is_refused(page: str, browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.open(page + "x")
    assert "Who are you?" in browser.text()
    assert "Slices" not in browser.text()
    browser.complaints()


def test_what_happens_is_seen_while_it_happens(browser: Browser) -> None:
    Path("steps.py").write_text(SURVEY)
    with started([sys.executable, "steps.py"]) as survey:
        assert survey.stderr is not None
        assert survey.stdout is not None
        browser.open(address_in(survey.stderr))
        browser.script("window.notLoadedAgain = true")
        browser.wait("#now-part", "Running psets")
        browser.wait("#now-part", "step=0, kind='b'")
        browser.wait("#now-part", "2 workers on")
        Path("go0").touch()
        browser.wait("#now-part", "step=1, kind='a'")
        browser.wait("#slicer thead", "kind")
        Path("go1").touch()
        Path("go2").touch()
        browser.wait("#now-part", "does not converge")
        wait_until(
            lambda: browser.script("return document.querySelector('#slicer td.running')") is not None,
            "no cell runs",
        )
        browser.script("document.querySelector('#slicer tbody tr:last-child a').focus()")
        focused = browser.script(FOCUSED)
        browser.script("document.getElementById('now-part').style.minHeight = '3000px'; scrollTo(0, 0)")
        Path("go3").touch()
        browser.wait("#now-part", "Finished.")
        assert browser.script("return scrollY") == 0
        assert browser.script("return window.notLoadedAgain")
        assert browser.script(FOCUSED) == focused != ""
        assert browser.barriers() == []
        assert browser.complaints() == []
        assert survey.stdout.readline() == "finished: 7\n"
        survey.communicate()
    browser.wait("#contact", "has probably ended")


ANSWERS = """
const asked = window.fetch, answers = [
  [403, "Who are you?"], [404, "<main>Nothing</main>"], [503, "<main>Once more</main>"],
  [200, "<main><p>It waits.</p></main>"],
];
window.fetch = async (...all) => {
  if (!answers.length) return asked(...all);
  const [status, body] = answers.shift();
  return new Response(body, { status });
};
window.seenSoFar = [];
new MutationObserver(() => seenSoFar.push(document.querySelector("main").innerText))
  .observe(document.querySelector("main"), { childList: true });
document.querySelector("main section").tabIndex = 0;
document.querySelector("main section").focus();
"""


def test_the_page_of_a_pset_that_runs_shows_in_the_end_what_became_of_it(browser: Browser) -> None:
    Path("steps.py").write_text(SURVEY)
    with started([sys.executable, "steps.py"]) as survey:
        assert survey.stderr is not None
        address = address_in(survey.stderr)
        browser.open(address)
        browser.wait("#now-part", "step=0, kind='b'")
        browser.complaints()  # those of the page that was open before
        browser.open(f"{address.partition('?')[0]}pset/1")
        browser.wait("h1", "Pset 1")
        browser.script("window.notLoadedAgain = true")
        assert "Result" not in browser.text("main")
        browser.script(ANSWERS)  # what it may meet on the way there
        wait_until(
            lambda: any("It waits." in seen for seen in browser.script("return seenSoFar")),
            "it did not ask on",
            SECONDS,
        )
        assert browser.script("return document.activeElement.tagName") == "MAIN"
        Path("go0").touch()
        browser.wait("main", "Result")
        assert browser.script("return document.activeElement.tagName") == "MAIN"
        assert browser.text("[role=status]").startswith("Pset 1: Finished")
        assert browser.script("return window.notLoadedAgain")
        assert browser.barriers() == []
        assert browser.complaints() == []


def test_killing_the_page_changes_nothing(nothing_left: None, capfd: pytest.CaptureFixture[str]) -> None:
    killed = []

    def kill(user_ret: object, system_kwargs: object, user_kwargs: object) -> None:
        for child in psutil.Process().children():
            if "live_page" in " ".join(child.cmdline()):
                child.kill()
                killed.append(child)

    paramsurvey.init(backend="serial")
    results = paramsurvey.map(worker, PSETS, out_func=kill, checkpoint="out", view=True)
    assert killed
    assert (len(results), len(results.missing)) == (21, 3)
    said = capfd.readouterr().err
    assert said.count("http://127.0.0.1:") == 1
    assert "token=" not in "".join(path.read_text() for path in Path().glob(".paramsurvey-*.log"))
