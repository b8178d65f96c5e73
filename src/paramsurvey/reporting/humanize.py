"""Times, counts and long texts as people like to read them."""

from __future__ import annotations

from paramsurvey.transport.safe_text import safe_line

UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
SPANS = (("s", 1), ("min", 60), ("h", 3600), ("d", 86400))


def clipped(text: str, width: int) -> str:
    """Return `text` on one line of at most `width` characters, without control codes for a terminal.

    Examples
    --------
    >>> clipped("a long story", 7)
    'a long…'
    """
    line = safe_line(" ".join(text[: 8 * width].split()))  # more of a long text would never be shown
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
    unit, scale = next((each for each in UNITS if seconds >= 0.1 * each[1]), UNITS[-1])
    value = seconds / scale
    digits = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{value:.{digits}f} {unit}"


def frequency(per_second: float) -> str:
    """Return a rate with the unit that makes it readable.

    Examples
    --------
    >>> [frequency(rate) for rate in (123_456.7, 12.34, 0.2, 0.001)]
    ['123,457/s', '12.3/s', '12.0/min', '3.6/h']
    """
    for scale, unit in ((1, "s"), (60, "min")):
        if per_second * scale >= 1:
            return f"{_number_text(per_second * scale)}/{unit}"
    return f"{_number_text(per_second * 3600)}/h"


def _number_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def span(low: float, high: float) -> str:
    """Return a range of seconds, in the unit that suits its end.

    Examples
    --------
    >>> [span(*seconds) for seconds in ((0.1, 0.4), (31, 48), (50, 200), (5000, 9000), (120, 120))]
    ['1 s', '31-48 s', '0.8-3.3 min', '1.4-2.5 h', '2.0 min']
    """
    unit, size = next(each for each in SPANS if high < 100 * each[1] or each is SPANS[-1])
    digits = 1 if high < 10 * size and size >= 60 else 0
    least = 10.0**-digits
    first, last = (f"{max(seconds / size, least):.{digits}f}" for seconds in (low, high))
    return f"{last} {unit}" if first == last else f"{first}-{last} {unit}"
