"""The live view: in a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramsurvey.engine.failure_causes import Case, Cause
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporters import screen as screens
from paramsurvey.reporting.reporters.live_layout import live_text
from paramsurvey.reporting.snapshot import Running, Snapshot
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
        program.read_until("…")
        seen = program.raw[program.raw.rindex("\x1b[J") :]
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


# the screen by itself


class Terminal(io.StringIO):
    """A stream that is a terminal of 80 columns."""

    def isatty(self) -> bool:
        return True


def new_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal that is printed on. No fixture: pytest replaces the streams after those."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    return terminal


def seen(terminal: Terminal, columns: int = 80) -> list[str]:
    screen = Screen(columns)
    screen.feed(terminal.getvalue())
    return screen.text().splitlines()


def test_prints_appear_above_in_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    screen = screens.Screen(terminal)
    screen.open()
    screen.show(["bar", "counts"], [3, 6])
    print("one")
    sys.stdout.write("tw")
    assert seen(terminal) == ["one", "bar", "counts"]
    sys.stdout.write("o\nthree\n")
    sys.stderr.write("four\n")
    assert seen(terminal) == ["one", "two", "three", "four", "bar", "counts"]
    screen.show(["bar!"], [4])
    assert seen(terminal) == ["one", "two", "three", "four", "bar!"]
    screen.close()
    assert seen(terminal) == ["one", "two", "three", "four"]
    assert sys.stdout is terminal
    assert sys.stderr is terminal


def test_a_prompt_is_seen_and_its_line_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    screen = screens.Screen(terminal)
    screen.open()
    screen.show(["bar"], [3])
    print("(Pdb) ", end="", flush=True)
    assert seen(terminal) == ["(Pdb)"]
    screen.show(["bar"], [3])
    assert seen(terminal) == ["(Pdb)", "bar"]
    screen.close()


def test_a_terminal_that_became_narrower_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    screen = screens.Screen(terminal)
    screen.open()
    print("above")
    screen.show(["x" * 70, "y" * 30], [70, 30])
    monkeypatch.setattr(screen, "size", lambda: os.terminal_size((40, 24)))
    screen.show(["z"], [1])
    narrow = seen(terminal, columns=40)  # it has wrapped what was drawn before
    assert narrow == ["above", "z"]
    screen.close()


def test_somebody_elses_stream_is_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    screen = screens.Screen(terminal)
    screen.open()
    theirs = io.StringIO()
    monkeypatch.setattr(sys, "stdout", theirs)
    screen.close()
    assert sys.stdout is theirs


def test_a_file_is_not_written_through_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    screen = screens.Screen(terminal)
    screen.open()
    print("into the file")
    screen.close()
    assert file.getvalue() == "into the file\n"
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("width", [20, 40, 79, 120])
def test_no_line_of_the_picture_is_wider_than_the_terminal(width: int) -> None:
    seen = Snapshot(
        elapsed=4000,
        per_second=12345.6,
        seconds_left=(5000, 900_000),
        slowest=[Running(3, {"name": "星" * 80, "b": 2}, 1e5)],
        last_failure=Case(
            Cause("raised", "ValueError", "/a/b.py:3 in f"), "E()", 0, 12_345, "E('" + "x" * 200
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
