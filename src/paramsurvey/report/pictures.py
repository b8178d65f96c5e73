"""The pictures of `results.plot`, as SVG that is part of the page.

matplotlib draws them, so they are the same as in Python. What is black there gets the colour of the page's
text, so that one picture serves light and dark pages. Style attributes become attributes of their own, so
that the page's policy can forbid all styles but its own.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from paramsurvey.errors import PackageMissing
from paramsurvey.report.markup import text, visible

INK = "#010203"  # stands for the colour of the page's text
PIXELS = 4 / 3  # per point
WIDTH = 5.6  # inches: what a page of 400 pixels can nearly show, and two of them one of 1280
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "paramsurvey",
    "font.size": 10.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.dpi": 110,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor", "patch.edgecolor"), INK),
}

_STYLE = re.compile(r' style="([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_USED = re.compile(r"""(?:url\(#|href="#)([^")]+)""")
_HEAD = re.compile(r"^.*?<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>", re.DOTALL)
_FONT = re.compile(r"font: (?:[a-z]+ )*([0-9.]+)px[^;]*")


class Pictures:
    """Draws the pictures of one page, whose names must all be different.

    Parameters
    ----------
    units : mapping
        Of columns, for labels.
    prefix : str
        What the names begin with: a different one for each `Pictures` of one page.
    """

    def __init__(self, units: Mapping[str, str], prefix: str = "") -> None:
        self._units = units
        self._prefix = prefix
        self._count = 0

    def draw(
        self, drawing: Callable[..., Any], view: Any, words: str, height: float = 3.4, width: float = WIDTH
    ) -> str:
        """Return a figure.

        Parameters
        ----------
        drawing : callable
            A function of `paramsurvey.plotting`.
        view : object
            What it draws.
        words : str
            What the picture shows; its numbers are in a table beside it.
        height, width : float
            In inches. A picture that is wider than usual scrolls if there is no room for it.
        """
        self._count += 1
        try:
            import matplotlib as mpl
            from matplotlib.figure import Figure
        except ImportError as error:
            raise PackageMissing(
                f"a report needs matplotlib, but it cannot be imported ({error}): "
                "pip install 'paramsurvey[report]'"
            ) from error
        with mpl.rc_context(SETTINGS), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # the browser's fonts will have it
            figure = Figure(figsize=(width, height))  # a layout would draw it five times, to see how it fits
            drawing(view, figure.subplots(), self._units)
            file = io.StringIO()
            no_metadata = {"Date": None, "Creator": None}
            figure.savefig(file, format="svg", bbox_inches="tight", metadata=no_metadata)
        picture = inline(file.getvalue(), f"{self._prefix}p{self._count}-", words)
        if width <= WIDTH:
            return f"<figure>{picture}</figure>"
        return f'<figure class="scroll wide" tabindex="0" aria-label="{text(words)}">{picture}</figure>'


def inline(svg: str, prefix: str, words: str) -> str:
    """Return an SVG file as an element of a page that has others, and a policy that forbids styles."""
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    body = _STYLE.sub(lambda found: _attributes(found.group(1)), body)
    used = set(_USED.findall(body))
    body = _ID.sub(lambda found: f' id="{prefix}{found.group(1)}"' * (found.group(1) in used), body)
    body = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", body)
    width, height = _size(body)
    head = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-label="{text(words)}" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width * PIXELS:.0f}" height="{height * PIXELS:.0f}">'
    )
    return visible(_HEAD.sub(lambda _: head, body, count=1)).replace(INK, "currentColor")


def _size(svg: str) -> tuple[float, float]:
    found = _HEAD.match(svg)
    assert found is not None
    _, _, width, height = map(float, found.group(1).split())
    return width, height


def _attributes(style: str) -> str:
    """Return the declarations of a style attribute as attributes."""
    style = _FONT.sub(r"font-size: \1px", style)
    pairs = [one.split(":", 1) for one in style.split(";") if ":" in one]
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)
