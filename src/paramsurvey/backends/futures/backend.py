"""Any `concurrent.futures.Executor`: threads, processes, loky, MPI (mpi4py.futures), Dask.

The executor is the user's: it is never shut down here, and what its processes do between two groups
is their own business.
"""

from __future__ import annotations

import os
import pickle
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from paramsurvey.backends.futures import task as remote
from paramsurvey.engine.backend import Backend, Resources
from paramsurvey.engine.deadline import LONGEST_WAIT
from paramsurvey.errors import BackendLost, OptionError, UnknownOption, suggestion
from paramsurvey.transport.messages import (
    Answer,
    Answers,
    CaptureMode,
    Failure,
    FailureKind,
    Group,
    Job,
    LostGroup,
)
from paramsurvey.worker.job_loading import JobNotLoadable
from paramsurvey.worker.machine import total_memory, wanted_workers
from paramsurvey.worker.worker_numbers import WorkerNumbers

if TYPE_CHECKING:
    from paramsurvey.engine.options import Options

QUEUE = 2  # groups per worker: one runs, one waits, so that no worker ever does
WORKER_COUNTS = ("_max_workers", "num_workers")  # where executors keep it; no part of their contract


@dataclass(slots=True)
class SubmittedGroup:
    """A group in the executor's hands, and since when it was seen to run."""

    group: Group
    link: remote.ThreadLink | None
    begun: float | None = None


class FuturesBackend:
    """Groups as futures.

    Parameters
    ----------
    options : Options
        ``backend`` is the executor; ``ncores`` and ``threads_per_worker`` count where it does not
        say how many workers it has.
    own : mapping
        ``ncores``: how many workers the executor has.
    """

    name = "futures"
    captures = frozenset({CaptureMode.PASS})
    runs_here = False

    def __init__(self, options: Options, own: Mapping[str, Any]) -> None:
        self._executor = check_executor(options)
        own = self.check_options(own)
        self._workers = own.get("ncores") or worker_count(self._executor, options)
        self._threads = isinstance(self._executor, ThreadPoolExecutor)
        self._numbers = WorkerNumbers()  # of threads
        self._pool = uuid.uuid4().hex  # by which processes number themselves
        self._tasks: dict[Future[list[bytes]], SubmittedGroup] = {}
        self._abandoned: dict[Future[list[bytes]], float] = {}  # and since when: their workers still run
        self._broken: BaseException | None = None
        self._timeout: float | None = None

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options; only ``ncores`` is known.

        Raises
        ------
        OptionError
        """
        for name, value in options.items():
            if name != "ncores":
                raise UnknownOption(
                    f"the futures backend has no option {name!r}{suggestion(name, ['ncores'])}"
                )
            if not isinstance(value, int) or value < 1:
                raise OptionError(f"the option ncores={value!r} of the futures backend is not a positive int")
        return options

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Load the job here if the workers are threads; otherwise keep it until a process asks for it."""
        job = replace(job, pool=self._pool)
        self._job, self._packed_job = job, pickle.dumps(job, protocol=5)
        self._timeout, self._broken = job.timeout, None
        self._directory = os.getcwd()
        remote.driver = os.getpid()
        if self._threads:
            with suppress(JobNotLoadable):  # the first group says it, as elsewhere
                remote.jobs.load(job.private())

    def capacity(self) -> int:
        """Return how many groups to queue; workers that run what was given up do not count."""
        if self._broken is not None:
            return 0
        free = self._workers - len(self._still_busy())
        return (free if self._must_watch() else free * QUEUE) - len(self._tasks)

    def _still_busy(self) -> dict[Future[list[bytes]], float]:
        """Return the given up groups that run all the same, and since when they should not."""
        self._abandoned = {future: since for future, since in self._abandoned.items() if not future.done()}
        return self._abandoned

    def _must_watch(self) -> bool:
        """Tell whether a pset's time is only known when its group has no other and runs at once."""
        return self._timeout is not None and not self._threads

    def reserve(self) -> int:
        """Return 0: no group waits in a worker."""
        return 0

    def largest_group(self) -> int | None:
        """Return 1 where a pset can only be timed if it is alone."""
        return 1 if self._must_watch() else None

    def submit(self, group: Group) -> None:
        """Hand a group to the executor, with the job's key alone."""
        link = remote.ThreadLink(self._numbers) if self._threads else None
        self._hand_over(SubmittedGroup(group, link), None)

    def _hand_over(self, task: SubmittedGroup, packed_job: bytes | None) -> None:
        try:
            future = self._executor.submit(remote.run_group, self._job.key, task.group, packed_job, task.link)
        except RuntimeError as error:  # it broke, or was shut down; `poll` says so, after what it still has
            self._broken = self._broken or error
        else:
            self._tasks[future] = task

    def poll(self, timeout: float) -> Answers:
        """Return what has come back, and what is lost."""
        self._check_broken()
        self._check_stuck()
        done, _ = wait([*self._tasks, *self._abandoned], min(timeout, LONGEST_WAIT), FIRST_COMPLETED)
        self._note_begun()
        answers: list[Answer] = []
        for future in done & self._tasks.keys():
            answers.extend(self._hear(future, self._tasks.pop(future)))
        return answers

    def _hear(self, future: Future[list[bytes]], task: SubmittedGroup) -> list[Answer]:
        try:
            packed = future.result()
        except BaseException as error:  # the pool's, or whatever its transport raises; CancelledError, too
            return [self._lost(task.group, error)]
        if not packed:
            self._hand_over(task, self._packed_job)
        return [pickle.loads(answer) for answer in packed]

    def _lost(self, group: Group, error: BaseException) -> LostGroup:
        if isinstance(error, BrokenExecutor):
            self._broken = error
        reason = f"the executor lost it ({type(error).__name__}: {error})"
        again = self._broken is None  # else no other worker is left to try it
        return LostGroup(group.id, Failure(FailureKind.CRASHED, f"WorkerDied({reason!r})", retryable=again))

    def _note_begun(self) -> None:
        """Note which groups have begun to run: executors do not say since when."""
        if self._must_watch():
            now = time.perf_counter()
            for future, task in self._tasks.items():
                if task.begun is None and future.running():
                    task.begun = now

    def _check_broken(self) -> None:
        """Raise when the executor takes nothing any more, and everything that it had is back."""
        if self._broken is not None and not self._tasks:
            raise BackendLost(
                f"the executor is broken ({self._broken or type(self._broken).__name__}); what had finished "
                "is in paramsurvey.last_results(): make a new executor for what is missing, or use the "
                "multiprocessing backend, which replaces workers that die"
            ) from self._broken

    def _check_stuck(self) -> None:
        """Raise when every worker has run what was given up for another timeout."""
        busy = self._still_busy()
        if self._timeout is None or len(busy) < self._workers:
            return
        if time.perf_counter() - max(busy.values()) > self._timeout:
            raise BackendLost(
                f"all {self._workers} workers of the executor run psets that took longer than timeout="
                f"{self._timeout:g} seconds and cannot be stopped: use the multiprocessing backend, which can"
            )

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return which pset of a group runs and for how long, where that can be known."""
        for task in self._tasks.values():
            if task.group.id == group_id:
                if task.link is not None:
                    return task.link.running()
                return None if task.begun is None else (0, time.perf_counter() - task.begun)
        return None

    def recall(self, group_id: int) -> None:
        """Do nothing: a group that has begun runs to its end."""

    def abort(self, group_id: int) -> None:
        """Give a group up. A worker that runs it cannot be stopped, and gets nothing else till it is done."""
        for future, task in list(self._tasks.items()):
            if task.group.id == group_id:
                del self._tasks[future]
                if task.link is not None:
                    task.link.abandoned.set()
                if not future.cancel():
                    self._abandoned[future] = time.perf_counter()

    def end_job(self) -> None:
        """Give up what is still in hand; return to the directory that threads may have left."""
        for task in list(self._tasks.values()):
            self.abort(task.group.id)
        remote.jobs.forget(self._job.key)
        with suppress(OSError):
            os.chdir(self._directory)

    def core_count(self) -> int:
        """Return how many workers the executor has."""
        return int(self._workers)

    def resources(self) -> list[Resources]:
        """Return this machine's memory: an executor does not say where its workers run."""
        return [{"num_cores": self.core_count(), "memory": total_memory()}]

    def close(self) -> None:
        """Nothing here is ours to end."""


def check_executor(options: Options) -> Any:
    """Return the executor.

    Raises
    ------
    OptionError
    """
    if isinstance(options.backend, str):
        raise OptionError("backend='futures' needs an executor: give it itself, as in init(backend=executor)")
    return options.backend


def worker_count(executor: Any, options: Options) -> int:
    """Return how many workers an executor has, as far as it says so."""
    if options.ncores and options.ncores > 0:
        return options.ncores
    for name in WORKER_COUNTS:
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return wanted_workers(options.ncores, options.threads_per_worker)


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = FuturesBackend(DEFAULTS, {})
