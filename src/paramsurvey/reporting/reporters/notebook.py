"""The live view in a notebook: HTML that is updated in place, and stays when the map has ended."""

from __future__ import annotations

from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.failure_causes import readable_path
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.humanize import clipped, duration, frequency, span
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.reporters.plain_lines import last_lines, pace_line
from paramsurvey.reporting.snapshot import Look, Snapshot

INTERVAL = 0.5  # seconds between two updates
WIDEST = 120  # characters
GREEN, YELLOW, GREY = "#2e8b57", "#c9a227", "#8884"  # for light and for dark pages


class NotebookReporter:
    """Shows the map below its cell.

    Parameters
    ----------
    look : callable
        Returns a `Snapshot`.
    """

    interval = INTERVAL

    def __init__(self, look: Look) -> None:
        self._look = look
        self._handle: Any = None

    def report(self, progress: MapProgress, final: bool) -> None:
        """Show the map as it is now, as HTML, and as text for programs that cannot show HTML."""
        seen = self._look()
        text = last_lines(progress, seen) if final else pace_line(progress, seen)
        self._show({"text/html": notebook_html(progress, seen, final), "text/plain": text.rstrip()})

    def _show(self, content: dict[str, str]) -> None:
        if self._handle is None:
            display: Any = import_module("IPython.display").display
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def close(self) -> None:
        """Leave what is shown where it is."""


def notebook_html(progress: MapProgress, seen: Snapshot, final: bool) -> str:
    """Return the view of a map as HTML."""
    if final:
        pace = [] if seen.summary else [_line(_pace(progress, seen, final))]  # the summary says the same
        return _box([_bar(progress), *pace, f"<pre>{escape(last_lines(progress, seen).rstrip())}</pre>"])
    parts = [_bar(progress), _line(_pace(progress, seen, final))]
    parts += [_line(f"{duration(pset.seconds)}: {clipped(str(pset), WIDEST)}") for pset in seen.slowest]
    last = seen.last_failure
    if last is not None:
        case, line = last.case, clipped(readable_path(last.case.cause.line), WIDEST)
        where = f" at {line}" if line else ""
        like = f", {case.count:,} like it" if case.count > 1 else ""
        parts.append(_line(f"last failure: {clipped(case.latest, WIDEST)}{where}{like}"))
        parts.append(_line(f"of {clipped(str(last), WIDEST)}"))
    return _box(parts)


def _pace(progress: MapProgress, seen: Snapshot, final: bool) -> str:
    parts = [
        f"{clipped(progress.name, WIDEST)}: {progress.finished:,} of {progress.total:,} finished",
        f"{progress.failures:,} failed",
        *([f"{progress.retried:,} tried again"] if progress.retried else []),
        duration(seen.elapsed),
    ]
    if seen.per_second is not None and not final:
        parts.append(frequency(seen.per_second))
    if seen.seconds_left is not None and not final:
        parts.append(f"ETA {span(*seen.seconds_left)}")
    return ", ".join(parts)


def _bar(progress: MapProgress) -> str:
    share = (progress.finished + progress.failures) / progress.total if progress.total else 1.0
    color = YELLOW if progress.failures else GREEN
    return (
        f'<div style="background:{GREY};height:8px;max-width:40em;border-radius:4px">'
        f'<div style="background:{color};width:{share:.1%};height:100%;border-radius:4px"></div></div>'
    )


def _line(text: str) -> str:
    return f"<div>{escape(text)}</div>"


def _box(parts: list[str]) -> str:
    return f'<div style="font-family:monospace;line-height:1.4">{"".join(parts)}</div>'


if TYPE_CHECKING:
    _: Reporter = NotebookReporter(Snapshot)
