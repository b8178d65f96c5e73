"""``paramsurvey run --follow`` in a terminal: lines of commands above, the live view below."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminals import running

COMMAND = """
echo begins {i}
printf "half a line, "
while [ ! -e go{i} ]; do sleep 0.02; done
echo and the rest
[ {i} != 2 ] || { echo oh no >&2; exit 5; }
""".replace("{ echo", "{{ echo").replace("; }", "; }}")

RUN = f"""
import sys
from paramsurvey.cli.program import run_program

options = ["-p", "i=1..4", "-j", "2", "--follow", "-o", "r.csv"]
sys.exit(run_program(["run", *options, "--", "sh", "-c", {COMMAND!r}]))
"""


@pytest.mark.parametrize("columns", [80, 40])
def test_lines_are_followed_above_the_view(columns: int, in_tmp: Path) -> None:
    with running(RUN, columns) as program:
        program.read_until("2       begins 2")
        begun = program.read_until("2 in work")
        Path("go1").touch()
        program.read_until("1       half a line, and the rest")
        program.read_until("3       begins 3")
        Path("go2").touch()
        program.read_until("2       oh no")
        failed = program.read_until("last failure: ExitCode5")
        for number in (3, 4):
            Path(f"go{number}").touch()
        end = program.finish()
    assert program.code == 1
    picture = begun.splitlines().index(next(line for line in begun.splitlines() if "in work" in line))
    assert {"1       begins 1", "2       begins 2"} <= set(begun.splitlines()[:picture])
    assert "half a line" not in begun
    assert "i=2" in failed.partition("last failure")[2]
    followed = [line for line in end.splitlines() if line[1:8].isspace()]
    expected = [
        *(f"{number}       begins {number}" for number in range(1, 5)),
        *(f"{number}       half a line, and the rest" for number in range(1, 5)),
        "2       oh no",
    ]
    assert sorted(followed) == sorted(expected)
    assert "━" not in end
    assert "in work" not in end
