"""``paramsurvey watch``: shows the state of a run, again and again until the run ends."""

from __future__ import annotations

import json
import sys
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramsurvey.cli.checkpoints.run_state import MAX_WIDTH, SHOWN, RunState, describe, read_state
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from paramsurvey.reporting.rate import RateMeter

LINES_SECONDS = 30.0  # between two reports, where stdout is not a terminal
LIVE_SECONDS = 1.0  # between two looks, on a terminal

EPILOG = """\b
Examples:
  paramsurvey watch out
  paramsurvey watch out && paramsurvey export out results.csv
"""


@click.command(epilog=EPILOG, short_help="Follow a run with a checkpoint until it ends.")
@checkpoint_argument
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON at each update, for programs.")
@click.option(
    "--every", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Time between two updates."
)
@click.pass_context
def watch(ctx: click.Context, /, directory: str, as_json: bool, every: float | None) -> None:
    """Follow the run with the checkpoint DIR until it ends.

    Ctrl-C ends watch, not the run. Exit code: 0 if all parameter sets finished, 4 if the
    run has died, else 1.
    """
    if as_json or not sys.stdout.isatty():
        state = _watch_in_lines(directory, as_json, every or LINES_SECONDS)
    else:
        state = _watch_live(directory, every or LIVE_SECONDS)
    ctx.exit(state.exit_code())


def _watch_in_lines(directory: str, as_json: bool, every: float) -> RunState:
    meter, state = _start_meter(directory), None
    while True:
        state = read_state(directory, meter, state)
        print(json.dumps(state.to_json()) if as_json else "\n".join(describe(state)), flush=True)
        if state.status != "running":
            return state
        _wait_for_end(directory, every)


def _watch_live(directory: str, every: float) -> RunState:
    from rich.live import Live

    meter = _start_meter(directory)
    state = read_state(directory, meter)
    with Live(auto_refresh=False) as live:
        live.update(screen_of(state, live.console), refresh=True)
        while state.status == "running":
            time.sleep(every)
            state = read_state(directory, meter, state)
            live.update(screen_of(state, live.console), refresh=True)
    return state


def _wait_for_end(directory: str, seconds: float) -> None:
    """Wait until the run ends, at most these seconds."""
    from paramsurvey.checkpoint.run_json.run_file import read_run

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and read_run(Path(directory))["status"] == "running":
        time.sleep(min(LIVE_SECONDS, seconds))


def _start_meter(directory: str) -> RateMeter:
    from paramsurvey.reporting.rate import RateMeter

    return RateMeter(time.monotonic(), read_state(directory).settled)


def screen_of(state: RunState, console: Console) -> Table:
    """Return what a terminal shows: the headline, a bar, and the other lines.

    A line that is too long is continued below. On a low terminal, fewer running psets and causes are shown.
    """
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    bar = ProgressBar(total=max(state.counts["total"], 1), completed=state.settled, width=MAX_WIDTH)
    for most in range(SHOWN, 0, -1):
        headline, *others = (_in_lines(line, console) for line in describe(state, most))
        lines: list[Text | ProgressBar] = [*headline, bar, *chain.from_iterable(others)]
        if len(lines) <= console.height or state.status != "running":
            break
    screen = Table.grid()  # one row for each line, because the bar does not end its line
    for line in lines:
        screen.add_row(line)
    return screen


def _in_lines(line: str, console: Console) -> list[Text]:
    """Return a line, broken into several if it is wider than the terminal."""
    from rich.text import Text

    if Text(line).cell_len <= console.width:
        return [Text(line)]
    text = line.lstrip()
    indent = " " * (len(line) - len(text))
    first, *rest = Text(text).wrap(console, console.width - len(indent) - 2)
    return [
        Text(indent + first.plain.rstrip()),
        *(Text(f"{indent}  {piece.plain.rstrip()}") for piece in rest),
    ]
