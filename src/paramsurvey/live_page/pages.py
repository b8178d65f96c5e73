"""The pages as HTML: the survey's, and those about single psets, which lead back to it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from paramsurvey.live_page.now import Now
from paramsurvey.live_page.now_html import now_html, title
from paramsurvey.live_page.sections import NAMES, Shown
from paramsurvey.live_page.single_pset import StoredPset
from paramsurvey.report import Subject
from paramsurvey.report.markup import LinkedText, code, command_block, number, paragraph, section, table, text
from paramsurvey.report.page import TITLES
from paramsurvey.reporting.humanize import duration

END = 32 * 1024  # characters at the beginning and at the end of a long text
REFRESH = '<noscript><meta http-equiv="refresh" content="3"></noscript>'


def survey_page(now: Now, shown: Shown, directory: str) -> str:
    """Return the survey's page as it is now."""
    links = "".join(f'<li><a href="#{name}">{TITLES[name]}</a></li>' for name in NAMES)
    digests = shown.digests
    sections = "".join(
        f'<div id="part-{name}" data-digest="{digests[name]}">{shown.sections[name]}</div>' for name in NAMES
    )
    header = (
        f"<h1>{text(now.name or 'survey')}</h1>"
        f'<p class="quiet">The checkpoint <code>{text(directory)}</code>, as it is now. '
        '<span id="contact"></span></p>'
        f'<nav aria-label="sections"><ul>{links}</ul></nav>'
    )
    form = (
        '<form class="controls" action="pset"><label>Pset number '
        '<input name="number" type="number" min="0" required inputmode="numeric"></label>'
        "<button>Show it</button></form>"
    )
    return _document(
        title(now),
        header,
        f'<div id="now-part">{now_html(now, shown.complaints, shown.status)}</div>{form}{sections}',
        head=REFRESH,
        scripts=("slicer.js", "live.js"),
    )


def pset_page(found: StoredPset, subject: Subject | None) -> str:
    """Return the page about a pset that has finished or failed."""
    state = "Failed" if found.failure is not None else "Finished"
    took = "" if found.seconds is None else f" after {duration(found.seconds)}"
    facts = [
        ("attempts", "" if found.attempts is None else str(found.attempts)),
        ("seconds", "" if found.seconds is None else number(found.seconds)),
        ("began", "" if found.began is None else found.began.strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("worker", "" if found.worker is None else str(found.worker)),
        ("machine", found.host),
    ]
    ran = section("run", "How it ran", table("How it ran", ("fact", "is"), [one for one in facts if one[1]]))
    parts = [
        paragraph(f"{state}{took}."),
        '<div class="pair plain">',
        section("parameters", "Parameters", _values("Parameters", found.pset)),
        ran if found.failure is not None else section("result", "Result", _values("Result", found.result)),
        "</div>",
        _failure(found),
        _output(found),
        "" if found.failure is not None else f'<div class="plain">{ran}</div>',
        _again(found, subject),
    ]
    return _pset_document(found.number, "".join(parts))


def running_page(one: Mapping[str, Any], worker: Mapping[str, Any] | None, is_running: bool = True) -> str:
    """Return the page about a pset that is running, or that was when its program died."""
    has = "has" if is_running else "had"
    where = ""
    if worker is not None:
        where = f" in worker {worker['number']}, process {worker['pid']} on {worker['host']}"
    died = "" if is_running else ", when its program died; it has no result"
    values = _values("Parameters", one["values"]) if one["values"] else ""
    parts = [
        paragraph(f"It {has} been running for {duration(one['seconds'])}{where}{died}."),
        '<div class="plain">',
        section("parameters", "Parameters", values, paragraph(one["pset"])),
        "</div>",
    ]
    return _pset_document(one["number"], "".join(parts), follow=is_running)


def waiting_page(at: int) -> str:
    """Return the page about a pset of a survey that goes on, where nobody knows more of it."""
    said = (
        "Nothing of it is stored yet. It waits for its turn, or for its next attempt, or has just begun, or "
        "has just ended. This page will show what becomes of it."
    )
    return _pset_document(at, paragraph(said), follow=True)


def list_page(
    chosen: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], head: Sequence[str], more: int
) -> str:
    """Return the page that lists the psets of a cell of the slicer."""
    values = ", ".join(f"{name} = {value}" for name, value in chosen)
    listed = [
        (LinkedText(str(row[0]), f"pset/{row[0]}") if row[0] is not None else "", *row[1:]) for row in rows
    ]
    note = paragraph(f"{more:,} more are not shown.") if more else ""
    body = table(f"Psets with {values}", ("pset", *head), listed) if rows else paragraph("There is none.")
    return _document(
        f"{values} – paramsurvey", f"<h1>Psets with {text(values)}</h1>{_back('./')}", body + note
    )


def message_page(heading: str, said: str, root: str = "./", is_final: bool = False) -> str:
    """Return a page that says why there is nothing to see."""
    header = f"<h1>{text(heading)}</h1>{_back(root)}"
    return _document(f"{heading} – paramsurvey", header, paragraph(said), root, is_final=is_final)


def _document(
    name: str,
    header: str,
    body: str,
    root: str = "./",
    head: str = "",
    scripts: Sequence[str] = (),
    is_final: bool = False,
) -> str:
    """Return a page whose addresses are relative, so that it works below any path.

    A final page will not change: a script that follows a pset need not ask again.
    """
    mark = " data-final" if is_final else ""
    loaded = "".join(f'<script src="{root}{script}" defer></script>' for script in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{text(name)}</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{root}style.css">{head}{loaded}</head>'
        f"<body><header>{header}</header><main{mark}>{body}</main></body></html>\n"
    )


def _pset_document(at: int, body: str, follow: bool = False) -> str:
    before = f'<li><a href="{at - 1}">Pset {at - 1}</a></li>' if at > 0 else ""
    after = f'<li><a href="{at + 1}">Pset {at + 1}</a></li>'
    nav = f'<nav aria-label="psets"><ul><li><a href="../">The survey</a></li>{before}{after}</ul></nav>'
    head = REFRESH if follow else ""
    scripts = ("pset.js",) if follow else ()
    said = '<p id="said" class="aside" role="status"></p>' if follow else ""
    header = f"<h1>Pset {at}</h1>{nav}{said}"
    return _document(f"Pset {at} – paramsurvey", header, body, "../", head, scripts, is_final=not follow)


def _back(root: str) -> str:
    return f'<nav aria-label="back"><ul><li><a href="{root}">The survey</a></li></ul></nav>'


def both_ends(content: str) -> str:
    """Return a text, without its middle if it is long.

    Examples
    --------
    >>> len(both_ends("x" * 10**6)) < 66_000
    True
    """
    if len(content) <= 2 * END:
        return content
    left_out = len(content) - 2 * END
    return f"{content[:END]}\n… {left_out:,} characters are left out …\n{content[-END:]}"


def _values(caption: str, values: Mapping[str, Any]) -> str:
    """Return keys and values; long texts, and those of several lines, in blocks of their own."""
    short, long = [], []
    for name, value in values.items():
        shown = both_ends(value if isinstance(value, str) else number(value))
        if "\n" in shown or len(shown) > 200:
            long.append(f"<h3>{text(name)}</h3>{code(shown, 3 * END, name)}")
        else:
            short.append((name, shown if isinstance(value, str) else value))
    if not short and not long:
        return paragraph("There are none.")
    return (table(caption, ("key", "value"), short) if short else "") + "".join(long)


def _failure(found: StoredPset) -> str:
    if found.failure is None:
        return ""
    why = found.failure
    traceback = code(both_ends(why.traceback), 3 * END, "traceback") if why.traceback else ""
    said = f'<p class="bad">{text(both_ends(why.exception), 3 * END)}</p>'
    return section("failure", f"Why it failed (kind: {why.kind})", said, traceback)


def _output(found: StoredPset) -> str:
    if not found.printed:
        return ""
    return section("output", "What it printed", code(both_ends(found.printed), 3 * END, "output"))


def _again(found: StoredPset, subject: Subject | None) -> str:
    """Return the command that runs the pset again, here and now."""
    if subject is None:
        return ""
    if found.failure is not None:
        command = subject.again(found.label, found.number)
    else:
        command = subject.command_again(found.number) or _of_finished(found, subject)
    return section("again", "Run it again", command_block(command))


def _of_finished(found: StoredPset, subject: Subject) -> str:
    module, name = subject.function()
    directory, keys = json.dumps(subject.directory), json.dumps(list(found.pset))
    content = (
        f"import paramsurvey; from {module} import {name}; paramsurvey.init(backend='serial'); "
        f"print(paramsurvey.map({name}, paramsurvey.load({directory}).loc[[{found.label}], {keys}]))"
    )
    return f"python -c {shlex.quote(content)}"
