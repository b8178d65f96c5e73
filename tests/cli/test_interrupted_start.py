"""Ctrl-C while a subcommand starts: one line and exit code 130, whatever an import makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from paramsurvey.cli.interrupts import noted_interrupts
from paramsurvey.cli.program import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends itself SIGINT")

LOOKS = {
    "status": ["status", "out"],
    "watch": ["watch", "out"],
    "tail": ["tail", "out"],
    "missing": ["missing", "out"],
    "export": ["export", "out", "r.csv"],
    "report": ["report", "out"],
    "trace": ["trace", "out"],
}

AT_AN_IMPORT = """
import os, signal, sys
from contextlib import suppress
from importlib.machinery import PathFinder

at, *arguments = sys.argv[1:]
count = 0


class CtrlC:
    def find_spec(self, name, path=None, target=None):
        global count
        count += 1
        if at == str(count):
            os.kill(os.getpid(), signal.SIGINT)
        if at == name:
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(100):
                    pass
            raise AttributeError(f"partially initialized module {name!r} has no attribute 'core'")


from paramsurvey.cli import main

sys.meta_path.insert(0, CtrlC())
sys.argv[1:] = arguments
leave = os._exit


def leave_and_tell(code):
    if at == "0":
        os.write(1, f"{count} imports\\n".encode())
    leave(code)


os._exit = leave_and_tell
main()
"""


def with_ctrl_c(at: int | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program, which gets SIGINT at the import of this name or number; at 0, it tells how many."""
    words = [sys.executable, "-c", AT_AN_IMPORT, str(at), *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def checkpoint(in_tmp: Path) -> None:
    assert (
        run_program(["run", "-v0", "-j1", "-p", "i=1,2,3", "--checkpoint", "out", "--", "echo", "{i}"]) == 0
    )


@pytest.mark.parametrize("subcommand", LOOKS)
def test_ctrl_c_at_any_import_is_one_line(subcommand: str, checkpoint: None) -> None:
    told = with_ctrl_c(0, *LOOKS[subcommand]).stdout
    count = int(told.splitlines()[-1].removesuffix(" imports"))
    for at in range(1, count, count // 4):
        done = with_ctrl_c(at, *LOOKS[subcommand])
        assert (done.returncode, done.stderr.strip()) == (130, "paramsurvey: interrupted"), at


@pytest.mark.parametrize(
    ("module", "subcommand"),
    [
        *((f"paramsurvey.cli.subcommands.{name}", name) for name in LOOKS),
        ("pandas", "missing"),
        ("pandas", "export"),
        ("paramsurvey.cli.program", "status"),
    ],
)
def test_an_import_that_makes_another_error_of_ctrl_c_was_interrupted(
    module: str, subcommand: str, checkpoint: None
) -> None:
    done = with_ctrl_c(module, *LOOKS[subcommand])
    assert (done.returncode, done.stderr) == (130, "paramsurvey: interrupted\n")


def test_an_error_without_ctrl_c_is_told() -> None:
    with noted_interrupts() as came:
        assert not came()
    assert run_program(["status", "nowhere"]) == 2
