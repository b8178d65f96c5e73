"""Calling the reporters of a map (the terminal, the log, Carbon), each when its interval has passed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from paramsurvey.engine.progress import MapProgress
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.reporting.reporter import Reporter


@dataclass
class _Entry:
    reporter: Reporter
    due: float
    failed: bool = False


class Reporters:
    """Several reporters of one map, each called when its interval has passed.

    A reporter that raises is reported once, and left out from then on.

    Parameters
    ----------
    reporters : iterable of Reporter
    clock : callable
        Returns seconds that never go back.
    note : callable
        Called with one sentence about each reporter that failed.

    Attributes
    ----------
    due : float
        When, on `clock`, the next report is due. Until then, a call only reads the clock.
    """

    def __init__(
        self, reporters: Iterable[Reporter], clock: Callable[[], float], note: Callable[[str], object]
    ) -> None:
        self._clock = clock
        self._note = note
        start = clock()
        self._entries = [_Entry(reporter, start + reporter.interval) for reporter in reporters]
        self.due = self._earliest()

    def __call__(self, progress: MapProgress, final: bool = False) -> None:
        """Call the reporters that are due, or all of them at the end of the map (`final`)."""
        now = self._clock()
        if now < self.due and not final:
            return
        for entry in self._entries:
            if (final or now >= entry.due) and not entry.failed:
                entry.due = now + entry.reporter.interval
                self._try(entry, entry.reporter.report, progress, final)
        self.due = self._earliest()

    def close(self) -> None:
        """Close every reporter, including those that failed. It may be called twice."""
        for entry in self._entries:
            self._try(entry, entry.reporter.close)
        self._entries.clear()
        self.due = self._earliest()

    def _try(self, entry: _Entry, action: Callable[..., object], *args: object) -> None:
        try:
            action(*args)
        except Exception as error:  # no survey may end because of its progress display
            if not entry.failed:
                entry.failed = True
                self._note(
                    f"{type(entry.reporter).__name__} failed ({type(error).__name__}: {error}) and shows "
                    "nothing more of this map, which goes on: please report it."
                )

    def _earliest(self) -> float:
        return min((entry.due for entry in self._entries if not entry.failed), default=math.inf)
