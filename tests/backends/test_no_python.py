"""Programs whose `sys.executable` is not Python: made by PyInstaller, or with a Python built in.

To start a worker would be to run the program again, which would start workers, and so on without end.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
sys.executable = {executable!r}
{frozen}
with open({runs!r}, "a") as runs:
    runs.write("run\\n")
import paramsurvey

def double(pset, system_kwargs, user_kwargs):
    return {{"b": 2 * pset["a"]}}

def main():
    if os.path.getsize({runs!r}) > 200:
        sys.exit("there is no end to it")
    paramsurvey.init(backend={backend!r}, ncores=2, verbose=0)
    print(paramsurvey.map(double, [{{"a": 1}}])["b"].tolist())

if __name__ == "__main__":
    main()
"""


class App:
    """A program of one file, as PyInstaller makes it: whatever its arguments are, it runs the program."""

    def __init__(self, directory: Path) -> None:
        self._executable = directory / "app"
        self._program = directory / "app.py"
        self._runs = directory / "runs"
        self._executable.write_text(f'#!/bin/sh\nexec {sys.executable} {self._program} "$@"\n')
        self._executable.chmod(0o755)

    def run(self, frozen: bool, backend: str = "multiprocessing") -> subprocess.CompletedProcess[str]:
        self._program.write_text(
            PROGRAM.format(
                executable=str(self._executable),
                frozen="sys.frozen = True" if frozen else "",
                runs=str(self._runs),
                backend=backend,
            )
        )
        return subprocess.run([self._executable], capture_output=True, text=True)

    def runs(self) -> int:
        return len(self._runs.read_text().splitlines())


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def test_a_frozen_program_is_told_what_to_use(app: App) -> None:
    done = app.run(frozen=True)
    assert "use backend='serial', or set sys.executable to a Python that has the same packages" in done.stderr
    assert app.runs() == 1


def test_a_frozen_program_can_run_psets_itself(app: App) -> None:
    assert app.run(frozen=True, backend="serial").stdout == "[2]\n"


def test_a_program_that_is_run_in_place_of_a_worker_starts_none_itself(app: App) -> None:
    done = app.run(frozen=False)
    assert "is not Python: it runs this program again instead of a worker" in done.stderr
    assert "there is no end to it" not in done.stderr
    assert app.runs() < 10
