"""The documentation as a site: it is built without a warning, its surveys run, and it needs no other site."""

from __future__ import annotations

import itertools
import json
import os
import posixpath
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sphinx = pytest.importorskip("sphinx")

import browsers  # noqa: E402
import paramsurvey  # noqa: E402
from paramsurvey.testing.waiting import wait_until  # noqa: E402
from test_docs import public_names  # noqa: E402

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.stem for path in (ROOT / "docs/examples").glob("*.py"))
COMPILER = shutil.which("cc")  # without one, the survey of a C program is left out
HARNESS = """<iframe height="900"></iframe><script>
const frame = document.querySelector("iframe"), flaws = [];
const tell = (page, flaw) => flaws.push(page.split("/").pop() + ": " + flaw);
const isCut = box => box.scrollWidth > box.clientWidth + 1;
function* brokenWords(shown) {
  for (const heading of shown.querySelectorAll(".bd-article :is(h1, h2, h3)")) {
    for (const text of [...heading.childNodes].filter(node => node.nodeType === Node.TEXT_NODE)) {
      for (const word of text.data.matchAll(/[\\w.]+/g)) {
        const range = shown.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        if (range.getClientRects().length > 1) yield word[0];
      }
    }
  }
}
const loaded = () => new Promise(done => frame.addEventListener("load", done, {once: true}));
(async () => {
  for (const page of PAGES) {
    frame.src = page;
    await loaded();
    const shown = frame.contentDocument;
    const pages = [shown.documentElement, ...shown.querySelectorAll(".bd-article-container")];
    const tables = [...shown.querySelectorAll("table")].map(table => table.parentElement);
    const code = shown.querySelectorAll("pre");
    for (const [width, boxes] of [[1280, [...pages, ...tables, ...code]], [400, pages]]) {
      frame.width = width;
      if (boxes.some(isCut)) tell(page, "something is too wide at " + width);
    }
    if ([...shown.querySelectorAll(".prev-next-area a")].some(isCut)) tell(page, "a link is cut off");
    for (const word of brokenWords(shown)) tell(page, "a heading breaks " + word);
    for (const image of shown.querySelectorAll(".bd-article img:not(.sphx-glr-thumbcontainer img)")) {
      const name = image.src.split("/").pop();
      if (image.clientWidth < 0.45 * image.naturalWidth) tell(page, name + " is too small");
    }
  }
  document.title = "flaws: " + (flaws.join(", ") || "none");
})();
</script>"""
IS_STILL = "return document.readyState === 'complete' && document.getAnimations().length === 0"
HANGS = 550  # seconds: neither the build nor the look at it takes that long on any machine
MADE = shutil.ignore_patterns("_build", "gallery", "reference")  # by an earlier build


@pytest.mark.limit(1200)
def test_the_site_is_built_and_complete(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """One test, for the build is the expensive part, and tests run in several processes."""
    site = build(tmp_path)
    check: dict[str, Any] = runpy.run_path(str(ROOT / "docs/check_site.py"))
    assert list(check["problems"](site)) == []
    is_published = f"\n## {paramsurvey.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for page in ("index.html", "how-to/report.html"):
        told = "is not published yet" in (site / page).read_text(encoding="utf-8")
        assert told is not is_published, f"{page}: what works today stands above every page"
    assert [
        name for name in EXAMPLES if not pictures_of(name, site) and (COMPILER or "in_c" not in name)
    ] == []
    assert sorted(set(names_with_a_page()) - documented(site)) == []
    program = browsers.chromium(is_needed=request.config.getoption("--need-browser"))
    assert flaws(site, tmp_path, program) == "none"
    assert barriers(site) == []


def build(folder: Path) -> Path:
    """Build a copy, so that nothing is written into the sources; return the site's folder."""
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=MADE)
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    site = folder / "site"
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    done = subprocess.run(
        [*command, folder / "docs", site],
        env={name: value for name, value in os.environ.items() if not name.startswith("PARAMSURVEY")},
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert done.returncode == 0, done.stderr
    return site


def flaws(site: Path, folder: Path, program: str) -> str:
    """Return what cannot be seen as it should.

    That is what is too wide for 1280 or 400 pixels, tables and code that are cut off at 1280, and, at 400,
    links that are cut off, words of headings that are broken, and pictures too small to read.
    """
    pages = [page.as_uri() for page in sorted(site.rglob("*.html")) if page.parent.name != "_static"]
    harness = folder / "harness.html"
    harness.write_text(HARNESS.replace("PAGES", json.dumps(pages)))
    options = ("--allow-file-access-from-files", "--window-size=1400,1000", "--virtual-time-budget=60000")
    page = browsers.shown(program, harness.as_uri(), folder / "profile", *options, seconds=HANGS)
    found = re.search(r"<title>flaws: (.*?)</title>", page)
    assert found, page
    return found[1]


def barriers(site: Path) -> list[str]:
    """Return what axe-core finds on one page of each kind, in light and in dark colours."""
    pages = [
        "index.html",
        "first-hour.html",
        "how-to/plots.html",
        "gallery/index.html",
        "gallery/failures.html",
    ]
    found = []
    with browsers.opened(is_needed=True) as browser:
        for page, colours in itertools.product(pages, ("light", "dark")):
            browser.prefer(colours)
            browser.open((site / page).as_uri())
            wait_until(lambda: browser.script(IS_STILL), "its colours go on changing")
            found += [f"{page}, {colours}: {one}" for one in browser.barriers()]
    return found


def pictures_of(example: str, site: Path) -> list[Path]:
    return list((site / "_images").glob(f"sphx_glr_{example}_0*.png"))


def names_with_a_page() -> list[str]:
    """Return the public functions and classes; types, constants and modules have none of their own."""
    without = {"__version__", "default_backend", "errors", "examples", "params", "stats", "utils"}
    without |= {
        "stats.RawStats",
        "stats.PerfStats",
        "utils.flatten_results",
    }  # the last two have other names, too
    return [f"paramsurvey.{name}" for name in public_names() if name not in without]


def documented(site: Path) -> set[str]:
    """Return the names that other sites can refer to, from the index that Sphinx writes for them."""
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        index = InventoryFile.load(file, "", posixpath.join)
    return {name for kind in ("py:function", "py:class", "py:exception", "py:data") for name in index[kind]}


def test_make_pictures_makes_every_picture_that_is_committed() -> None:
    program = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs/pictures").glob("*.py"))
    made = set(re.findall(r'"([\w-]+\.(?:png|svg))":', program))
    assert made == {path.name for path in (ROOT / "docs/_static/pictures").iterdir()}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('<a href="there.html">', "leads nowhere"),
        ('<a href="#there">', "leads nowhere"),
        ('<img src="picture.png">', "leads nowhere"),
        ('<img src="https://elsewhere.example/picture.png">', "loads https://elsewhere.example/picture.png"),
        ('<script src="//elsewhere.example/x.js"></script>', "loads //elsewhere.example/x.js"),
        ('<link rel="stylesheet" href="https://elsewhere.example/x.css">', "loads https:"),
        ("<style>@import 'https://elsewhere.example/x.css'</style>", "loads https:"),
        ('<a href="https://elsewhere.example">, which is a link only', ""),
        ('<p id="here"></p><a href="#here">', ""),
    ],
)
def test_what_is_wrong_with_a_page_is_told(text: str, problem: str, tmp_path: Path) -> None:
    check: dict[str, Any] = runpy.run_path(str(ROOT / "docs/check_site.py"))
    (tmp_path / "index.html").write_text(text)
    found = list(check["problems"](tmp_path))
    assert len(found) == (1 if problem else 0)
    assert all(problem in one for one in found)
