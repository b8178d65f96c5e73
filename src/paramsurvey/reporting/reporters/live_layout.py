"""What the live view in a terminal looks like."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from paramsurvey.engine.failure_causes import readable_path
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.humanize import clipped, duration, frequency, span
from paramsurvey.reporting.snapshot import Snapshot

WIDEST = 120  # columns
LEAST_BAR = 8
INDENT = "  "


class Painter:
    """Turns a picture into lines with the codes for the colors that a terminal has; NO_COLOR is respected.

    Parameters
    ----------
    stream : text stream
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, force_terminal=True)

    def paint(self, progress: MapProgress, seen: Snapshot, width: int) -> tuple[list[str], list[int]]:
        """Return the lines that show a map, and how wide they are without the codes: at most `width`."""
        lines = live_text(progress, seen, min(width, WIDEST))
        return [self._codes(line) for line in lines], [line.cell_len for line in lines]

    def _codes(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", soft_wrap=True, highlight=False)
        return capture.get()


def live_text(progress: MapProgress, seen: Snapshot, width: int) -> list[Text]:
    """Return the lines that show a map, none of them wider than `width`."""
    lines = [_pace(progress, seen, width), _counts(progress), *_slowest(seen), *_last_failure(seen)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _pace(progress: MapProgress, seen: Snapshot, width: int) -> Text:
    settled = progress.finished + progress.failures
    done = settled / progress.total if progress.total else 0.0
    after = f" {done:4.0%}  {duration(seen.elapsed)}"
    if seen.per_second is not None:
        after += f"  {frequency(seen.per_second)}"
    if seen.seconds_left is not None:
        after += f"  ETA {span(*seen.seconds_left)}"
    name = Text(clipped(progress.name, width // 4) + " ", style="bold")
    room = width - name.cell_len - len(after)
    return Text.assemble(name, _bar(done, progress.failures > 0, max(room, LEAST_BAR)), after)


def _bar(done: float, failures: bool, width: int) -> Text:
    full = int(done * width)
    return Text.assemble(("━" * full, "yellow" if failures else "green"), ("─" * (width - full), "dim"))


def _counts(progress: MapProgress) -> Text:
    line = Text(f"{INDENT}{progress.finished:,} of {progress.total:,} finished")
    line.append(f", {progress.failures:,} failed", style="red" if progress.failures else "")
    if progress.retried:
        line.append(f", {progress.retried:,} tried again")
    return line.append(f", {progress.active:,} in work")


def _slowest(seen: Snapshot) -> list[Text]:
    return [
        Text.assemble(f"{INDENT}{duration(one.seconds):>10}  ", (clipped(str(one), WIDEST), "cyan"))
        for one in seen.slowest
    ]


def _last_failure(seen: Snapshot) -> list[Text]:
    case = seen.last_failure
    if case is None:
        return []
    line = readable_path(case.cause.line)
    lines = [Text.assemble((f"{INDENT}last failure: ", "red"), clipped(case.latest, WIDEST))]
    like = f"{case.count:,} like it" if case.count > 1 else ""
    where = ", ".join(part for part in (f"at {line}" if line else "", like) if part)
    return [*lines, Text(f"{INDENT}  {where}")] if where else lines
