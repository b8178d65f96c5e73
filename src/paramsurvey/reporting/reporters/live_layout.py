"""What the live view in a terminal looks like."""

from __future__ import annotations

from typing import TextIO

from rich.cells import cell_len, set_cell_size
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
    """Turns the view into lines with codes for the colors that the terminal has, respecting NO_COLOR.

    Parameters
    ----------
    stream : text stream
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, force_terminal=True)

    def paint(
        self, progress: MapProgress, seen: Snapshot, width: int, height: int
    ) -> tuple[list[str], list[int]]:
        """Return the lines that show a map, and their widths without the codes, which are at most `width`."""
        lines = live_text(progress, seen, min(width, WIDEST), height)
        return [self._codes(line) for line in lines], [line.cell_len for line in lines]

    def _codes(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", soft_wrap=True, highlight=False)
        return capture.get()


def live_text(progress: MapProgress, seen: Snapshot, width: int, height: int = 24) -> list[Text]:
    """Return the lines that show a map, none of them wider than `width`, and at most `height` of them."""
    begin, end = [_pace(progress, seen, width), *_counts(progress, width)], _last_failure(seen, width)
    lines = [*begin, *_slowest(seen, width, height - len(begin) - len(end)), *end][:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _pace(progress: MapProgress, seen: Snapshot, width: int) -> Text:
    """Return the first line; if it is too long, the rate, the time and the name make room for the ETA."""
    settled = progress.finished + progress.failures
    done = settled / progress.total if progress.total else 0.0
    percent, elapsed = f" {done:4.0%}", f"  {duration(seen.elapsed)}"
    rate = f"  {frequency(seen.per_second)}" if seen.per_second is not None else ""
    eta = f"  ETA {span(*seen.seconds_left)}" if seen.seconds_left is not None else ""
    name = Text(clipped(progress.name, width // 4) + " ", style="bold")
    for after in (percent + elapsed + rate + eta, percent + elapsed + eta, percent + eta):
        room = width - name.cell_len - len(after)
        if room >= LEAST_BAR:
            return Text.assemble(name, _bar(done, progress.failures > 0, room), after)
    return Text(f"{percent}{eta}".strip())


def _bar(done: float, failures: bool, width: int) -> Text:
    full = int(done * width)
    return Text.assemble(("━" * full, "yellow" if failures else "green"), ("─" * (width - full), "dim"))


def _counts(progress: MapProgress, width: int) -> list[Text]:
    """Return all counts, on as many lines as they need."""
    counts = [Text(f"{progress.finished:,} of {progress.total:,} finished")]
    counts.append(Text(f"{progress.failures:,} failed", "red" if progress.failures else ""))
    if progress.retried:
        counts.append(Text(f"{progress.retried:,} tried again"))
    counts.append(Text(f"{progress.active:,} in work"))
    lines = [Text.assemble(INDENT, counts[0])]
    for count in counts[1:]:
        lines[-1].append(",")
        if lines[-1].cell_len + 2 + count.cell_len <= width:  # a space, and the next comma
            lines[-1].append(" ").append_text(count)
        else:
            lines.append(Text.assemble(INDENT + INDENT, count))
    return lines


def _slowest(seen: Snapshot, width: int, height: int) -> list[Text]:
    """Return the psets that have been running for longest, as many as `height` lines can show."""
    lines: list[Text] = []
    for pset in seen.slowest:
        label = Text(f"{INDENT}{duration(pset.seconds):>10}  ")
        more = _in_two_lines(label, clipped(str(pset), WIDEST), "cyan", INDENT + INDENT, width)
        if len(lines) + len(more) > height:
            break
        lines += more
    return lines


def _last_failure(seen: Snapshot, width: int) -> list[Text]:
    """Return the pset that failed last, why, and where."""
    last = seen.last_failure
    if last is None:
        return []
    case, line = last.case, clipped(readable_path(last.case.cause.line), WIDEST)
    like = f"{case.count:,} like it" if case.count > 1 else ""
    where = ", ".join(part for part in (f"at {line}" if line else "", like) if part)
    label, below = Text(f"{INDENT}last failure: ", "red"), Text(INDENT + INDENT)
    return [
        *_in_two_lines(label, clipped(case.latest, WIDEST), "", below.plain, width),
        *_in_two_lines(below, clipped(str(last), WIDEST), "cyan", below.plain + INDENT, width),
        *(_in_two_lines(below, where, "", below.plain + INDENT, width) if where else []),
    ]


def _in_two_lines(label: Text, text: str, style: str, indent: str, width: int) -> list[Text]:
    """Return a text after its label; what does not fit goes on a second line, for the end often says most."""
    begin = _fitting(text, max(0, width - label.cell_len))
    words, _, cut = begin.rpartition(" ")
    if text.removeprefix(begin)[:1].strip() and len(words) > len(cut):  # a long path is cut anywhere
        begin = words
    rest = text.removeprefix(begin).lstrip()
    first = Text.assemble(label, (begin, style))
    return [first, Text.assemble(indent, (rest, style))] if rest else [first]


def _fitting(text: str, width: int) -> str:
    """Return as much of the beginning of a text as fits into `width` columns; some characters take two."""
    return text if cell_len(text) <= width else set_cell_size(text, width)
