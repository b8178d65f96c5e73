"""What a survey is doing now, as HTML: how far it has got, what runs where, and what fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramsurvey.live_page.now import SILENT_SECONDS, Now
from paramsurvey.plurals import counted
from paramsurvey.report.markup import LinkedText, details, paragraph, section, table, text
from paramsurvey.reporting.humanize import duration, frequency, span

FEW_WORKERS = 8  # whose table is open at first
FEW_RUNNING = 12
MEGABYTE = 1e6
STATUS_TEXTS = {
    "running": "Running",
    "finished": "Finished",
    "interrupted": "Interrupted; it can resume from where it was",
    "failed": "Stopped by an error; it can resume from where it was",
    "died": "Its program has died: it was killed, or its machine went down. It can resume from where it was",
    "": "How far it has got is not known: its run.json is missing, or cannot be read",
}


def now_html(now: Now, complaints: Sequence[str] = (), computed: str = "") -> str:
    """Return the part of the page that changes every second.

    Parameters
    ----------
    now : Now
    complaints : sequence of str, optional
        What is damaged.
    computed : str, optional
        The status of the run when all sections were last computed.
    """
    parts = [
        f'<section aria-labelledby="now"><h2 id="now" class="aside">Now</h2>{_status(now)}',
        _behind(now, computed),
        "".join(f'<p class="notice">{text(one)}</p>' for one in complaints),
        _bar(now) + _cards(now) if now.status else "",  # if nothing is known, zeros would be wrong
        "</section>",
        f'<div class="pair">{_running(now)}{_workers(now)}</div>',
        _failing(now),
    ]
    return "".join(parts)


def title(now: Now) -> str:
    """Return the title of the browser's tab."""
    share = f"{_percent(now.settled, now.total)} – " if now.is_running else ""
    return f"{share}{now.name or 'survey'} – paramsurvey"


def _status(now: Now) -> str:
    said = STATUS_TEXTS.get(now.status, STATUS_TEXTS[""])
    where = f": {now.where}" if now.is_running and now.where else "."
    shown = f'<p class="status {text(now.status or "unknown")}">{text(said + where)}</p>'
    if now.is_running and now.silent >= SILENT_SECONDS:
        shown += f'<p class="bad" role="status">Not heard from for {text(duration(now.silent))}.</p>'
    return shown


def _behind(now: Now, computed: str) -> str:
    """Return a note if a survey has just ended; while it runs, nobody expects to see the latest psets."""
    if now.is_running or not now.status or computed == now.status:
        return ""
    return paragraph("The sections below are still being computed, and do not show all psets yet.")


def _percent(part: int, total: int) -> str:
    return f"{int(100 * part / total)} %" if total else "100 %"


def _bar(now: Now) -> str:
    """Return the bar: finished, failed and running psets; as SVG, as the page's policy forbids styles."""
    total = max(now.total, 1)
    active = min(now.counts.get("active", 0), total - min(now.settled, total)) if now.is_running else 0
    words = f"{_percent(now.settled, now.total)} done: {now.finished:,} finished, {now.failed:,} failed"
    parts, start = [], 0.0
    for name, count in (("finished", now.finished), ("failed", now.failed), ("active", active)):
        width = 1000 * count / total
        parts.append(f'<rect class="{name}" x="{start:.1f}" y="0" width="{width:.1f}" height="10"/>')
        start += width
    return (
        f'<div class="progress"><svg class="bar" role="img" aria-label="{text(words)}" viewBox="0 0 1000 10" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg>'
        f"<strong>{_percent(now.settled, now.total)}</strong></div>"
    )


def _cards(now: Now) -> str:
    """Return the counters."""
    left = max(0, now.total - now.settled)
    cards: dict[str, str | None] = {
        "finished": f"{now.finished:,}",
        "failed": f"{now.failed:,}",
        "to go": f"{left:,}",
        "psets": f"{now.total:,}",
        "tried again": _unless_zero(now.counts.get("retried", 0)),
        "from earlier runs": _unless_zero(now.counts.get("resumed", 0)),
        "rate": frequency(now.per_second) if now.per_second else None,
        "time left": span(*now.seconds_left) if now.seconds_left else None,
        "time so far" if now.is_running else "time": duration(now.elapsed) if now.status else None,
    }
    shown = "".join(
        f"<div><dt>{text(words)}</dt><dd>{text(value)}</dd></div>" for words, value in cards.items() if value
    )
    return f'<dl class="cards">{shown}</dl>'


def _unless_zero(count: int) -> str | None:
    return f"{count:,}" if count else None


def pset_link(number: int, root: str = "") -> str:
    """Return the address of the page about a pset."""
    return f"{root}pset/{number}"


def _running(now: Now) -> str:
    running = now.running
    if not running or now.status not in ("running", "died"):
        return ""
    workers = {one["running"]: one["number"] for one in now.live.get("workers", ())}
    rows = [
        (
            LinkedText(f"{one['number']}", pset_link(one["number"])),
            one["pset"],
            duration(one["seconds"]),
            _number(workers.get(one["number"] - now.first_position)),
        )
        for one in running
    ]
    head = ("pset", "parameters", "for", "worker")
    words = "Running psets" if now.is_running else "What was running when it was last heard from"
    shown = table(f"{words}, the longest first", head, rows[:FEW_RUNNING])
    if rows[FEW_RUNNING:]:
        more = table("More running psets", head, rows[FEW_RUNNING:])
        shown += details(f"{len(rows) - FEW_RUNNING} more", more)
    return section("running", words, shown)


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _failing(now: Now) -> str:
    """Return failures as they come, including those of attempts that are retried."""
    failing: Sequence[Mapping[str, Any]] = now.live.get("failing", ()) if now.is_running else ()
    if not failing:
        return ""
    rows = [
        (
            f"{one['count']:,} ×",
            one["latest"],
            one["kind"],
            one["line"],
            LinkedText(
                f"{one['number'] + now.first_position}", pset_link(one["number"] + now.first_position)
            ),
        )
        for one in failing
    ]
    retried = now.counts.get("retried", 0)
    note = paragraph(f"Attempts that were retried are included: {retried:,} so far.") if retried else ""
    head = ("count", "last exception", "kind", "line", "first pset")
    return section("failing", "Failures of this run", note, table("Failures by cause", head, rows))


def _workers(now: Now) -> str:
    workers: Sequence[Mapping[str, Any]] = now.live.get("workers", ()) if now.is_running else ()
    cores = now.live.get("cores", 0) if now.is_running else 0
    if not workers:
        are = "is" if cores == 1 else "are"
        said = paragraph(f"{counted(cores, 'core')} {are} used.")
        return section("workers", "Workers", said) if cores else ""
    busy = sum(one["cpu"] or 0.0 for one in workers)
    memory = sum(one["memory"] or 0 for one in workers)
    hosts = {one["host"] for one in workers}
    where = next(iter(hosts)) if len(hosts) == 1 else f"{len(hosts)} machines"
    known = any(one["cpu"] is not None for one in workers)
    cpu = f": {busy:.1f} cores busy, {_bytes(memory)}" if known else ""
    rows = [
        (
            str(one["number"]),
            "" if one["running"] is None else _pset_of(one["running"] + now.first_position),
            "" if one["cpu"] is None else f"{one['cpu']:.0%}",
            "" if one["memory"] is None else _bytes(one["memory"]),
            f"{one['pid']} on {one['host']}",
        )
        for one in workers
    ]
    shown = table("Workers now", ("worker", "pset", "CPU", "memory", "process"), rows)
    if len(rows) > FEW_WORKERS:
        shown = details("Each of them", shown)
    return section(
        "workers", "Workers", paragraph(f"{counted(len(workers), 'worker')} on {where}{cpu}."), shown
    )


def _pset_of(number: int) -> LinkedText:
    return LinkedText(str(number), pset_link(number))


def _bytes(count: int) -> str:
    megabytes = count / MEGABYTE
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"
