"""Any `concurrent.futures.Executor`: threads, processes, loky, MPI, Dask, Parsl, executorlib.

The executor is the user's: it is never shut down here, and what its processes do between two groups is their
own business. In each of its processes, a worker process of ours runs the psets, so that a pset that crashes
or takes too long costs nothing else; see `paramsurvey.backends.futures.task`.
"""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramsurvey.backends import stand_in
from paramsurvey.backends.answer_deadline import AnswerDeadline
from paramsurvey.backends.forked_process import check_not_forked
from paramsurvey.backends.futures import task as remote
from paramsurvey.backends.futures.canceller import Canceller
from paramsurvey.backends.futures.engines import (
    WorkerCount,
    checked_executor,
    checked_future,
    how_to_renew,
    may_cancel,
)
from paramsurvey.backends.futures.executor_health import ExecutorHealth
from paramsurvey.backends.futures.map_lock import LockFile, MapLock
from paramsurvey.backends.futures.returned_answers import read_answers
from paramsurvey.backends.futures.submitted_groups import Outcome, SubmittedGroup, SubmittedGroups
from paramsurvey.backends.nested_worker_setup import NestedWorkerSetup
from paramsurvey.backends.reloaded_modules import Reloads
from paramsurvey.engine.backend import AnswersLate, Backend, CallsForeignCode, Resources
from paramsurvey.engine.deadline import LONGEST_WAIT
from paramsurvey.errors import INTERRUPTIONS, OptionError, UnknownOption, suggestion
from paramsurvey.transport.messages import (
    Answer,
    Answers,
    CaptureMode,
    Failure,
    FailureKind,
    Group,
    Job,
    JobRejected,
    LostGroup,
)
from paramsurvey.transport.own_descriptors import descriptors_lost
from paramsurvey.transport.safe_repr import describe, text_of, type_name
from paramsurvey.worker.job_loading import JobNotLoadable
from paramsurvey.worker.machine import total_memory, wanted_workers
from paramsurvey.worker.worker_numbers import WorkerNumbers

if TYPE_CHECKING:
    from paramsurvey.engine.options import Options

GROUPS_PER_WORKER = 2  # one runs, and one waits, so that no worker has to wait
OWN_OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "ncores": (lambda value: type(value) is int and value > 0, "a positive int"),
    "isolate": (lambda value: isinstance(value, bool), "a bool"),
}


class FuturesBackend:
    """Groups as futures.

    Parameters
    ----------
    options : Options
        ``backend`` is the executor; ``ncores`` and ``threads_per_worker`` are used if it does not say how
        many workers it has; ``isolate`` and ``max_tasks_per_child`` are used, too.
    own : mapping
        ``ncores``: how many workers the executor has. ``isolate``: as the option with this name.

    Raises
    ------
    OptionError
        What was given is not an executor.
    """

    name = "futures"
    captures: frozenset[CaptureMode]
    runs_here = False
    can_recall = False

    def __init__(self, options: Options, own: Mapping[str, Any]) -> None:
        self._executor: Any = checked_executor(options.backend)
        self._owner = os.getpid()
        own = self.check_options(own)
        given = own.get("ncores") or max(0, options.ncores or 0)
        otherwise = wanted_workers(options.ncores, options.threads_per_worker)
        self._count = WorkerCount(self._executor, given, otherwise)
        self._uses_threads = isinstance(self._executor, ThreadPoolExecutor)
        wanted = own.get("isolate", options.isolate)
        self._isolates = wanted and not self._uses_threads and not stand_in.is_needed()
        stored = {CaptureMode.STORE} if self._isolates else set()
        self.captures = frozenset({CaptureMode.PASS, *stored})
        self._setup = NestedWorkerSetup(
            options.max_tasks_per_child, pool=uuid.uuid4().hex, start_timeout=options.start_timeout
        )
        self._reloads = Reloads()
        self._numbers = WorkerNumbers()  # of threads
        self._submitted = SubmittedGroups()
        self.may_block: Callable[[], AbstractContextManager[None]] = nullcontext
        self._health = ExecutorHealth(self._executor, self._count, self._submitted)
        self._lock: MapLock | None = None
        self._was_opened = False
        self._verbose = options.verbose

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options; ``ncores`` and ``isolate`` are known.

        Raises
        ------
        OptionError
        """
        for name, value in options.items():
            if name not in OWN_OPTIONS:
                raise UnknownOption(
                    f"the futures backend has no option {name!r}{suggestion(name, OWN_OPTIONS)}"
                )
            is_possible, wanted = OWN_OPTIONS[name]
            if not is_possible(value):
                raise OptionError(f"the option {name}={value!r} of the futures backend is not {wanted}")
        return options

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Load the job here if the workers are threads; otherwise keep it until a process asks for it."""
        check_not_forked(self._owner, "this executor")
        job = replace(job, pool=self._setup.pool)
        self._job, self._packed_job = job, pickle.dumps(job, protocol=5)
        self._answers: list[Answer] = []  # that `poll` has not returned yet
        self._submitted.count_from_now()
        self._to_give_job: list[SubmittedGroup] = []  # groups whose process asks for the job
        self._always_sends_job = False
        self._job_requests = 0  # how many groups came back because their process did not have the job
        self._job_is_kept = False  # whether a process has run a group with the job of an earlier one
        self._answer_deadline = AnswerDeadline(job.timeout, job.keep_groups)
        self._directory = os.getcwd()
        self._setup = replace(
            self._setup, generation=self._setup.generation + self._reloads.any_since_last_call()
        )
        self._was_opened = True
        self._canceller = Canceller()
        self._lock = None if self._uses_threads or stand_in.is_needed() else MapLock()
        file = LockFile() if self._lock is None else self._lock.file
        self._isolation = remote.Isolation(self._setup, file) if self._isolates else None
        self._count.begin()
        self._health = ExecutorHealth(self._executor, self._count, self._submitted)
        remote.drivers[job.key] = os.getpid()
        if self._uses_threads:
            with suppress(JobNotLoadable):  # the first group fails with it, as on other backends
                remote.jobs.load(job.private())

    def capacity(self) -> int:
        """Return how many groups to queue; workers still busy with what was given up do not count."""
        if not self._health.accepts_groups():
            return 0
        free = self.core_count() - len(self._submitted.given_up)
        return (free if self._must_watch() else free * GROUPS_PER_WORKER) - len(self._submitted)

    def _must_watch(self) -> bool:
        """Tell whether a pset can be timed only if it is alone in its group, and the group runs at once."""
        return self._job.timeout is not None and not self._uses_threads and not self._isolates

    def reserve(self) -> int:
        """Return 0: no group waits in a worker."""
        return 0

    def largest_group(self) -> int | None:
        """Return how many psets a worker may run; 1 where a pset can only be timed if it is alone."""
        if self._must_watch():
            return 1
        return self._setup.max_tasks if self._isolates else None

    def submit(self, group: Group) -> None:
        """Hand a group to the executor, with the job's key alone."""
        self._check_files()
        remote.links[self._job.key, group.id] = remote.ThreadLink(self._numbers)
        self._hand_over(group, self._always_sends_job)

    def _hand_over(self, group: Group, with_job: bool) -> None:
        job = self._packed_job if with_job else None
        sent = group if self._uses_threads else pickle.dumps(group, protocol=5)
        call = (remote.run_group, self._job.key, sent, job, self._isolation)
        try:
            with self.may_block():
                checked = checked_future(self._executor.submit(*call), self._executor, self._submitted)
                self._submitted.add(SubmittedGroup(group, checked, with_job))
        except OptionError:
            raise
        except Exception as error:  # it broke or was shut down; `poll` says so when all groups are back
            self._health.broken = self._health.broken or error
            self._forget(group.id)

    def poll(self, timeout: float) -> Answers:
        """Return what has come back, and what is lost."""
        self._check_files()
        if not self._answers:  # some are left over if the last `poll` was interrupted: they come first
            self._health.check(self.may_block, self._isolates)
        if self._verbose > 0:
            self._health.warn_without_workers()
        self._take(min(timeout, LONGEST_WAIT))
        while self._to_give_job:
            self._give_job(self._to_give_job.pop(0))
        if not self._uses_threads and self._answer_deadline.is_check_due():
            with self.may_block():
                self._submitted.note_begun()
            self._answers += self._overdue()
        answers = self._all_answers()
        if not answers:
            self._health.check_stuck(self._job.timeout)
        return answers

    def is_reading(self) -> bool:
        """Tell whether what came of a group is being read just now."""
        return self._submitted.are_being_read()

    def last_answers(self) -> Answers:
        """Return what has come back, without calling the executor, which may block."""
        self._take(0.0)
        return self._all_answers()

    def _all_answers(self) -> list[Answer]:
        answers, self._answers = self._answers, []
        return answers

    def _take(self, timeout: float) -> None:
        """Wait until groups come back, and read the answers to them."""
        for submitted, outcome in self._submitted.come_back(timeout):
            self._answers += self._answers_of(submitted, outcome)

    def _answers_of(self, submitted: SubmittedGroup, outcome: Outcome) -> list[Answer]:
        """Return the answers to a group; none if it came back to get the job."""
        group = submitted.group
        returned, error = outcome  # the error is the pool's, or its transport's
        if error is not None:
            return [self._failed(group, error)]
        if isinstance(returned, (list, tuple)) and not returned:
            return self._ask_for_job(submitted)
        self._health.answered()
        self._job_is_kept = self._job_is_kept or not submitted.with_job
        self._answer_deadline.answered()
        self._forget(group.id)
        return read_answers(group, returned)

    def _ask_for_job(self, submitted: SubmittedGroup) -> list[Answer]:
        """Have a group sent again, with the job. If it asks once more, it is lost: this might never end."""
        if submitted.with_job:
            return [self._lost(submitted.group, "its process does not know that the map runs")]
        self._to_give_job.append(submitted)
        return []

    def _give_job(self, submitted: SubmittedGroup) -> None:
        self._job_requests += 1
        if not self._job_is_kept and self._job_requests > GROUPS_PER_WORKER * self.core_count():
            self._always_sends_job = True  # each group gets a new process, as in executorlib without blocks
        self._hand_over(submitted.group, with_job=True)

    def _failed(self, group: Group, error: BaseException) -> Answer:
        if isinstance(error, ImportError):
            return JobRejected(
                f"the executor's processes cannot import what they need ({describe(error)}): "
                "install the same paramsurvey for them"
            )
        if isinstance(error, BrokenExecutor):
            self._health.broken = error
        reason = f"the executor lost it ({type_name(error)}: {text_of(error)})"
        return self._lost(group, reason, is_blameless=isinstance(error, (CancelledError, *INTERRUPTIONS)))

    def _lost(self, group: Group, reason: str, is_blameless: bool = False) -> LostGroup:
        """Return the loss of a group: where psets are isolated, none of them can be the cause."""
        self._forget(group.id)
        self._health.lost(reason)
        if self._isolates or is_blameless or self._health.gone:
            return LostGroup(group.id, Failure(FailureKind.NODE_LOST, f"NodeLost({reason!r})"))
        again = self._health.broken is None  # if it is broken, no worker is left to try it
        return LostGroup(group.id, Failure(FailureKind.CRASHED, f"WorkerDied({reason!r})", retryable=again))

    def _overdue(self) -> list[Answer]:
        """Give up groups whose process must have been stopped, or is gone without the executor noticing."""
        if not self._isolates:
            return []
        deadline = self._answer_deadline
        late = [
            submitted.group
            for submitted in self._submitted
            if submitted.begun is not None  # else it may wait for its turn: only the silence of all counts
            and deadline.is_over(len(submitted.group), max(submitted.begun, deadline.last_heard))
        ]
        for group in late:
            self.abort(group.id)
        why = "its process no longer answers: it was stopped, or is gone without the executor noticing"
        return [self._lost(group, why) for group in late]

    def _check_files(self) -> None:
        """Raise if the program has closed our file, because then it has closed the executor's, too."""
        if self._lock is not None and not self._lock.is_kept():
            # an executor that cannot hear its processes may wait for ever, and what it writes would go into
            # the files that have these numbers now
            self._submitted.forget_all()
            raise descriptors_lost(how_to_renew(self._executor))

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return which pset of a group runs, and for how long, if that can be known."""
        link = remote.links.get((self._job.key, group_id))
        found = None if link is None else link.running()
        if found is not None or not self._must_watch():
            return found
        submitted = self._submitted.get(group_id)
        seconds = None if submitted is None else submitted.seconds()
        return None if seconds is None else (0, seconds)

    def recall(self, group_id: int) -> None:
        """Do nothing: a group that has begun runs to its end."""

    def abort(self, group_id: int) -> None:
        """Give up a group. A worker that runs it cannot be stopped, and gets no other until it is done."""
        self._forget(group_id)  # also if Ctrl-C came before it was noted as submitted
        submitted = self._submitted.get(group_id)
        if submitted is not None:
            self._submitted.give_up(submitted)
            if may_cancel(self._executor):
                self._canceller.cancel(submitted.future)

    def _forget(self, group_id: int) -> None:
        link = remote.links.pop((self._job.key, group_id), None)
        if link is not None:
            link.abandoned.set()

    def end_job(self) -> None:
        """Give up what is still in hand, and return to the directory that threads may have left."""
        if not self._was_opened:
            return
        if self._lock is not None:
            self._lock.release()  # first, so that what runs stops
        for submitted in self._submitted:
            self.abort(submitted.group.id)
        self._canceller.finish()
        self._count.end()
        remote.jobs.forget(self._job.key)
        with suppress(OSError):
            os.chdir(self._directory)

    def core_count(self) -> int:
        """Return how many workers the executor has."""
        return self._count.now

    def resources(self) -> list[Resources]:
        """Return this machine's memory: an executor does not say where its workers run."""
        return [{"num_cores": self.core_count(), "memory": total_memory()}]

    def close(self) -> None:
        """Do nothing: the executor is the user's."""


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = FuturesBackend(DEFAULTS, {})
    _calls: CallsForeignCode = FuturesBackend(DEFAULTS, {})
    _late: AnswersLate = FuturesBackend(DEFAULTS, {})
