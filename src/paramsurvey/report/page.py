"""The page: one file, with a policy that lets it load nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from paramsurvey.report import run_sections, value_sections
from paramsurvey.report.choice_of_axes import shown_columns
from paramsurvey.report.comparison_section import comparison
from paramsurvey.report.markup import text
from paramsurvey.report.pictures import Pictures
from paramsurvey.report.slicer import SHADES
from paramsurvey.report.subject import Subject

TITLES = {
    "summary": "Summary",
    "slices": "Slices",
    "importance": "Importance",
    "distributions": "Distributions",
    "parallel": "Parallel coordinates",
    "cost": "Cost",
    "failures": "Failures",
    "timeline": "Timeline",
    "comparison": "Comparison",
    "provenance": "Provenance",
}


def page_of(subject: Subject, before: Subject | None = None) -> str:
    """Return a survey's report as HTML.

    Parameters
    ----------
    subject : Subject
    before : Subject, optional
        An earlier survey, with which it is compared.

    Raises
    ------
    PackageMissing
        An ImportError: matplotlib is not installed.
    """
    pictures = Pictures(subject.data.units)
    seen = shown_columns(subject)
    slices = value_sections.slices(subject, seen)
    sections = {
        "summary": run_sections.summary(subject),
        "slices": slices.html,
        "importance": value_sections.importance(subject, seen, pictures),
        "distributions": value_sections.distributions(subject, seen, pictures),
        "parallel": value_sections.parallel(subject, seen, pictures),
        "cost": run_sections.cost(subject, pictures),
        "failures": run_sections.failures(subject, pictures),
        "timeline": run_sections.timeline(subject, pictures),
        "comparison": "" if before is None else comparison(subject, before),
        "provenance": run_sections.provenance(subject),
    }
    return _whole(subject, sections, slices.cells)


def _whole(subject: Subject, sections: dict[str, str], cells: str) -> str:
    style, script = stylesheet(), slicer_script()
    links = "".join(
        f'<li><a href="#{name}">{text(TITLES[name])}</a></li>' for name, shown in sections.items() if shown
    )
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    where = f" of the checkpoint {subject.directory}" if subject.directory else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{text(subject.name)} – survey report</title><style>{style}</style></head><body>"
        f'<header><h1>{text(subject.name)}</h1><p class="quiet">A report{text(where)}, written {written}.</p>'
        f'<nav aria-label="sections"><ul>{links}</ul></nav></header><main>{"".join(sections.values())}</main>'
        f'<script type="application/json" id="cells">{cells}</script><script>{script}</script>'
        "</body></html>\n"
    )


def _policy(style: str, script: str) -> str:
    """Return a policy that allows this style, this script and pictures inside the page."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def stylesheet() -> str:
    """Return the styles of all sections."""
    return asset("style.css") + _shades()


def slicer_script() -> str:
    """Return the slicer's script; it starts by itself if the page has the element ``cells``."""
    return asset("slicer.js")


@cache
def asset(name: str) -> str:
    """Return a file of this package."""
    return files("paramsurvey.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _shades() -> str:
    """Return the styles of a slice's cells: the colours of the pictures, and ink that can be read on them."""
    import matplotlib as mpl

    from paramsurvey.plotting.palette import VALUES

    rules = []
    for at in range(SHADES):
        red, green, blue, _ = mpl.colormaps[VALUES](at / (SHADES - 1), bytes=True)
        bright = 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)
        ink = "#fff" if bright < 0.18 else "#000"  # here, both have the same contrast
        rules.append(f".v{at} {{ background: #{red:02x}{green:02x}{blue:02x}; color: {ink}; }}")
    return "\n".join(rules)


def _linear(value: float) -> float:
    """Return how bright a component of a colour is; source: WCAG 2.2, "relative luminance"."""
    share = value / 255
    return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)
