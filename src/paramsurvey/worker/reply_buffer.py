"""What a worker has done in a group since its last reply."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Mapping
from time import perf_counter, process_time
from typing import Any, TypeVar

from paramsurvey.errors import NotPicklable
from paramsurvey.transport.messages import Failure, FailureKind, Reply
from paramsurvey.transport.safe_repr import describe, traceback_of
from paramsurvey.worker.machine import peak_memory
from paramsurvey.worker.result_columns import ResultPacker

T = TypeVar("T")


class ReplyBuffer:
    """What a worker has done in a group since its last reply: it can be made a reply at any time."""

    def __init__(self, group_id: int) -> None:
        self._group_id = group_id
        self._start = 0
        self._over = False
        self._replying = threading.Lock()  # held while `_start` moves: `send_early` is another thread's
        self._shares: list[tuple[int, float]] = []  # (up to how many psets, idle share of their time)
        self._timers: dict[str, array[float]] = {}
        self._cpu = self._wall = 0.0
        self.results = ResultPacker()
        self.failures: dict[int, Failure] = {}
        self.output: dict[int, str] = {}
        self.walls = array("d")
        self.copying = 0.0  # seconds

    def start_clocks(self) -> float:
        """Measure CPU time from now on; return the time."""
        self._cpu, self._wall = process_time(), perf_counter()
        return self._wall

    def read_clocks(self, now: float) -> None:
        """Note which share of the time since `start_clocks` passed without CPU work."""
        wall = now - self._wall
        idle = max(0.0, 1.0 - (process_time() - self._cpu) / wall) if wall > 0 else 0.0
        self._shares.append((len(self.walls), idle))

    def fold(self) -> None:
        """Turn the results that wait into columns."""
        with self._replying:
            self._fold()

    def _fold(self) -> None:
        for offset, error in self.results.fold().items():
            self.failures[offset] = unpicklable_failure(error)

    def add_timers(self, timers: Mapping[str, list[float]]) -> None:
        """Keep what the user's function timed, under the user's names."""
        for name, values in timers.items():
            self._timers.setdefault(name, array("d")).extend(values)

    def reply(self, stop: int, done: bool, outgrown: bool = False) -> Reply:
        """Return all that is noted, for the psets up to `stop`, and begin anew."""
        with self._replying:
            return self._reply(stop, done, outgrown)

    def send_early(self, running: int, send: Callable[[Reply], Any]) -> None:
        """Send what the psets before the one that is running have left; their times follow later.

        For another thread than the one that runs the psets. It only looks at what can change no more.
        """
        with self._replying:
            if self._over or running <= self._start:
                return
            self._fold()
            reply = Reply(
                self._group_id,
                self._start,
                running,
                columns=self.results.columns(self._start, running),
                failures=_between(self.failures, self._start, running),
                done=False,
                peak_memory=peak_memory(),
                output=_between(self.output, self._start, running),
            )
            self._start = running
            send(reply)

    def _reply(self, stop: int, done: bool, outgrown: bool) -> Reply:
        self._over = done
        self._fold()
        reply = Reply(
            self._group_id,
            self._start,
            stop,
            columns=self.results.take(self._start),
            failures=_between(self.failures, self._start, stop),
            walls=self.walls[:],
            idle=tuple(self._shares),
            timings=dict(self._timers),
            done=done,
            peak_memory=peak_memory(),
            output=_between(self.output, self._start, stop),
            outgrown=outgrown,
            copying=self.copying,
        )
        self.copying = 0.0
        for kept in (self.failures, self.output, self._shares, self._timers):
            kept.clear()  # the loop that fills them goes on with these very objects
        del self.walls[:]
        self._start = stop
        return reply


def _between(things: Mapping[int, T], start: int, stop: int) -> dict[int, T]:
    """Return what belongs to the psets `start` to `stop`."""
    return {offset: thing for offset, thing in list(things.items()) if start <= offset < stop}


def unpicklable_failure(error: NotPicklable) -> Failure:
    """Return the failure of a pset whose result cannot travel."""
    return Failure(FailureKind.UNSENDABLE, describe(error), traceback_of(error))
