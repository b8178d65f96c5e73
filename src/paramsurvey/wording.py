"""Times and long texts as people like to read them."""

from __future__ import annotations

UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def clipped(text: str, width: int) -> str:
    """Return `text` on one line of at most `width` characters.

    Examples
    --------
    >>> clipped("a long story", 7)
    'a long…'
    """
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> [duration(seconds) for seconds in (0.00042, 0.31, 2.4, 42, 200, 9000, 200_000)]
    ['0.42 ms', '0.31 s', '2.4 s', '42 s', '3 min 20 s', '2 h 30 min', '2 d 7 h']
    """
    if round(seconds) < 60:
        return _below_a_minute(seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def _below_a_minute(seconds: float) -> str:
    unit, scale = next((one for one in UNITS if seconds >= 0.1 * one[1]), UNITS[-1])
    value = seconds / scale
    digits = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{value:.{digits}f} {unit}"
