"""Ctrl-C in a map, and what is refused: the traceback shows the user's lines, and none of ours."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import pytest

import paramsurvey
from notebooks import run_notebook
from paramsurvey import Session
from paramsurvey.session import own_frames

PROGRAM = """
import os, signal, sys
import paramsurvey

def interrupted(pset, system_kwargs, user_kwargs):
    if pset["x"] == 2:
        os.kill(os.getppid() if user_kwargs else os.getpid(), signal.SIGINT)
    return {"y": 1}

signal.signal(signal.SIGINT, signal.default_int_handler)
backend = sys.argv[1]
paramsurvey.init(backend=backend, ncores=1)
psets = ({"x": x} for x in range(10**9))
paramsurvey.CALL
"""

IN_A_CELL = """
import os, signal
import paramsurvey

def interrupted(pset, system_kwargs, user_kwargs):
    if pset["x"] == 2:
        os.kill(os.getppid(), signal.SIGINT)

paramsurvey.init(ncores=1, verbose=0, pslogger_prefix=None)
def survey():  # IPython leaves out the first frame, its own where it has called the cell
    paramsurvey.map(interrupted, ({"x": x} for x in range(10**9)))

try:
    survey()
except KeyboardInterrupt:
    get_ipython().showtraceback()  # which IPython calls at the end of a cell
"""


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
@pytest.mark.parametrize(
    "call",
    [
        "map(interrupted, psets, user_kwargs=backend != 'serial')",
        "Session(backend=backend).map(interrupted, psets, user_kwargs=backend != 'serial')",
        "finalize(*paramsurvey.imap_unordered(interrupted, psets, user_kwargs=backend != 'serial'))",
    ],
    ids=["map", "session", "imap"],
)
def test_a_program_that_is_interrupted_shows_no_frame_of_ours(backend: str, call: str, in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(PROGRAM.replace("CALL", call))
    done = subprocess.run(
        [sys.executable, "program.py", backend], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == -signal.SIGINT
    trace = done.stderr[done.stderr.index("Traceback") :]
    assert trace.rstrip().endswith("KeyboardInterrupt")
    assert os.path.dirname(paramsurvey.__file__) not in trace
    assert f"paramsurvey.{call}" in trace
    assert done.stderr.count("psets finished") <= 1


@pytest.mark.parametrize("call", ["map(str, [{}])", "Session().map(str, [{}])", "init()"])
def test_ctrl_c_while_a_library_is_loaded_shows_no_frame_of_ours_nor_of_the_library(
    call: str, in_tmp: Path
) -> None:
    library = in_tmp / "site-packages" / "pandas"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("def load():\n    raise KeyboardInterrupt\nload()\n")
    trace = trace_of(f"import paramsurvey\nparamsurvey.{call}\n", in_tmp, PYTHONPATH=str(library.parent))
    assert f"paramsurvey.{call}" in trace
    assert trace.count("  File ") == 1, trace


def test_ctrl_c_in_a_function_that_chooses_psets_shows_that_function(in_tmp: Path) -> None:
    program = """
import functools
import paramsurvey

def stop(key, pset):
    raise KeyboardInterrupt

def model(pset, system_kwargs, user_kwargs):
    return {}

paramsurvey.init(backend="serial")
paramsurvey.map(model, paramsurvey.params.grid(x=[1, 2]).where(functools.partial(stop, "x")))
"""
    trace = trace_of(program, in_tmp)
    assert "in stop" in trace
    assert trace.count("  File ") == 2, trace


def test_a_notebook_hides_the_frames_that_are_left() -> None:
    def interrupted(pset: object, system_kwargs: object, user_kwargs: object) -> None:
        raise KeyboardInterrupt

    with Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        with pytest.raises(KeyboardInterrupt) as raised:
            session.map(interrupted, [{"x": 1}])
        frames = [one.tb_frame for one in frames_of(raised.value)]
    ours = [frame for frame in frames if frame.f_code.co_filename.startswith(own_frames.OURS)]
    assert len(ours) == 1
    assert "__tracebackhide__" in ours[0].f_code.co_varnames
    assert frames[-1].f_code.co_name == "interrupted"


def test_an_interrupted_notebook_shows_no_frame_of_ours(in_tmp: Path) -> None:
    [shown] = [output for output in run_notebook([IN_A_CELL], in_tmp)[0] if output.output_type == "error"]
    trace = "\n".join(shown.traceback)
    assert shown.ename == "KeyboardInterrupt"
    assert "map" in trace
    assert "session.py" not in trace
    assert "default.py" not in trace


IN_TRY = """
try:
    survey()
except ValueError:
    get_ipython().showtraceback()  # which IPython calls at the end of a cell
"""

REFUSED = """
import paramsurvey

def model(pset, system_kwargs, user_kwargs):
    return {}

def survey():
    paramsurvey.CALL

survey()
"""


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("map(model, 7)", "psets must be a DataFrame"),
        ("map(model, [{'x': 1}, 5])", "pset number 1 is an int"),
        ("map(model, [{'x': 1}], timeout='abc')", "timeout takes seconds"),
        ("map(paramsurvey.keywords(lambda z: z), [{'x': 1}])", "needs 'z'"),
        ("map(7, [{'x': 1}])", "must be callable"),
        ("init(backend='bogus')", "there is no backend 'bogus'"),
        ("Session(ncores='x')", "takes a whole number"),
        ("imap_unordered(model, 7).__next__()", "psets must be a DataFrame"),
    ],
)
def test_what_is_refused_shows_the_users_line_and_one_sentence(call: str, says: str, in_tmp: Path) -> None:
    program = REFUSED.replace("CALL", call)
    trace = trace_of(program, in_tmp, code=1)
    assert trace.count("  File ") == 2, trace
    assert f"paramsurvey.{call}" in trace
    assert says in trace.splitlines()[-1]


def test_a_refusal_shows_the_generator_that_yields_what_is_no_pset(in_tmp: Path) -> None:
    program = """
import paramsurvey

def psets():
    yield {"x": paramsurvey.Session(timeout="abc")}

paramsurvey.map(str, psets())
"""
    trace = trace_of(program, in_tmp, code=1)
    assert "in psets" in trace
    assert trace.count("  File ") == 2, trace


def test_a_debugger_sees_all_frames_of_a_refusal(in_tmp: Path) -> None:
    (in_tmp / "program.py").write_text(REFUSED.replace("CALL", "map(model, 7)"))
    typed = "import traceback; print(traceback.extract_tb(sys.last_value.__traceback__)[-1].filename)\n"
    done = subprocess.run(
        [sys.executable, "-i", "program.py"], input=f"import sys; {typed}", capture_output=True, text=True
    )
    assert done.stderr.count("  File ") == 2, done.stderr
    assert done.stdout.strip().startswith(own_frames.OURS)


def test_a_notebook_shows_of_a_refusal_the_users_line_and_one_sentence(in_tmp: Path) -> None:
    cell = REFUSED.replace("CALL", "map(model, 7)").replace("\nsurvey()", IN_TRY)
    [shown] = [output for output in run_notebook([cell], in_tmp)[0] if output.output_type == "error"]
    trace = "\n".join(shown.traceback)
    assert shown.ename == "PsetTypeError"
    assert "paramsurvey.map(model, 7)" in re.sub(r"\x1b\[[\d;]*m", "", trace)
    assert "session.py" not in trace
    assert "refusals.py" not in trace


def trace_of(program: str, directory: Path, code: int = -signal.SIGINT, **environ: str) -> str:
    """Return the traceback with which a program ends, by Ctrl-C where nothing else is said."""
    (directory / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **environ},
    )
    assert done.returncode == code, done.stderr
    return done.stderr[done.stderr.index("Traceback") :]


def frames_of(error: BaseException) -> list[TracebackType]:
    found, traceback = [], error.__traceback__
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found
