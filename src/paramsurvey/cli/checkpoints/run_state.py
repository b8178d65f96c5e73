"""The state of a run, read from its checkpoint by another process, which may be on another machine."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.checkpoints.damage import damaged_parts
from paramsurvey.cli.checkpoints.saved_command import check_started, how_to_resume
from paramsurvey.cli.checkpoints.stored_commands import count_by_other_commands
from paramsurvey.cli.exit_codes import ALL_FINISHED, RUN_DIED, SOME_FAILED
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.plurals import counted

if TYPE_CHECKING:
    from paramsurvey.checkpoint.duplicates import FinishedRows
    from paramsurvey.engine.failure_causes import Case
    from paramsurvey.reporting.rate import RateMeter

SHOWN = 5  # running psets, and causes of failures
MAX_WIDTH = 78  # of a line, in characters
SILENT_SECONDS = 30  # a driver that is alive but has written nothing for longer is worth mentioning
JSON_FIELDS = ("name", "host", "pid", "started", "ended", "updated", "elapsed", "counts", "command")


@dataclass(frozen=True)
class RunState:
    """What a checkpoint tells about its run.

    Attributes
    ----------
    directory : str
    run : dict
        Its run.json.
    alive : bool
        Whether its driver is running.
    driver : str
        The driver's process and host; empty after the run has ended.
    live : mapping
        Its live.json; empty where there is none.
    cases : sequence of Case
        The failures by cause, the most frequent first.
    rate : float, optional
        Psets per second: of late if a `RateMeter` has watched the run, else since it began.
    seconds_left : (float, float), optional
        The least and the most seconds that the rest will probably take.
    complaints : sequence of str
        What is damaged, in sentences.
    """

    directory: str
    run: dict[str, Any]
    alive: bool
    driver: str
    live: Mapping[str, Any] = field(default_factory=dict)
    cases: Sequence[Case] = field(default=())
    rate: float | None = None
    seconds_left: tuple[float, float] | None = None
    complaints: Sequence[str] = field(default=())

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
        """Psets that failed, without those that did not run because the run ended early."""
        if self.alive:
            not_run = self.counts.get("not_run", 0)  # older checkpoints do not have it
            return self.counts["failures"] - not_run
        return sum(case.count for case in self.cases)

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``interrupted``, ``failed``; ``died`` if the driver was killed."""
        status = str(self.run.get("status"))
        return "died" if status == "running" and not self.alive else status

    @property
    def share(self) -> float:
        """The share of the psets that are settled, from 0 to 1."""
        total = self.counts["total"]
        return self.settled / total if total else 1.0

    @property
    def running(self) -> Sequence[Mapping[str, Any]]:
        """The psets that have been running for longest: ``number``, ``pset`` as text, and ``seconds``."""
        running = self.live.get("running", ()) if self.status == "running" else ()
        return [{**one, "seconds": one["seconds"] + self.silent_for} for one in running]

    def estimated_seconds_left(self) -> tuple[float, float] | None:
        """Return the least and the most seconds that are left, by the driver's last estimate."""
        span = self.live.get("seconds_left")
        if self.status != "running" or not span:
            return None
        low, high = (max(0.0, seconds - self.silent_for) for seconds in span)
        return low, high

    @property
    def silent_for(self) -> float:
        """Seconds since the driver last wrote its counters."""
        updated = datetime.fromisoformat(self.run["updated"].replace("Z", "+00:00"))
        return max(0.0, (datetime.now(UTC) - updated).total_seconds())

    def exit_code(self) -> int:
        """Return 0 if all psets have finished, or still can; 4 if the driver has died; 1 otherwise."""
        if self.status == "died":
            return RUN_DIED
        good = self.status == "running" or self.counts["finished"] == self.counts["total"]
        return ALL_FINISHED if good and not self.failed else SOME_FAILED

    def to_json(self) -> dict[str, Any]:
        """Return the state for programs, as JSON."""
        return {
            "directory": self.directory,
            "status": self.status,
            "alive": self.alive,
            "failed": self.failed,
            "percent": round(100 * self.share, 1),
            "running": self.running,
            **{key: self.run.get(key) for key in JSON_FIELDS},
            "per_second": self.rate,
            "seconds_left": self.seconds_left,
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
            "complaints": list(self.complaints),
        }


def is_alive(directory: str) -> bool:
    """Tell whether the driver of a run is alive."""
    from paramsurvey.checkpoint.locking.lock import holder_of

    held = holder_of(Path(directory))
    return held is not None and held[1]


def read_state(directory: str, meter: RateMeter | None = None, previous: RunState | None = None) -> RunState:
    """Return the state of the run in a directory.

    Parameters
    ----------
    directory : str
    meter : RateMeter, optional
        Has watched the run so far; this look is added to it.
    previous : RunState, optional
        The state at the last look: its causes and complaints are reused if nothing has been stored since.

    Raises
    ------
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    BadUsage
        The run has not written anything yet.
    """
    from paramsurvey.checkpoint.locking.lock import holder_of
    from paramsurvey.checkpoint.run_json.live_file import read_live
    from paramsurvey.checkpoint.run_json.run_file import read_run

    check_started(directory)
    run = read_run(Path(directory))
    held = holder_of(Path(directory))
    live = read_live(Path(directory))
    known = previous is not None and all(previous.run[key] == run[key] for key in ("started", "stored"))
    state = RunState(
        directory,
        run,
        alive=held is not None and held[1],
        driver=str(held[0]) if held is not None else "",
        live=live if live.get("started") == run["started"] else {},
        cases=previous.cases if previous is not None and known else _cases(Path(directory), run),
        complaints=previous.complaints
        if previous is not None and known
        else damaged_parts(Path(directory), run),
    )
    rate, seconds_left = _rate_and_seconds_left(state, meter)
    return replace(state, rate=rate, seconds_left=seconds_left)


def _rate_and_seconds_left(
    state: RunState, meter: RateMeter | None
) -> tuple[float | None, tuple[float, float] | None]:
    """Return the psets per second and the seconds left, as far as they are known."""
    new = state.settled - state.counts.get("resumed", 0)
    rate = new / state.run["elapsed"] if new > 0 and state.run["elapsed"] > 0 else None
    if meter is not None and state.status == "running":
        now = time.monotonic()
        meter.observe(now, state.settled)
        rate = meter.per_second(now) or rate
    return rate, state.estimated_seconds_left()


def _cases(directory: Path, run: Mapping[str, Any]) -> Sequence[Case]:
    """Return the failures by cause, without those of psets that finished in a later attempt."""
    if not run["counts"]["failures"]:
        return ()
    from paramsurvey.checkpoint.format.part_files import FAILURES
    from paramsurvey.checkpoint.stored import failure_cells, latest_failures, read_all
    from paramsurvey.engine.failure_causes import Causes

    try:
        tables = list(read_all(directory / FAILURES, lambda text: None, set_aside=False))
        tables = latest_failures(tables, _finished(directory)) if tables else []
    except FileNotFoundError:  # the driver is merging parts at this moment: the next look finds them
        return []
    causes = Causes()
    number = 0
    for table in tables:
        for failure in failure_cells(table)[0]:
            causes.add(number, failure.kind, failure.exception, failure.traceback)
            number += 1
    return causes.most_frequent()


def _finished(directory: Path) -> FinishedRows:
    """Return which psets the parts of results hold; damaged parts are left out."""
    from paramsurvey.checkpoint.duplicates import FinishedRows, was_written_by_two
    from paramsurvey.checkpoint.format.part_files import RESULTS, PartDamaged, live_parts, read_columns
    from paramsurvey.checkpoint.format.part_table import PartTable
    from paramsurvey.checkpoint.format.schema import POSITION

    by_content = was_written_by_two(directory)
    finished = FinishedRows(by_content)
    for part in live_parts(directory / RESULTS)[0]:
        with suppress(PartDamaged, ValueError):
            columns = None if by_content else [POSITION]
            finished.add(finished.keys_of(PartTable(read_columns(part, columns))))
    return finished


# ---- in words


def describe(state: RunState, most: int = SHOWN) -> list[str]:
    """Return the state in lines for people to read.

    Parameters
    ----------
    state : RunState
    most : int
        How many running psets, and how many causes, to show. If it is 1, the command is left out, too.
    """
    from paramsurvey.reporting.humanize import clipped
    from paramsurvey.transport.safe_text import safe_line

    command = shlex.join(_program_name(str(word)) for word in state.run.get("command", ()))
    lines = [
        f"{state.directory}: {_headline(state)}",
        f"  {_counts(state)}",
        *(f"  {line}" for line in _other_commands(state.directory)),
        f"  {_times(state)}",
        f"  {clipped(command, MAX_WIDTH)}" if command and most > 1 else "",
        *(f"  {complaint}" for complaint in state.complaints),
        *(f"  {_running(one)}" for one in state.running[:most]),
        *(f"  {_case(case)}" for case in state.cases[:most]),
    ]
    rest = state.cases[most:]
    if rest:
        count = sum(case.count for case in rest)
        lines.append(f"  {count:,} failures of {counted(len(rest), 'other cause')}")
    return [safe_line(line) for line in [*lines, _next_step(state)] if line]


def _headline(state: RunState) -> str:
    if state.status == "running":
        return f"running, {state.driver}"
    if state.status == "died":
        return f"its driver has died (process {state.run['pid']} on {state.run['host']})"
    return f"{state.status}, {state.run.get('ended')}"


def _counts(state: RunState) -> str:
    counts = state.counts
    numbers = {
        "failed": state.failed,
        "tried again": counts.get("retried", 0),
        "from an earlier run": counts.get("resumed", 0),
        "not run": 0 if state.alive else counts["total"] - state.settled,
    }
    first = f"{int(100 * state.share)} %: {counts['finished']:,} of {counts['total']:,} psets finished"
    return ", ".join([first, *(f"{count:,} {name}" for name, count in numbers.items() if count)])


def _other_commands(directory: str) -> list[str]:
    from paramsurvey.reporting.humanize import clipped

    counts = count_by_other_commands(directory)
    return [
        clipped(f"{count:,} of them by another command: {text}", MAX_WIDTH) for text, count in counts.items()
    ]


def _times(state: RunState) -> str:
    from paramsurvey.reporting.humanize import duration, frequency, span

    parts = [duration(state.run["elapsed"])]
    if state.rate:
        parts.append(frequency(state.rate))
    if state.seconds_left:
        parts.append(f"ETA {span(*state.seconds_left)}")
    if state.status == "running" and state.silent_for > SILENT_SECONDS:
        parts.append(f"nothing written for {duration(state.silent_for)}")
    return ", ".join(parts)


def _running(running: Mapping[str, Any]) -> str:
    from paramsurvey.reporting.humanize import clipped, duration

    return clipped(f"running for {duration(running['seconds'])}: {running['pset']}", MAX_WIDTH)


def _program_name(word: str) -> str:
    """Return ``paramsurvey`` for the full path of the installed program, any other word as it is."""
    return word.rpartition("/")[2] if word.startswith("/") and word.endswith("/paramsurvey") else word


def _case(case: Case) -> str:
    from paramsurvey.reporting.humanize import clipped

    return clipped(f"{case.count:,} × {case.cause.kind}: {case.example}", MAX_WIDTH)


def _next_step(state: RunState) -> str:
    if state.status == "running":
        return ""
    if state.settled < state.counts["total"] or state.complaints:
        return f"to go on: {how_to_resume(state.directory)}"
    if state.failed:
        return f"to see which failed: paramsurvey missing {shlex.quote(state.directory)}"
    return f"to get the results: paramsurvey export {shlex.quote(state.directory)} results.csv"
