"""The page's answers: what stands in them, and that nothing of the user's is code."""

from __future__ import annotations

import html
import json
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from page_surveys import NASTY, PSETS, worker
from starlette.testclient import TestClient

import paramsurvey
from conftest import FakeClock
from paramsurvey.checkpoint.atomic_files import replace_json
from paramsurvey.checkpoint.locking.lock import Lock
from paramsurvey.checkpoint.run_json.live_file import write_live
from paramsurvey.engine.progress import BusyWorker, FailingCause, Outlook, RunningPset
from paramsurvey.live_page.access import Access
from paramsurvey.live_page.app import page_app
from paramsurvey.live_page.now import Now, Watching
from paramsurvey.live_page.now_html import now_html
from paramsurvey.live_page.pages import END, both_ends
from paramsurvey.live_page.sections import NAMES
from paramsurvey.live_page.single_pset import find_pset
from paramsurvey.report import page_of
from paramsurvey.report.pictures import Pictures
from paramsurvey.results.report_subjects import checkpoint_subject


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A survey of 24 psets, 3 of which have failed."""
    directory = tmp_path_factory.mktemp("survey") / "out"
    with paramsurvey.Session(
        backend="serial", verbose=0, capture_output="store", pslogger_prefix=None
    ) as session:
        session.map(worker, PSETS, checkpoint=directory, name=NASTY)
    return directory


@pytest.fixture
def checkpoint(finished: Path) -> str:
    """The same, for tests that change it."""
    shutil.copytree(finished, "out")
    return "out"


@contextmanager
def opened(checkpoint: str | Path) -> Iterator[TestClient]:
    """A browser that has exchanged the token, and whose sections are computed."""
    access = Access(80)
    app = page_app(str(checkpoint), access)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=True) as client:
        app.state.pages.sections.look("finished", wait=True)
        assert client.get(f"/?token={access.token}").url.path == "/"
        yield client


@pytest.fixture(scope="module")
def client(finished: Path) -> Iterator[TestClient]:
    """The page of the survey, which no test changes."""
    with opened(finished) as client:
        yield client


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long."""
    monkeypatch.setattr(Pictures, "draw", lambda *args, **kwargs: "")


class Elements(HTMLParser):
    """The elements of a page, as a browser would make them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def assert_harmless(page: str) -> None:
    """Look for what the policy would refuse, or what the user's texts have smuggled in."""
    for tag, attributes in Elements(page).tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes), attributes
        assert tag != "img"
        if tag == "script":
            assert attributes.get("src"), "a script of the page's own, and nothing else"
    assert "\u202e" not in page
    assert "\u0007" not in page


def test_the_page_has_all_sections_and_no_code_of_the_users(client: TestClient) -> None:
    page = client.get("/").text
    assert_harmless(page)
    for name in NAMES:
        assert f'id="part-{name}"' in page
    assert "It is being computed" not in page
    assert "21" in page
    assert "100 %" in page


def test_sections_are_those_of_the_report(client: TestClient, finished: Path, no_pictures: None) -> None:
    """Page and report, which draws what Python does, have the same numbers."""
    report = page_of(checkpoint_subject(finished))

    def numbers(html: str) -> list[str]:
        return re.findall(r"<td class=n>([^<]*)</td>", html)

    for name in NAMES:
        section = re.search(rf'<section aria-labelledby="{name}">.*?</section>', report, re.DOTALL)
        if section is not None:
            assert numbers(client.get(f"/section/{name}").text) == numbers(section.group())
    cells = re.search(r'id="cells">(.*?)</script>', report)
    assert cells is not None
    assert client.get("/cells").json() == json.loads(cells.group(1))


def test_addresses_are_relative(client: TestClient) -> None:
    for path in ("/", "/pset/1", "/pset/18", "/psets?at=a&is=1"):
        for _, attributes in Elements(client.get(path).text).tags:
            for name in ("href", "src", "action"):
                address = attributes.get(name) or ""
                assert not re.match(r"/|https?:|//", address), address


def test_a_finished_pset_is_shown_with_all_that_is_stored(client: TestClient) -> None:
    page = client.get("/pset/3").text
    assert_harmless(page)
    assert "Finished" in page
    for said in ("Parameters", "word", "printed by 0", "attempts", "paramsurvey.map(worker"):
        assert said in page


def test_a_failed_pset_is_shown_with_its_traceback_and_how_to_run_it_again(client: TestClient) -> None:
    page = client.get("/pset/18").text
    assert_harmless(page)
    assert "Failed" in page
    assert "raise ValueError(NASTY)" in page
    assert "missing.reproduce(0, worker)" in page
    assert "missing.reproduce(2, worker)" in client.get("/pset/22").text


def test_failures_lead_to_their_psets(client: TestClient) -> None:
    assert 'href="pset/18"' in client.get("/section/failures").text


@pytest.mark.parametrize(
    "path",
    [
        "/pset/24",
        "/pset/99999999999999999999",
        "/pset/" + "9" * 5000,  # more digits than Python makes a number of
        "/pset/x",
        "/pset?number=-1",
        "/pset?number=x",
        "/pset?number=" + "9" * 5000,
    ],
    ids=lambda path: path[:20],
)
def test_what_is_not_there_is_said(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert_harmless(answer.text)


def test_a_number_that_is_typed_leads_to_its_pset(client: TestClient) -> None:
    answer = client.get("/pset?number=07", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "pset/7")


@pytest.mark.parametrize(
    "path",
    [
        "/run.json",
        "/live.json",
        "/results/",
        "/../etc/passwd",
        "/section/..%2f..%2frun.json",
        "/pset/..%2frun.json",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "format" not in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/not/any/thing"])
def test_an_unknown_address_has_a_page_that_leads_back(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    back = next(one["href"] for tag, one in Elements(answer.text).tags if tag == "a")
    assert urljoin(path, back) == "/"


def test_every_link_of_the_page_leads_to_a_section_also_where_there_is_little_to_see(
    no_pictures: None,
) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": 1}, [{"a": 1}], checkpoint="one")
    with opened("one") as client:
        found = Elements(client.get("/").text).tags
    ids = {attributes.get("id") for _, attributes in found}
    links = {str(attributes["href"])[1:] for tag, attributes in found if tag == "a"} - {"set/0"}
    assert links - ids == set()


def test_the_psets_of_a_cell_are_listed(client: TestClient) -> None:
    page = client.get("/psets", params=[("at", "a"), ("is", "3"), ("at", "t"), ("is", "x")]).text
    assert_harmless(page)
    assert re.findall(r'href="pset/(\d+)"', page) == ["18", "20", "22"]
    assert page.count("failed") == 3
    everything = client.get(
        "/psets", params=[("at", "t"), ("is", client.get("/cells").json()["axes"][2]["labels"][1])]
    )
    assert len(re.findall(r'href="pset/(\d+)"', everything.text)) == 12
    both = client.get("/psets", params=[("at", "a"), ("is", "3")]).text
    assert re.findall(r'href="pset/(\d+)"', both) == ["18", "19", "20", "21", "22", "23"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"at": "a"},
        {"at": "a", "is": "9"},
        {"at": "zz", "is": "1"},
        {"is": "1"},
        {"at": NASTY, "is": NASTY},
    ],
    ids=repr,
)
def test_a_cell_that_is_not_there_is_said(client: TestClient, query: dict[str, str]) -> None:
    answer = client.get("/psets", params=query)
    assert answer.status_code == 404
    assert_harmless(answer.text)


def test_nothing_is_unpickled(checkpoint: str, monkeypatch: pytest.MonkeyPatch, no_pictures: None) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    with opened(checkpoint) as client:
        for path in ("/", "/now", "/cells", "/pset/3", "/pset/18"):
            assert client.get(path).status_code == 200


def test_sections_are_computed_again_only_when_something_was_stored(
    checkpoint: str, no_pictures: None
) -> None:
    with opened(checkpoint) as client:
        sections = client.app.state.pages.sections  # type: ignore[attr-defined]
        before = sections.shown
        sections.look("finished", wait=True)
        assert sections.shown is before
        paramsurvey.init(backend="serial", verbose=0)
        more = [{"a": 9, "b": 9, "t": "x"}]
        paramsurvey.map(worker, more, checkpoint=checkpoint, on_change="ignore")
        sections.look("finished", wait=True)
        assert sections.shown is not before
        assert "9" in client.get("/cells").json()["axes"][0]["labels"]


def test_the_page_says_so_while_the_sections_of_an_ended_survey_are_not_up_to_date(
    checkpoint: str, no_pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "The sections below are still being computed, and do not show all psets yet."
    with opened(checkpoint) as client:
        sections = client.app.state.pages.sections  # type: ignore[attr-defined]
        assert said not in client.get("/now").json()["html"]
        sections.look("running", wait=True)
        monkeypatch.setattr(sections, "look", lambda status: None)
        assert said in client.get("/").text


RUNNING = Outlook(
    per_second=2.5,
    seconds_left=(10.0, 20.0),
    running=[
        RunningPset(30, NASTY, 3.0, {"a": 1, "b": 2, "t": "x"}),
        RunningPset(31, "a=77", 2.0, {"a": 77}),
    ],
    workers=[BusyWorker(1, 4711, "node1", 30, 0.5, 10**9), BusyWorker(2, 4712, "node1", None, None, None)],
    cores=2,
    failing=[FailingCause(3, "raised", NASTY, NASTY, 5)],
)


@pytest.fixture
def running(checkpoint: str, no_pictures: None) -> Iterator[TestClient]:
    """The same survey, as if a process that is alive went on with it."""
    path = Path(checkpoint)
    run = json.loads((path / "run.json").read_text())
    run["status"] = "running"
    run["counts"] |= {"total": 100, "active": 2, "retried": 4}
    replace_json(path / "run.json", run)
    write_live(path, {"written": run["updated"], "started": run["started"]}, RUNNING)
    lock = Lock(path)
    with opened(path) as client:
        yield client
    lock.release()


def test_a_running_survey_shows_what_runs_where_and_what_fails(running: TestClient) -> None:
    told = running.get("/now").json()
    page = told["html"]
    assert_harmless(page)
    assert told["live"] is True
    assert told["title"].startswith("24 % – ")
    for said in (
        "Running: process",
        "2.5/s",
        "time left",
        "1.0 GB",
        "50%",
        "4711 on node1",
        "3 ×",
        'href="pset/30"',
    ):
        assert said in page
    assert "4 so far" in page


def test_running_psets_are_found_in_the_slicer_where_their_values_are_known(running: TestClient) -> None:
    told, cells = running.get("/now").json(), running.get("/cells").json()
    known, unknown = told["running"]["places"]
    labels = [axis["labels"][place] for axis, place in zip(cells["axes"], known, strict=True)]
    assert dict(zip([axis["name"] for axis in cells["axes"]], labels, strict=True)) == {
        "a": "1",
        "b": "2",
        "t": "x",
    }
    assert cells["axes"][told["running"]["values"].index(["77"])]["name"] == "a"
    assert sorted(unknown) == [-1, -1, len(["0", "1", "2", "3"])]


def test_a_pset_that_runs_is_shown(running: TestClient) -> None:
    page = running.get("/pset/30").text
    assert_harmless(page)
    assert "It has been running for" in page
    assert "worker 1, process 4711 on node1" in page


def test_a_pset_that_runs_is_followed_without_the_page_being_loaded_again(running: TestClient) -> None:
    page = running.get("/pset/30").text
    assert "pset.js" in page
    assert running.get("/pset.js").headers["content-type"].startswith("text/javascript")
    assert "refresh" not in re.sub(r"<noscript>.*?</noscript>", "", page)
    assert page.count("<h2") == page.count("<section") == 1


def is_followed(page: str) -> bool:
    """Whether the page's script goes on asking what becomes of the pset."""
    tags = Elements(page).tags
    final = any(tag == "main" and "data-final" in attributes for tag, attributes in tags)
    script = any("pset.js" in (attributes.get("src") or "") for _, attributes in tags)
    assert script is not final
    return script


def test_a_pset_that_neither_runs_nor_is_stored_is_followed_as_long_as_the_survey_runs(
    running: TestClient,
) -> None:
    answer = running.get("/pset/50")
    assert answer.status_code == 200
    assert "next attempt" in answer.text
    assert_harmless(answer.text)
    assert is_followed(answer.text)
    assert is_followed(running.get("/pset/30").text)
    assert running.get("/pset/100").status_code == 404
    for number in (3, 18):
        assert not is_followed(running.get(f"/pset/{number}").text)


def test_the_page_of_a_pset_that_will_not_run_any_more_is_final(client: TestClient) -> None:
    for number in (3, 18):
        assert not is_followed(client.get(f"/pset/{number}").text)
    assert "<main data-final>" in client.get("/pset/24").text


def test_that_a_checkpoint_cannot_be_read_at_this_moment_is_not_final(running: TestClient) -> None:
    (Path("out") / "run.json").unlink()
    assert "data-final" not in running.get("/pset/50").text


def test_a_pset_that_ran_when_its_program_died_is_shown(checkpoint: str, no_pictures: None) -> None:
    path = Path(checkpoint)
    run = json.loads((path / "run.json").read_text()) | {"status": "running"}
    replace_json(path / "run.json", run)
    write_live(path, {"written": run["updated"], "started": run["started"]}, RUNNING)
    with opened(path) as client:
        assert 'href="pset/30"' in client.get("/now").json()["html"]
        page = client.get("/pset/30").text
    assert "It had been running for 3.0 s in worker 1" in page
    assert "when its program died" in page
    assert not is_followed(page)


def test_many_tabs_cost_no_more_than_one(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Now] = []
    now = Now("for all of them")
    monkeypatch.setattr(Watching, "now", lambda self: now)
    monkeypatch.setattr("paramsurvey.live_page.app.now_json", lambda now, shown: told.append(now) or b"{}")
    assert [client.get("/now").text for _ in range(20)] == ["{}"] * 20
    assert told == [now]


def test_a_driver_that_says_nothing_is_noticed_whatever_its_clock_says(
    running: TestClient, clock: FakeClock
) -> None:
    watching = Watching(Path("out"), clock)
    watching.now()
    write = json.loads(Path("out/live.json").read_text())
    write["written"] = "2222-01-01T00:00:00Z"  # a clock that is ahead
    Path("out/live.json").write_text(json.dumps(write))
    clock.now += 1
    assert watching.now().silent == 0
    clock.now += 90
    assert watching.now().silent == 90
    assert "Not heard from for 1 min 30 s" in now_html(watching.now())


def test_a_driver_that_was_killed_has_died_and_what_ran_is_told(running: TestClient) -> None:
    (Path("out") / "lock.json").unlink()
    page = now_html(Watching(Path("out")).now())
    assert "Its program has died" in page
    assert "What was running when it was last heard from" in page


def test_of_a_checkpoint_that_is_gone_no_counts_are_told(running: TestClient) -> None:
    (Path("out") / "run.json").unlink()
    page = now_html(Watching(Path("out")).now())
    assert "How far it has got is not known" in page
    assert "%" not in page
    assert "finished" not in page


@pytest.mark.parametrize("damage", ["run.json", "results"])
def test_a_damaged_checkpoint_is_shown_as_far_as_it_goes(
    checkpoint: str, damage: str, no_pictures: None
) -> None:
    if damage == "run.json":
        Path("out/run.json").write_text("{")
    else:
        next(Path("out/results").iterdir()).write_bytes(b"damaged")
    with opened(checkpoint) as client:
        page = client.get("/").text
    assert 'class="notice"' in page
    assert_harmless(page)


def test_a_survey_without_any_result_is_shown(no_pictures: None) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(worker, [], checkpoint="empty")
    with opened("empty") as client:
        assert client.get("/").status_code == 200
        assert client.get("/cells").json() is None


def test_both_ends_of_a_long_output_are_shown() -> None:
    shown = both_ends("a" * END + "b" * 1000 + "c" * END)
    assert shown.startswith("a" * END + "\n… 1,000 characters are left out …\n")
    assert "b" not in shown
    assert both_ends("short") == "short"


def test_a_pset_is_found_with_native_values(finished: Path) -> None:
    found = find_pset(finished, 3)
    assert found is not None
    assert (found.pset, found.result["y"], found.attempts) == ({"a": 0, "b": 1, "t": NASTY}, 1.0, 1)
    assert type(found.pset["a"]) is int
    assert found.label == 3
    assert found.printed.startswith("printed by 0")
    assert find_pset(finished, 100) is None


def test_the_commands_that_run_a_pset_again_work(no_pictures: None) -> None:
    Path("fit.py").write_text(
        "def worker(pset, system_kwargs, user_kwargs):\n"
        "    if pset['a'] == 2:\n"
        "        raise ValueError('two')\n"
        "    return {'y': 10 * pset['a']}\n"
    )
    program = "import paramsurvey, fit; paramsurvey.init(backend='serial', verbose=0); "
    program += "paramsurvey.map(fit.worker, [{'a': a} for a in range(4)], checkpoint='fitted')"
    subprocess.run([sys.executable, "-c", program], check=True)
    with opened("fitted") as client:
        finished, failed = (_command(client.get(f"/pset/{number}").text) for number in (3, 2))
    assert "30" in _run(finished).stdout
    assert "ValueError: two" in _run(failed).stderr


def _command(page: str) -> str:
    found = re.search(r'<pre class="command"><code>(.*?)</code>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found.group(1))


def _run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command.replace("python -c", f"{sys.executable} -c", 1), shell=True, capture_output=True, text=True
    )
