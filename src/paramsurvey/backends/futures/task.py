"""Runs groups in a process, or a thread, of an executor that the user has started.

An executor does not tell its processes that a map begins or ends, nor does it tell the driver which process
gets a group. So each group comes with the key of its job. A process that does not have the job returns
nothing, and the driver sends the group once more, with the job.

A process has its groups run by a worker process of our own (`NestedWorker`). With ``isolate=False``, and in a
thread, the psets run right here.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from functools import cache
from typing import TYPE_CHECKING

from paramsurvey.backends.futures.map_lock import LockFile, MapLockView
from paramsurvey.backends.nested_worker_setup import NestedWorkerSetup
from paramsurvey.errors import WorkerStartError
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport import child_startup
from paramsurvey.transport.messages import CaptureMode, Group, Job, JobRejected
from paramsurvey.worker.job_loading import JobNotLoadable
from paramsurvey.worker.nested_session import own_session_holder
from paramsurvey.worker.runner import Runner, pickle_reply
from paramsurvey.worker.running_mark import IDLE, RunningMark
from paramsurvey.worker.worker_numbers import WorkerNumbers, claimed_number

if TYPE_CHECKING:
    from paramsurvey.backends.nested_workers import NestedWorkers

JOBS = 3  # to keep in a process, for surveys that alternate; the oldest is dropped


@dataclass(frozen=True, slots=True)
class Isolation:
    """How an executor's process has its groups run by a worker process of our own.

    Attributes
    ----------
    setup : NestedWorkerSetup
    lock : LockFile
        The file of the driver's `MapLock`.
    """

    setup: NestedWorkerSetup
    lock: LockFile = LockFile()


class LoadedJobs:
    """The jobs that this process has loaded, for all of its threads; the oldest give way to new ones."""

    def __init__(self, most: int = JOBS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._runners: OrderedDict[str, Runner] = OrderedDict()

    def load(self, job: Job) -> Runner:
        """Return the runner of a job; load the job if it is new.

        Raises
        ------
        JobNotLoadable
        """
        if job.capture.mode is CaptureMode.STORE:
            raise JobNotLoadable(
                "this executor's workers are threads of this process, whose output cannot be told apart: "
                "leave out capture_output='store', or use an executor of processes"
            )
        with self._lock:  # other threads wait, and find it loaded
            if job.key not in self._runners:
                self._runners[job.key] = Runner(job)
                while len(self._runners) > self._most:
                    self._runners.popitem(last=False)
            return self._runners[job.key]

    def get(self, key: str) -> Runner | None:
        """Return the runner of the job with this key; None if it is not here."""
        return self._runners.get(key)

    def forget(self, key: str) -> None:
        """Drop a job."""
        self._runners.pop(key, None)


class KeptJobs:
    """The jobs that this process passes on to nested workers; the oldest give way to new ones."""

    def __init__(self, most: int = JOBS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, tuple[Job, MapLockView]] = OrderedDict()

    def get(self, key: str, packed_job: bytes | None, lock: LockFile) -> tuple[Job, MapLockView] | None:
        """Return a job and its map's lock; None if it is not here and was not given."""
        with self._lock:
            if key not in self._jobs and packed_job is not None:
                self._jobs[key] = (pickle.loads(packed_job), MapLockView(lock))
                while len(self._jobs) > self._most:
                    self._jobs.popitem(last=False)
            return self._jobs.get(key)


@dataclass(frozen=True, slots=True)
class ThreadLink:
    """What a thread of the driver's own process shares with the driver."""

    numbers: WorkerNumbers = field(default_factory=WorkerNumbers)  # those of all threads of the executor
    mark: RunningMark = field(default_factory=RunningMark.private)
    abandoned: threading.Event = field(default_factory=threading.Event)  # set by the driver

    def running(self) -> tuple[int, float] | None:
        """Return the offset of the pset that runs, and for how many seconds; None between psets."""
        begun, offset = self.mark.begun[0], self.mark.offset[0]
        return None if offset == IDLE else (offset, time.perf_counter() - begun)


jobs = LoadedJobs()
kept_jobs = KeptJobs()
drivers: dict[str, int] = {}  # in the driver: its process id, by the job's key; its forks are workers
links: dict[tuple[str, int], ThreadLink] = {}  # in the driver: by the job's key and the group's id


def run_group(
    key: str, sent: Group | bytes, packed_job: bytes | None, isolation: Isolation | None
) -> list[bytes]:
    """Run a group; return pickled answers, or nothing if the job is not known here and was not given.

    Parameters
    ----------
    key : str
        The job's.
    sent : Group or bytes
        Pickled for processes: some executors look into what they are given. Dask names a task by its
        arguments, which takes long for a group, and fails for very large integers.
    packed_job : bytes or None
        The pickled job.
    isolation : Isolation or None
        None: run the psets in this process.
    """
    group: Group = pickle.loads(sent) if isinstance(sent, bytes) else sent
    if drivers.get(key) == os.getpid():
        return _run_in_thread(key, group, packed_job)
    child_startup.note_begun()  # so that paramsurvey, imported here, makes no log
    if isolation is not None:
        return _run_isolated(key, group, packed_job, isolation)
    try:
        runner = jobs.get(key) if packed_job is None else _load(pickle.loads(packed_job))
    except JobNotLoadable as error:
        return [pickle.dumps(error.refusal())]
    return [] if runner is None else _answers(runner, group, ThreadLink(), claimed_number(runner.pool))


@cache
def nested_workers() -> NestedWorkers:
    """Return the nested workers of this process. They are imported only here, because that needs Unix."""
    from paramsurvey.backends.nested_workers import NestedWorkers

    return NestedWorkers()


def _run_isolated(key: str, group: Group, packed_job: bytes | None, isolation: Isolation) -> list[bytes]:
    kept = kept_jobs.get(key, packed_job, isolation.lock)
    if kept is None:
        return []
    job, map_lock = kept
    if not map_lock.map_runs():
        return []  # it waited in the executor's queue until its map was over
    try:
        with nested_workers().lent(isolation.setup, key) as worker:
            if not worker.knows(key):
                worker.take_up(job)
            return [pickle_reply(answer) for answer in worker.run(group, map_lock.map_runs)]
    except WorkerStartError as error:  # it is the same in every process of the pool
        return [pickle.dumps(JobRejected(str(error)))]


def _run_in_thread(key: str, group: Group, packed_job: bytes | None) -> list[bytes]:
    link = links.get((key, group.id))
    if link is None:
        return []  # it was given up
    try:
        runner = jobs.get(key) if packed_job is None else jobs.load(pickle.loads(packed_job))
    except JobNotLoadable as error:
        return [pickle.dumps(error.refusal())]
    if runner is None:
        return []
    number = link.numbers.take()
    try:
        with own_session_holder():
            return _answers(runner, group, link, number)
    finally:
        link.numbers.give_back(number)


def _load(job: Job) -> Runner:
    limit_threads(job.environment)
    return jobs.load(job)


def limit_threads(environment: Mapping[str, str]) -> None:
    """Limit the threads of numerical libraries that are already loaded, and no longer read the variables.

    This does nothing if threadpoolctl, which scikit-learn also needs, is not installed.
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
