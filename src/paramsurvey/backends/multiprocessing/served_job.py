"""The job that a worker process serves: loads it, and runs its groups."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

from paramsurvey.backends.multiprocessing.inbox import ArrivedGroup, ArrivedJob
from paramsurvey.backends.multiprocessing.shared_job import unpack
from paramsurvey.backends.multiprocessing.shared_mark import SharedMark
from paramsurvey.transport.messages import Answer, Reply
from paramsurvey.transport.output_store import LineLabels, OutputStore, capture_for
from paramsurvey.worker.job_loading import JobNotLoadable
from paramsurvey.worker.runner import Runner

MAINS = ("__main__", "__mp_main__")  # the latter in a process that multiprocessing has spawned


class ServedJob:
    """The last job that the driver has sent to this process.

    Parameters
    ----------
    mark : SharedMark
        Tells the driver which pset runs, and whether the job is loaded.
    output_fd : int
        The descriptor of the file that gets what psets print, if output is stored.
    send : callable
        Sends an answer to the driver.
    """

    def __init__(self, mark: SharedMark, output_fd: int, send: Callable[[Answer], Any]) -> None:
        self._mark = mark
        self._output_fd = output_fd
        self._send = send
        self._runner: Runner | None = None
        self._capture: LineLabels | OutputStore | None = None

    def load(self, arrived: ArrivedJob) -> Runner | None:
        """Load a job in place of the last one; return its runner, or None if it was rejected."""
        self._runner = None
        if self._capture is not None:
            self._capture.end()
        self._mark.jobs[0] += 1
        self._mark.running.group[0] = 0  # the ids of groups begin anew with each map
        job = unpack(arrived)
        self._capture = capture_for(job.capture, self._output_fd)
        try:
            runner = Runner(job)
        except JobNotLoadable as error:
            self._send(error.refusal())
            return None
        finally:
            self._mark.jobs[0] += 1
        if job.in_batches:
            from paramsurvey.worker.freed_memory import keep_freed_memory  # loads ctypes

            keep_freed_memory()
        _adopt_main(runner.function)
        if self._capture is not None:
            runner.capture = self._capture
            self._capture.begin()
        self._runner = runner
        return runner

    def run(self, arrived: ArrivedGroup, number: int) -> None:
        """Run a group, and send what becomes of it; `number` is the worker's.

        A worker that holds too much memory gives the group back. One that could not load the job does
        nothing, because it has told the driver.
        """
        if self._runner is None:
            return
        if self._runner.memory.was_exceeded:
            self._send(Reply(arrived.id, 0, 0))
            return
        for reply in self._runner.run(pickle.loads(arrived.message), self._mark.running, number):
            self._send(reply)


def _adopt_main(function: Any) -> None:
    """Give ``__main__`` the names that a function of the user's main program brought along.

    A function that is sent by value still claims to live in ``__main__``. With its names there, it can pass
    other functions of that program to a pool of its own.
    """
    from paramsurvey.worker.keywords import KeywordWorker

    if isinstance(function, KeywordWorker):
        function = function.__wrapped__.__wrapped__
    if getattr(function, "__module__", None) not in MAINS:
        return
    if not hasattr(function, "__globals__"):  # a callable object, whose class has the name
        names = getattr(type(function).__call__, "__globals__", {})
        function = type(function)
    else:
        names = function.__globals__
    names = {**names, function.__name__: function}
    own = vars(sys.modules["__main__"])
    if own["__name__"] in MAINS[1:]:  # the imported main file, whose own names stay as they are
        names = {name: value for name, value in names.items() if name not in own}
    own.update(names)
