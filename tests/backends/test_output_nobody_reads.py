"""What workers print where nobody reads it: a pager that stands still, a terminal after Ctrl-S."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import paramsurvey

def fit(pset, system_kwargs, user_kwargs):
    print("x" * 100_000)
    return {"b": 1}

paramsurvey.init(ncores=2, verbose=0)
results = paramsurvey.map(fit, [{"a": i} for i in range(20)], timeout=20)
paramsurvey.finalize()
with open("done", "w") as file:
    print(len(results), len(results.missing), file=file)
"""


def test_psets_that_print_are_not_timed_out_and_finalize_ends(nothing_left: object) -> None:
    Path("program.py").write_text(PROGRAM)
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "program.py"], stdout=writer, stderr=subprocess.PIPE, text=True
    ) as program:
        os.close(writer)
        _, err = program.communicate(timeout=60)
    os.close(reader)
    assert program.returncode == 0
    assert Path("done").read_text() == "20 0\n"
    assert "lines that workers printed are lost: nobody read them" in err


def test_a_slow_reader_gets_every_line() -> None:
    Path("program.py").write_text(PROGRAM)
    with subprocess.Popen([sys.executable, "program.py"], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = program.stdout.read().splitlines()
    assert lines == ["x" * 100_000] * 20
