"""Notices when executorlib no longer runs what it accepts: while it shuts down, it refuses nothing.

Until its ``shutdown`` returns, executorlib accepts tasks and puts them into its queues, behind the message
that ends the threads that empty them. Nobody runs these tasks, nobody cancels them, and ``shutdown`` itself
waits for them, for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Queue
from typing import Any

IDLE_SECONDS = 5.0  # for which a thread may leave tasks in its queue, while none of them runs


class ExecutorlibThreads:
    """The threads of an executor of executorlib, and the queues that they empty; none for other executors.

    Its first thread resolves dependencies, and fills the queue of the others, which run the tasks; the first
    is left out with ``disable_dependencies=True``.

    Parameters
    ----------
    executor : Executor
    clock : callable
        Returns seconds.
    """

    def __init__(self, executor: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._stages = [Stage(scheduler, clock) for scheduler in _schedulers(executor)]

    def have_ended(self, anything_runs: Callable[[], bool]) -> bool:
        """Tell whether what waits in a queue will never be run. Call this every second or so.

        Parameters
        ----------
        anything_runs : callable
            Tells whether any of our tasks is running now: then its thread may be busy with it.
        """
        return any(stage.has_ended(anything_runs) for stage in self._stages)

    def let_go(self) -> None:
        """Empty the queues, so that the program's own call of ``shutdown`` returns."""
        for stage in self._stages:
            stage.let_go()


class Stage:
    """A queue, and the threads that empty it."""

    def __init__(self, scheduler: Any, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._queue: Queue[Any] = scheduler._future_queue
        self._threads = scheduler._process
        self._idle_since: float | None = None

    def has_ended(self, anything_runs: Callable[[], bool]) -> bool:
        """Tell whether all threads have ended, or the only one will not look into its queue again."""
        self._threads = self._scheduler._process or self._threads  # executorlib forgets them in the end
        is_alone = isinstance(self._threads, threading.Thread)
        threads = [self._threads] if is_alone else self._threads
        if not any(thread.is_alive() for thread in threads):
            return True
        if not is_alone or not self._is_neglected() or anything_runs():
            self._idle_since = None  # of several threads, each may still be starting its process
            return False
        self._idle_since = self._idle_since or self._clock()
        return self._clock() - self._idle_since > IDLE_SECONDS

    def _is_neglected(self) -> bool:
        """Tell whether tasks wait, and the thread is not busy with one that it took out."""
        return self._queue.unfinished_tasks == self._queue.qsize() > 0

    def let_go(self) -> None:
        """Empty the queue."""
        with suppress(Empty, ValueError):
            while True:
                self._queue.get_nowait()
                self._queue.task_done()


def _schedulers(executor: Any) -> Iterator[Any]:
    """Yield the parts of an executor that have a queue; nothing of an executor that is not executorlib's."""
    with suppress(Exception):  # none of this is part of what executors promise
        first = executor._task_scheduler
        second = first._process_kwargs.get("executor")
        for scheduler in (first, second):
            if isinstance(getattr(scheduler, "_future_queue", None), Queue):
                yield scheduler
