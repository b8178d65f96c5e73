"""Runs groups in a process, or a thread, of an executor that the user has started.

An executor does not tell its processes that a map begins or ends, nor the driver which of them gets a
group. So each group comes with the key of its job. A process that does not have the job answers with
nothing, and the driver sends the group once more, with the job.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from paramsurvey.transport.messages import Group, Job
from paramsurvey.worker.job_loading import JobNotLoadable
from paramsurvey.worker.nested_session import own_session_holder
from paramsurvey.worker.runner import Runner, pickle_reply
from paramsurvey.worker.running_mark import IDLE, RunningMark
from paramsurvey.worker.worker_numbers import WorkerNumbers, claimed_number

JOBS = 3  # that a process keeps, for surveys that alternate; the oldest is dropped


class LoadedJobs:
    """The jobs that this process has loaded, for all of its threads; the oldest give way to new ones."""

    def __init__(self, most: int = JOBS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._runners: OrderedDict[str, Runner] = OrderedDict()

    def load(self, job: Job) -> Runner:
        """Return what runs a job; load it if it is new.

        Raises
        ------
        JobNotLoadable
        """
        with self._lock:  # other threads wait, and find it loaded
            if job.key not in self._runners:
                self._runners[job.key] = Runner(job)
                while len(self._runners) > self._most:
                    self._runners.popitem(last=False)
            return self._runners[job.key]

    def get(self, key: str) -> Runner | None:
        """Return what runs the job with this key, None if it is not here."""
        return self._runners.get(key)

    def forget(self, key: str) -> None:
        """Drop a job."""
        self._runners.pop(key, None)


jobs = LoadedJobs()
numbers = WorkerNumbers()
driver: int | None = None  # the process that called `map`; any other, also one forked from it, is a worker


@dataclass(frozen=True, slots=True)
class ThreadLink:
    """What a thread of the driver's own process shares with the driver."""

    numbers: WorkerNumbers = field(default_factory=WorkerNumbers)  # those of all threads of the executor
    mark: RunningMark = field(default_factory=RunningMark.private)
    abandoned: threading.Event = field(default_factory=threading.Event)  # set by the driver

    def running(self) -> tuple[int, float] | None:
        """Return the offset of the pset that runs and for how many seconds, None between psets."""
        begun, offset = self.mark.begun[0], self.mark.offset[0]
        return None if offset == IDLE else (offset, time.perf_counter() - begun)


def run_group(key: str, group: Group, packed_job: bytes | None, link: ThreadLink | None) -> list[bytes]:
    """Run a group; return pickled answers, none at all if the job is not known here and was not given.

    Parameters
    ----------
    key : str
        The job's.
    group : Group
    packed_job : bytes or None
        The pickled job.
    link : ThreadLink or None
        For a thread of the driver.
    """
    if os.getpid() != driver:
        os.environ["PARAMSURVEY_WORKER"] = "1"  # so that paramsurvey, imported here, makes no log
    try:
        runner = jobs.get(key) if packed_job is None else _load(pickle.loads(packed_job))
    except JobNotLoadable as error:
        return [pickle.dumps(error.refusal())]
    if runner is None:
        return []
    if os.getpid() != driver:
        return _answers(runner, group, ThreadLink(), claimed_number(runner.pool))
    link = link or ThreadLink(numbers)  # a thread of an executor that is not known to have threads
    number = link.numbers.take()
    try:
        with own_session_holder():
            return _answers(runner, group, link, number)
    finally:
        link.numbers.give_back(number)


def _load(job: Job) -> Runner:
    if os.getpid() != driver:
        limit_threads(job.environment)
    return jobs.load(job)


def limit_threads(environment: Mapping[str, str]) -> None:
    """Limit the threads of numerical libraries that are loaded already: they no longer read the variables.

    Does nothing where threadpoolctl is not installed; scikit-learn needs it, too.
    """
    threads = environment.get("OMP_NUM_THREADS")
    with suppress(ImportError):
        from threadpoolctl import threadpool_limits

        if threads is not None:
            threadpool_limits(int(threads))


def _answers(runner: Runner, group: Group, link: ThreadLink, number: int) -> list[bytes]:
    answers = []
    for reply in runner.run(group, link.mark, number):
        answers.append(pickle_reply(reply))
        if link.abandoned.is_set():
            break
    return answers
