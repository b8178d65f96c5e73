"""The section that compares the survey with an earlier one, pset by pset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paramsurvey.report.markup import (
    details,
    exactly,
    frame_table,
    number,
    paragraph,
    pset_text,
    section,
    table,
)
from paramsurvey.report.subject import Subject
from paramsurvey.views import compare, provenance_of
from paramsurvey.views.comparison import Change, Comparison, PsetGroup

GROUPS = {
    "new": "Psets that are new",
    "gone": "Psets that are gone",
    "newly_failing": "Psets that fail now",
    "mended": "Psets that no longer fail",
    "still_failing": "Psets that still fail",
}


def comparison(subject: Subject, before: Subject) -> str:
    """Return what is different from an earlier survey."""
    found = compare(before.data, subject.data)
    changes = provenance_of(before.run).changes(provenance_of(subject.run))
    against = before.directory or before.name
    parts = [
        paragraph(f"Compared with {against}: {_matched(found)}"),
        table("What changed in the program", ("fact", "before", "now"), changes)
        if changes
        else paragraph("Code, arguments, commit and versions are the same, as far as they are known."),
        frame_table("Differences", found.to_frame().set_index("what")),
        *(_group(words, getattr(found, name)) for name, words in GROUPS.items()),
        *_columns(found),
        *_speed(found),
    ]
    return section("comparison", "Comparison", *parts)


def _matched(found: Comparison) -> str:
    if not found.unknown_keys:
        return f"{found.both:,} psets are in both, matched by their values."
    names, why = ", ".join(found.unknown_keys), "; ".join(set(found.unknown_keys.values()))
    return f"no psets are matched, because keys could not be compared ({names}): {why}."


def _group(words: str, group: PsetGroup) -> str:
    if not group.count:
        return ""
    rows = [(pset_text(pset),) for _, pset in group.examples]
    return details(f"{words}: {group.count:,}", table(words, ("pset",), rows))


def _columns(found: Comparison) -> list[str]:
    parts = [
        details(
            f"{one.name}: {one.changed:,} of {one.compared:,} values changed",
            _changes(f"Largest changes of {one.name}", one.largest),
        )
        for one in found.columns
        if one.changed
    ]
    if found.not_compared:
        unread = ", ".join(found.not_compared)
        why = "lists, dicts, bytes and values of several types are not read from a checkpoint"
        parts.append(paragraph(f"Results that are not compared, because {why}: {unread}."))
    for words, names in (("only before", found.only_before), ("only now", found.only_after)):
        if names:
            parts.append(paragraph(f"Results that exist {words}: {', '.join(names)}."))
    return parts


def _speed(found: Comparison) -> list[str]:
    speed = found.speed
    if speed is None:
        return [paragraph("How long psets took is not known for both.")]
    return [
        paragraph(
            "The psets that finished both times took "
            f"{speed.before:,.6g} s before and {speed.after:,.6g} s now."
        ),
        details(
            f"Slower: {speed.slower:,}", _changes("Seconds of those that slowed down most", speed.slowest)
        ),
        details(f"Faster: {speed.faster:,}", _changes("Seconds of those that sped up most", speed.fastest)),
    ]


def _changes(caption: str, changes: Sequence[Change]) -> str:
    rows = [(pset_text(one.pset), *_distinguished(one.before, one.after)) for one in changes]
    return table(caption, ("pset", "before", "now"), rows)


def _distinguished(before: Any, after: Any) -> tuple[Any, Any]:
    """Return two values; written in full if they would look the same otherwise."""
    look_the_same = number(before) == number(after)
    return (exactly(before), exactly(after)) if look_the_same else (before, after)
