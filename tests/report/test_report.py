"""The report: one file with every number in it, of results and of checkpoints in any state."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsurvey
from paramsurvey.report import Subject, page_of
from paramsurvey.report.markup import number, text
from paramsurvey.results.map_results import MapResults
from paramsurvey.results.report_subjects import checkpoint_subject, subject_of
from paramsurvey.views import cost_of, data_of, importance_of
from paramsurvey.views.columns.frame import FrameColumns

NASTY = "</script><script>alert(1)</script>\"'&\u202e\u0007\x00<img src=x onerror=alert(2)>"
PSETS = [{"a": a, "b": b, "t": t} for a in range(4) for b in range(3) for t in ("x", "y")]


def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 3 and pset["t"] == "x":
        raise ValueError(NASTY)
    return {"y": pset["a"] * 1.5 + pset["b"], "word": NASTY if pset["b"] else "plain"}


def survey(**options: Any) -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    return paramsurvey.map(worker, PSETS, name=NASTY, **options)


class Page(HTMLParser):
    """Reads a page strictly enough to see what a browser would run or load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.seen: list[str] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self._open == "script" else self.seen).append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def check_safe(page: str) -> Page:
    """Check that the page runs and loads nothing but its own."""
    found = Page(page)
    tags = [tag for tag, _ in found.tags]
    assert tags.count("script") == 2
    assert not {"img", "iframe", "object", "embed", "link", "base", "form"} & set(tags) - {"form"}
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "style" not in attributes, "the policy would refuse it"
        for name in ("src", "href", "xlink:href", "action"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,")), value
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", page)
    return found


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the time that pictures take, where a test is about something else."""
    monkeypatch.setattr(
        "paramsurvey.report.pictures.Pictures.draw", lambda *view, **size: "<figure></figure>"
    )


def test_a_report_is_one_safe_file_with_all_sections() -> None:
    results = survey()
    results.report("survey.html")
    page = Path("survey.html").read_text()
    found = check_safe(page)
    policy = next(a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    headings = {a.get("id") for tag, a in found.tags if tag == "h2"}
    assert headings >= {"summary", "slices", "importance", "distributions", "cost", "failures", "timeline"}


@pytest.mark.usefixtures("without_pictures")
def test_every_number_is_there_without_javascript_and_that_of_the_views() -> None:
    results = survey()
    page = page_of(subject_of(results))
    body = page[: page.index('<script type="application/json"')]
    data = data_of(results)
    shares = importance_of(data, "y").to_frame()["first"]
    cost = cost_of(data)
    for value in [
        *shares,
        cost.axes[0].seconds[0],
        results["y"].mean(),
        *results["y"].quantile([0.25, 0.95]),
    ]:
        assert number(float(value)) in body
    means = results.groupby(["a", "b"])["y"].mean()
    for value in means:
        assert f">{value:.4g}" in body
    assert body.count("ValueError") >= 3
    assert '<details id="static" open>' in body, "which the script closes"
    assert '<div id="slicer" hidden>' in body, "which the script opens"


@pytest.mark.usefixtures("without_pictures")
def test_the_slicer_has_the_numbers_of_every_cell() -> None:
    page = page_of(subject_of(survey()))
    cells = json.loads(Page(page).scripts[0])
    (whole,) = cells["tables"]
    assert [axis["name"] for axis in cells["axes"]] == ["a", "b", "t"] or len(cells["axes"]) == 3
    assert sum(whole["finished"]) == 21
    assert sum(whole["failed"]) == 3
    y = whole["values"][0]
    total = sum(y["sum"]) + y["shift"] * sum(y["n"])
    expected = sum(p["a"] * 1.5 + p["b"] for p in PSETS if not (p["a"] == 3 and p["t"] == "x"))
    assert total == pytest.approx(expected)


@pytest.mark.usefixtures("without_pictures")
def test_a_checkpoint_where_every_pset_failed_has_its_cost_and_timeline() -> None:
    def fail(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        raise ValueError("no")

    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(fail, PSETS, checkpoint="out")
    for subject in (checkpoint_subject("out"), subject_of(results)):
        page = page_of(subject)
        assert "24 psets took" in page
        assert "It is not known" not in page


@pytest.mark.usefixtures("without_pictures")
def test_examples_of_failures_have_a_command_that_runs_them_again(in_tmp: Path) -> None:
    results = survey()
    assert "results.missing.reproduce(0)" in page_of(subject_of(results))
    Path("fit.py").write_text(
        "def fit(pset, system_kwargs, user_kwargs):\n    if pset['a'] > 1:\n        raise ValueError('no')\n"
    )
    sys.path.insert(0, str(in_tmp))
    from fit import fit  # type: ignore[import-not-found]

    paramsurvey.map(fit, [{"a": a} for a in range(4)], checkpoint="it's")
    command = checkpoint_subject("it's").again(1).replace("python", shlex.quote(sys.executable), 1)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ValueError: no\n")
    sys.path.remove(str(in_tmp))


@pytest.mark.usefixtures("without_pictures")
def test_psets_that_differ_look_different() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"a": 0.12345678, "b": 1234567}, {"a": 0.12345679, "b": "1"}, {"a": 1.0, "b": 1}]
    psets += [{"a": 1.0, "b": {"c": 2}}, {"a": 1.0, "b": {"c": 3}}]
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: 1 / 0, psets, checkpoint="run")
    shown, stored = (
        {words for words in Page(page_of(subject)).seen if words.startswith("a=") and ", b=" in words}
        for subject in (subject_of(results), checkpoint_subject("run"))
    )
    assert shown >= {"a=0.12345678, b=1234567", "a=0.12345679, b='1'", "a=1.0, b=1", "a=1.0, b={'c': 2}"}
    assert len(shown) == len(stored) == 5
    assert {words.partition(",")[0] for words in stored} == {"a=0.12345678", "a=0.12345679", "a=1.0"}


@pytest.mark.usefixtures("without_pictures")
def test_the_command_for_a_failed_example_runs_exactly_that_pset(in_tmp: Path) -> None:
    Path("exact.py").write_text(
        "def fit(pset, system_kwargs, user_kwargs):\n    raise ValueError(repr(pset['a']))\n"
    )
    sys.path.insert(0, str(in_tmp))
    from exact import fit  # type: ignore[import-not-found]

    paramsurvey.map(fit, [{"a": a} for a in (0.1 + 0.2, 0.3, "0.3", 2**60 + 1)], checkpoint="run")
    subject = checkpoint_subject("run")
    for row, shown in enumerate(("0.30000000000000004", "0.3", "'0.3'", "1152921504606846977")):
        command = subject.again(row).replace("python", shlex.quote(sys.executable), 1)
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert done.stderr.endswith(f"ValueError: {shown}\n")
    sys.path.remove(str(in_tmp))


# ---- states
# without pictures, which have their own tests


def of_checkpoint(directory: str = "run") -> tuple[Subject, str]:
    subject = checkpoint_subject(directory)
    page = page_of(subject)
    check_safe(page)
    return subject, page


def change_run(**changes: Any) -> None:
    """Change run.json as another state of the run would have it."""
    from paramsurvey.checkpoint.atomic_files import replace_json
    from paramsurvey.checkpoint.run_json.run_file import read_run

    replace_json(Path("run/run.json"), {**read_run(Path("run")), **changes})


@pytest.mark.usefixtures("without_pictures")
def test_of_a_finished_checkpoint() -> None:
    results = survey(checkpoint="run")
    subject, page = of_checkpoint()
    assert subject.status == "finished"
    assert "The run is complete." in page
    assert dict(subject.counts)["finished"] == len(results)
    assert dict(subject.counts)["failures"] == 3
    assert "test_report.py" in page, "provenance"
    view = subject.timeline()
    assert view is not None
    assert int(view.psets.sum()) == len(PSETS)


@pytest.mark.usefixtures("without_pictures")
def test_results_in_memory_have_the_provenance_that_their_checkpoint_has() -> None:
    results = survey(checkpoint="run")
    for known in (results, paramsurvey.load("run")):
        known.report("report.html")
        page = Path("report.html").read_text()
        assert "is not known what was run" not in page
        assert "test_report.py" in page


@pytest.mark.usefixtures("without_pictures")
def test_a_checkpoint_that_another_run_has_used_since_says_nothing_of_earlier_results() -> None:
    results = survey(checkpoint="run")
    survey(checkpoint="run")
    results.report("report.html")
    assert "not known what was run, because only a checkpoint records it" in Path("report.html").read_text()


def other_worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"y": 7.0}


@pytest.mark.usefixtures("without_pictures")
def test_nor_does_a_new_checkpoint_in_the_place_of_one_that_was_removed() -> None:
    before = survey(checkpoint="run")
    shutil.rmtree("run")
    after = paramsurvey.map(other_worker, PSETS, name=NASTY, checkpoint="run")
    before.report("report.html")
    assert "not known what was run, because only a checkpoint records it" in Path("report.html").read_text()
    after.report("report.html", against=before)
    page = Path("report.html").read_text()
    assert "other_worker" in page
    assert "Code, arguments, commit and versions are the same" not in page


@pytest.mark.usefixtures("without_pictures")
def test_nor_does_a_third_run_that_counts_the_same_as_the_second() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    runs = [paramsurvey.map(other_worker, PSETS, checkpoint="run") for _ in range(3)]
    loaded = paramsurvey.load("run")
    known = [bool(subject_of(one).run) for one in (*runs, loaded)]
    assert known == [False, False, True, True]
    paramsurvey.map(other_worker, PSETS, checkpoint="run")
    assert not subject_of(loaded).run


def test_results_that_were_pickled_keep_their_run() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = pickle.loads(pickle.dumps(paramsurvey.map(other_worker, PSETS, checkpoint="run")))
    assert subject_of(results).run["function"]["name"].endswith("other_worker")


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize(
    ("total", "said"),
    [
        (100, "76 psets have neither a result nor a failure."),
        (25, "1 pset has neither a result nor a failure."),
    ],
)
def test_of_a_run_that_was_killed(total: int, said: str) -> None:
    survey(checkpoint="run")
    change_run(status="running", counts={"total": total, "active": 2, "finished": 30, "failures": 3})
    subject, page = of_checkpoint()
    assert subject.status == "died"
    assert "The run was killed" in page
    assert said in page


@pytest.mark.usefixtures("without_pictures")
def test_the_provenance_of_a_killed_run_says_the_same_as_its_summary() -> None:
    survey(checkpoint="run")
    change_run(status="running", counts={"total": 100, "active": 2, "finished": 5, "failures": 0})
    subject, page = of_checkpoint()
    provenance = page.partition('aria-labelledby="provenance"')[2].partition("</section>")[0]
    assert ">died<" in provenance
    assert ">running<" not in provenance
    stored = f"{subject.counts['finished']} finished, {subject.counts['failures']} failures"
    assert f">100 total, {stored}<" in provenance


@pytest.mark.usefixtures("without_pictures")
def test_of_a_run_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from paramsurvey.checkpoint.locking.lock import Lock

    survey(checkpoint="run")
    change_run(status="running", counts={"total": 100, "active": 2, "finished": 30, "failures": 3})
    lock = Lock(Path("run"))
    try:
        assert "The run is still going" in of_checkpoint()[1]
    finally:
        lock.release()


@pytest.mark.usefixtures("without_pictures")
def test_of_a_checkpoint_that_is_damaged_in_part() -> None:
    survey(checkpoint="run")
    part = sorted(Path("run/results").iterdir())[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    Path("run/run.json").write_text("{")
    subject, page = of_checkpoint()
    assert len(subject.complaints) == 2
    assert "Not all of the checkpoint can be read" in page
    assert "its checksum is wrong" in page
    assert subject.status == ""


@pytest.mark.usefixtures("without_pictures")
def test_of_a_checkpoint_of_an_older_version() -> None:
    fixtures = Path(__file__).parents[1] / "checkpoint" / "fixtures"
    shutil.copytree(fixtures / "format-1", "run")
    _, page = of_checkpoint()
    assert "It is not known how long these psets took." in page
    assert "It is not known when and where these psets ran." in page


@pytest.mark.usefixtures("without_pictures")
def test_of_nothing() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    check_safe(page_of(subject_of(paramsurvey.map(worker, []))))
    check_safe(page_of(subject_of(paramsurvey.map(worker, PSETS[:1]))))
    paramsurvey.map(worker, PSETS[-2:-1], checkpoint="run")  # which fails
    of_checkpoint()


# ---- comparison


@pytest.mark.usefixtures("without_pictures")
def test_against_an_earlier_survey() -> None:
    before = survey(checkpoint="before")
    paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": 7.0}, PSETS[:-2], checkpoint="now")
    page = page_of(checkpoint_subject("now"), checkpoint_subject("before"))
    check_safe(page)
    assert "What changed in the program" in page
    for words in ("Psets that are gone: 2", "Psets that no longer fail: 2"):
        assert words in page
    same = page_of(subject_of(before), subject_of(before))
    assert "0 of 21 values changed" not in same
    assert "</tr></thead><tbody></tbody>" not in same


@pytest.mark.usefixtures("without_pictures")
def test_results_that_are_not_read_from_a_checkpoint_are_said_to_be_not_compared() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    lists = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"y": [1, 2]}, PSETS, checkpoint="run")
    page = page_of(subject_of(lists), checkpoint_subject("run"))
    assert "not read from a checkpoint: y." in page
    assert "y not compared" in page


@pytest.mark.usefixtures("without_pictures")
def test_changes_that_would_look_the_same_are_shown_with_all_digits_and_quotes() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    steps: list[dict[str, Any]] = [{"y": 1.23456781, "z": "1"}, {"y": 1.23456782, "z": 1}]
    before, after = (
        paramsurvey.map(lambda pset, system_kwargs, user_kwargs, step=step: step, [{"a": 1}])
        for step in steps
    )
    page = page_of(subject_of(after), subject_of(before))
    assert "<td class=n>1.23456781</td><td class=n>1.23456782</td>" in page.replace("<td>", "<td class=n>")
    assert "<td>&#x27;1&#x27;</td><td>1</td>" in page


# ---- what users' data may be


@given(st.text([*NASTY, *"\ud800\u2028\u2066\u200b\x85\n\tü"]))
def test_text_shows_itself_and_nothing_else(value: str) -> None:
    found = Page(f"<p>{text(value)}</p>")
    assert [tag for tag, _ in found.tags] == ["p"]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text(value))


@pytest.mark.parametrize("nasty", [NASTY, "$x^2$ \\frac", "-->]]>", "\u2028", "a" * 100_000])
def test_keys_values_and_exceptions_of_any_text_do_no_harm(nasty: str) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "t": [nasty, "b", "c", nasty], nasty: [0.5, 1.5, np.nan, 2.5]})
    lost = pd.DataFrame({"a": [5], "t": [nasty], "_kind": "raised", "_exception": nasty, "_traceback": nasty})
    from paramsurvey.views import SurveyData

    data = SurveyData(FrameColumns(frame), FrameColumns(lost), ("a", "t"), {nasty: nasty})
    run = {"name": nasty, "function": {"name": nasty, "source": nasty, "file": nasty}, "command": [nasty]}
    subject = Subject(nasty, data, "finished", {"total": 5}, run, directory=nasty, complaints=(nasty,))
    page = page_of(subject, subject)
    check_safe(page)
    json.loads(Page(page).scripts[0])
    page.encode()


# ---- the program


@pytest.mark.usefixtures("without_pictures")
def test_the_program_writes_a_report(in_tmp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from paramsurvey.cli.program import run_program

    survey(checkpoint="run")
    assert run_program(["report", "run"]) == 0
    assert run_program(["report", "run/", "-o", "x.html", "--against", "run"]) == 0
    check_safe(Path("run.html").read_text())
    assert 'id="comparison"' in Path("x.html").read_text()
    assert "x.html: a report of 24 psets" in capsys.readouterr().err
    assert run_program(["report", "run", "-o", "nowhere/x.html"]) == 2
    assert run_program(["report", "tests"]) == 2
    os.mkdir("empty")
    assert run_program(["report", "empty"]) != 0
