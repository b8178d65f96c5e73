"""The results of a group that a worker has not sent yet."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter, process_time, time
from typing import Any, TypeVar

from paramsurvey.errors import NotPicklable
from paramsurvey.transport.messages import Failure, FailureKind, Reply
from paramsurvey.transport.safe_repr import describe, traceback_of
from paramsurvey.worker.machine import host_name, peak_memory
from paramsurvey.worker.result_packer import ResultPacker
from paramsurvey.worker.running_mark import IDLE, RunningMark

LONG_SECONDS = 0.005  # several times the runner's CHECK_SECONDS; see `give_back_rest`

T = TypeVar("T")


class ReplyBuffer:
    """Collects the results of a group until they are sent; a reply can be made from them at any time.

    Parameters
    ----------
    group_id : int
    size : int
        How many psets the group has.
    can_give_back : bool
        Whether psets that have not begun may be given back while one runs.
    worker : int
        The worker's number.

    Attributes
    ----------
    group_id : int
    results : ResultPacker
    failures : dict of int to Failure
        By offset.
    output : dict of int to str
        What psets printed, by offset.
    walls : array of float
        The seconds of each pset.
    copying : float
        The seconds that it took to copy arguments.
    """

    def __init__(self, group_id: int, size: int, can_give_back: bool = True, worker: int = 0) -> None:
        self.group_id = group_id
        self._worker = worker
        self._start = 0
        self._stop = size  # psets from here on no longer belong to this worker
        self._can_give_back = can_give_back
        self._first_timed = 0  # the offset of the pset that `walls` begins with
        self._began = math.nan  # when that pset began
        self._done = False
        self._replying = threading.Lock()  # held while `_start` and `_stop` change, which two threads do
        self._idle: list[tuple[int, float]] = []  # see `Reply.idle`
        self._timers: dict[str, array[float]] = {}
        self._cpu = self._wall = 0.0
        self.results = ResultPacker()
        self.failures: dict[int, Failure] = {}
        self.output: dict[int, str] = {}
        self.walls = array("d")
        self.copying = 0.0

    def start_clocks(self) -> float:
        """Measure CPU time from now on; return the current time."""
        if not self.walls:
            self._began = self._next_start_time()
        self._cpu, self._wall = process_time(), perf_counter()
        return self._wall

    def _next_start_time(self) -> float:
        """Return the start time of the first pset of the next reply."""
        return time()

    def read_clocks(self, now: float) -> None:
        """Note for what share of the time since `start_clocks` the CPU did not work for this process."""
        wall = now - self._wall
        idle = max(0.0, 1.0 - (process_time() - self._cpu) / wall) if wall > 0 else 0.0
        self._idle.append((len(self.walls), idle))

    def add_timers(self, timers: Mapping[str, list[float]]) -> None:
        """Add the seconds that the user's function recorded, by the user's names."""
        for name, values in timers.items():
            self._timers.setdefault(name, array("d")).extend(values)

    def reply(self, stop: int, done: bool, outgrown: bool = False) -> Reply:
        """Return everything up to the pset at offset `stop` as a reply, and empty the buffer."""
        with self._replying:
            return self._reply(stop, done, outgrown)

    def send_early(self, running: int, send: Callable[[Reply], Any]) -> None:
        """Send the results and times of the psets that finished before the running one.

        The times also stay here for the next reply, which will know how idle these psets were. This is not
        called by the thread that runs the psets, so it reads only results that no longer change.
        """
        with self._replying:
            if not self._done and running > self._start:
                send(self._early_reply(running))

    def give_back_rest(self, mark: RunningMark, send: Callable[[Reply], Any]) -> None:
        """Give back all psets behind the running one, and send what has finished before it.

        This is called for a group that was recalled, and not by the thread that runs the psets. It does
        nothing unless a pset has run for `LONG_SECONDS`: after such a pset, the runner checks whether its
        group was recalled, and begins no other.
        """
        with self._replying:
            running = mark.offset[0]
            is_long = running != IDLE and perf_counter() - mark.begun[0] > LONG_SECONDS
            if not is_long or self._done or not self._can_give_back or running + 1 >= self._stop:
                return
            self._stop = running + 1
            send(replace(self._early_reply(max(running, self._start)), given_back=self._stop))

    def _early_reply(self, running: int) -> Reply:
        reply = Reply(
            self.group_id,
            self._start,
            running,
            columns=self.results.columns(self._start, running),
            failures=_between(self.failures, self._start, running),
            walls=self.walls[: running - self._first_timed],
            began=self._began,
            worker=self._worker,
            host=host_name(),
            early=True,
            done=False,
            peak_memory=peak_memory(),
            output=_between(self.output, self._start, running),
        )
        self._start = running
        return reply

    def _reply(self, stop: int, done: bool, outgrown: bool) -> Reply:
        self._done = done
        stop = min(stop, self._stop)
        reply = Reply(
            self.group_id,
            self._start,
            stop,
            columns=self.results.take(self._start, stop),
            failures=_between(self.failures, self._start, stop),
            walls=self.walls[: stop - self._first_timed],
            began=self._began,
            worker=self._worker,
            host=host_name(),
            idle=tuple(self._idle),
            timings=dict(self._timers),
            done=done,
            peak_memory=peak_memory(),
            output=_between(self.output, self._start, stop),
            outgrown=outgrown,
            copying=self.copying,
        )
        self.copying = 0.0
        for kept in (self.failures, self.output, self._idle, self._timers):
            kept.clear()  # not replaced, because the runner's loop holds references to them
        del self.walls[:]
        self._start = self._first_timed = stop
        return reply


def _between(by_offset: Mapping[int, T], start: int, stop: int) -> dict[int, T]:
    """Return the items of the psets from `start` up to, but not including, `stop`."""
    return {offset: item for offset, item in list(by_offset.items()) if start <= offset < stop}


def unpicklable_failure(error: NotPicklable) -> Failure:
    """Return the failure of a pset whose result cannot be pickled."""
    return Failure(FailureKind.UNSENDABLE, describe(error), traceback_of(error))
