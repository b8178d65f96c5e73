"""Ctrl-C in a map: the traceback shows the user's lines, and none of ours."""

from __future__ import annotations

import os
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


SHOWN_TWICE = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
shell.run_cell('''
import paramsurvey
def interrupted(pset, system_kwargs, user_kwargs):
    raise KeyboardInterrupt
def survey():
    paramsurvey.map(interrupted, [{"x": 1}])
paramsurvey.init(backend="serial", verbose=0, pslogger_prefix=None)
survey()
''')
print("ONCE MORE")
shell.run_cell("%tb")
"""


def test_ipython_shows_an_interruption_once_more_when_it_is_asked_to(in_tmp: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SHOWN_TWICE], capture_output=True, text=True, check=True)
    for shown in done.stdout.split("ONCE MORE"):
        assert "raise KeyboardInterrupt" in shown
        assert "session.py" not in shown


def trace_of(program: str, directory: Path, **environ: str) -> str:
    """Return the traceback with which an interrupted program ends."""
    (directory / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **environ},
    )
    assert done.returncode == -signal.SIGINT, done.stderr
    return done.stderr[done.stderr.index("Traceback") :]


def frames_of(error: BaseException) -> list[TracebackType]:
    found, traceback = [], error.__traceback__
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found
