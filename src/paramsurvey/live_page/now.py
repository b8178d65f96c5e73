"""What a survey is doing now: its run.json and live.json, and how long nothing has been heard from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.locking.lock import holder_of
from paramsurvey.checkpoint.run_json.live_file import read_live
from paramsurvey.checkpoint.stored import read_run_tolerantly
from paramsurvey.errors import NotACheckpoint
from paramsurvey.fast_dataclass import dataclass

KEPT_SECONDS = 0.5  # requests within this time share one look at the files
SILENT_SECONDS = 5.0  # a driver that has written nothing for longer is worth mentioning


@dataclass(frozen=True)
class Now:
    """A survey at this moment.

    Attributes
    ----------
    name : str
        The map's name; empty where it is not known.
    status : str
        ``running``, ``finished``, ``interrupted``, ``failed``; ``died`` if its driver was killed; empty where
        it is not known.
    counts : mapping of str to int
        ``total``, ``finished``, ``failures``, ``active``, ``retried``, ``resumed``, ``not_run``.
    elapsed : float
        Seconds that this run has taken so far.
    silent : float
        Seconds since the driver was heard from.
    where : str
        The driver's process and machine.
    first_position : int
        The number, in the checkpoint, of the survey's first pset.
    live : mapping
        What `read_live` returns: for a survey that died, its last report; empty for one that has ended.
    """

    name: str = ""
    status: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    elapsed: float = 0.0
    silent: float = 0.0
    where: str = ""
    first_position: int = 0
    live: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether its driver is alive, and still running psets."""
        return self.status == "running"

    @property
    def total(self) -> int:
        """How many psets there are."""
        return self.counts.get("total", 0)

    @property
    def finished(self) -> int:
        """How many psets have a result."""
        return self.counts.get("finished", 0)

    @property
    def failed(self) -> int:
        """How many psets have failed, without those that were not run because the survey ended early."""
        return max(0, self.counts.get("failures", 0) - self.counts.get("not_run", 0))

    @property
    def settled(self) -> int:
        """How many psets have finished or failed."""
        return self.finished + self.failed

    @property
    def running(self) -> Sequence[Mapping[str, Any]]:
        """The psets that have been running for longest: ``number``, ``pset``, ``seconds`` and ``values``.

        Their numbers are those in the checkpoint, and their seconds go on while the driver is running.
        """
        more = self.silent if self.is_running else 0.0
        return [
            {**one, "number": one["number"] + self.first_position, "seconds": one["seconds"] + more}
            for one in self.live.get("running", ())
        ]

    @property
    def seconds_left(self) -> tuple[float, float] | None:
        """The least and the most seconds that it will probably take from now."""
        span = self.live.get("seconds_left") if self.is_running else None
        return (max(0.0, span[0] - self.silent), max(0.0, span[1] - self.silent)) if span else None

    @property
    def per_second(self) -> float | None:
        """Psets settled per second: lately while it runs, else since it began."""
        if self.is_running and self.live.get("per_second") is not None:
            return float(self.live["per_second"])
        new = self.settled - self.counts.get("resumed", 0)
        return new / self.elapsed if new > 0 and self.elapsed > 0 else None


class Watching:
    """Looks at one checkpoint again and again.

    Parameters
    ----------
    directory : Path
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._looked_at: float | None = None
        self._now = Now()
        self._told = ""  # when the driver last wrote, by its own clock
        self._heard_at = 0.0  # by ours: clocks of two machines differ

    def now(self) -> Now:
        """Return what the survey is doing; the files are read at most every `KEPT_SECONDS`."""
        if self._looked_at is None or self._clock() >= self._looked_at + KEPT_SECONDS:
            self._looked_at = self._clock()
            self._now = self._look()
        return self._now

    def _look(self) -> Now:
        run: Mapping[str, Any] | None = None
        with suppress(NotACheckpoint, OSError):  # it has just been removed, or set aside
            run = read_run_tolerantly(self._directory, lambda text: None, set_aside=False)
        if run is None:
            return Now()
        held = holder_of(self._directory)
        status = str(run["status"])
        alive = held is not None and held[1]
        live = read_live(self._directory) if status == "running" else {}
        live = live if live.get("started") == run["started"] else {}
        return Now(
            name=str(run["name"]),
            status="died" if status == "running" and not alive else status,
            counts=run["counts"],
            elapsed=run["elapsed"],
            silent=self._silence(max(run["updated"], live.get("written", ""))),
            where=f"process {run['pid']} on {run['host']}",
            first_position=run["first_position"],
            live=live,
        )

    def _silence(self, told: str) -> float:
        if told != self._told:
            first, self._told, self._heard_at = not self._told, told, self._clock()
            if first:
                self._heard_at -= _age(told)
        return self._clock() - self._heard_at


def _age(written: str) -> float:
    """Return how many seconds ago something was written, if both clocks are right."""
    try:
        then = datetime.fromisoformat(written.replace("Z", "+00:00"))
        return max(0.0, (datetime.now(UTC) - then).total_seconds())
    except (ValueError, TypeError):
        return 0.0
