"""When a command, or the whole run, ends early: ``--timeout`` and ``--halt``. Workers load this module."""

from __future__ import annotations

from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long a command may run: seconds, or a share of the median of those that have finished."""

    seconds: float | None = None
    median_share: float | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"{100 * (self.median_share or 0):g}%"


@dataclass(frozen=True, slots=True)
class Halt:
    """When a run ends early.

    Attributes
    ----------
    now : bool
        Whether the commands that run are stopped, too.
    event : str
        What is counted: ``fail``, ``success`` or ``done``.
    count : int
        How many of them, or how many percent.
    is_percent : bool
    """

    now: bool
    event: str
    count: int
    is_percent: bool = False

    def __str__(self) -> str:
        return f"{'now' if self.now else 'soon'},{self.event}={self.count}{'%' if self.is_percent else ''}"


NEVER = Halt(now=False, event="never", count=0)  # overrides what a configuration says
