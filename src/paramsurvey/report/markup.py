"""HTML: text that is escaped, tables, and what folds open."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.safe_repr import describe
from paramsurvey.views.columns.short_texts import shortened

# what a browser would obey, or not show: control characters, marks of direction, halves of surrogate pairs
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
LONGEST = 20_000  # characters of one text, such as a traceback
LONGEST_NAME = 60  # characters of a key's name in a pset's text
ONE_LINE = 24  # characters: texts of a table that are shorter are not wrapped


@dataclass(frozen=True, slots=True)
class LinkedText:
    """A cell's text, and the address that it leads to."""

    shown: str
    address: str

    def __str__(self) -> str:
        return self.shown


def text(value: object, most: int = LONGEST) -> str:
    """Return a value as HTML that shows just its text, at most `most` characters of it.

    Examples
    --------
    >>> print(text("<b> & " + chr(0x202E)))
    &lt;b&gt; &amp; \\u202e
    """
    shown = str(value)
    if len(shown) > most:
        shown = f"{shown[:most]} … ({len(shown):,} characters)"
    return html.escape(visible(shown), quote=True)


def visible(shown: str) -> str:
    """Return a text with invisible characters written out; line feeds and tabs stay."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found.group()):04x}", shown)


def number(value: Any) -> str:
    """Return a number, or any other value, as text: whole numbers with commas, others with six digits.

    Examples
    --------
    >>> number(1234567), number(0.123456789), number(float("nan")), number("a")
    ('1,234,567', '0.123457', 'nan', 'a')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, (float, np.floating)):
        shown = float(value)
        return f"{shown:,.0f}" if shown == round_(shown) and abs(shown) < 1e15 else f"{shown:.6g}"
    return str(value)


def round_(value: float) -> float:
    """Return the nearest whole number; what is not finite stays as it is."""
    return float(round(value)) if math.isfinite(value) else math.nan


def percent(share: float) -> str:
    """Return a share in per cent; nothing for nan."""
    return "" if math.isnan(share) else f"{share:.1%}"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table in a box that scrolls by keyboard, or nothing if it has no rows.

    All but text is aligned right.

    Parameters
    ----------
    caption : str
    head : sequence of str
    rows : iterable of sequences
        The first value of each is its heading.
    """
    # a heading may continue on the next line after _, so that short numbers need no wide column
    headings = "".join(
        f'<th scope="col"{_kind(name)}>{text(name).replace("_", "_<wbr>")}</th>' for name in head
    )
    lines = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    if not lines:
        return ""
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{text(caption)}">'
        f"<table><caption>{text(caption)}</caption><thead><tr>{headings}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cells(row: Sequence[Any]) -> str:
    first, *others = row
    heading = f'<th scope="row"{_kind(str(first))}>{_cell(first)}</th>'
    return heading + "".join(f"<td{_kind(value)}>{_cell(value)}</td>" for value in others)


def _kind(value: Any) -> str:
    """Return the attribute that tells numbers and long texts from others."""
    if not isinstance(value, (str, LinkedText)):
        return " class=n"
    return " class=long" if len(str(value)) > ONE_LINE else ""


def _cell(value: Any) -> str:
    if isinstance(value, LinkedText):
        return f'<a href="{text(value.address)}">{text(value.shown)}</a>'
    return text(number(value))


def frame_table(caption: str, frame: pd.DataFrame, most: int = 1000) -> str:
    """Return a DataFrame as a table, its index first; nothing if it has no rows."""
    if not len(frame):
        return ""
    index = [str(name) if name is not None else "" for name in frame.index.names]
    rows = (
        [*(label if isinstance(label, tuple) else (label,)), *values]
        for label, *values in frame.head(most).itertuples()
    )
    caption = caption if len(frame) <= most else f"{caption} (the first {most:,} of {len(frame):,} rows)"
    return table(caption, [*index, *map(str, frame.columns)], rows)


def details(summary: str, content: str) -> str:
    """Return content that folds open, without a script; nothing if there is no content."""
    if not content:
        return ""
    return f"<details><summary>{text(summary)}</summary>{content}</details>"


def section(name: str, title: str, *content: str) -> str:
    """Return a section of the page."""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{text(title)}</h2>{"".join(content)}</section>'


def paragraph(*sentences: str) -> str:
    """Return sentences as a paragraph."""
    return f"<p>{text(' '.join(filter(None, sentences)))}</p>"


def code(content: str, most: int = LONGEST, words: str = "code") -> str:
    """Return a block of code, or of output."""
    return (
        f'<pre class="scroll" role="group" tabindex="0" aria-label="{text(words)}">'
        f"<code>{text(content, most)}</code></pre>"
    )


def command_block(content: str) -> str:
    """Return a command to be copied, all of it visible."""
    return f'<pre class="command"><code>{text(content)}</code></pre>'


def pset_text(pset: dict[str, Any], most: int = 40) -> str:
    """Return a pset in one line, with all digits and with quotes: psets that differ look different.

    Examples
    --------
    >>> pset_text({"C": 0.1234567, "n": 1000, "kind": "1"})
    "C=0.1234567, n=1000, kind='1'"
    """
    shown = [f"{shortened(name, LONGEST_NAME)}={exactly(value)}" for name, value in list(pset.items())[:most]]
    return ", ".join(shown + ["…"] * (len(pset) > most))


def exactly(value: Any) -> str:
    """Return a value as Python writes it, and a number of numpy's like any other.

    Examples
    --------
    >>> exactly(np.float64(0.1234567))
    '0.1234567'
    """
    return describe(value.item() if isinstance(value, np.generic) else value, LONGEST)


def shown_name(name: Hashable) -> str:
    """Return what a column is called on the page."""
    return {"(failing)": "failing", "_seconds": "seconds per pset"}.get(str(name), str(name))
