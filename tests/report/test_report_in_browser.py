"""The report in a browser: nothing is refused by its policy, and it can be used at any width."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from browsers import shown

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
