"""Colours and patterns that people with any kind of colour vision, and printers, can tell apart."""

from __future__ import annotations

from typing import Any

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views.slices import NO_PSET, ONLY_FAILED, ONLY_NAN, ONLY_NOT_RUN

# M. Okabe and K. Ito, "Color universal design" (2008)
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

VALUES = "cividis"
"""The colour map of values: J. R. Nuñez, C. R. Anderton and R. S. Renslow, PLOS ONE 13 (2018)."""


@dataclass(frozen=True)
class Pattern:
    """What a cell without a value looks like.

    Attributes
    ----------
    text : str
        What it says in the legend.
    face, line : str
        Its colours.
    hatch : str
        The pattern, in matplotlib's notation.
    """

    text: str
    face: str
    line: str
    hatch: str

    def style(self) -> dict[str, Any]:
        """Return matplotlib's arguments for a patch of it."""
        return {"facecolor": self.face, "edgecolor": self.line, "linewidth": 0.0, "hatch": self.hatch}


PATTERNS = {
    ONLY_FAILED: Pattern("all failed", "#F7D9C8", VERMILLION, "xxxx"),
    ONLY_NAN: Pattern("no number", "#E4E4E4", "#707070", "////"),
    ONLY_NOT_RUN: Pattern("not run", "#DCEDF8", BLUE, "...."),
    NO_PSET: Pattern("no pset", "#FFFFFF", "#B0B0B0", "\\\\"),
}
