"""What `paramsurvey watch` shows on terminals of any size."""

from __future__ import annotations

import io
from typing import Any

import pytest

rich_console = pytest.importorskip("rich.console")

from paramsurvey.cli.checkpoints.run_state import RunState, describe  # noqa: E402
from paramsurvey.cli.subcommands.watch import screen_of  # noqa: E402
from paramsurvey.engine.failure_causes import Case, Cause  # noqa: E402

COUNTS = {"total": 10_000, "finished": 4_321, "failures": 33, "retried": 345, "resumed": 1_000}
RUNNING = [{"number": i, "pset": f"rate=0.001, momentum=0.9{i}, seed=12345", "seconds": 63} for i in range(5)]
CASES = [Case(Cause("raised", f"E{i}", ""), f"ValueError('bad luck {i}')", 0, 12 - i, "") for i in range(3)]


def state(status: str = "running", finished: int = 4_321) -> RunState:
    run: dict[str, Any] = {
        "status": status,
        "elapsed": 4000.0,
        "updated": "2999-01-01T00:00:00Z",  # never long ago
        "ended": "2999-01-01T00:00:00Z",
        "command": ["/usr/bin/paramsurvey", "run", "-p", "rate=0.1,0.01", "--", "./simulate", "{rate}"],
        "counts": {**COUNTS, "finished": finished},
    }
    return RunState(
        "/scratch/project/surveys/out",
        run,
        alive=status == "running",
        driver="process 12345 on node0123.cluster.example.org",
        live={"running": RUNNING},
        cases=CASES,
        rate=1.5,
        seconds_left=(3000.0, 4000.0),
    )


def shown(seen: RunState, columns: int, lines: int) -> list[str]:
    file = io.StringIO()
    console = rich_console.Console(file=file, width=columns, height=lines, color_system=None)
    console.print(screen_of(seen, console))
    return file.getvalue().splitlines()


def squeezed(lines: list[str]) -> str:
    """The lines as one, without spaces: wherever a text was broken, it is in there."""
    return "".join("".join(lines).split())


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_no_line_is_cut(columns: int) -> None:
    view = shown(state(), columns, 100)
    assert max(map(len, view)) <= columns
    for line in describe(state()):
        assert squeezed([line]) in squeezed(view)


@pytest.mark.parametrize(("columns", "lines"), [(40, 12), (80, 24), (120, 40)])
def test_what_tells_most_is_in_view_at_any_height(columns: int, lines: int) -> None:
    view = shown(state(), columns, lines)
    assert len(view) <= lines
    for part in (
        "process 12345",
        "4,321 of 10,000 psets finished, 33 failed, 345 tried again",
        "ETA 50-67 min",
        "running for 1 min 3 s: rate=0.001, momentum=0.90, seed=12345",
        "12 × raised: ValueError('bad luck 0')",
    ):
        assert squeezed([part]) in squeezed(view)


def test_what_has_ended_is_shown_in_full_at_any_height() -> None:
    ended = state("finished", finished=10_000 - 33)
    assert squeezed(shown(ended, 40, 5)).endswith("paramsurveymissing/scratch/project/surveys/out")
    assert len(shown(ended, 40, 5)) == len(shown(ended, 40, 100)) > 5
