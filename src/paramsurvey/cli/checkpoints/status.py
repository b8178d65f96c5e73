"""``paramsurvey status`` and ``paramsurvey watch``: a run as its checkpoint shows it, from anywhere."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paramsurvey.cli.problems import ALL_FINISHED, SOME_FAILED
from paramsurvey.cli.saved_command import check_begun

if TYPE_CHECKING:
    from paramsurvey.engine.failure_causes import Case
    from paramsurvey.reporting.eta import RateMeter

SHOWN_CAUSES = 5
WIDEST = 78
SILENT_SECONDS = 30  # a driver that is alive and has written nothing for so long is worth a word
PLAIN_SECONDS = 30.0  # between two reports where nobody looks at a terminal
LIVE_SECONDS = 1.0


@dataclass(frozen=True)
class State:
    """What a checkpoint says of its run.

    Attributes
    ----------
    directory : str
    run : dict
        Its run.json.
    alive : bool
        Whether its driver runs.
    holder : str
        The driver's process and host; empty where the run has ended.
    cases : sequence of Case
        The failures by cause, the most frequent first.
    rate : float, optional
        Psets per second: lately, where that was watched, else since the run began.
    left : (float, float), optional
        Between how many seconds it will probably take.
    """

    directory: str
    run: dict[str, Any]
    alive: bool
    holder: str
    cases: Sequence[Case] = field(default=())
    rate: float | None = None
    left: tuple[float, float] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The counters: total, finished, failures, retried, resumed, ..."""
        counts: dict[str, int] = self.run.get("counts", {})
        return counts

    @property
    def settled(self) -> int:
        """Psets that finished or failed."""
        return self.counts["finished"] + self.failed

    @property
    def failed(self) -> int:
        """Psets that failed; those that an early end kept from running are none of them."""
        if self.alive:
            return self.counts["failures"] - self.counts.get("not_run", 0)  # which older checkpoints lack
        return sum(case.count for case in self.cases)

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``interrupted``, ``failed``; ``died`` where its driver just is gone."""
        status = str(self.run.get("status"))
        return "died" if status == "running" and not self.alive else status

    @property
    def silent_for(self) -> float:
        """Seconds since the driver wrote its counts."""
        updated = datetime.fromisoformat(self.run["updated"].replace("Z", "+00:00"))
        return max(0.0, (datetime.now(UTC) - updated).total_seconds())

    def exit_code(self) -> int:
        """Return 0 where all finished, or can still do so, 1 otherwise."""
        good = self.status == "running" or self.counts["finished"] == self.counts["total"]
        return ALL_FINISHED if good and not self.failed else SOME_FAILED

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        kept = ("name", "host", "pid", "started", "ended", "updated", "elapsed", "counts", "command")
        return {
            "directory": self.directory,
            "status": self.status,
            "alive": self.alive,
            "failed": self.failed,
            **{key: self.run.get(key) for key in kept},
            "per_second": self.rate,
            "seconds_left": self.left,
            "failures": [
                {
                    "kind": case.cause.kind,
                    "exception": case.cause.exception,
                    "line": case.cause.line,
                    "count": case.count,
                    "example": case.example,
                }
                for case in self.cases
            ],
        }


def is_alive(directory: str) -> bool:
    """Tell whether the driver of a run is alive."""
    from paramsurvey.checkpoint.lock import holder_of

    held = holder_of(Path(directory))
    return held is not None and held[1]


def look(directory: str, meter: RateMeter | None = None, before: State | None = None) -> State:
    """Return the state of the run in a directory.

    Parameters
    ----------
    directory : str
    meter : RateMeter, optional
        What has been seen of it so far.
    before : State, optional
        The last one, whose causes are those of now when nothing else has failed.

    Raises
    ------
    NotACheckpoint
        A ValueError: it is none.
    """
    from paramsurvey.checkpoint.lock import holder_of
    from paramsurvey.checkpoint.run_file import read_run

    check_begun(directory)
    run = read_run(Path(directory))
    held = holder_of(Path(directory))
    state = State(
        directory,
        run,
        alive=held is not None and held[1],
        holder=str(held[0]) if held is not None else "",
        cases=_cases(Path(directory), run, before),
    )
    rate, left = _pace(state, meter)
    return State(**{**vars(state), "rate": rate, "left": left})


def _pace(state: State, meter: RateMeter | None) -> tuple[float | None, tuple[float, float] | None]:
    """Return how fast it goes and how long it will take, where that is known."""
    new = state.settled - state.counts.get("resumed", 0)
    rate = new / state.run["elapsed"] if new > 0 and state.run["elapsed"] > 0 else None
    remaining = state.counts["total"] - state.settled
    if state.status != "running" or remaining <= 0:
        return rate, None
    if meter is None:
        return rate, (remaining / rate, remaining / rate) if rate else None
    now = time.monotonic()
    meter.observe(now, state.settled)
    return meter.per_second(now) or rate, meter.seconds_left(now, remaining)


def _cases(directory: Path, run: dict[str, Any], before: State | None) -> Sequence[Case]:
    if not run["counts"]["failures"]:
        return ()
    same = ("started", "stored")
    if before is not None and all(before.run[key] == run[key] for key in same):
        return before.cases
    return _read_cases(directory)


def _read_cases(directory: Path) -> list[Case]:
    """Return the failures that no later attempt has made good, by cause."""
    from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS
    from paramsurvey.checkpoint.stored import failure_cells, latest, read_all
    from paramsurvey.engine.failure_causes import Causes

    try:
        tables = list(read_all(directory / FAILURES, lambda text: None, set_aside=False))
        tables = latest(tables, _positions(directory / RESULTS)) if tables else []
    except FileNotFoundError:  # parts are being merged just now: the next look shows them
        return []
    causes = Causes()
    number = 0
    for table in tables:
        for failure in failure_cells(table)[0]:
            causes.add(number, failure.kind, failure.exception, failure.traceback)
            number += 1
    return causes.most_frequent()


def _positions(directory: Path) -> list[Any]:
    """Return the positions of what the parts hold; those that are damaged count as not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from paramsurvey.checkpoint.format.part_files import live_parts
    from paramsurvey.checkpoint.format.schema import POSITION

    found = []
    for part in live_parts(directory)[0]:
        try:
            found.append(pq.read_table(part.path, columns=[POSITION])[POSITION].to_numpy())
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException):
            continue
    return found


# ---- for people


def describe(state: State) -> list[str]:
    """Return the lines that a person reads."""
    from paramsurvey.reporting.humanize import clipped

    command = shlex.join(_short(str(word)) for word in state.run.get("command", ()))
    lines = [
        f"{state.directory}: {_headline(state)}",
        f"  {_counts(state)}",
        f"  {_times(state)}",
        f"  {clipped(command, WIDEST)}" if command else "",
        *(f"  {_case(case)}" for case in state.cases[:SHOWN_CAUSES]),
    ]
    rest = state.cases[SHOWN_CAUSES:]
    if rest:
        lines.append(f"  {sum(case.count for case in rest):,} × {len(rest)} other causes")
    return [line for line in [*lines, _next(state)] if line]


def _headline(state: State) -> str:
    if state.status == "running":
        return f"running, {state.holder}"
    if state.status == "died":
        return f"its driver is gone ({state.run['pid']} on {state.run['host']})"
    return f"{state.status}, {state.run.get('ended')}"


def _counts(state: State) -> str:
    counts = state.counts
    numbers = {
        "failed": state.failed,
        "tried again": counts.get("retried", 0),
        "of an earlier run": counts.get("resumed", 0),
        "not run": 0 if state.alive else counts["total"] - state.settled,
    }
    first = f"{counts['finished']:,} of {counts['total']:,} psets finished"
    return ", ".join([first, *(f"{count:,} {name}" for name, count in numbers.items() if count)])


def _times(state: State) -> str:
    from paramsurvey.reporting.humanize import duration, frequency

    parts = [duration(state.run["elapsed"])]
    if state.rate:
        parts.append(frequency(state.rate))
    if state.left:
        low, high = map(duration, state.left)
        parts.append(f"about {low} left" if low == high else f"{low} to {high} left")
    if state.status == "running" and state.silent_for > SILENT_SECONDS:
        parts.append(f"no word from it for {duration(state.silent_for)}")
    return ", ".join(parts)


def _short(word: str) -> str:
    return word.rpartition("/")[2] if word.startswith("/") and word.endswith("/paramsurvey") else word


def _case(case: Case) -> str:
    from paramsurvey.reporting.humanize import clipped

    return clipped(f"{case.count:,} × {case.cause.kind}: {case.example}", WIDEST)


def _next(state: State) -> str:
    if state.status == "running":
        return ""
    if state.settled < state.counts["total"]:
        return f"go on with: paramsurvey resume {state.directory}"
    if state.failed:
        return f"see which failed: paramsurvey missing {state.directory}"
    return f"take the results: paramsurvey export {state.directory} results.csv"


# ---- the commands

STATUS_EPILOG = """\b
Examples:
  paramsurvey status out
  paramsurvey status --json out | jq .counts
"""

WATCH_EPILOG = """\b
Examples:
  paramsurvey watch out
  paramsurvey watch out && paramsurvey export out results.csv
"""

directory_argument = click.argument("directory", type=click.Path(exists=True, file_okay=False), metavar="DIR")


@click.command(epilog=STATUS_EPILOG, short_help="Show how far a run with a checkpoint is.")
@directory_argument
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(directory: str, as_json: bool) -> None:
    """Show how far the run with the checkpoint DIR is, and whether it is alive.

    It may run on another machine that has the same file system.
    """
    state = look(directory)
    print(json.dumps(state.to_json(), indent=2) if as_json else "\n".join(describe(state)))


@click.command(epilog=WATCH_EPILOG, short_help="Follow a run with a checkpoint until it ends.")
@directory_argument
@click.option("--json", "as_json", is_flag=True, help="For programs: a line for each look.")
@click.option(
    "--every", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Time between two looks."
)
@click.pass_context
def watch(ctx: click.Context, /, directory: str, as_json: bool, every: float | None) -> None:
    """Follow the run with the checkpoint DIR until it ends.

    Ctrl-C ends the watching, not the run. Exit code: 0 all finished, 1 some did not.
    """
    if as_json or not sys.stdout.isatty():
        state = _watch_plainly(directory, as_json, every or PLAIN_SECONDS)
    else:
        state = _watch_live(directory, every or LIVE_SECONDS)
    ctx.exit(state.exit_code())


def _watch_plainly(directory: str, as_json: bool, every: float) -> State:
    meter, state = _meter(directory), None
    while True:
        state = look(directory, meter, state)
        print(json.dumps(state.to_json()) if as_json else "\n".join(describe(state)), flush=True)
        if state.status != "running":
            return state
        _wait(directory, every)


def _watch_live(directory: str, every: float) -> State:
    from rich.live import Live

    meter = _meter(directory)
    state = look(directory, meter)
    with Live(_screen(state), auto_refresh=False) as live:
        while state.status == "running":
            time.sleep(every)
            state = look(directory, meter, state)
            live.update(_screen(state), refresh=True)
    return state


def _wait(directory: str, seconds: float) -> None:
    """Wait for the time of the next look, or for the end of the run."""
    from paramsurvey.checkpoint.run_file import read_run

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and read_run(Path(directory))["status"] == "running":
        time.sleep(min(LIVE_SECONDS, seconds))


def _meter(directory: str) -> RateMeter:
    from paramsurvey.reporting.eta import RateMeter

    return RateMeter(time.monotonic(), look(directory).settled)


def _screen(state: State) -> Any:
    """Return what a terminal shows."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    bar = ProgressBar(total=max(state.counts["total"], 1), completed=state.settled, width=WIDEST)
    headline, *lines = [Text(line, overflow="ellipsis", no_wrap=True) for line in describe(state)]
    screen = Table.grid()
    screen.add_row(headline)
    screen.add_row(bar)
    for line in lines:
        screen.add_row(line)
    return screen
