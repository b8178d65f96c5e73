"""The backend for debugging: everything happens in this process, one pset after the other."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from paramsurvey.engine.backend import Backend, ListsWorkers, Resources, WorkerPlace, no_options
from paramsurvey.errors import INTERRUPTIONS
from paramsurvey.transport.messages import Answers, CaptureMode, Group, Job, JobRejected, Reply
from paramsurvey.transport.output_store import OutputStore, new_file
from paramsurvey.worker.job_loading import JobNotLoadable
from paramsurvey.worker.machine import host_name, total_memory
from paramsurvey.worker.nested_session import SessionHolder
from paramsurvey.worker.runner import Runner, pickle_reply

if TYPE_CHECKING:
    from paramsurvey.engine.options import Options

REPLY_SECONDS = 0.02  # between two replies; Ctrl-C loses the results since the last one


class SerialBackend:
    """Runs groups here, so that ``breakpoint()``, profilers and debuggers work.

    Parameters
    ----------
    options : Options
        None of them is used.
    own : mapping
        The backend's own options: there are none.
    """

    name = "serial"
    captures = frozenset({CaptureMode.PASS, CaptureMode.STORE})
    runs_here = True
    can_recall = False

    def __init__(self, options: Options, own: Mapping[str, Any]) -> None:
        self.check_options(own)
        self._runner: Runner | None = None
        self._replies: Iterator[Reply] | None = None
        self._group_id: int | None = None
        self._rejected: JobRejected | None = None
        self._store: OutputStore | None = None
        self._output_file: IO[bytes] | None = None
        self._sessions = SessionHolder()  # for the session of a function that surveys itself
        self._directory: str | None = None  # the one that the function was in when `poll` last returned

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse any option: there are none."""
        return no_options(self.name, options)

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Load the job as a worker would."""
        self._rejected = None
        self._store = None
        try:
            with self._sessions.entered():
                self._runner = Runner(job.private(), let_through=INTERRUPTIONS, reply_seconds=REPLY_SECONDS)
        except JobNotLoadable as error:
            self._rejected = error.refusal()  # `poll` returns it, as other backends do
            return
        if job.capture.mode is CaptureMode.STORE:
            self._output_file = new_file()
            self._store = OutputStore(self._output_file.fileno(), job.capture.stem)
            self._runner.capture = self._store

    def capacity(self) -> int:
        """Return 1 while there is a job and nothing is in hand."""
        return int(self._replies is None and self._runner is not None)

    def reserve(self) -> int:
        """Return 0: no group waits in a worker."""
        return 0

    def largest_group(self) -> int | None:
        """Return None: a group may have any size."""
        return None

    def submit(self, group: Group) -> None:
        """Take a group in hand; it runs in `poll`."""
        if self._rejected is None:
            assert self._runner is not None
            self._group_id, self._replies = group.id, self._runner.run(group)
            self._directory = None

    def poll(self, timeout: float) -> Answers:
        """Run until there is one reply."""
        if self._rejected is not None:
            return [self._rejected]
        if self._replies is None:
            return []
        with self._in_workers_directory(), self._sessions.entered():
            # pickled as if for another process, so that here, too, results share nothing with the function
            reply: Reply = pickle.loads(pickle_reply(self._next(self._replies)))
        if reply.done:
            self._replies = None
        return [reply]

    @contextlib.contextmanager
    def _in_workers_directory(self) -> Iterator[None]:
        """In the middle of a group, enter the directory that the function was in; then return to our own."""
        home = os.getcwd()
        if self._directory is not None:
            os.chdir(self._directory)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it was removed
                self._directory = os.getcwd()
            os.chdir(home)

    def _next(self, replies: Iterator[Reply]) -> Reply:
        if self._store is None:
            return next(replies)
        self._store.begin()
        try:
            return next(replies)
        finally:
            self._store.end()

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return None: while a pset runs, the loop that would ask is inside `poll`."""
        return None

    def workers(self) -> list[WorkerPlace]:
        """Return this process."""
        return [WorkerPlace(1, os.getpid(), host_name(), self._group_id)]

    def recall(self, group_id: int) -> None:
        """Do nothing: a group that has begun runs to its end."""

    def abort(self, group_id: int) -> None:
        """Forget the group."""
        if group_id == self._group_id:
            self._replies = None

    def end_job(self) -> None:
        """Forget the job, and close the session that its function may have opened."""
        self._runner = self._replies = self._rejected = self._store = None
        if self._output_file is not None:
            self._output_file.close()
            self._output_file = None
        self._sessions.close()

    def core_count(self) -> int:
        """Return 1."""
        return 1

    def resources(self) -> list[Resources]:
        """Return the one core of this machine that is used."""
        return [{"num_cores": 1, "memory": total_memory()}]

    def close(self) -> None:
        """End the job, if there is one: nothing else was begun."""
        self.end_job()


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = SerialBackend(DEFAULTS, {})
    _lists: ListsWorkers = SerialBackend(DEFAULTS, {})
