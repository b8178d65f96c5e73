"""The live view: in a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramsurvey.engine.failure_causes import Case, Cause
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporters.live_layout import live_text
from paramsurvey.reporting.reporters.notebook import notebook_html
from paramsurvey.reporting.snapshot import LastFailure, Running, Snapshot
from terminals import Screen, running

# Psets wait for the test: the first ones are over at once, the last ones when the file `go` is there.
SURVEY = """
import os, sys, time
import paramsurvey

def fit(pset, system_kwargs, user_kwargs):
    if pset["i"] == 1:
        raise ValueError("one too many")
    if pset["i"] == 2:
        print("worker says", "hello " * 20)
    while pset["i"] > 5 and not os.path.exists("go"):
        time.sleep(0.01)
    return {"b": pset["i"]}

psets = [{"i": i} for i in range(8)]
options = dict(OPTIONS)
paramsurvey.init(backend=options.pop("backend", "multiprocessing"), ncores=2)
results = paramsurvey.map(fit, psets, name="survey", group_size=1, **options)
print("sum", results.b.sum())
"""


def survey(**options: object) -> str:
    return SURVEY.replace("OPTIONS", repr(options))


def test_the_view_is_there_while_it_runs_and_the_plain_lines_when_it_ends() -> None:
    with running(survey()) as program:
        view = program.read_until(" s  i=6")
        assert "5 of 8 finished, 1 failed, 2 in work" in view
        assert "last failure: ValueError('one too many')" in view
        assert "at program.py:7 in fit" in view
        assert "━" in view
        Path("go").touch()
        end = program.finish()
    assert program.code == 0
    lines = end.splitlines()
    assert "worker says " + "hello " * 11 + "he" in lines  # whole, and broken by the terminal alone
    place = lines.index("survey progress: total: 8, active: 0, finished: 7, failures: 1, exceptions: 1")
    assert lines[place + 1].startswith("survey: 7 of 8 psets finished, 1 failed in ")
    assert lines[place + 3].startswith("  1 × raised at program.py:7 in fit: ValueError('one too many')")
    assert "sum 27" in lines
    assert "━" not in end
    assert "in work" not in end


def test_nothing_is_left_of_it_after_ctrl_c() -> None:
    with running(survey()) as program:
        program.read_until(" s  i=6")
        program.press_ctrl_c()
        end = program.finish()
    assert program.code != 0
    assert "KeyboardInterrupt" in end
    assert "survey: 5 of 8 psets finished, 1 failed, 2 not run in" in end
    assert "next: paramsurvey.map(..., paramsurvey.last_results().missing)" in end
    assert "━" not in end
    assert "in work" not in end


def test_it_follows_the_terminals_width() -> None:
    with running(survey()) as program:
        program.read_until("in work")
        program.resize(40)
        program.read_until("    many')")
        seen = program.raw.rpartition("\x1b[J")[2]
        picture_lines = Screen(1000)
        picture_lines.feed(seen)
        assert max(map(len, picture_lines.rows)) < 40
        Path("go").touch()
        program.finish()
    assert program.code == 0


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ({}, {"TERM": "dumb"}),
        ({"verbose": 2}, {}),
        ({"backend": "serial"}, {}),
    ],
    ids=["dumb terminal", "verbose 2", "serial"],
)
def test_plain_lines_where_the_view_cannot_or_shall_not_be(
    options: dict[str, object], environ: dict[str, str]
) -> None:
    Path("go").touch()
    with running(survey(**options), **environ) as program:
        end = program.finish()
    assert program.code == 0
    assert "\x1b" not in program.raw
    assert "survey progress: total: 8, active: 0, finished: 7, failures: 1, exceptions: 1" in end


def test_no_colors_where_nobody_wants_them() -> None:
    with running(survey(), NO_COLOR="1") as program:
        program.read_until("in work")
        Path("go").touch()
        program.finish()
    assert "\x1b[J" in program.raw
    assert "\x1b[32m" not in program.raw
    assert "\x1b[31m" not in program.raw


def test_verbose_0_prints_nothing_in_a_terminal() -> None:
    Path("go").touch()
    with running(survey(verbose=0).replace("ncores=2", "ncores=2, verbose=0")) as program:
        end = program.finish()
    assert [line for line in end.splitlines() if not line.startswith(("worker says", "llo"))] == ["sum 27"]


def test_no_control_codes_in_files_and_pipes() -> None:
    Path("go").touch()
    Path("program.py").write_text(survey())
    run = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, check=True)
    assert "\x1b" not in run.stderr + run.stdout
    assert "survey progress: total: 8, active: 0, finished: 7, failures: 1, exceptions: 1\n" in run.stderr
    assert run.stdout.endswith("sum 27\n")


def test_a_short_map_never_loads_rich() -> None:
    code = """
import sys, paramsurvey
paramsurvey.init(ncores=1)
paramsurvey.map(lambda pset, *rest: None, [{"a": 1}])
print("rich" in sys.modules)
"""
    with running(code) as program:
        assert program.finish().endswith("False")


EVERYBODY = """
import ctypes, logging, os, sys, time
import paramsurvey

logging.basicConfig(level=logging.INFO)  # its handler holds today's sys.stderr
libc = ctypes.CDLL(None)

def fit(pset, system_kwargs, user_kwargs):
    if pset["i"] == 0:
        while not os.path.exists("flood"):
            time.sleep(0.01)
        for number in range(12_000):
            print("line", number)
    while pset["i"] == 2 and not os.path.exists("go"):
        time.sleep(0.01)

def tell(user_ret, system_kwargs, user_kwargs):
    if user_ret["pset"]["i"] == 1:
        time.sleep(0.6)  # until the view is there
    if user_ret["pset"]["i"] == 3:
        logging.info("a handler that was made before")
        os.system("test -t 1 && echo a subprocess in a terminal")
        libc.printf(b"C code\\n")
        libc.fflush(None)
        print("begun, ", end="", flush=True)
        time.sleep(0.6)
        print("and ended", flush=True)
        open("flood", "w").close()

paramsurvey.init(ncores=2)
paramsurvey.map(fit, [{"i": i} for i in (1, 3, 0, 2)], name="survey", group_size=1, out_func=tell)
print("over")
"""


def test_no_line_of_anybody_is_lost_and_many_lines_cost_few_pictures() -> None:
    with running(EVERYBODY) as program:
        program.read_until("and ended")
        program.read_until("3 of 4 finished")
        shown = program.screen.text().splitlines()
        Path("go").touch()
        end = program.finish().splitlines()
    assert program.code == 0
    assert "━" in "".join(shown[-6:])
    for line in (
        "INFO:root:a handler that was made before",
        "a subprocess in a terminal",
        "C code",
        "begun, and ended",
        "over",
    ):
        assert line in end
    assert [line for line in end if line.startswith("line ")] == [f"line {n}" for n in range(12_000)]
    printed = sum(len(f"line {n}\r\n") for n in range(12_000))
    assert len(program.raw) < 2 * printed
    assert program.raw.count("━ ") < 100


@pytest.mark.parametrize("width", [20, 40, 79, 120])
def test_the_forecast_is_in_view_at_any_width(width: int) -> None:
    seen = Snapshot(elapsed=4000, per_second=12345.6, seconds_left=(5000, 9000))
    progress = MapProgress("a survey with a long name", 1000, 2, 100)
    assert "ETA 1.4-2.5 h" in live_text(progress, seen, width)[0].plain


@pytest.mark.parametrize("width", [30, 40, 79, 120])
def test_every_count_is_in_view_at_any_width(width: int) -> None:
    progress = MapProgress("fit", total=100_000, active=16, finished=12_345, failures=1_234, retried=5_678)
    lines = live_text(progress, Snapshot(), width)
    assert all(line.cell_len <= width for line in lines)
    shown = " ".join(" ".join(line.plain for line in lines[1:]).split())
    assert shown == "12,345 of 100,000 finished, 1,234 failed, 5,678 tried again, 16 in work"


def test_the_slowest_psets_take_two_lines_where_one_is_too_short() -> None:
    pset = {"learning_rate": 0.001, "momentum": 0.95}
    seen = Snapshot(slowest=[Running(3, pset, 125.0)])
    shown = [line.plain for line in live_text(MapProgress("fit", 10, 2, 3), seen, 40)]
    assert shown[2:] == ["   2 min 5 s  learning_rate=0.001,", "    momentum=0.95"]


def test_on_a_low_terminal_the_last_failure_comes_before_the_slowest_psets() -> None:
    case = Case(Cause("raised", "ValueError", "model.py:3 in fit"), "", 0, 1, "ValueError('a')")
    slowest = [Running(row, {"i": row}, 125.0) for row in range(3)]
    seen = Snapshot(slowest=slowest, last_failure=LastFailure(case, 7, {"i": 7}))
    shown = [line.plain for line in live_text(MapProgress("fit", 10, 2, 3), seen, 60, height=6)]
    assert shown[2:] == [
        "   2 min 5 s  i=0",
        "  last failure: ValueError('a')",
        "    i=7",
        "    at model.py:3 in fit",
    ]


def test_it_shows_why_psets_are_tried_again_and_which() -> None:
    case = Case(Cause("raised", "ValueError", ""), "ValueError('a')", 3, 12, "ValueError('b\\x1b[2J')")
    seen = Snapshot(last_failure=LastFailure(case, 7, {"i": 7, "name": "\x1b[31mred"}, again=True))
    shown = [line.plain for line in live_text(MapProgress("fit", 10, 2, 3, retried=12), seen, 100)]
    assert shown[2:] == [
        r"  last failure: ValueError('b\x1b[2J')",
        r"    i=7, name='\x1b[31mred', is tried again",
        "    12 like it",
    ]


def test_a_reason_takes_two_lines_where_one_is_too_short() -> None:
    reason = "ExitCode3('exit code 3; stderr ends with: bad luck')"
    seen = Snapshot(last_failure=LastFailure(Case(Cause("raised", "ExitCode3", ""), "", 0, 1, reason), 0))
    shown = [line.plain for line in live_text(MapProgress("sh", 10, 2, 3), seen, 40)]
    assert shown[2:4] == [
        "  last failure: ExitCode3('exit code 3;",
        "    stderr ends with: bad luck')",
    ]


def test_the_pset_and_the_place_take_two_lines_where_one_is_too_short() -> None:
    case = Case(Cause("raised", "ValueError", "/home/me/simulations/models.py:31 in fit"), "", 0, 1234, "E()")
    pset = {"learning_rate": 0.001, "momentum": 0.95}
    seen = Snapshot(last_failure=LastFailure(case, 7, pset, again=True))
    shown = [line.plain for line in live_text(MapProgress("fit", 10, 2, 3), seen, 40)]
    assert shown[2:] == [
        "  last failure: E()",
        "    learning_rate=0.001, momentum=0.95,",
        "      is tried again",
        "    at /home/me/simulations/models.py:31",
        "      in fit, 1,234 like it",
    ]


@pytest.mark.parametrize("width", [20, 40, 79, 120])
def test_no_line_of_the_picture_is_wider_than_the_terminal(width: int) -> None:
    seen = Snapshot(
        elapsed=4000,
        per_second=12345.6,
        seconds_left=(5000, 900_000),
        slowest=[Running(3, {"name": "星" * 80, "b": 2}, 1e5)],
        last_failure=LastFailure(
            Case(Cause("raised", "ValueError", "/a/b.py:3 in f"), "E()", 0, 12_345, "E('" + "x" * 200), 3
        ),
    )
    progress = MapProgress("a survey with a long name", 10**9, 2, 10**8, 10**7, 10**7, 10**6)
    for line in live_text(progress, seen, width):
        assert line.cell_len <= width


def test_a_value_that_cannot_be_shown_leaves_the_view_as_it_is() -> None:
    assert str(Running(3, {"big": 10**5000, "b": 2}, 1.0)) == "big=<int, whose repr raised ValueError>, b=2"


# notebooks


def test_a_notebook_shows_html_that_is_updated_in_place() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    code = survey().replace('print("sum", results.b.sum())', "")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    updates: list[str] = []

    class Client(nbclient.NotebookClient):  # type: ignore[misc]
        def process_message(self, msg: dict[str, object], *rest: object) -> object:
            if msg["msg_type"] in ("display_data", "update_display_data"):
                content: dict[str, dict[str, str]] = msg["content"]  # type: ignore[assignment]
                updates.append(content["data"]["text/html"])
                if "i=6" in updates[-1]:
                    Path("go").touch()
            return super().process_message(msg, *rest)

    Client(notebook, timeout=60, resources={"metadata": {"path": os.getcwd()}}).execute()
    outputs = notebook.cells[0].outputs
    (display,) = [output for output in outputs if output.output_type == "display_data"]
    assert any("last failure: ValueError(&#x27;one too many&#x27;)" in update for update in updates)
    assert display.data["text/html"] == updates[-1]
    assert "survey progress: total: 8, active: 0, finished: 7, failures: 1, exceptions: 1" in updates[-1]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "arning" not in printed
    assert "survey progress" not in printed
    assert "worker says hello" in printed


def test_a_notebook_says_once_how_a_map_went() -> None:
    progress, summary = MapProgress("fit", 4, 0, 3, 1), "fit: 3 of 4 psets finished, 1 not run in 2.0 s"
    assert notebook_html(progress, Snapshot(summary=summary), final=True).count(" of 4") == 1
    assert notebook_html(progress, Snapshot(), final=True).count("3 of 4 finished, 1 failed") == 1
