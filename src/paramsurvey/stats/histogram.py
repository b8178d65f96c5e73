"""A timer's values as a histogram: bars with round edges, or an HdrHistogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paramsurvey.errors import PackageMissing
from paramsurvey.stats.timer import SHORTEST

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

HISTOGRAM_DIGITS = 2
HISTOGRAM_SPAN_MS = 600_000  # ten minutes, or more where a value is longer
MOST_BARS = 20


def hdr_histogram(seconds: NDArray[np.float64], counts: NDArray[np.int64]) -> HdrHistogram:
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        raise PackageMissing("read_stats needs hdrhistogram: pip install hdrhistogram") from error

    milliseconds = np.maximum(np.rint(seconds * 1000), 1).astype(np.int64).tolist()
    histogram = HdrHistogram(1, max(HISTOGRAM_SPAN_MS, 2 * milliseconds[-1]), HISTOGRAM_DIGITS)
    for value, count in zip(milliseconds, counts.tolist(), strict=True):
        histogram.record_value(value, count)
    return histogram


def bars_of(seconds: NDArray[np.float64], counts: NDArray[np.int64]) -> list[tuple[float, float, int]]:
    """Sort the values into bars (from, to, count) with round edges and no gaps."""
    edges = _edges(float(seconds[0]), float(seconds[-1]))
    places = np.searchsorted(edges, seconds, side="right") - 1
    heights = np.bincount(places, weights=counts, minlength=len(edges) - 1)
    return list(zip(edges, edges[1:], heights.astype(int).tolist(), strict=False))


def _edges(shortest: float, longest: float) -> list[float]:
    """Return round numbers that enclose both: evenly spaced within a factor of ten, else 1, 2, 5, 10, ..."""
    if longest < 10 * shortest:
        width = _round_down(max(longest - shortest, longest / 10) / MOST_BARS) * 2
        return [i * width for i in range(int(shortest / width), int(longest / width) + 2)]
    lowest = _round_down(max(shortest, longest / 1e6, SHORTEST))
    edges = [0.0, lowest] if shortest < lowest else [lowest]
    while edges[-1] <= longest:
        edges.append(_round_down(edges[-1] * 2.6))  # from 1, 2 and 5 to the next
    return edges


def _round_down(value: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... times a power of ten that is not above `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value))
