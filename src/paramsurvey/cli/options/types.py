"""Values of options that are more than a number: ``5m``, ``200%``, ``2G``, ``soon,fail=10%``."""

from __future__ import annotations

import re
from typing import Any

import click

from paramsurvey.cli.control.limits import NEVER, Halt, Timeout
from paramsurvey.cli.errors import BadUsage
from paramsurvey.transport.file_names import why_impossible

UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}  # powers of 1024
# Patterns are compiled only when an option first needs them.
DURATION = r"(\d+\.?\d*|\.\d+)(ms|[smhd]?)"
DURATIONS = (  # all but the last have a unit, so that no text can be read in several ways
    r"(?=.)(?:(?:\d+\.?\d*|\.\d+)(?:ms|[smhd]))*(?:\d+\.?\d*|\.\d+)?"
)
SIZE = r"(?i)(\d+\.?\d*|\.\d+)([kmgt]?)(?:i?b)?"
PERCENT = r"(\d+\.?\d*|\.\d+)%"
HALT = r"(now|soon),(fail|success|done)=(\d+)(%?)"
OLD_HALT = {"1": "soon,fail=1", "2": "now,fail=1"}  # as GNU parallel used to write it


class Converted(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.4 on
    """An option's type whose values a function makes from text; it returns None for a text that is none."""

    def __init__(self, name: str, convert: Any, example: str) -> None:
        self.name = name
        self._convert = convert
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value for a text or a number; anything else has been converted already."""
        if not isinstance(value, (str, int, float)):
            return value
        try:
            found = self._convert(str(value).strip())
        except (ValueError, OverflowError):  # a number of hundreds of digits
            found = None
        if found is None:
            self.fail(f"{value!r} is not a {self.name}; write it like {self._example}", param, ctx)
        return found


class WholeNumber(click.IntRange):
    """A whole number within bounds.

    Parameters
    ----------
    least : int
    most : int, optional
    foreign : str
        A pattern of values that mean something in another program.
    instead : str
        Added to the refusal of those values: what to write here.
    """

    def __init__(self, least: int, most: int | None = None, foreign: str = "", instead: str = "") -> None:
        super().__init__(least, most)
        self._foreign = foreign
        self._instead = instead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            says = error.message.removesuffix(".").replace(f"a valid {self.name}", "a whole number")
            is_foreign = self._foreign and re.fullmatch(self._foreign, str(value).strip())
            self.fail(f"{says}; {self._instead}" if is_foreign else says, param, ctx)


class FilePath(click.Path):
    """A path that a file can have; one from a configuration may be any text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; refuse one that no file can have."""
        if why := why_impossible(value):
            self.fail(f"{value!a} is {why}", param, ctx)
        return super().convert(value, param, ctx)


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration, None if the text is not one.

    Examples
    --------
    >>> seconds_of("90"), seconds_of("1h30m"), seconds_of("250ms"), seconds_of("soon")
    (90.0, 5400.0, 0.25, None)
    """
    if not re.fullmatch(DURATIONS, text):
        return None
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(DURATION, text))


def share_of(text: str) -> float | None:
    """Return a percentage as a share of 1, None if the text is not one.

    Examples
    --------
    >>> share_of("50%"), share_of("50")
    (0.5, None)
    """
    match = re.fullmatch(PERCENT, text)
    return float(match[1]) / 100 if match else None


def bytes_of(text: str) -> int | None:
    """Return the bytes of a size; units are powers of 1024.

    Examples
    --------
    >>> bytes_of("2G"), bytes_of("1.5 GB"), bytes_of("100")
    (2147483648, None, 100)
    """
    match = re.fullmatch(SIZE, text)
    return int(float(match[1]) * 1024 ** SIZES[match[2].lower()]) if match else None


def _timeout(text: str) -> Timeout | None:
    seconds, share = seconds_of(text), share_of(text)
    return Timeout(seconds, share) if seconds or share else None


def _jobs(text: str) -> int | None:
    """Return how many commands run at once; 50% and +1 are of the cores that this process may use."""
    from paramsurvey.worker.machine import core_count

    share = share_of(text)
    if share is not None:
        return max(1, round(share * core_count())) if share else 0
    if re.fullmatch(r"\+\d+", text):
        return core_count() + int(text)
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def refuse_no_jobs(jobs: int | None) -> None:
    """Refuse ``-j 0``; checkpoints from before it was refused have it, and go on with one on each core."""
    if jobs == 0:
        raise BadUsage(
            "-j 0 means as many as possible in GNU parallel; here, write how many, as in -j 100, "
            "or leave it out for one on each core"
        )


def _load(text: str) -> float | None:
    """Return a load average; a percentage is one of the cores of this machine."""
    share = share_of(text)
    if share is None:
        return float(text) if re.fullmatch(r"\d+\.?\d*", text) else None
    import os

    return share * (os.cpu_count() or 1)


def _halt(text: str) -> Halt | None:
    if text in ("never", "0"):
        return NEVER
    match = re.fullmatch(HALT, OLD_HALT.get(text, text))
    if match is None or int(match[3]) == 0:
        return None
    return Halt(match[1] == "now", match[2], int(match[3]), match[4] == "%")


TIMEOUT = Converted("time or percentage", _timeout, "90, 90s, 5m, 1h30m, or 200% of the median")
DELAY = Converted("duration", seconds_of, "0.5, 250ms, 2s or 1m")
SIZE_OF_MEMORY = Converted("size", bytes_of, "500M or 2G")
JOBS = Converted("number", _jobs, "4, -1, +1 or 50%")
LOAD = Converted("load", _load, "1.5 or 80%")
HALTING = Converted(
    "condition",
    _halt,
    "now,fail=1 or soon,fail=10% (or with success or done), or never, to cancel what the configuration says",
)
